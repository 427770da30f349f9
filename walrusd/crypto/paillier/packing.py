"""Many signed integers in one plaintext: ``P(v) = Σ_i v_i·2^(B·i)``, a signed number modulo n.

A negative entry borrows from its neighbour, which the decoder undoes by adding ``2^(B−1)`` to
every slot. Sums of packed plaintexts are packed sums: any ``Σ_k w_k·v_k`` can be decoded without
knowing the weights while every entry of it stays below ``2^(B−1)`` in absolute value. A slot that
overflows corrupts its neighbour and cannot be detected later, so bounds are checked before packing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from walrusd.errors import SlotOverflow

SLOT_BITS = (40, 48)
"""The widths in use, in bits: for 24-bit or 32-bit values with weights that sum to below 2^16."""


def choose_slot_bits(value_bits: int, total_weight: int) -> int:
    """Return the bits of the narrowest slot for values of ``value_bits`` bits, sign included.

    ``Σ w·|v| ≤ total_weight · 2^(value_bits − 1)`` must stay below ``2^(B − 1)``.

    Raises:
        SlotOverflow: if no slot is wide enough.
    """
    reach = total_weight << (value_bits - 1)
    for bits in SLOT_BITS:
        if reach < 1 << (bits - 1):
            return bits
    raise SlotOverflow(
        f"{value_bits}-bit values with weights that sum to {total_weight} overflow a slot of "
        f"{SLOT_BITS[-1]} bits",
        hint="use fewer value bits, smaller weights, or fewer contributors",
    )


@dataclass(frozen=True)
class Packing:
    """Slots of ``slot_bits`` bits in plaintexts below ``n``.

    Raises:
        SlotOverflow: if ``slot_bits`` is not one of ``SLOT_BITS``.
    """

    n: int
    slot_bits: int

    def __post_init__(self) -> None:
        if self.slot_bits not in SLOT_BITS:
            widths = " or ".join(map(str, SLOT_BITS))
            raise SlotOverflow(f"a slot must have {widths} bits, not {self.slot_bits}")

    @property
    def slots(self) -> int:
        """Entries per plaintext; ``|P| < 2^(B·slots) ≤ n/2``."""
        return (self.n.bit_length() - 2) // self.slot_bits

    @property
    def bound(self) -> int:
        """The bound of every entry and every weighted sum: absolute values must be below it."""
        return 1 << (self.slot_bits - 1)

    @property
    def _offset(self) -> int:
        return sum(self.bound << (self.slot_bits * slot) for slot in range(self.slots))

    def count(self, entries: int) -> int:
        """Return the number of plaintexts for ``entries`` entries."""
        return -(-entries // self.slots)

    def pack(self, vector: npt.NDArray[np.integer]) -> list[int]:
        """Return the plaintexts of a vector ``(d,)``, residues modulo ``n``; zeros pad the last.

        Raises:
            SlotOverflow: if an entry does not fit a slot.
            ValueError: if it is not a vector of signed integers, or empty.
        """
        if vector.ndim != 1 or vector.size == 0 or vector.dtype.kind != "i":
            raise ValueError("expected a vector of signed integers, not empty")
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
        """Return the vector, int64 ``(entries,)``, that the plaintexts hold.

        Raises:
            SlotOverflow: if a plaintext is not a packed vector, the last has more than zeros after
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
        narrow = np.frombuffer(bytes(octets), np.uint8).reshape(-1, slot_bytes)  # (slots, bytes)
        wide = np.zeros((len(narrow), 8), np.uint8)
        wide[:, :slot_bytes] = narrow
        vector: npt.NDArray[np.int64] = wide.view("<i8")[:, 0] - np.int64(self.bound)
        if np.any(vector[entries:]):
            raise SlotOverflow("a packed vector continues after its last entry")
        return vector[:entries]


def check_weighted_bound(packing: Packing, largest: Sequence[int], weights: Sequence[int]) -> None:
    """Check that ``Σ w_k·v_k`` stays within the slots, ``largest[k]`` bounding ``|v_k|``.

    Raises:
        SlotOverflow: if it could exceed them.
    """
    reach = sum(weight * bound for weight, bound in zip(weights, largest, strict=True))
    if reach >= packing.bound:
        raise SlotOverflow(
            f"weighted sums could reach {reach}, beyond a slot of {packing.slot_bits} bits"
        )
