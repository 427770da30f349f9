"""Import a submodule without running its package's ``__init__``, until something needs that.

Importing ``a.b`` runs ``a/__init__.py`` first, however little of ``a`` is wanted. A library that
imports all of itself there costs memory and start-up time for parts that nobody uses.
"""

import sys
import threading
from importlib.abc import Loader
from importlib.util import find_spec, module_from_spec
from types import ModuleType
from typing import Any

_WAIT_S = 10.0
"""How long a thread waits for another that runs the ``__init__``, which may wait for it."""


def postpone_init(name: str) -> None:
    """Let the top-level package ``name`` run its ``__init__`` when an attribute is first missing.

    Its submodules can be imported at once. ``import name`` and ``from name import …`` work as
    ever: the first attribute that is not there runs the ``__init__`` (a module's ``__getattr__``,
    PEP 562), and other threads wait for it. One that raises is run again at the next attribute.
    Does nothing to a package that was imported before, or is not installed.
    """
    spec = None if name in sys.modules else find_spec(name)
    if spec is None or spec.loader is None:
        return
    package, loader = module_from_spec(spec), spec.loader
    lock, is_running = threading.RLock(), False

    def run_init(attribute: str) -> Any:
        nonlocal is_running
        missing = AttributeError(f"module {name!r} has no attribute {attribute!r}", name=attribute)
        if not lock.acquire(timeout=_WAIT_S):
            raise missing
        try:
            if is_running:
                raise missing  # the __init__ itself asks, or what it imports
            if vars(package).get("__getattr__") is run_init:
                is_running = True
                try:
                    _execute(name, package, loader)
                finally:
                    is_running = False
                if vars(package).get("__getattr__") is run_init:
                    del package.__getattr__
        finally:
            lock.release()
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


def _execute(name: str, package: ModuleType, loader: Loader) -> None:
    unfinished = _take_unfinished(name)
    try:
        loader.exec_module(package)
    finally:
        sys.modules.update({n: m for n, m in unfinished.items() if n not in sys.modules})
