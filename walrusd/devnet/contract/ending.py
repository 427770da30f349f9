"""Module ``ending``: the common part of every submission's end."""

from walrusd.chain.layouts.events import SubmissionEnded, TaskSettled
from walrusd.chain.layouts.objects import Submission, Task, VerifierPool
from walrusd.core.lifecycle import EndReason, SeatStatus, SubmissionState, TaskPhase
from walrusd.devnet.contract.credit import burn
from walrusd.devnet.contract.holdings import enter_state, return_bond
from walrusd.devnet.contract.node import note_service, unbook, unpin
from walrusd.devnet.contract.payment import pay_attested_from_stake, pay_undecided
from walrusd.devnet.contract.terms import compute_places
from walrusd.devnet.move.context import MoveContext


def end(
    ctx: MoveContext,
    task: Task,
    pool: VerifierPool,
    submission: Submission,
    state: SubmissionState,
    reason: EndReason,
    payout: int,
    now: int,
) -> None:
    """End a submission whose credits are made: free its seats, burn what is left of its stake.

    ``payout`` is what its contributor got, in Mist. Jurors are free already.
    """
    for seat in submission.committee:
        if seat.status == SeatStatus.ATTESTED:
            note_service(pool, seat.pool_index)
    for seat in submission.committee + submission.substitutes:
        unpin(pool, seat.pool_index)
    if task.phase != TaskPhase.VOID:
        unbook(pool, compute_places(task.terms))

    return_bond(submission)
    # The rest of the stake is burned: a punishment, or a fee for being late.
    burned, submission.stake = submission.stake, 0
    burn(ctx, burned)
    task.funds += submission.escrow
    submission.escrow = 0

    if state == SubmissionState.ACCEPTED:
        task.accepted |= 1 << submission.number
        task.accepted_weight += submission.weight
    task.ended += 1
    enter_state(submission, state, now)
    submission.reason = reason
    ctx.emit(
        SubmissionEnded(
            task=task.id,
            submission=submission.id,
            contributor=submission.contributor,
            state=state,
            reason=reason,
            payout=payout,
            burned=burned,
            at_ms=now,
        )
    )
    is_running = task.phase in (TaskPhase.OPENING, TaskPhase.VERIFYING)
    if is_running and task.ended == len(task.entries):
        task.phase = TaskPhase.SETTLED
        task.phase_ms = now
        ctx.emit(TaskSettled(task.id, task.accepted.bit_count(), now))


def end_undecided(
    ctx: MoveContext,
    task: Task,
    pool: VerifierPool,
    submission: Submission,
    reason: EndReason,
    now: int,
) -> None:
    """End where no fault or no culprit is known: the stake goes back, nobody is rewarded."""
    payout = pay_undecided(task, submission)
    end(ctx, task, pool, submission, SubmissionState.UNDECIDED, reason, payout, now)


def end_never_opened(
    ctx: MoveContext, task: Task, pool: VerifierPool, submission: Submission, now: int
) -> None:
    """End because the opening, a key or the audit's leaf never came: the stake is lost."""
    pay_attested_from_stake(task, submission)
    state, reason = SubmissionState.REJECTED, EndReason.NEVER_OPENED
    end(ctx, task, pool, submission, state, reason, 0, now)
