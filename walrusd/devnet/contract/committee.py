"""Module ``committee``: who verifies a submission."""

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
from walrusd.devnet.move_env import CLOCK, Clock, MoveContext, mut, ref
from walrusd.units import address_bytes

MODULE = Module("committee")


@MODULE.public(ref(Market), mut(Task), mut(VerifierPool), mut(Submission), CLOCK)
def seat(
    ctx: MoveContext,
    market: Market,
    task: Task,
    pool: VerifierPool,
    submission: Submission,
    clock: Clock,
) -> None:
    """Seat the committee that the task's beacon picks; too few verifiers: void."""
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
    for index in chosen:
        pin(pool, index)
        drawn = pool.seats[index]
        submission.committee.append(
            CommitteeSeat(index, drawn.verifier, drawn.key, SeatStatus.SEATED, attested=0)
        )
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
    terms, name = task.terms, address_bytes(submission.id)
    excluded = {task.publisher, submission.contributor, submission.dataset_owner}

    def draw(attempt: int) -> int:
        return compute_seat_draw(task.beacon, name, attempt, task.pool_len)

    def accepts(candidate: Seat) -> bool:
        fee, opened, drawn = terms.verifier_fee, task.opened_ms, task.drawn_ms
        return is_eligible(candidate, terms, fee, opened, drawn, excluded)

    return draw_seats(pool, task.pool_len, terms.committee, draw, accepts)
