"""Module ``ending``, second part: who is paid what at a submission's end.

Each function makes the credits; what it leaves of the stake is burned.
"""

from collections.abc import Collection

from walrusd.chain.layouts.objects import Dispute, Submission, Task
from walrusd.core.lifecycle import SeatStatus
from walrusd.devnet.contract.constants import ACCUSER_FEES, ACCUSER_SHARE
from walrusd.devnet.contract.dispute import has_accuser, list_holders
from walrusd.devnet.contract.holdings import (
    pay_from_escrow,
    pay_from_publisher_bond,
    pay_from_stake,
)


def _return_stake(submission: Submission, keeping: int) -> int:
    amount = submission.stake - keeping
    pay_from_stake(submission, submission.contributor, amount)
    return amount


def pay_accepted(task: Task, submission: Submission) -> int:
    """Pay reward and fees, and return the stake; return the contributor's payout in Mist."""
    reward = task.terms.reward
    stake = _return_stake(submission, keeping=submission.late_fee)
    pay_from_escrow(submission, submission.contributor, reward)
    _pay_committee(task, submission)
    return stake + reward


def _pay_committee(task: Task, submission: Submission) -> None:
    for seat in submission.committee:
        pay_from_escrow(submission, seat.verifier, task.terms.verifier_fee)


def pay_aborted(task: Task, submission: Submission) -> int:
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


def pay_lapsed(task: Task, submission: Submission) -> int:
    """Return the stake of a contributor that did not commit, less the penalty."""
    return _return_stake(submission, keeping=task.terms.lapse_penalty)


def pay_void(task: Task, submission: Submission) -> int:
    """Return the stake and pay the contributor's gas where its work is not wanted after all."""
    fee = task.terms.cancel_fee
    pay_from_escrow(submission, submission.contributor, fee)
    return _return_stake(submission, keeping=0) + fee


def pay_undecided(task: Task, submission: Submission) -> int:
    """Return the stake, and pay fees for work done, where no fault or no culprit is known."""
    amount = _return_stake(submission, keeping=submission.late_fee)
    for seat in submission.committee:
        if seat.status == SeatStatus.ATTESTED:
            pay_from_escrow(submission, seat.verifier, task.terms.verifier_fee)
    return amount


def pay_attested_from_stake(task: Task, submission: Submission) -> None:
    """Pay, from a stake that is lost, the seats that have attested everything."""
    for seat in submission.committee:
        if seat.status == SeatStatus.ATTESTED:
            pay_from_stake(submission, seat.verifier, task.terms.verifier_fee)


def pay_verdict(
    task: Task, submission: Submission, dispute: Dispute, value: bytes, guilty: Collection[int]
) -> None:
    """Pay, from a stake that a verdict takes, the seats that are not ``guilty`` and the jury."""
    for at, seat in enumerate(submission.committee):
        if at not in guilty:
            pay_from_stake(submission, seat.verifier, task.terms.verifier_fee)
    for juror in list_holders(dispute, value):
        pay_from_stake(submission, juror, task.terms.juror_fee)


def pay_accuser(task: Task, submission: Submission, dispute: Dispute) -> None:
    """Pay an accuser that was right: some fees, and at most a fifth of the stake.

    What it gets must be little, as a forger's friend could be the accuser.
    """
    if has_accuser(dispute):
        terms = task.terms
        reward = min(ACCUSER_FEES * terms.verifier_fee, terms.stake // ACCUSER_SHARE)
        pay_from_stake(submission, dispute.accuser, reward)
