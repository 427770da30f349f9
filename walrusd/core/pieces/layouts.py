"""The bytes of the pieces that are more than one byte string. Integers are little-endian.

States and updates are as ``training`` writes them. Rows come from a stranger and may be many: they
are read one by one, from chunks of any length.
"""

import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from walrusd.crypto.dataset_rows import SALT_BYTES, RowProof
from walrusd.errors import MalformedData

HASH_BYTES = 32
COST_BYTES = 32 + 8 + 32
MAX_ROW_BYTES = 1 << 26
"""The widest row that a reader takes, whoever declares it."""

_WIDTH = struct.Struct("<I")
_ROW_HEAD = struct.Struct(f"<Q{SALT_BYTES}sB")

ReadPiece = Callable[[], Iterator[bytes]]
"""Returns the bytes of a piece in chunks, from its beginning, each time that it is called."""


@dataclass(frozen=True)
class OpenedRow:
    """One dataset row with the proof that it is part of the listed dataset."""

    data: bytes
    proof: RowProof


@dataclass(frozen=True)
class OpenedCost:
    """The opening of the cost: the key of the cost section, and the final cost with its blinding.

    ``final`` is the mean loss of the last segment, in units of 2**-32. It is included even if the
    task makes it public, so that a committee's work is the same under both cost rules.
    """

    key: bytes
    final: int
    blinding: bytes

    def to_bytes(self) -> bytes:
        """Return ``key ‖ u64 final ‖ blinding``, 72 bytes."""
        return self.key + self.final.to_bytes(8, "little") + self.blinding


class OpenedTrace(NamedTuple):
    """The roots of S segments: ``state_roots`` of the boundaries 0 … S, ``slot_roots`` of 1 … S."""

    state_roots: tuple[bytes, ...]
    slot_roots: tuple[bytes, ...]

    def to_bytes(self) -> bytes:
        """Return ``state_root_0``, then ``state_root_i ‖ slot_root_i`` for each segment."""
        pairs = zip(self.state_roots[1:], self.slot_roots, strict=True)
        return self.state_roots[0] + b"".join(state + slot for state, slot in pairs)


def parse_trace(data: bytes) -> OpenedTrace:
    """Read the piece of the trace.

    Raises:
        MalformedData: if it does not have the roots of whole segments.
    """
    if len(data) % (2 * HASH_BYTES) != HASH_BYTES:
        raise MalformedData("the opened trace does not have the roots of whole segments")
    roots = split_hashes(data)
    return OpenedTrace((roots[0], *roots[1::2]), roots[2::2])


def parse_cost(data: bytes) -> OpenedCost:
    """Read the piece of the cost.

    Raises:
        MalformedData: if it has another length.
    """
    if len(data) != COST_BYTES:
        raise MalformedData(f"an opened cost has {COST_BYTES} bytes, not {len(data)}")
    return OpenedCost(data[:32], int.from_bytes(data[32:40], "little"), data[40:])


def split_hashes(data: bytes) -> tuple[bytes, ...]:
    """Return 32-byte values that lie one after the other.

    Raises:
        MalformedData: if the last one is incomplete.
    """
    if len(data) % HASH_BYTES:
        raise MalformedData("32-byte values of an opening have another length")
    return tuple(data[i : i + HASH_BYTES] for i in range(0, len(data), HASH_BYTES))


def encode_rows(rows: Iterable[OpenedRow], width: int) -> Iterator[bytes]:
    """Return the piece of a segment's rows, each of ``width`` bytes, in chunks.

    ``u32 width``, then for each row ``u64 index ‖ salt ‖ u8 n ‖ n hashes of its path ‖ row``.
    """
    yield _WIDTH.pack(width)
    for row in rows:
        proof = row.proof
        head = _ROW_HEAD.pack(proof.index, proof.salt, len(proof.path))
        yield b"".join((head, *proof.path, row.data))


def iterate_opened_rows(chunks: Iterable[bytes]) -> Iterator[OpenedRow]:
    """Return the rows of a piece one by one.

    Raises:
        MalformedData: if it ends within a row, or its rows are too wide.
    """
    stream = _Chunks(chunks)
    (width,) = _WIDTH.unpack(stream.take(_WIDTH.size))
    if width > MAX_ROW_BYTES:
        raise MalformedData(f"opened rows of {width} bytes are wider than {MAX_ROW_BYTES}")
    while not stream.is_at_end():
        index, salt, height = _ROW_HEAD.unpack(stream.take(_ROW_HEAD.size))
        path = split_hashes(stream.take(HASH_BYTES * height))
        yield OpenedRow(stream.take(width), RowProof(index, salt, path))


def compute_rows_bound(rows: int, width: int, height: int) -> int:
    """Return the most bytes of a piece with so many rows, in a tree of this height."""
    return _WIDTH.size + rows * (_ROW_HEAD.size + HASH_BYTES * height + width)


class _Chunks:
    """Exact reads from chunks of any length; holds one read and one chunk."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._held = b""
        self._at = 0

    def is_at_end(self) -> bool:
        """Return whether nothing is left."""
        while self._at == len(self._held):
            following = next(self._chunks, None)
            if following is None:
                return True
            self._held, self._at = following, 0
        return False

    def take(self, count: int) -> bytes:
        """Return the next ``count`` bytes.

        Raises:
            MalformedData: if there are fewer.
        """
        taken = bytearray()
        while len(taken) < count:
            if self.is_at_end():
                raise MalformedData("the opened rows end within a row")
            part = self._held[self._at : self._at + count - len(taken)]
            self._at += len(part)
            taken += part
        return bytes(taken)
