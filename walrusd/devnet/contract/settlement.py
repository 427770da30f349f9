"""Module ``settlement``: the crank that ends a submission, and the claiming of credits."""

from walrusd.chain.layouts.events import CreditClaimed
from walrusd.chain.layouts.objects import Market, Submission, Task, VerifierPool
from walrusd.core.lifecycle import TERMINAL, EndReason, SubmissionState
from walrusd.devnet.contract.audit import is_audit_pending
from walrusd.devnet.contract.credit import take_credit
from walrusd.devnet.contract.ending import end
from walrusd.devnet.contract.functions import Module, require
from walrusd.devnet.contract.holdings import pay_from_escrow
from walrusd.devnet.contract.market import check_pool, check_versions
from walrusd.devnet.contract.substitutes import penalize_silent
from walrusd.devnet.contract.task import check_belongs
from walrusd.devnet.move.context import ClockObject, Coin, MoveContext
from walrusd.devnet.move.signatures import CLOCK, COIN, mut, ref

MODULE = Module("settlement")


@MODULE.public(ref(Market), mut(Task), mut(VerifierPool), mut(Submission), CLOCK)
def settle(
    ctx: MoveContext,
    market: Market,
    task: Task,
    pool: VerifierPool,
    submission: Submission,
    clock: ClockObject,
) -> None:
    """End a submission that is finished, or whose contributor or committee is absent."""
    check_versions(market, task, pool, submission)
    check_pool(market, pool)
    check_belongs(task, submission)
    require(submission.state not in TERMINAL, "settlement.EAlreadyEnded")
    require(submission.state != SubmissionState.DISPUTED, "settlement.EDisputed")
    now = clock.timestamp_ms
    state, reason = _decide(task, submission, now)

    if reason == EndReason.NOT_FULLY_ATTESTED:
        penalize_silent(ctx, task, pool, submission)
    pay_from_escrow(submission, ctx.sender, task.tip)
    end(ctx, market, task, pool, submission, state, reason, now)


def _decide(task: Task, submission: Submission, now: int) -> tuple[SubmissionState, EndReason]:
    """Return how a submission ends now; abort if it is too early."""
    terms, opened_ms = task.terms, submission.window_ms
    match submission.state:
        case SubmissionState.JOINED:
            require(len(task.beacon) > 0, "settlement.ETooEarly")
            return SubmissionState.LAPSED, EndReason.NO_COMMIT
        case SubmissionState.SEATED:
            closes_ms = opened_ms + terms.open_ms + terms.grace_ms
            require(now >= closes_ms, "settlement.ETooEarly")
            return SubmissionState.REJECTED, EndReason.NEVER_OPENED
        case SubmissionState.OPENED:
            is_over = now >= opened_ms + terms.verify_ms
            require(submission.replaced and is_over, "settlement.ETooEarly")
            return SubmissionState.UNDECIDED, EndReason.NOT_FULLY_ATTESTED
        case SubmissionState.AUDITED if is_audit_pending(task, submission):
            # Anyone who has the leaf can start the audit; the contributor certainly has it.
            closes_ms = opened_ms + terms.open_ms + terms.grace_ms
            require(now >= closes_ms, "settlement.ETooEarly")
            return SubmissionState.REJECTED, EndReason.NEVER_OPENED
        case _:
            # A committed submission is seated first, an attested one drawn for its audit.
            require(submission.state == SubmissionState.AUDITED, "settlement.ETooEarly")
            if submission.abort is not None:
                return SubmissionState.ABORTED, EndReason.PLAN_ABORTED
            return SubmissionState.ACCEPTED, EndReason.ATTESTED


@MODULE.public(ref(Market), mut(Submission), returns=(COIN,))
def claim(ctx: MoveContext, market: Market, submission: Submission) -> Coin:
    """Pay out the sender's credit."""
    check_versions(market, submission)
    amount = take_credit(submission.credits, ctx.sender)
    require(amount > 0, "settlement.ENothingToClaim")

    submission.credited -= amount
    ctx.emit(CreditClaimed(submission.id, ctx.sender, amount))
    return ctx.new_coin(amount)
