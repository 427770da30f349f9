"""The log of one step in a transcript, read where it is needed.

The plan says how many operations a step has and how large each output is, so the place of every
leaf is known. Memory grows by a few bytes for each operation.
"""

from array import array
from collections.abc import Callable

from walrusd.crypto.merkle import hash_leaf
from walrusd.crypto.number_tree import LEAF_BYTES
from walrusd.errors import MalformedTranscript
from walrusd.training.dispute.forms import HASH, NO_OUTPUT
from walrusd.training.dispute.frames import refuse_part
from walrusd.training.dispute.operations import StepOperations
from walrusd.training.dispute.tree import HashTree
from walrusd.training.dispute.values import hash_leaves
from walrusd.training.dispute.writer import compute_output_bytes

Read = Callable[[int, int], bytes]
"""Returns so many bytes from an offset, fewer only at the end."""


class StepLog:
    """The outputs of one step, in a transcript. An output that is missing has the digest zero."""

    def __init__(self, step: int, operations: StepOperations, read: Read) -> None:
        self.step = step
        self.operations = operations
        self.count = 0
        self._state: tuple[int, int] | None = None
        self._read = read
        self._places = array("Q")
        self._digests = bytearray()

    def place_state(self, body: int, length: int) -> None:
        """Take the state before the step, whose frame has its body at ``body``."""
        self._state = body, length

    def read_state(self) -> bytes | None:
        """Return the canonical state before the step, None if it is not carried."""
        return None if self._state is None else self._read(*self._state)

    def append(self, body: int, length: int) -> None:
        """Take the output whose frame has its body at ``body``.

        Raises:
            MalformedTranscript: if the step has no such operation, or the frame another length.
        """
        if self.count >= len(self.operations):
            refuse_part("number of operations")
        form = self.operations[self.count].form
        carried = self._read(body, 1) == b"\x01"
        if length != compute_output_bytes(form, carried=carried) or (carried and not form.size):
            refuse_part("log")
        self._places.append(body)
        self._digests += self._read(body + length - 32, 32)
        self.count += 1

    def digest(self, number: int) -> bytes:
        """Return the digest of the output of operation ``number``, 32 bytes."""
        return bytes(self._digests[32 * number : 32 * number + 32]) or NO_OUTPUT

    def tree(self) -> HashTree:
        """Return the tree over the digests of all outputs of the step."""
        return HashTree(len(self.operations), self._hash_digests)

    def _hash_digests(self, start: int, stop: int) -> bytes:
        return b"".join(hash_leaf(self.digest(number)) for number in range(start, stop))

    def leaf_tree(self, number: int) -> HashTree | None:
        """Return the tree over the leaves of an output; None if it is missing or a hash.

        Raises:
            MalformedTranscript: if the leaves do not lead to the digest.
        """
        form = self.operations[number].form
        if number >= self.count or form.type == HASH:
            return None
        base = self._places[number] + 1 + (form.size if self.carries(number) else 0)
        tree = HashTree(
            form.leaves, lambda start, stop: self._read(base + 32 * start, 32 * (stop - start))
        )
        if form.compute_digest(tree.root().hash) != self.digest(number):
            raise MalformedTranscript(f"the leaves of operation {number} lead to another digest")
        return tree

    def carries(self, number: int) -> bool:
        """Return whether the log has the numbers of an output."""
        return number < self.count and self._read(self._places[number], 1) == b"\x01"

    def read_leaf(self, number: int, index: int) -> bytes | None:
        """Return the canonical bytes of a leaf of an output, None if they are not carried.

        Raises:
            MalformedTranscript: if they do not have the leaf's hash.
        """
        tree = self.leaf_tree(number) if self.carries(number) else None
        if tree is None:
            return None
        form = self.operations[number].form
        data = self._read(self._places[number] + 1 + index * LEAF_BYTES, form.leaf_bytes(index))
        if [hash_leaves(data)] != tree.leaf_hashes(index, index + 1):
            raise MalformedTranscript(f"a carried leaf of operation {number} has another hash")
        return data
