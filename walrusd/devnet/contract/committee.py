"""Module ``committee``, first half: who verifies a submission."""

from collections.abc import Collection

from walrusd.chain.layouts.events import CommitteeSeated
from walrusd.chain.layouts.objects import (
    CommitteeSeat,
    Market,
    Seat,
    Submission,
    Task,
    VerifierPool,
)
from walrusd.core.lifecycle import EndReason, SeatStatus, SubmissionState
from walrusd.core.protocol import compute_seat_draw
from walrusd.devnet.contract.ending import end
from walrusd.devnet.contract.functions import Module, require
from walrusd.devnet.contract.holdings import check_state, enter_state, pay_from_escrow
from walrusd.devnet.contract.market import check_pool, check_versions
from walrusd.devnet.contract.node import draw_seats, is_eligible, pin
from walrusd.devnet.contract.task import check_belongs
from walrusd.devnet.move.context import ClockObject, MoveContext
from walrusd.devnet.move.signatures import CLOCK, mut, ref
from walrusd.units import address_bytes

MODULE = Module("committee")


@MODULE.public(ref(Market), mut(Task), mut(VerifierPool), mut(Submission), CLOCK)
def seat(
    ctx: MoveContext,
    market: Market,
    task: Task,
    pool: VerifierPool,
    submission: Submission,
    clock: ClockObject,
) -> None:
    """Seat the committee that the task's beacon picks; with too few verifiers, void it."""
    check_versions(market, task, pool, submission)
    check_pool(market, pool)
    check_belongs(task, submission)
    require(len(task.beacon) > 0, "committee.ENotDrawn")
    check_state(submission, SubmissionState.COMMITTED)

    now = clock.timestamp_ms
    chosen = _draw_committee(task, pool, submission)
    pay_from_escrow(submission, ctx.sender, task.tip)
    if len(chosen) < task.terms.committee:
        reason = EndReason.TOO_FEW_SEATS
        end(ctx, market, task, pool, submission, SubmissionState.VOID, reason, now)
        return
    for slot, index in enumerate(chosen):
        submission.committee.append(make_seat(pool, index, slot))
    enter_state(submission, SubmissionState.SEATED, now)
    ctx.emit(
        CommitteeSeated(
            task=task.id,
            submission=submission.id,
            pool_indices=chosen,
            verifiers=[seated.verifier for seated in submission.committee],
            at_ms=now,
        )
    )


def _draw_committee(task: Task, pool: VerifierPool, submission: Submission) -> list[int]:
    return draw_verifiers(task, pool, submission, task.terms.committee, task.drawn_ms)


# --- also for substitutes -----------------------------------------------------------------------


def draw_verifiers(
    task: Task,
    pool: VerifierPool,
    submission: Submission,
    wanted: int,
    drawn_ms: int,
    taken: Collection[int] = (),
) -> list[int]:
    """Return the pool indices that the task's beacon picks, none of them ``taken``.

    Seats that are exiting at ``drawn_ms`` are left out.
    """
    terms, name = task.terms, address_bytes(submission.id)
    excluded = {task.publisher, submission.contributor, submission.dataset_owner}

    def draw(attempt: int) -> int:
        return compute_seat_draw(task.beacon, name, attempt, task.pool_len)

    def accepts(index: int, candidate: Seat) -> bool:
        fee, opened = terms.verifier_fee, task.opened_ms
        return index not in taken and is_eligible(candidate, terms, fee, opened, drawn_ms, excluded)

    return draw_seats(pool, task.pool_len, wanted, draw, accepts)


def make_seat(pool: VerifierPool, index: int, slot: int) -> CommitteeSeat:
    """Bind a seat of the pool and return its committee seat."""
    pin(pool, index)
    drawn = pool.seats[index]
    return CommitteeSeat(index, drawn.verifier, drawn.key, slot, SeatStatus.SEATED, attested=0)
