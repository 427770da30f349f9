"""Module ``settlement``: the crank that ends a submission, and the claiming of credits."""

from walrusd.chain.layouts.events import CreditClaimed
from walrusd.chain.layouts.objects import Market, Submission, Task, VerifierPool
from walrusd.core.lifecycle import TERMINAL, DisputePhase, EndReason, SubmissionState, TaskPhase
from walrusd.devnet.contract.audit import is_audit_pending
from walrusd.devnet.contract.checks import check_case
from walrusd.devnet.contract.credit import take_credit
from walrusd.devnet.contract.dispute import is_audit
from walrusd.devnet.contract.ending import end, end_never_opened, end_undecided
from walrusd.devnet.contract.functions import Module, require
from walrusd.devnet.contract.holdings import add_full_late_fee, pay_tip
from walrusd.devnet.contract.market import check_market, check_versions
from walrusd.devnet.contract.outcome import dismiss
from walrusd.devnet.contract.payment import pay_aborted, pay_lapsed, pay_void
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
    """End a submission that is finished, whose contributor is absent, or that hangs too long."""
    check_case(market, task, pool, submission)
    require(submission.state not in TERMINAL, "settlement.EAlreadyEnded")
    now = clock.timestamp_ms
    match submission.state:
        case SubmissionState.JOINED:
            _settle_joined(ctx, task, pool, submission, now)
        case SubmissionState.COMMITTED:
            _void_stalled(ctx, task, pool, submission, now)
        case SubmissionState.SEATED:
            _settle_unopened(ctx, task, pool, submission, now)
        case SubmissionState.AUDITED:
            _settle_audited(ctx, task, pool, submission, now)
        case SubmissionState.DISPUTED:
            _settle_stalled(ctx, task, pool, submission, now)
        case _:
            # Silent seats are replaced first, an attested submission drawn for its audit.
            require(False, "settlement.ETooEarly")


def _settle_joined(
    ctx: MoveContext, task: Task, pool: VerifierPool, submission: Submission, now: int
) -> None:
    if task.phase == TaskPhase.VOID:
        state, reason = SubmissionState.VOID, EndReason.TASK_VOID
        pay_tip(task, submission, ctx.sender)
        end(ctx, task, pool, submission, state, reason, pay_void(task, submission), now)
        return
    is_closed = task.phase in (TaskPhase.OPENING, TaskPhase.VERIFYING)
    require(is_closed, "settlement.ETooEarly")
    state, reason = SubmissionState.LAPSED, EndReason.NO_COMMIT
    pay_tip(task, submission, ctx.sender)
    end(ctx, task, pool, submission, state, reason, pay_lapsed(task, submission), now)


def _void_stalled(
    ctx: MoveContext, task: Task, pool: VerifierPool, submission: Submission, now: int
) -> None:
    """End work for which no committee could be drawn in twice the longest life of a task."""
    is_waiting = submission.lot is None
    require(is_waiting and now >= task.ends_by_ms, "settlement.ETooEarly")
    state, reason = SubmissionState.VOID, EndReason.STALLED
    pay_tip(task, submission, ctx.sender)
    end(ctx, task, pool, submission, state, reason, pay_void(task, submission), now)


def _settle_unopened(
    ctx: MoveContext, task: Task, pool: VerifierPool, submission: Submission, now: int
) -> None:
    """End what its contributor did not open to the whole committee."""
    opening = submission.opening
    is_absent = opening is None or not opening.was_complete
    require(is_absent and _is_grace_over(task, submission, now), "settlement.ETooEarly")
    pay_tip(task, submission, ctx.sender)
    end_never_opened(ctx, task, pool, submission, now)


def _settle_audited(
    ctx: MoveContext, task: Task, pool: VerifierPool, submission: Submission, now: int
) -> None:
    is_over = _is_grace_over(task, submission, now)
    if is_audit_pending(task, submission):
        # Anyone who has the leaf can start the audit; the contributor certainly has it.
        require(is_over, "settlement.ETooEarly")
        pay_tip(task, submission, ctx.sender)
        end_never_opened(ctx, task, pool, submission, now)
    elif submission.abort is not None:
        state, reason = SubmissionState.ABORTED, EndReason.PLAN_ABORTED
        pay_tip(task, submission, ctx.sender)
        end(ctx, task, pool, submission, state, reason, pay_aborted(task, submission), now)
    else:
        require(is_over, "settlement.ETooEarly")
        pay_tip(task, submission, ctx.sender)
        add_full_late_fee(task.terms, submission)
        end_undecided(ctx, task, pool, submission, EndReason.UPDATE_WITHHELD, now)


def _settle_stalled(
    ctx: MoveContext, task: Task, pool: VerifierPool, submission: Submission, now: int
) -> None:
    """End a case for which no jury could be drawn in twice the longest life of a task.

    An audit cannot be left out, so without its jury nothing is decided. Any other case is dismissed
    and the submission goes on: whoever keeps seats from a jury must not keep work from its reward.
    """
    dispute = submission.dispute
    assert dispute is not None, "a disputed submission has a case"
    is_waiting = dispute.phase == DisputePhase.WAITING
    require(is_waiting and now >= task.ends_by_ms, "settlement.EDisputed")
    pay_tip(task, submission, ctx.sender)
    if is_audit(dispute):
        end_undecided(ctx, task, pool, submission, EndReason.STALLED, now)
    else:
        dismiss(ctx, task, pool, submission, dispute, now)


def _is_grace_over(task: Task, submission: Submission, now: int) -> bool:
    return now >= submission.window_ms + task.terms.open_ms + task.terms.grace_ms


@MODULE.public(ref(Market), mut(Submission), returns=(COIN,))
def claim(ctx: MoveContext, market: Market, submission: Submission) -> Coin:
    """Pay out the sender's credit."""
    check_versions(market, submission)
    check_market(market, submission)
    amount = take_credit(submission.credits, ctx.sender)
    require(amount > 0, "settlement.ENothingToClaim")

    submission.credited -= amount
    ctx.emit(CreditClaimed(submission.id, ctx.sender, amount))
    return ctx.new_coin(amount)
