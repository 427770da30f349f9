"""Types and shapes of outputs, and how they are cut into leaves. No torch."""

import math
from dataclasses import dataclass

from walrusd.training.plan.layerspec import Shape

WORDS = {"f32": 1, "f64": 2, "i64": 2}
"""The types of numbers, and the words of 32 bits that one takes."""

HASH = "hash"
"""The type of an output that is itself a hash: the chain, and the state root."""

WORD_BYTES = 4
LEAF_BYTES = 4096
"""1,024 words."""


@dataclass(frozen=True)
class Form:
    """The type and shape of a value. A hash has no shape, no numbers and no leaves."""

    type: str
    shape: Shape = ()

    @property
    def width(self) -> int:
        """The bytes of one number."""
        return WORD_BYTES * WORDS.get(self.type, 0)

    @property
    def size(self) -> int:
        """The length of the canonical bytes."""
        return self.width * math.prod(self.shape)

    @property
    def leaves(self) -> int:
        """The number of leaves."""
        return -(-self.size // LEAF_BYTES)

    def describe(self) -> str:
        """Return type and shape as text, such as ``f32[2, 3]``."""
        return self.type if self.type == HASH else f"{self.type}{list(self.shape)}"
