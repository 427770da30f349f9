"""Module ``ending``, second part: who is paid what at a submission's end."""

from walrusd.chain.layouts.objects import Dispute, Market, Submission, Task, VerifierPool
from walrusd.core.lifecycle import ChallengeKind, EndReason, SeatStatus
from walrusd.devnet.contract.constants import BPS
from walrusd.devnet.contract.credit import burn
from walrusd.devnet.contract.dealt import compute_segments
from walrusd.devnet.contract.dispute import (
    Revealed,
    accuser_holds_value,
    compute_majority,
    holds_value,
    is_withheld,
)
from walrusd.devnet.contract.holdings import (
    pay_from_bond,
    pay_from_escrow,
    pay_from_publisher_bond,
    pay_from_stake,
)
from walrusd.devnet.contract.node import penalize
from walrusd.devnet.move.context import MoveContext


def pay_end(
    ctx: MoveContext,
    market: Market,
    task: Task,
    pool: VerifierPool,
    submission: Submission,
    reason: EndReason,
) -> int:
    """Make the credits of an end; return the contributor's payout in Mist."""
    match reason:
        case EndReason.ATTESTED:
            return _pay_accepted(task, submission)
        case EndReason.PLAN_ABORTED:
            return _pay_aborted(task, submission)
        case EndReason.CHALLENGE_CONFIRMED | EndReason.AUDIT_CONFIRMED:
            return _pay_confirmed(ctx, market, task, pool, submission)
        case EndReason.NEVER_OPENED if submission.dispute is not None:
            # A jury found the opening unavailable; its members are paid.
            return _pay_confirmed(ctx, market, task, pool, submission)
        case EndReason.NEVER_OPENED:
            return 0
        case EndReason.NO_COMMIT:
            return _return_stake(submission, keeping=task.terms.lapse_penalty)
        case _:
            return _pay_undecided(task, submission)


def _return_stake(submission: Submission, keeping: int) -> int:
    amount = submission.stake - keeping
    pay_from_stake(submission, submission.contributor, amount)
    return amount


def _pay_accepted(task: Task, submission: Submission) -> int:
    reward = task.terms.reward
    stake = _return_stake(submission, keeping=submission.late_fee)
    pay_from_escrow(submission, submission.contributor, reward)
    _pay_committee(task, submission)
    return stake + reward


def _pay_committee(task: Task, submission: Submission) -> None:
    for seat in submission.committee:
        pay_from_escrow(submission, seat.verifier, task.terms.verifier_fee)


def _pay_aborted(task: Task, submission: Submission) -> int:
    """Pay for a plan that cannot be carried out: the publisher's bond pays for the work done."""
    claim, terms = submission.abort, task.terms
    assert claim is not None, "only an abort claim ends aborted"
    stake = _return_stake(submission, keeping=submission.late_fee)
    earned = terms.reward * claim.segment // terms.segments
    from_bond = min(task.bond, earned)
    pay_from_publisher_bond(task, submission, from_bond)
    pay_from_escrow(submission, submission.contributor, earned - from_bond)
    _pay_committee(task, submission)
    return stake + earned


def _pay_confirmed(
    ctx: MoveContext, market: Market, task: Task, pool: VerifierPool, submission: Submission
) -> int:
    """Pay, from a forger's stake, who found out and the accuser's share; burn the rest.

    Seats that attested the forged segment lose theirs instead of being paid.
    """
    terms, dispute, stake = task.terms, submission.dispute, submission.stake
    assert dispute is not None, "a confirmed challenge has a dispute"
    value = compute_majority(dispute)
    assert value is not None, "a confirmed challenge has a majority"
    guilty = _find_guilty(task, submission, dispute, value)
    taken = [
        penalize(ctx, pool, submission.committee[at].pool_index, terms.verifier_stake)
        for at in guilty
    ]
    burn(ctx, sum(taken))
    for at, seat in enumerate(submission.committee):
        if at not in guilty:
            pay_from_stake(submission, seat.verifier, terms.verifier_fee)
    for juror in dispute.jurors:
        if holds_value(juror, value):
            pay_from_stake(submission, juror.verifier, terms.juror_fee)
    is_rewarded = dispute.kind != ChallengeKind.UNAVAILABLE
    if is_rewarded and accuser_holds_value(dispute, value):
        share = stake * market.params.accuser_share_bps // BPS
        pay_from_stake(submission, dispute.accuser, min(submission.stake, share))
    pay_from_bond(submission, dispute.accuser, submission.bond)
    return 0


def _find_guilty(
    task: Task, submission: Submission, dispute: Dispute, value: Revealed
) -> list[int]:
    """Return the seats that attested the segment of a confirmed challenge, at any place.

    A withheld opening does not show that any of them lied.
    """
    if dispute.kind != ChallengeKind.SEGMENT or is_withheld(dispute, value):
        return []
    segments, per_seat = compute_segments(task, submission), task.terms.segments_per_seat
    return [
        at
        for at, seat in enumerate(submission.committee)
        if any(
            seat.attested >> k & 1 and (at * per_seat + k) % segments == dispute.place % segments
            for k in range(per_seat)
        )
    ]


def _pay_undecided(task: Task, submission: Submission) -> int:
    """Return stake and bond, and pay fees for work done, where no fault or no culprit is known.

    A void submission has neither a committee nor a dispute, so only its stake moves.
    """
    amount = _return_stake(submission, keeping=submission.late_fee)
    for seat in submission.committee:
        if seat.status == SeatStatus.ATTESTED:
            pay_from_escrow(submission, seat.verifier, task.terms.verifier_fee)
    if submission.dispute is not None:
        pay_from_bond(submission, submission.dispute.accuser, submission.bond)
    return amount
