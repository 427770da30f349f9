"""What anyone may do about the dead seats of a pool, so that they do not keep others out."""

from enum import Enum
from typing import Protocol

from walrusd.core.seats.eligibility import PoolSeat, PoolTerms, is_vacant

SILENT_EVICTED = 2
"""After so many duties in a row at which a seat was silent anybody may exit it."""


class SeatStep(Enum):
    """A permissionless entry point of the contract about one seat."""

    EVICT = "evict"
    """Let it unbond: it was silent twice in a row, or not renewed in time."""
    RELEASE = "release"
    """Pay its stake to its verifier, which frees the slot."""


class HeldSeat(PoolSeat, Protocol):
    """A slot of a pool, with how often in a row its seat was silent."""

    silent: int


class HeldTerms(PoolTerms, Protocol):
    """What a pool fixes, with how long a seat unbonds, in milliseconds."""

    unbonding_ms: int


def compute_seat_step(seat: HeldSeat, pool: HeldTerms, now_ms: int) -> SeatStep | None:
    """Return the step that is due about a seat, if any."""
    if is_vacant(seat):
        return None
    if not seat.exiting_at_ms:
        is_expired = now_ms >= seat.renewed_ms + pool.seat_life_ms
        return SeatStep.EVICT if is_expired or seat.silent >= SILENT_EVICTED else None
    is_unbonded = now_ms >= seat.exiting_at_ms + pool.unbonding_ms
    return SeatStep.RELEASE if is_unbonded and seat.duties == 0 else None
