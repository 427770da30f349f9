"""How each Move type is written in BCS, read, and shown.

BCS is Binary Canonical Serialization: https://github.com/diem/bcs.
"""

import base64
from dataclasses import dataclass
from typing import Any

from walrusd.errors import MalformedData
from walrusd.units import address_bytes, address_from_bytes

MAX_SEQUENCE = 1 << 20
"""The most elements of a vector; a larger length would only serve to exhaust memory."""


class Reader:
    """A cursor over bytes that raises ``MalformedData`` at the end."""

    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)
        self._at = 0

    def take(self, size: int) -> bytes:
        """Return the next ``size`` bytes.

        Raises:
            MalformedData: if fewer are left.
        """
        end = self._at + size
        if end > len(self._data):
            raise MalformedData(f"BCS value is {end - len(self._data)} bytes too short")
        chunk = bytes(self._data[self._at : end])
        self._at = end
        return chunk

    def length(self) -> int:
        """Return a ULEB128 length, which must be minimal.

        Raises:
            MalformedData: if it is not minimal, or more than ``MAX_SEQUENCE``.
        """
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                if byte == 0 and shift:
                    raise MalformedData("BCS length is not minimal")
                break
            shift += 7
            if shift > 28:
                raise MalformedData("BCS length has more than five bytes")
        if value > MAX_SEQUENCE:
            raise MalformedData(f"BCS sequence of {value} elements is longer than allowed")
        return value

    def finish(self) -> None:
        """Check that every byte was read.

        Raises:
            MalformedData: if some are left.
        """
        if self._at != len(self._data):
            raise MalformedData(f"{len(self._data) - self._at} bytes follow a BCS value")


def encode_length(value: int) -> bytes:
    """Return ``value`` as ULEB128."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


class Codec:
    """How one Move type is written, read, and shown.

    ``decode`` raises ``MalformedData`` for bytes that are not canonical.
    """

    move_type: str = ""

    def encode(self, value: Any) -> bytes:
        """Return the BCS bytes of ``value``."""
        raise NotImplementedError  # abstract

    def decode(self, reader: Reader) -> Any:
        """Read one value."""
        raise NotImplementedError  # abstract

    def to_json(self, value: Any) -> Any:
        """Return ``value`` as a Sui node renders it in JSON."""
        return value


@dataclass(frozen=True)
class Unsigned(Codec):
    """``u8`` … ``u256``, little-endian."""

    width: int

    @property
    def move_type(self) -> str:  # type: ignore[override]  # a constant there, computed here
        """The Move name of the type."""
        return f"u{8 * self.width}"

    def encode(self, value: int) -> bytes:
        """Return the fixed-width bytes; a value out of range is an ``OverflowError``."""
        return int(value).to_bytes(self.width, "little")

    def decode(self, reader: Reader) -> int:
        """Read the fixed-width bytes."""
        return int.from_bytes(reader.take(self.width), "little")

    def to_json(self, value: int) -> Any:
        """Numbers up to u32, strings above, as nodes do."""
        return value if self.width <= 4 else str(value)


@dataclass(frozen=True)
class BalanceCodec(Unsigned):
    """``Balance<SUI>``: its u64 value. Its own type, so that the supply check finds it."""

    width: int = 8


class Boolean(Codec):
    """``bool``: one byte, 0 or 1."""

    move_type = "bool"

    def encode(self, value: bool) -> bytes:
        """Return one byte."""
        return b"\x01" if value else b"\x00"

    def decode(self, reader: Reader) -> bool:
        """Read one byte, which must be 0 or 1."""
        byte = reader.take(1)[0]
        if byte > 1:
            raise MalformedData(f"BCS bool is {byte}")
        return byte == 1


class AddressCodec(Codec):
    """``address``, ``ID`` and ``UID``: 32 bytes."""

    def __init__(self, move_type: str = "address") -> None:
        self.move_type = move_type

    def encode(self, value: str) -> bytes:
        """Return the 32 bytes."""
        return address_bytes(value)

    def decode(self, reader: Reader) -> str:
        """Read 32 bytes as ``0x`` text."""
        return address_from_bytes(reader.take(32))


class ByteVector(Codec):
    """``vector<u8>``."""

    move_type = "vector<u8>"

    def encode(self, value: bytes) -> bytes:
        """Return length and bytes."""
        return encode_length(len(value)) + bytes(value)

    def decode(self, reader: Reader) -> bytes:
        """Read length and bytes."""
        return reader.take(reader.length())

    def to_json(self, value: bytes) -> str:
        """Base64, as nodes do."""
        return base64.b64encode(value).decode("ascii")


@dataclass(frozen=True)
class Vector(Codec):
    """``vector<T>``."""

    item: Codec

    @property
    def move_type(self) -> str:  # type: ignore[override]  # a constant there, computed here
        """The Move name of the type."""
        return f"vector<{self.item.move_type}>"

    def encode(self, value: list[Any]) -> bytes:
        """Return length and items."""
        return encode_length(len(value)) + b"".join(self.item.encode(v) for v in value)

    def decode(self, reader: Reader) -> list[Any]:
        """Read length and items."""
        return [self.item.decode(reader) for _ in range(reader.length())]

    def to_json(self, value: list[Any]) -> list[Any]:
        """A list."""
        return [self.item.to_json(v) for v in value]


@dataclass(frozen=True)
class Optional(Codec):
    """``Option<T>``: a vector of at most one."""

    item: Codec

    @property
    def move_type(self) -> str:  # type: ignore[override]  # a constant there, computed here
        """The Move name of the type."""
        return f"0x1::option::Option<{self.item.move_type}>"

    def encode(self, value: Any) -> bytes:
        """Return 0, or 1 and the item."""
        return b"\x00" if value is None else b"\x01" + self.item.encode(value)

    def decode(self, reader: Reader) -> Any:
        """Read 0, or 1 and the item."""
        present = Boolean().decode(reader)
        return self.item.decode(reader) if present else None

    def to_json(self, value: Any) -> Any:
        """Null, or the item."""
        return None if value is None else self.item.to_json(value)
