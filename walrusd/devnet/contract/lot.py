"""Module ``node``, last part: the lot, for committees and juries alike.

The transaction that draws a beacon stores the list of eligible seats before. Another one then
seats who the beacon picks from that list alone, so whoever acts in between changes nothing. While
a lot is drawn and not seated the pool has no other, so no seat on the list takes another duty.
"""

from collections.abc import Callable, Collection

from walrusd.chain.layouts.objects import Terms, VerifierPool
from walrusd.devnet.contract.constants import MAX_TRIES, NOBODY
from walrusd.devnet.contract.fitness import list_eligible
from walrusd.devnet.contract.functions import require
from walrusd.devnet.contract.seats import is_vacant


def begin_lot(
    pool: VerifierPool,
    submission: str,
    terms: Terms,
    opened_ms: int,
    parties: Collection[str],
    wanted: int,
    now: int,
) -> list[int]:
    """Reserve the pool's lot for a submission, and return who may be drawn.

    It aborts, and nothing changes, while another lot is drawn, while fewer than ``wanted`` seats
    are eligible, and while fewer than two thirds of those that fit are: whoever keeps his own seats
    idle and the others busy would own the lot. The caller makes the beacon last.
    """
    require(pool.lot == NOBODY, "node.ELotPending")
    eligible, fit = list_eligible(pool, terms, opened_ms, now, parties)
    require(len(eligible) >= wanted, "node.ETooFewSeats")
    require(3 * len(eligible) >= 2 * fit, "node.EPoolBusy")
    pool.lot = submission
    return eligible


def choose_seats(
    pool: VerifierPool,
    eligible: list[int],
    drawn_ms: int,
    wanted: int,
    taken: Collection[str],
    draw: Callable[[int, int], int],
) -> list[int]:
    """Return ``wanted`` indices of the pool, of different verifiers, or fewer if the list ends.

    ``draw`` maps an attempt and the number of places left to one of them, which leaves the list: it
    takes the last one's entry. ``taken`` are verifiers that may not be chosen. A slot that was
    left after the lot was drawn is passed over, whoever holds it now.
    """
    left, barred, attempt = list(eligible), set(taken), 0
    chosen: list[int] = []
    while attempt < MAX_TRIES and left and len(chosen) < wanted:
        at = draw(attempt, len(left))
        left[at], left[-1] = left[-1], left[at]
        index = left.pop()
        seat = pool.seats[index]
        is_same = not is_vacant(seat) and seat.active_from_ms < drawn_ms
        if is_same and seat.verifier not in barred:
            barred.add(seat.verifier)
            chosen.append(index)
        attempt += 1
    return chosen


def end_lot(pool: VerifierPool, submission: str) -> None:
    """Free the pool's lot, if it is this submission's."""
    if pool.lot == submission:
        pool.lot = NOBODY
