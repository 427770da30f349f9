"""Merkle trees over numbers and over bytes: leaves of 4 KiB, which one transaction can carry.

A leaf holds up to 1,024 words of 32 bits and is ``SHA-256(0x00 ‖ uleb(words) ‖ u32 …)``, or up to
4,096 bytes and is ``SHA-256(0x00 ‖ uleb(bytes) ‖ bytes)``: what Move hashes with one
``bcs::to_bytes`` of ``{ prefix: u8, words: vector<u32> }`` or ``{ prefix: u8, data: vector<u8> }``.
The last leaf is shorter; no words or no bytes have the root of no leaves. Nodes are those of RFC
6962, so that 256 leaves are one node, a **piece** of 1 MiB, which can be proved by itself.

Used for tensors and states of a training run, updates, the sections of a file, and long rows.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from walrusd.crypto import merkle
from walrusd.errors import VerificationFailed

LEAF_BYTES = 1 << 12
PIECE_LEAVES = 256
PIECE_BYTES = PIECE_LEAVES * LEAF_BYTES

WORD_BYTES = 4
LEAF_WORDS = LEAF_BYTES // WORD_BYTES

Buffer = bytes | bytearray | memoryview
Words = npt.NDArray[np.uint32]


_HEADS = tuple(b"\x00" + merkle.encode_count(count) for count in range(LEAF_BYTES + 1))
"""What stands before the numbers of a leaf, by their count."""


class LeafKind(IntEnum):
    """What a leaf counts; the value is its width in bytes."""

    BYTES = 1
    WORDS = 4


class TreeHasher:
    """Computes the root of bytes that come in pieces of any size; keeps 32 bytes per 1 MiB."""

    def __init__(self, kind: LeafKind = LeafKind.WORDS) -> None:
        self._kind = kind
        self._full = hashlib.sha256(b"\x00" + merkle.encode_count(LEAF_BYTES // kind))
        self._rest = bytearray()
        self._leaves: list[bytes] = []
        self._pieces: list[bytes] = []

    def update(self, data: Buffer) -> None:
        """Append ``data``, the little-endian words or the bytes that come next."""
        view = memoryview(data)
        # A view without elements cannot be cast.
        view = view.cast("B") if view.nbytes else memoryview(b"")
        if self._rest:
            missing = view[: LEAF_BYTES - len(self._rest)]
            self._rest += missing
            view = view[len(missing) :]
            if len(self._rest) < LEAF_BYTES:
                return
            self._append(memoryview(bytes(self._rest)))
            self._rest.clear()
        whole = len(view) - len(view) % LEAF_BYTES
        self._append(view[:whole])
        self._rest += view[whole:]

    def _append(self, leaves: memoryview) -> None:
        # One copy of a prepared state per leaf is what makes small leaves nearly as fast as one
        # long hash.
        begin, place = self._full.copy, 0
        while place < len(leaves):
            missing = LEAF_BYTES * (PIECE_LEAVES - len(self._leaves))
            end = min(place + missing, len(leaves))
            for start in range(place, end, LEAF_BYTES):
                state = begin()
                state.update(leaves[start : start + LEAF_BYTES])
                self._leaves.append(state.digest())
            if len(self._leaves) == PIECE_LEAVES:
                self._pieces.append(merkle.compute_root_of_hashes(self._leaves))
                self._leaves.clear()
            place = end

    def _last_leaves(self) -> list[bytes]:
        if not self._rest:
            return self._leaves
        return [*self._leaves, hash_leaf_of(self._kind, self._rest)]

    def piece_hashes(self) -> list[bytes]:
        """Return the hashes of the pieces of 1 MiB so far; the last piece may be short.

        Raises:
            ValueError: if the last word is not whole.
        """
        last = self._last_leaves()
        return [*self._pieces, merkle.compute_root_of_hashes(last)] if last else self._pieces[:]

    def root(self) -> bytes:
        """Return the root, 32 bytes, over everything appended so far.

        Raises:
            ValueError: if the last word is not whole.
        """
        return merkle.compute_root_of_hashes(self.piece_hashes())


def hash_leaf_of(kind: LeafKind, data: Buffer) -> bytes:
    """Return the hash of one leaf, 32 bytes: ``SHA-256(0x00 ‖ uleb(count) ‖ data)``.

    Raises:
        ValueError: if ``data`` is longer than a leaf, or its last word is not whole.
    """
    size = memoryview(data).nbytes
    if size > LEAF_BYTES or size % kind:
        raise ValueError(f"{size} bytes are no leaf of {kind.name.lower()}")
    return hashlib.sha256(_HEADS[size // kind] + data).digest()


def compute_number_root(data: Buffer) -> bytes:
    """Return the root, 32 bytes, over little-endian words, 1,024 a leaf.

    Raises:
        ValueError: if the last word is not whole.
    """
    size = memoryview(data).nbytes
    if 0 < size <= LEAF_BYTES and size % WORD_BYTES == 0:
        # Biases, losses, counters: many trees are one leaf.
        return hashlib.sha256(_HEADS[size // WORD_BYTES] + data).digest()
    hasher = TreeHasher()
    hasher.update(data)
    return hasher.root()


def compute_byte_root(data: Buffer) -> bytes:
    """Return the root, 32 bytes, over bytes, 4,096 a leaf."""
    hasher = TreeHasher(LeafKind.BYTES)
    hasher.update(data)
    return hasher.root()


def compute_update_root(update: npt.NDArray[np.int32]) -> bytes:
    """Return the root, 32 bytes, over an update's int32 entries ``(d,)``, 1,024 a leaf.

    Raises:
        ValueError: if the update is not an int32 vector.
    """
    if update.dtype != np.int32 or update.ndim != 1:
        raise ValueError("an update is an int32 vector")
    little_endian = np.ascontiguousarray(update, dtype="<i4")
    return compute_number_root(little_endian.data)


def count_leaves(words: int) -> int:
    """Return the number of leaves of a tree over ``words`` words."""
    return -(-words // LEAF_WORDS)


@dataclass(frozen=True)
class NumberLeaf:
    """A leaf that a path leads from: words ``first … first + len(words) − 1`` of its tree.

    ``words`` is uint32 ``(n,)``, n from 1 to 1,024.
    """

    first: int
    words: Words


def prove_leaf(data: Buffer, index: int) -> list[bytes]:
    """Return the path of leaf ``index`` in the tree over the words ``data``, leaf upwards.

    Raises:
        ValueError: if there are no words, or the last one is not whole.
        IndexError: if there is no such leaf.
    """
    view = memoryview(data)
    hashes = [
        hash_leaf_of(LeafKind.WORDS, view[start : start + LEAF_BYTES])
        for start in range(0, len(view), LEAF_BYTES)
    ]
    return merkle.Tree(hashes, hashed=True).path(index)


def compute_root_from_leaf(words: int, index: int, data: Buffer, path: Sequence[bytes]) -> bytes:
    """Return the root that ``path`` leads to from leaf ``index``, of a tree over ``words`` words.

    Raises:
        VerificationFailed: if there is no such leaf, it has another length, or the path has.
    """
    _check_length(words, index, data, LEAF_BYTES)
    node = hash_leaf_of(LeafKind.WORDS, data)
    return merkle.compute_root_from_node(node, index, count_leaves(words), path)


def verify_leaf(
    root: bytes, words: int, index: int, data: Buffer, path: Sequence[bytes]
) -> NumberLeaf:
    """Check that ``data`` is leaf ``index`` of the tree over ``words`` words with this root.

    Raises:
        VerificationFailed: if it is not.
    """
    if compute_root_from_leaf(words, index, data, path) != root:
        raise VerificationFailed(f"the path of leaf {index} leads to another root")
    return read_leaf(index, data)


def read_leaf(index: int, data: Buffer) -> NumberLeaf:
    """Return the numbers of leaf ``index``, whose bytes have been checked."""
    return NumberLeaf(index * LEAF_WORDS, np.frombuffer(data, "<u4").astype(np.uint32))


def verify_piece(root: bytes, words: int, index: int, data: Buffer, path: Sequence[bytes]) -> None:
    """Check that ``data`` is piece ``index`` (1 MiB) of the tree over ``words`` words.

    ``path`` goes from the piece upwards: that of ``merkle.Tree(hasher.piece_hashes(),
    hashed=True)``.

    Raises:
        VerificationFailed: if it is not.
    """
    _check_length(words, index, data, PIECE_BYTES)
    pieces = -(-words * WORD_BYTES // PIECE_BYTES)
    node = compute_number_root(data)
    if merkle.compute_root_from_node(node, index, pieces, path) != root:
        raise VerificationFailed(f"the path of piece {index} leads to another root")


def _check_length(words: int, index: int, data: Buffer, width: int) -> None:
    """Check that a tree over ``words`` words has ``data`` at ``index`` by its length."""
    left = words * WORD_BYTES - index * width
    if index < 0 or left <= 0:
        raise VerificationFailed(f"{words} words have no part {index} of {width} bytes")
    if len(data) != min(width, left):
        raise VerificationFailed(
            f"part {index} of {words} words has {min(width, left)} bytes, not {len(data)}"
        )
