"""Strict reading of the fields of a verification file's header."""

from typing import Any, NoReturn

from walrusd.errors import MalformedHeader

HASH_BYTES = 32


def refuse(what: str) -> NoReturn:
    """Refuse a header whose ``what`` is wrong.

    Raises:
        MalformedHeader: always.
    """
    raise MalformedHeader(f"the verification file's {what} is malformed")


def read_map(value: Any, keys: set[int], what: str) -> dict[int, Any]:
    """Return a map that has exactly ``keys``. Raises MalformedHeader if ``value`` is not one."""
    if not isinstance(value, dict) or set(value) != keys:
        refuse(what)
    return value


def read_bytes(value: Any, size: int, what: str) -> bytes:
    """Return a byte string of ``size`` bytes. Raises MalformedHeader if ``value`` is not one."""
    if not isinstance(value, bytes) or len(value) != size:
        refuse(what)
    return value


def read_integer(value: Any, low: int, high: int, what: str) -> int:
    """Return an integer of ``low … high``. Raises MalformedHeader if ``value`` is not one."""
    if type(value) is not int or not low <= value <= high:
        refuse(what)
    return value
