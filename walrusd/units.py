"""Types that say what a number or a string is: money, time, and identifiers."""

import re
from datetime import UTC, datetime
from typing import NewType

Mist = NewType("Mist", int)
"""Sui's smallest coin unit: 1 SUI = 10**9 Mist."""

MIST_PER_SUI = 1_000_000_000

Millis = NewType("Millis", int)
"""A duration in milliseconds, or an instant in milliseconds since the Unix epoch."""

BasisPoints = NewType("BasisPoints", int)
"""A share in ten-thousandths: 100 are one percent."""

Address = NewType("Address", str)
"""A Sui address: ``0x`` and 64 lower-case hexadecimal digits."""

ObjectId = NewType("ObjectId", str)
"""A Sui object id, written like an address."""

BlobId = NewType("BlobId", int)
"""A Walrus blob id as the contract keeps it: u256, the little-endian reading of its 32 bytes."""

SHORT_DIGITS = 4
"""The most digits of a short address, as Sui's own packages and objects have: 0x2, 0xdee9."""

Digest = NewType("Digest", bytes)
"""A 32-byte hash."""


_HEX_DIGITS = re.compile("[0-9a-f]{1,64}")


def normalize_address(text: str) -> Address:
    """Return the canonical form of a Sui address or object id.

    Raises:
        ValueError: if ``text`` is not 1 to 64 hexadecimal digits after an optional ``0x``.
    """
    digits = text.removeprefix("0x").lower()
    if not _HEX_DIGITS.fullmatch(digits):
        raise ValueError(f"not a Sui address: {text!r}")
    return Address("0x" + digits.zfill(64))


def parse_address(text: str, *, short_digits: int = SHORT_DIGITS) -> Address:
    """Return the canonical form of an address or object id that a person wrote into a file.

    Accepts a full one, or Sui's short form of up to ``short_digits`` digits, such as ``0x2``.
    Anything between is most likely a truncated id, and padding it with zeros would give another.

    Raises:
        ValueError: if ``text`` is neither.
    """
    address = normalize_address(text)
    digits = len(text.removeprefix("0x"))
    if short_digits < digits < 64:
        raise ValueError(f"{text!r} has {digits} of the 64 digits of an id")
    return address


def address_bytes(address: str) -> bytes:
    """Return the 32 bytes of an address or object id."""
    return bytes.fromhex(normalize_address(address)[2:])


def address_from_bytes(raw: bytes) -> Address:
    """Return the address whose 32 bytes are ``raw``."""
    if len(raw) != 32:
        raise ValueError(f"an address has 32 bytes, not {len(raw)}")
    return Address("0x" + raw.hex())


def format_sui(amount: int) -> str:
    """Return ``amount`` Mist as a decimal number of SUI, exact to the Mist."""
    sign, amount = ("-", -amount) if amount < 0 else ("", amount)
    whole, rest = divmod(amount, MIST_PER_SUI)
    fraction = f"{rest:09d}".rstrip("0")
    return f"{sign}{whole}.{fraction} SUI" if fraction else f"{sign}{whole} SUI"


def format_instant(instant: int) -> str:
    """Return an instant in milliseconds as UTC text, to the second."""
    try:
        return datetime.fromtimestamp(instant // 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (ValueError, OverflowError, OSError):
        return f"{instant} ms"  # beyond the calendar: the number may be a stranger's
