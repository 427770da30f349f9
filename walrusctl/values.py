"""Values as text for people: amounts, instants, ids, lists."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from walrusd.durations import format_duration
from walrusd.text import make_printable

MIST_PER_SUI = 10**9
MAX_TEXT, MAX_FULL_TEXT = 2_000, 65_536
"""The most characters of one text, by default and with ``--full``; ``--json`` has all."""
MAX_NUMBERS = 8
"""The most numbers of one list without ``--full``."""


_SHARES = {
    "detection",
    "audit_detection",
    "coverage",
    "tolerated_share",
    "convicts_honest",
    "stops_honest",
    "passes_forged",
    "stops_forged",
}


def label(key: str) -> str:
    """Return a key as a label: without its unit, with spaces."""
    for suffix in ("_mist", "_duration_ms", "_ms"):
        key = key.removesuffix(suffix)
    return make_printable(key.replace("_", " "), MAX_TEXT)


def show_value(key: str, value: Any, *, full: bool) -> str:
    """Return a value as one line of printable text, by the unit in its key and by its type."""
    if isinstance(value, dict):
        return show_object(key, value, full=full)
    if isinstance(value, list):
        return show_items(key, value, full=full)
    if isinstance(value, str):
        return show_text(value, full=full)
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return show_number(key, value)


def show_text(text: str, *, full: bool) -> str:
    """Return a text on one line, printable; ids are shortened unless ``full``."""
    return make_printable(text, MAX_FULL_TEXT) if full else make_printable(shorten(text), MAX_TEXT)


def show_items(key: str, values: list[Any], *, full: bool) -> str:
    """Return a list on one line; of many numbers only the first and the last, unless ``full``."""
    shown = [show_value(key, item, full=full) for item in values]
    if not full and len(shown) > MAX_NUMBERS and not any(isinstance(v, str) for v in values):
        shown = [*shown[: MAX_NUMBERS - 1], f"… {shown[-1]} ({len(shown)} in all)"]
    return ", ".join(shown) or "-"


def show_number(key: str, value: float) -> str:
    """Return a number in the unit that its key ends with."""
    for suffix, show in _UNITS.items():
        if key.endswith(suffix) and isinstance(value, int):
            return show(value)
    return f"{value:.1%}" if key in _SHARES else json.dumps(value)


def show_object(key: str, value: dict[str, Any], *, full: bool) -> str:
    """Return an object as text; a deep one as JSON. A unit in ``key`` applies to all of it."""
    if key == "last_error" and value:
        return show_text(f"{value.get('code')}: {value.get('message')}", full=full)
    if any(isinstance(item, dict | list) for item in value.values()):
        return json.dumps(value)
    has_unit = any(key.endswith(suffix) for suffix in _UNITS)
    parts = (
        f"{label(name) if full else shorten(label(name))} "
        f"{show_value(key if has_unit else name, item, full=full)}"
        for name, item in value.items()
    )
    return ", ".join(parts) or "-"


def shorten(text: str) -> str:
    """Return an object id or address as ``0x123456…abcdef``; other text as it is.

    The daemon accepts ids in this form.
    """
    if len(text) == 66 and text.startswith("0x"):
        return f"{text[:8]}…{text[-6:]}"
    return text


def show_sui(mist: int) -> str:
    """Return Mist as SUI, exact."""
    sign, mist = ("-", -mist) if mist < 0 else ("", mist)
    whole, rest = divmod(mist, MIST_PER_SUI)
    fraction = f"{rest:09d}".rstrip("0")
    return f"{sign}{whole}.{fraction} SUI" if fraction else f"{sign}{whole} SUI"


def show_instant(millis: int) -> str:
    """Return an instant in local time to the second; 0 is never."""
    if not millis:
        return "-"
    try:
        instant = datetime.fromtimestamp(millis / 1000, UTC).astimezone()
    except (ValueError, OverflowError, OSError):
        return f"{millis} ms"  # beyond the calendar: the number may be a stranger's
    return instant.strftime("%Y-%m-%d %H:%M:%S")


def show_bytes(size: int) -> str:
    """Return a number of bytes with thousands separators."""
    return f"{size:,}"


_UNITS: dict[str, Callable[[int], str]] = {
    "_mist": show_sui,
    "duration_ms": format_duration,
    "_ms": show_instant,
    "_bytes": show_bytes,
}
