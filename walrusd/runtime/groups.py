"""Looks inside exception groups.

A nursery raises every error as a group, so that ``except SomeError`` around it would catch nothing.
Nurseries whose callers expect typed errors are therefore opened in :func:`collapsed`.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from walrusd.errors import OurFault, PeerFault, WalrusdError


def first_leaf(exc: BaseException) -> BaseException:
    """Return the first exception inside nested groups, or ``exc`` itself."""
    while isinstance(exc, BaseExceptionGroup):
        exc = exc.exceptions[0]
    return exc


def leaves(exc: BaseException) -> list[BaseException]:
    """Return the exceptions inside nested groups, or ``exc`` itself alone."""
    if not isinstance(exc, BaseExceptionGroup):
        return [exc]
    return [leaf for inner in exc.exceptions for leaf in leaves(inner)]


def most_significant(exc: BaseException) -> BaseException:
    """Return the most significant exception inside nested groups, or ``exc`` itself.

    In this order: what ends the process, such as a broken invariant; cancellation; bugs; typed
    errors, with a peer's fault last, since it proves nothing beside a fault of our own. The first
    of equals.
    """
    return min(leaves(exc), key=_rank)


@contextmanager
def collapsed() -> Iterator[None]:
    """Raise the most significant exception of a group instead of the group."""
    found: BaseException | None = None
    try:
        yield
    except BaseExceptionGroup as group:
        found = most_significant(group)
    if found is not None:
        try:
            raise found
        finally:
            del found  # its traceback holds this frame


def _rank(exc: BaseException) -> int:
    if isinstance(exc, KeyboardInterrupt | SystemExit | GeneratorExit):
        return 0
    if not isinstance(exc, Exception):
        return 2  # trio.Cancelled; the command line, which uses this, does not wait for trio
    if isinstance(exc, AssertionError):
        return 1
    if isinstance(exc, PeerFault):
        return 6
    if isinstance(exc, OurFault):
        return 4
    return 5 if isinstance(exc, WalrusdError | OSError) else 3
