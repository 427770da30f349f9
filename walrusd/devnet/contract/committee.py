"""Module ``committee``, first part: who verifies a submission.

One transaction draws a beacon over the list of eligible seats, a later one seats who it picks.
"""

from walrusd.chain.layouts.events import CommitteeSeated, LotDrawn, LotFailed
from walrusd.chain.layouts.objects import (
    CommitteeSeat,
    Lot,
    Market,
    Submission,
    Task,
    VerifierPool,
)
from walrusd.core.lifecycle import SeatStatus, SubmissionState, TaskPhase
from walrusd.core.protocol import compute_seat_draw
from walrusd.devnet.contract.checks import check_case
from walrusd.devnet.contract.constants import DIGEST
from walrusd.devnet.contract.functions import Module, require
from walrusd.devnet.contract.holdings import check_state, enter_state, pay_tip
from walrusd.devnet.contract.lot import begin_lot, choose_seats, end_lot
from walrusd.devnet.contract.node import pin
from walrusd.devnet.contract.task import check_phase
from walrusd.devnet.move.context import ClockObject, MoveContext, Random
from walrusd.devnet.move.signatures import CLOCK, RANDOM, mut, ref
from walrusd.units import address_bytes

MODULE = Module("committee")


@MODULE.entry(ref(Market), ref(Task), mut(VerifierPool), mut(Submission), RANDOM, CLOCK)
def draw_committee(
    ctx: MoveContext,
    market: Market,
    task: Task,
    pool: VerifierPool,
    submission: Submission,
    _random: Random,
    clock: ClockObject,
) -> None:
    """Store who may verify a submission, then draw the beacon that picks among them.

    The tip is paid for the first lot alone: a lot that fails must not empty the escrow.
    """
    check_case(market, task, pool, submission)
    check_phase(task, TaskPhase.OPENING, TaskPhase.VERIFYING)
    check_state(submission, SubmissionState.COMMITTED)
    require(submission.lot is None, "committee.ELotDrawn")
    now, terms = clock.timestamp_ms, task.terms
    parties = {task.publisher, submission.contributor, submission.dataset_owner}
    wanted = terms.committee + terms.substitutes
    eligible = begin_lot(pool, submission.id, terms, task.opened_ms, parties, wanted, now)

    if submission.beacon == b"":
        pay_tip(task, submission, ctx.sender)
    beacon = ctx.random_bytes(DIGEST)
    submission.beacon = beacon
    submission.lot = Lot(eligible, beacon, now)
    ctx.emit(LotDrawn(task.id, submission.id, beacon, len(eligible), now))


@MODULE.public(ref(Market), ref(Task), mut(VerifierPool), mut(Submission), CLOCK)
def seat_committee(
    ctx: MoveContext,
    market: Market,
    task: Task,
    pool: VerifierPool,
    submission: Submission,
    clock: ClockObject,
) -> None:
    """Seat committee and substitutes that the lot picks; if it picks too few, draw another."""
    check_case(market, task, pool, submission)
    check_state(submission, SubmissionState.COMMITTED)
    lot = submission.lot
    require(lot is not None, "committee.ENoLot")
    assert lot is not None, "required above"

    now, terms, name = clock.timestamp_ms, task.terms, address_bytes(submission.id)
    wanted = terms.committee + terms.substitutes

    def draw(attempt: int, remaining: int) -> int:
        return compute_seat_draw(lot.beacon, name, attempt, remaining)

    chosen = choose_seats(pool, lot.eligible, lot.at_ms, wanted, (), draw)
    end_lot(pool, submission.id)
    submission.lot = None
    if len(chosen) < wanted:
        ctx.emit(LotFailed(task.id, submission.id, b"", now))
        return
    seats = [_make_seat(pool, index, slot) for slot, index in enumerate(chosen)]
    submission.committee = seats[: terms.committee]
    submission.substitutes = seats[terms.committee :]
    pay_tip(task, submission, ctx.sender)
    enter_state(submission, SubmissionState.SEATED, now)
    ctx.emit(
        CommitteeSeated(
            task=task.id,
            submission=submission.id,
            pool_indices=chosen,
            verifiers=[seat.verifier for seat in seats],
            at_ms=now,
        )
    )


def _make_seat(pool: VerifierPool, index: int, slot: int) -> CommitteeSeat:
    """Give a seat of the pool the duty, and return what the submission keeps of it."""
    pin(pool, index)
    drawn = pool.seats[index]
    return CommitteeSeat(
        pool_index=index,
        generation=drawn.generation,
        verifier=drawn.verifier,
        keys=drawn.keys,
        envelope=b"",
        slot=slot,
        status=SeatStatus.SEATED,
        attested=0,
        tries=0,
    )
