"""Whole reads and writes of binary file objects, which may do less than asked at once."""

from typing import BinaryIO


def read_up_to(source: BinaryIO, count: int) -> bytes:
    """Read ``count`` bytes, or fewer at the end; raw file objects may return less at once."""
    first = source.read(count)
    if len(first) == count or not first:
        return first
    pieces = bytearray(first)
    while len(pieces) < count and (piece := source.read(count - len(pieces))):
        pieces += piece
    return bytes(pieces)


def write_all(target: BinaryIO, data: bytes) -> None:
    """Write ``data``; raw file objects may take less at once."""
    rest = memoryview(data)
    while rest:
        rest = rest[target.write(rest) :]
