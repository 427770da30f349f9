"""BCS without a layout table: transactions, effects, object and event envelopes.

Clients encode transactions with another implementation, so each tests the other.
"""

from collections.abc import Callable
from typing import TypeVar

from walrusd.chain.values.codecs import Reader as BaseReader
from walrusd.chain.values.codecs import encode_length
from walrusd.errors import MalformedData
from walrusd.units import address_bytes, address_from_bytes

T = TypeVar("T")


class Reader(BaseReader):
    """Reads one value after another; raises ``MalformedData`` for every non-canonical byte."""

    def uint(self, width: int) -> int:
        """Read an unsigned little-endian integer of ``width`` bytes."""
        return int.from_bytes(self.take(width), "little")

    def boolean(self) -> bool:
        """Read one byte, 0 or 1.

        Raises:
            MalformedData: if it is another byte.
        """
        byte = self.uint(1)
        if byte > 1:
            raise MalformedData(f"{byte} is not a bool")
        return byte == 1

    def address(self) -> str:
        """Read 32 bytes as ``0x…``."""
        return address_from_bytes(self.take(32))

    def blob(self) -> bytes:
        """Read ``vector<u8>``."""
        return self.take(self.length())

    def text(self) -> str:
        """Read a UTF-8 string.

        Raises:
            MalformedData: if it is not UTF-8.
        """
        raw = self.blob()
        try:
            return raw.decode()
        except UnicodeDecodeError as e:
            raise MalformedData("a string is not UTF-8") from e

    def sequence(self, item: Callable[["Reader"], T]) -> list[T]:
        """Read a vector of what ``item`` reads."""
        return [item(self) for _ in range(self.length())]


def write_u64(number: int) -> bytes:
    """Return 8 bytes, little-endian."""
    return number.to_bytes(8, "little")


def write_blob(raw: bytes) -> bytes:
    """Return ``vector<u8>``."""
    return encode_length(len(raw)) + raw


def write_text(text: str) -> bytes:
    """Return a UTF-8 string."""
    return write_blob(text.encode())


def write_address(address: str) -> bytes:
    """Return the 32 bytes of an address."""
    return address_bytes(address)


def write_sequence(items: list[bytes]) -> bytes:
    """Return a vector of already encoded items."""
    return encode_length(len(items)) + b"".join(items)


def write_option(item: bytes | None) -> bytes:
    """Return an option of an already encoded item."""
    return b"\0" if item is None else b"\1" + item
