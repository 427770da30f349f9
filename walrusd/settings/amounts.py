"""Money and shares as people write them: ``"1.5 SUI"``, ``"20 MIST"``, or an integer; ``"5%"``."""

import re

from walrusd.units import MIST_PER_SUI, BasisPoints, Mist

_AMOUNT = re.compile(r"(\d{1,12})(?:\.(\d{1,9}))? *(SUI|MIST)", re.ASCII | re.IGNORECASE)
_SHARE = re.compile(r"(\d{1,3})(?:\.(\d{1,2}))? *%", re.ASCII)
_U64_MAX = 2**64 - 1
_WHOLE = 10_000


def parse_amount(value: object) -> Mist:
    """Return an amount in Mist, exactly; no float is ever involved.

    ``value`` is an integer of Mist, or text with its unit: ``"1.5 SUI"``, ``"20 MIST"``. A bare
    decimal in quotes is refused: ``"5"`` could mean either unit.

    Raises:
        ValueError: if it is neither, negative, finer than a Mist, or over 2**64 - 1.
    """
    amount: int
    if isinstance(value, int) and not isinstance(value, bool):
        amount = value
    elif isinstance(value, str) and (match := _AMOUNT.fullmatch(value.strip())):
        whole, fraction, unit = match[1], match[2] or "", match[3].upper()
        if unit == "MIST" and fraction:
            raise ValueError(f"a Mist cannot be divided: {value!r}")
        scale = MIST_PER_SUI if unit == "SUI" else 1
        amount = int(whole) * scale + int(fraction.ljust(9, "0"))
    else:
        raise ValueError(f'not an amount such as "1.5 SUI" or an integer of Mist: {value!r}')
    if not 0 <= amount <= _U64_MAX:
        raise ValueError(f"an amount must be between 0 and 2**64 - 1 Mist: {value!r}")
    return Mist(amount)


def parse_share(value: object) -> BasisPoints:
    """Return a share that is written in percent, such as ``"5%"`` or ``"2.5%"``, exactly.

    Raises:
        ValueError: if it is anything else, finer than 0.01 %, or more than the whole.
    """
    match = _SHARE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f'not a share such as "5%" or "2.5%": {value!r}')
    share = int(match[1]) * 100 + int((match[2] or "").ljust(2, "0"))
    if share > _WHOLE:
        raise ValueError(f"a share is at most 100%: {value!r}")
    return BasisPoints(share)


def format_share(share: int) -> str:
    """Return a share of basis points in percent, as ``parse_share`` reads it."""
    whole, rest = divmod(share, 100)
    return (f"{whole}.{rest:02d}".rstrip("0") if rest else f"{whole}") + "%"
