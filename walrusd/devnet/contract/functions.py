"""How contract functions are declared, and how they abort.

A function is declared with its Move signature (``@MODULE.public(ref(Market), U64, …)``) and stays
an ordinary function, so modules and tests call it directly.
"""

import inspect
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from walrusd.core.aborts import abort_named
from walrusd.devnet.move.aborts import MoveAbort
from walrusd.devnet.move.signatures import ContractFunction, ParamKind

F = TypeVar("F", bound=Callable[..., Any])


class Module:
    """One Move module: its name and the functions a transaction may call."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.functions: list[ContractFunction] = []

    def public(self, *params: ParamKind, returns: Sequence[ParamKind] = ()) -> Callable[[F], F]:
        """Declare a ``public fun`` with these parameters (``TxContext`` is not listed)."""
        return self._declare(params, returns, entry=False)

    def entry(self, *params: ParamKind) -> Callable[[F], F]:
        """Declare a private ``entry fun``, which alone may take ``Random``."""
        return self._declare(params, (), entry=True)

    def _declare(
        self, params: Sequence[ParamKind], returns: Sequence[ParamKind], *, entry: bool
    ) -> Callable[[F], F]:
        def declare(impl: F) -> F:
            self.functions.append(
                ContractFunction(
                    self.name, impl.__name__, tuple(params), tuple(returns), entry, impl
                )
            )
            return impl

        return declare


def require(condition: bool, abort: str) -> None:
    """Abort with ``abort`` (``module.EName``) unless ``condition`` holds: Move's ``assert!``.

    The abort names the function that calls this one, as a Move abort does.

    Raises:
        MoveAbort: if ``condition`` is false.
    """
    if condition:
        return
    module, _, name = abort.partition(".")
    frame = inspect.currentframe()
    caller = frame.f_back if frame is not None else None
    function = caller.f_code.co_name if caller is not None else ""
    raise MoveAbort(module, abort_named(module, name).code, function)
