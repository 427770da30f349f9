"""Module ``ending``: the common part of every submission's end."""

from walrusd.chain.layouts.events import SubmissionEnded, TaskSettled
from walrusd.chain.layouts.objects import Market, Submission, Task, VerifierPool
from walrusd.core.lifecycle import EndReason, SubmissionState, TaskPhase
from walrusd.devnet.contract.credit import burn
from walrusd.devnet.contract.holdings import enter_state
from walrusd.devnet.contract.node import unpin
from walrusd.devnet.contract.payment import pay_end
from walrusd.devnet.move.context import MoveContext


def end(
    ctx: MoveContext,
    market: Market,
    task: Task,
    pool: VerifierPool,
    submission: Submission,
    state: SubmissionState,
    reason: EndReason,
    now: int,
) -> None:
    """End a submission: free its committee, turn its money into credits, update its task."""
    for seat in submission.committee:
        unpin(pool, seat.pool_index)

    payout = pay_end(ctx, market, task, pool, submission, reason)
    # The rest of the stake is burned: a punishment, or a fee for being late.
    burned, submission.stake = submission.stake, 0
    burn(ctx, burned)
    task.pool += submission.escrow
    submission.escrow = 0

    if state == SubmissionState.ACCEPTED:
        task.accepted += 1
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
        ctx.emit(TaskSettled(task.id, task.accepted, now))
