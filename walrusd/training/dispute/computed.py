"""What a judge keeps of a step that it computes: digests of all outputs, then a few leaves."""

from collections.abc import Sequence

from walrusd.crypto.merkle import hash_leaf
from walrusd.crypto.number_tree import LEAF_BYTES
from walrusd.training.dispute.forms import NO_OUTPUT
from walrusd.training.dispute.operation import Operation
from walrusd.training.dispute.tree import HashTree


class ComputedStep:
    """The digests of a step's outputs. It takes the outputs of a watched run.

    ``size`` is the number of operations; an output that is missing has the digest zero.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._digests = bytearray()

    def start(self, _operation: Operation) -> None:
        """Begin with an output."""

    def take(self, _block: bytes, _hashes: bytes) -> None:
        """Keep nothing of a part of an output."""

    def finish(self, digest: bytes) -> None:
        """Keep the digest of an output."""
        self._digests += digest

    def digest(self, number: int) -> bytes:
        """Return the digest of the output of operation ``number``, 32 bytes."""
        return bytes(self._digests[32 * number : 32 * number + 32]) or NO_OUTPUT

    def tree(self) -> HashTree:
        """Return the tree over the digests of all outputs."""
        return HashTree(self._size, self._hash_digests)

    def _hash_digests(self, start: int, stop: int) -> bytes:
        return b"".join(hash_leaf(self.digest(number)) for number in range(start, stop))


class KeptLeaves:
    """Leaves of a step's outputs. It takes the outputs of a watched run.

    Kept are the first leaf of each operation in ``first``, and of the output of ``target`` the
    first leaf that a tree in ``told`` has otherwise, whose index is ``leaf``.
    """

    def __init__(self, target: int, told: Sequence[HashTree], first: frozenset[int]) -> None:
        self._target, self._told, self._first = target, told, first
        self._number = self._index = 0
        self.leaf: int | None = None
        self.kept: dict[tuple[int, int], bytes] = {}
        """Canonical bytes by operation and index of the leaf."""

    def start(self, operation: Operation) -> None:
        """Begin with an output."""
        self._number, self._index = operation.number, 0

    def take(self, block: bytes, hashes: bytes) -> None:
        """Keep what is wanted of a part of an output."""
        if self._index == 0 and self._number in self._first | {self._target}:
            self.kept[self._number, 0] = block[:LEAF_BYTES]
        count = len(hashes) // 32
        if self._number == self._target and self.leaf is None:
            self._compare(block, hashes, count)
        self._index += count

    def _compare(self, block: bytes, hashes: bytes, count: int) -> None:
        for tree in self._told:
            shown = tree.leaf_hashes(self._index, self._index + count)
            mine = (hashes[32 * index : 32 * index + 32] for index in range(count))
            other = (i for i, (a, b) in enumerate(zip(mine, shown, strict=True)) if a != b)
            found = next(other, None)
            if found is not None and (self.leaf is None or self._index + found < self.leaf):
                self.leaf = self._index + found
        if self.leaf is not None:
            start = (self.leaf - self._index) * LEAF_BYTES
            self.kept[self._target, self.leaf] = block[start : start + LEAF_BYTES]

    def finish(self, _digest: bytes) -> None:
        """End with an output."""
