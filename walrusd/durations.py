"""Durations as people write and read them: ``90s``, ``15m``, ``1h30m``, ``2d``, or seconds.

One parser and one printer for task files, the configuration, options and everything printed. What
is printed can be pasted back: ``parse_duration(format_duration(x)) == x``.

Imports only the standard library and ``units``, so that the client starts quickly.
"""

import math
import re

from walrusd.units import Millis

EXAMPLES = '"90s", "15m", "1h30m" or "2d", or a number of seconds'
"""What a message says is expected."""

LONGEST = Millis(10 * 366 * 24 * 3_600_000)
"""Ten years: nothing here takes as long, and sums of such durations stay far below 2**63."""

_UNITS = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1000}
_MS_PER_S = 1000
_TEXT = re.compile(
    r"(?:(\d{1,7})d)? ?(?:(\d{1,7})h)? ?(?:(\d{1,7})m)? ?(?:(\d{1,10})(?:\.(\d{1,3}))?s)?", re.ASCII
)
_PLAIN = re.compile(r"\d{1,12}(?:\.\d{1,3})?", re.ASCII)


def parse_duration(value: object) -> Millis:
    """Return a duration in milliseconds.

    ``value`` is text of parts with a unit, the larger unit first, each at most once (``"1h30m"``,
    ``"2d"``, ``"1.5s"``); or a number of seconds, as a number or as text (options are text). Only
    seconds may have decimals, up to three; a number is rounded to the millisecond.

    Raises:
        ValueError: if it is neither, negative, or over ``LONGEST``.
    """
    found = _parse_text(value.strip()) if isinstance(value, str) else _parse_number(value)
    if found is None:
        raise ValueError(f"not a duration such as {EXAMPLES}: {value!r}")
    if not 0 <= found <= LONGEST:
        raise ValueError(f"a duration is from 0s to {format_duration(LONGEST)}: {value!r}")
    return Millis(found)


def format_duration(duration: int) -> str:
    """Return a duration in milliseconds, exact, in parts: ``1d12h``, ``1m30s``, ``0.25s``."""
    sign, rest = ("-", -duration) if duration < 0 else ("", duration)
    parts = []
    for unit in ("d", "h", "m"):
        count, rest = divmod(rest, _UNITS[unit])
        if count:
            parts.append(f"{count}{unit}")
    whole, millis = divmod(rest, _MS_PER_S)
    if rest or not parts:
        fraction = f".{millis:03d}".rstrip("0") if millis else ""
        parts.append(f"{whole}{fraction}s")
    return sign + "".join(parts)


def _parse_text(text: str) -> int | None:
    if _PLAIN.fullmatch(text):
        text += "s"
    match = _TEXT.fullmatch(text)
    if match is None or not any(match.groups()):
        return None
    days, hours, minutes, seconds, fraction = match.groups()
    counts = zip((days, hours, minutes, seconds), _UNITS.values(), strict=True)
    return sum(int(count or 0) * size for count, size in counts) + int(
        (fraction or "").ljust(3, "0")
    )


def _parse_number(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, float) and not math.isfinite(value):
        return None  # neither can be rounded
    return round(value * _MS_PER_S)
