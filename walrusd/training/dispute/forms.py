"""Types and shapes of outputs, and how they are cut into leaves. No torch."""

import math
from dataclasses import dataclass

from walrusd.crypto.number_tree import LEAF_BYTES, WORD_BYTES, count_leaves
from walrusd.crypto.tags import Tag, hash_tagged, u64
from walrusd.crypto.tensors import WORDS_PER_NUMBER
from walrusd.training.plan.layerspec import Shape

HASH = "hash"
"""The type of an output that is itself a hash: the chain, and the state root."""

NO_OUTPUT = bytes(32)
"""The digest of an operation that was not carried out, as the work ended before."""


@dataclass(frozen=True)
class Form:
    """The type and shape of a value. A hash has no shape, no words and no leaves."""

    type: str
    shape: Shape = ()

    @property
    def width(self) -> int:
        """The bytes of one number."""
        return WORD_BYTES * WORDS_PER_NUMBER.get(self.type, 0)

    @property
    def size(self) -> int:
        """The length of the canonical bytes."""
        return self.width * math.prod(self.shape)

    @property
    def words(self) -> int:
        """The number of words of 32 bits."""
        return self.size // WORD_BYTES

    @property
    def leaves(self) -> int:
        """The number of leaves."""
        return count_leaves(self.words)

    def leaf_bytes(self, index: int) -> int:
        """Return the length of leaf ``index`` in bytes."""
        return min(LEAF_BYTES, self.size - index * LEAF_BYTES)

    def compute_digest(self, root: bytes) -> bytes:
        """Return the digest of the value of this form with this root, 32 bytes each.

        ``H(VALUE ‖ u8(length of type) ‖ type ‖ u64(axes) ‖ u64 of each axis ‖ root)``; a hash is
        its own digest.
        """
        if self.type == HASH:
            return root
        axes = b"".join(u64(axis) for axis in (len(self.shape), *self.shape))
        return hash_tagged(Tag.VALUE, bytes([len(self.type)]), self.type.encode(), axes, root)

    def describe(self) -> str:
        """Return type and shape as text, such as ``f32[2, 3]``."""
        return self.type if self.type == HASH else f"{self.type}{list(self.shape)}"
