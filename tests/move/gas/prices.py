"""Sui's published cost table, as far as the estimates of docs/gas.md use it."""

import hashlib
from contextlib import contextmanager

# Sui's protocol configuration (mainnet): internal units, 1,000 of which are a gas unit.
TIERS = ((0, 1), (20_000, 2), (50_000, 10), (100_000, 50), (200_000, 100))
READ_PER_BYTE = 15
HASH_BASE, HASH_PER_BYTE = 52, 2
G1_DECODE, G1_ADD, G1_MUL, HASH_TO_G1 = 2_848, 1_556, 4_842, 3_006
NATIVES = {
    "scalar_from_bytes": 7,
    "g1_from_bytes": G1_DECODE,
    "g1_add": G1_ADD,
    "g1_sub": 1_550,
    "g1_mul": G1_MUL,
    "g2_from_bytes": 3_770,
    "g2_sub": 3_019,
    "g2_mul": 9_108,
    "gt_add": 188,
    "hash_to_g1": 2_962,
    "pairing": 26_897,
    # Constants: nothing is computed or checked.
    "g1_generator": 0,
    "g1_identity": 0,
    "g2_generator": 0,
    "g2_identity": 0,
}
"""Of each function of ``sui::bls12381``; hashing to the curve costs 2 a byte beside."""
BCS_PER_BYTE = 2
MAX_UNITS = 5_000_000
"""Computation that a transaction may cost at most."""
INTERNAL_PER_UNIT, ROUNDING = 1_000, 1_000
STORAGE_MIST_PER_BYTE = 100 * 76
KEPT_OF_REBATE = 100
"""One part in so many of a storage deposit stays with the network whenever an object changes."""

# Our own figures.
BODY, PER_HASHED_BYTE = 3_000, 2
"""Instructions of a function's body, and of making one byte that is hashed: one ``bcs::to_bytes``
makes a whole preimage."""


@contextmanager
def counting_hashes(counts: list[int]):
    """Count SHA-256 hashes that are begun, and the bytes they take, in ``counts``."""
    original = hashlib.sha256

    class Counted:
        def __init__(self, data=b"", **kwargs):
            counts[0] += 1
            counts[1] += len(data)
            self._state = original(data, **kwargs)

        def update(self, data):
            counts[1] += len(data)
            self._state.update(data)

        def __getattr__(self, name):
            return getattr(self._state, name)

    hashlib.sha256 = Counted
    try:
        yield
    finally:
        hashlib.sha256 = original


def compute_instruction_cost(count: int) -> int:
    """Return the internal units of ``count`` instructions, each tier costlier than the last."""
    total = 0
    for (start, price), (end, _) in zip(TIERS, (*TIERS[1:], (max(count, 0), 0)), strict=True):
        total += max(0, min(count, end) - start) * price
    return total


def round_up_units(internal: int) -> int:
    """Return the gas units that ``internal`` units are charged as: whole thousands, not none."""
    units = internal // INTERNAL_PER_UNIT
    return max(1, -(-units // ROUNDING)) * ROUNDING
