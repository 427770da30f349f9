"""Makes a SQLite connection that nobody closes an error, on every version of Python."""

import sqlite3
import sys
import warnings
from collections.abc import Callable
from contextlib import ExitStack
from functools import cache
from typing import Any, Protocol, TypeVar

at_end_of_test = ExitStack()
"""What the test that runs has opened and does not close itself."""

T = TypeVar("T", bound="Closable")


class Closable(Protocol):
    """Something with a connection in it."""

    def close(self) -> None:
        """Close the connection."""
        ...


def close_after_test(opened: T) -> T:
    """Close ``opened`` when the test that runs has ended, and return it."""
    at_end_of_test.callback(opened.close)
    return opened


class OwnedConnection(sqlite3.Connection):
    """A connection that complains if it is collected while it is open, as Python 3.13's do."""

    _opened_at = ""
    """Where; empty while it is not open."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        opener = sys._getframe(2)  # beyond the function of ``connect_owned``
        self._opened_at = f"{opener.f_code.co_filename}:{opener.f_lineno}"

    def close(self) -> None:
        super().close()
        self._opened_at = ""

    def __del__(self) -> None:
        if self._opened_at:
            message = f"nobody closed the database that was opened at {self._opened_at}"
            warnings.warn(message, ResourceWarning, stacklevel=2, source=self)


def connect_owned(connect: Callable[..., Any] = sqlite3.connect) -> Callable[..., Any]:
    """Return ``sqlite3.connect``, with connections that must be closed."""
    if sys.version_info >= (3, 13):
        return connect

    def connect_and_own(
        *arguments: Any, factory: type = sqlite3.Connection, **keywords: Any
    ) -> Any:
        return connect(*arguments, factory=_make_owned(factory), **keywords)

    return connect_and_own


@cache
def _make_owned(factory: type) -> type:
    """Return a class of connections that behaves as ``factory`` and complains."""
    if factory is sqlite3.Connection:
        return OwnedConnection
    return type(f"Owned{factory.__name__}", (OwnedConnection, factory), {})
