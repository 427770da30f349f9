"""Whole reads and writes of binary file objects: raw ones may do less than asked at once."""

from typing import Protocol


class Readable(Protocol):
    """What bytes are read from, such as a file."""

    def read(self, count: int, /) -> bytes:
        """Return at most ``count`` bytes, none only at the end."""


class Writable(Protocol):
    """What bytes are written to, such as a file."""

    def write(self, data: bytes | memoryview, /) -> int:
        """Write some of ``data``; return how many bytes."""


def read_up_to(source: Readable, count: int) -> bytes:
    """Return ``count`` bytes, or fewer only at the end of the file."""
    first = source.read(count)
    if len(first) == count or not first:
        return first
    pieces = bytearray(first)
    while len(pieces) < count and (piece := source.read(count - len(pieces))):
        pieces += piece
    return bytes(pieces)


def write_all(target: Writable, data: bytes) -> None:
    """Write all of ``data``."""
    rest = memoryview(data)
    while rest:
        rest = rest[target.write(rest) :]
