"""Module ``ending``: what every submission's end has in common: where its money goes."""

from walrusd.chain.layouts.events import SubmissionEnded, TaskSettled
from walrusd.chain.layouts.objects import Market, Submission, Task, VerifierPool
from walrusd.core.lifecycle import EndReason, SeatStatus, SubmissionState, TaskPhase
from walrusd.devnet.contract.constants import BPS
from walrusd.devnet.contract.credit import burn
from walrusd.devnet.contract.dispute import accuser_holds_value, compute_majority, holds_value
from walrusd.devnet.contract.holdings import (
    enter_state,
    pay_from_bond,
    pay_from_escrow,
    pay_from_stake,
)
from walrusd.devnet.contract.node import unpin
from walrusd.devnet.move_env import MoveContext


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
    """End a submission: free its committee, turn its money into credits, tell its task."""
    for seat in submission.committee:
        unpin(pool, seat.pool_index)

    payout = _pay(market, task, submission, reason)
    # What nobody was paid of the stake is burned: every reason but a punishment pays it out.
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


def _pay(market: Market, task: Task, submission: Submission, reason: EndReason) -> int:
    """Make the credits of an end; return what the contributor gets."""
    match reason:
        case EndReason.ATTESTED:
            return _pay_accepted(task, submission)
        case EndReason.CHALLENGE_CONFIRMED:
            _pay_confirmed(market, task, submission)
            return 0
        case EndReason.NEVER_OPENED:
            return 0
        case EndReason.NO_COMMIT:
            return _return_stake(submission, keeping=task.terms.lapse_penalty)
        case _:
            return _pay_undecided(task, submission)


def _return_stake(submission: Submission, keeping: int = 0) -> int:
    amount = submission.stake - keeping
    pay_from_stake(submission, submission.contributor, amount)
    return amount


def _pay_accepted(task: Task, submission: Submission) -> int:
    terms = task.terms
    stake = _return_stake(submission)
    pay_from_escrow(submission, submission.contributor, terms.reward)
    for seat in submission.committee:
        pay_from_escrow(submission, seat.verifier, terms.verifier_fee)
    return stake + terms.reward


def _pay_confirmed(market: Market, task: Task, submission: Submission) -> None:
    """A forger's stake pays those who found out, then the accuser's share; the rest burns."""
    terms, dispute, stake = task.terms, submission.dispute, submission.stake
    assert dispute is not None, "a confirmed challenge has a dispute"
    value = compute_majority(dispute)
    assert value is not None, "a confirmed challenge has a majority"
    for seat in submission.committee:
        pay_from_stake(submission, seat.verifier, terms.verifier_fee)
    for juror in dispute.jurors:
        if holds_value(juror, value):
            pay_from_stake(submission, juror.verifier, terms.juror_fee)
    if accuser_holds_value(dispute, value):
        share = stake * market.params.accuser_share_bps // BPS
        pay_from_stake(submission, dispute.accuser, min(submission.stake, share))
    pay_from_bond(submission, dispute.accuser, submission.bond)


def _pay_undecided(task: Task, submission: Submission) -> int:
    """Nobody is at fault, or nobody knows who: stake, bond, and fees for what was done.

    A void submission has neither a committee nor a dispute, so only its stake moves.
    """
    amount = _return_stake(submission)
    for seat in submission.committee:
        if seat.status == SeatStatus.ATTESTED:
            pay_from_escrow(submission, seat.verifier, task.terms.verifier_fee)
    if submission.dispute is not None:
        pay_from_bond(submission, submission.dispute.accuser, submission.bond)
    return amount
