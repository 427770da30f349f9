"""Many signed integers in one plaintext: ``P(v) = Σ_i v_i·2^(B·i)``, a signed number modulo n.

A negative entry borrows from its neighbour, which the decoder undoes by adding ``2^(B−1)`` to
every slot. Sums of packed plaintexts are packed sums: any ``Σ_k w_k·v_k`` can be decoded without
knowing the weights while every entry of it stays below ``2^(B−1)`` in absolute value. A slot that
overflows spoils its neighbour and cannot be seen afterwards, so bounds are checked before packing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from walrusd.errors import SlotOverflow

SLOT_BITS = (40, 48)
"""The widths in use: 24-bit values with weights below 2^16 in sum, 32-bit ones with as many."""


def choose_slot_bits(value_bits: int, total_weight: int) -> int:
    """Return the narrowest slot for values of ``value_bits`` bits, sign included.

    ``Σ w·|v| ≤ total_weight · 2^(value_bits − 1)`` must stay below ``2^(B − 1)``.

    Raises:
        SlotOverflow: if no slot is wide enough.
    """
    reach = total_weight << (value_bits - 1)
    for bits in SLOT_BITS:
        if reach < 1 << (bits - 1):
            return bits
    raise SlotOverflow(
        f"{value_bits}-bit values with weights of {total_weight} in sum overflow a slot of "
        f"{SLOT_BITS[-1]} bits",
        hint="use fewer value bits, smaller weights, or fewer contributors",
    )


@dataclass(frozen=True)
class Packing:
    """Slots of ``slot_bits`` bits in plaintexts below ``n``."""

    n: int
    slot_bits: int

    def __post_init__(self) -> None:
        """Refuse a width nobody has agreed on."""
        if self.slot_bits not in SLOT_BITS:
            raise SlotOverflow(f"a slot has one of {SLOT_BITS} bits, not {self.slot_bits}")

    @property
    def slots(self) -> int:
        """Entries per plaintext; ``|P| < 2^(B·slots) ≤ n/2``."""
        return (self.n.bit_length() - 2) // self.slot_bits

    @property
    def bound(self) -> int:
        """Every entry, and every weighted sum, lies below this in absolute value."""
        return 1 << (self.slot_bits - 1)

    @property
    def _offset(self) -> int:
        return sum(self.bound << (self.slot_bits * slot) for slot in range(self.slots))

    def count(self, entries: int) -> int:
        """Return how many plaintexts ``entries`` entries fill."""
        return -(-entries // self.slots)

    def pack(self, vector: npt.NDArray[np.integer]) -> list[int]:
        """Return the plaintexts of a vector, residues modulo ``n``; the last is filled with zeros.

        Raises:
            SlotOverflow: if an entry does not fit a slot.
            ValueError: if the vector is not a vector of integers, or empty.
        """
        if vector.ndim != 1 or vector.size == 0 or vector.dtype.kind != "i":
            raise ValueError("what is packed is a vector of signed integers, not empty")
        if max(int(vector.max()), -int(vector.min())) >= self.bound:
            raise SlotOverflow(f"an entry does not fit a slot of {self.slot_bits} bits")
        width, slot_bytes = self.slots * self.slot_bits // 8, self.slot_bits // 8
        count = self.count(vector.size)
        shifted = np.zeros(count * self.slots, np.int64)
        shifted[: vector.size] = vector
        shifted += self.bound
        octets = shifted.astype("<u8").view(np.uint8).reshape(-1, 8)[:, :slot_bytes].tobytes()
        offset = self._offset
        return [
            (int.from_bytes(octets[start : start + width], "little") - offset) % self.n
            for start in range(0, count * width, width)
        ]

    def unpack(self, plaintexts: Iterable[int], entries: int) -> npt.NDArray[np.int64]:
        """Return the first ``entries`` entries, int64.

        Raises:
            SlotOverflow: if a plaintext is no packed vector, the last one has entries beyond
                ``entries``, or the numbers of plaintexts and entries do not fit.
        """
        width, slot_bytes = self.slots * self.slot_bits // 8, self.slot_bits // 8
        offset, half = self._offset, self.n >> 1
        octets = bytearray()
        for residue in plaintexts:
            signed = residue - self.n if residue > half else residue
            try:
                octets += (signed + offset).to_bytes(width, "little")
            except OverflowError:
                raise SlotOverflow("a plaintext is not a packed vector") from None
        if len(octets) != self.count(entries) * width:
            raise SlotOverflow(f"{len(octets) // width} plaintexts do not hold {entries} entries")
        narrow = np.frombuffer(bytes(octets), np.uint8).reshape(-1, slot_bytes)
        wide = np.zeros((len(narrow), 8), np.uint8)
        wide[:, :slot_bytes] = narrow
        vector: npt.NDArray[np.int64] = wide.view("<i8")[:, 0] - np.int64(self.bound)
        if np.any(vector[entries:]):
            raise SlotOverflow("a packed vector goes on beyond its last entry")
        return vector[:entries]


def check_weighted_bound(packing: Packing, largest: Sequence[int], weights: Sequence[int]) -> None:
    """Check that ``Σ w_k·v_k`` stays within the slots, ``largest[k]`` bounding ``|v_k|``.

    Raises:
        SlotOverflow: if it could leave them.
    """
    reach = sum(weight * bound for weight, bound in zip(weights, largest, strict=True))
    if reach >= packing.bound:
        raise SlotOverflow(
            f"weighted sums could reach {reach}, beyond a slot of {packing.slot_bits} bits"
        )
