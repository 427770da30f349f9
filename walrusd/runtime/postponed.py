"""Import a submodule without running its package's ``__init__``, until something needs that.

Importing ``a.b`` runs ``a/__init__.py`` first, however little of ``a`` is wanted. A library that
imports all of itself there costs memory and start-up time for parts that nobody uses.
"""

import sys
from importlib.util import find_spec, module_from_spec
from types import ModuleType
from typing import Any


def postpone_init(name: str) -> None:
    """Let the top-level package ``name`` run its ``__init__`` when an attribute is first missing.

    Its submodules can be imported at once. ``import name`` and ``from name import …`` work as
    ever: the first attribute that is not there runs the ``__init__`` (a module's ``__getattr__``,
    PEP 562). Does nothing to a package that was imported before, or is not installed.
    """
    spec = None if name in sys.modules else find_spec(name)
    if spec is None or spec.loader is None:
        return
    package, loader = module_from_spec(spec), spec.loader

    def run_init(attribute: str) -> Any:
        del package.__getattr__
        unfinished = _take_unfinished(name)
        loader.exec_module(package)
        sys.modules.update({n: m for n, m in unfinished.items() if n not in sys.modules})
        return getattr(package, attribute)

    package.__getattr__ = run_init  # type: ignore[method-assign]  # PEP 562
    sys.modules[name] = package


def _take_unfinished(name: str) -> dict[str, ModuleType]:
    """Remove and return the submodules that are being imported: an ``__init__`` comes before them.

    What it needs of them it imports again, and the import system gives those to whoever waits for
    the unfinished ones.
    """
    found = {
        each: module
        for each, module in sys.modules.items()
        if each.startswith(f"{name}.") and getattr(module.__spec__, "_initializing", False)
    }
    for each in found:
        del sys.modules[each]
    return found
