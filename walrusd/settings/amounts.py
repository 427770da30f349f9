"""Money as people write it: ``"1.5 SUI"``, ``"20 MIST"``, or an integer of Mist."""

import re

from walrusd.units import MIST_PER_SUI, Mist

_AMOUNT = re.compile(r"(\d{1,12})(?:\.(\d{1,9}))? *(SUI|MIST)", re.ASCII | re.IGNORECASE)
_U64_MAX = 2**64 - 1


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
