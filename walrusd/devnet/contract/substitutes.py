"""Module ``committee``, third part: substitutes for silent seats, at those seats' cost."""

from walrusd.chain.layouts.objects import Market, Submission, Task, VerifierPool
from walrusd.core.lifecycle import EndReason, SubmissionState
from walrusd.devnet.contract.checks import check_case
from walrusd.devnet.contract.constants import MAX_ROUNDS
from walrusd.devnet.contract.ending import end_undecided
from walrusd.devnet.contract.functions import Module, require
from walrusd.devnet.contract.holdings import check_state, pay_tip
from walrusd.devnet.contract.places import (
    give_on,
    has_attested,
    has_reported,
    penalize_places,
)
from walrusd.devnet.move.context import ClockObject, MoveContext
from walrusd.devnet.move.signatures import CLOCK, mut, ref

MODULE = Module("committee")


@MODULE.public(ref(Market), mut(Task), mut(VerifierPool), mut(Submission), CLOCK)
def replace(
    ctx: MoveContext,
    market: Market,
    task: Task,
    pool: VerifierPool,
    submission: Submission,
    clock: ClockObject,
) -> None:
    """Give the places that have not attested in time to substitutes; without, end undecided.

    A seat that reported the opening was not silent: it loses its place and nothing else. Nor does
    one lose more when the task's time is up, as it could not accuse what it will not attest.
    """
    check_case(market, task, pool, submission)
    check_state(submission, SubmissionState.OPENED)
    now = clock.timestamp_ms
    require(now >= submission.window_ms + task.terms.verify_ms, "committee.ETooEarly")

    pay_tip(task, submission, ctx.sender)
    waiting = [at for at in range(len(submission.committee)) if not has_attested(submission, at)]
    silent = [at for at in waiting if not has_reported(submission, at)]
    if now < task.ends_by_ms:
        penalize_places(ctx, task, pool, submission, silent)
    reason = EndReason.NOT_FULLY_ATTESTED
    if submission.rounds == MAX_ROUNDS:
        end_undecided(ctx, task, pool, submission, reason, now)
        return
    submission.rounds += 1
    give_on(ctx, task, pool, submission, waiting, reason, now)
