"""Which segment a seat replays (PROTOCOL section 4).

``compute_shuffled_index`` is the swap-or-not shuffle of the Ethereum consensus specification
(phase 0, "compute_shuffled_index") with 24 rounds: computable for one index without the rest,
so that the contract can check a single vote.
"""

import hashlib

ROUNDS = 24


def compute_shuffled_index(index: int, count: int, seed: bytes) -> int:
    """Return where ``index`` of ``count`` lands under the 32-byte ``seed``.

    As in the consensus specification: SHA-256, one byte of round number, four little-endian bytes
    of position; no tag, so that the specification's own test vectors apply.

    Raises:
        ValueError: unless ``0 ≤ index < count``.
    """
    if not 0 <= index < count:
        raise ValueError(f"index {index} is outside 0..{count}")
    for round_ in range(ROUNDS):
        pivot_hash = hashlib.sha256(seed + bytes([round_])).digest()
        pivot = int.from_bytes(pivot_hash[:8], "little") % count
        flip = (pivot + count - index) % count
        position = max(index, flip)
        source = hashlib.sha256(
            seed + bytes([round_]) + (position // 256).to_bytes(4, "little")
        ).digest()
        if (source[(position % 256) // 8] >> (position % 8)) & 1:
            index = flip
    return index


def compute_dealt_segment(seed: bytes, segments: int, position: int) -> int:
    """Return the segment (1 … ``segments``) at a dealing ``position`` (0 … ``segments`` − 1).

    Position 0 belongs to seat 0 and always holds the last segment: the shuffle is composed with
    the transposition of ``segments`` and the segment it had put there, so it stays a permutation.

    Raises:
        ValueError: unless ``0 ≤ position < segments``.
    """
    first = 1 + compute_shuffled_index(0, segments, seed)
    if position == 0:
        return segments
    dealt = 1 + compute_shuffled_index(position, segments, seed)
    return first if dealt == segments else dealt


def compute_seat_segments(seed: bytes, segments: int, seat: int, per_seat: int) -> list[int]:
    """Return the ``per_seat`` segments of ``seat``: positions ``(seat·q + k) mod S``."""
    return [
        compute_dealt_segment(seed, segments, (seat * per_seat + k) % segments)
        for k in range(per_seat)
    ]
