"""A submission's state and the money it holds (part of Move module ``submission``)."""

from walrusd.chain.layouts.objects import Submission, Task, Terms
from walrusd.core.lifecycle import SubmissionState
from walrusd.devnet.contract.credit import burn, credit
from walrusd.devnet.contract.functions import require
from walrusd.devnet.move.context import MoveContext


def check_state(submission: Submission, *states: SubmissionState) -> None:
    """Abort unless the submission is in the given state."""
    require(submission.state in states, "submission.EWrongState")


def enter_state(submission: Submission, state: SubmissionState, now: int) -> None:
    """Change the state, which starts the next window."""
    submission.state = state
    submission.window_ms = now


def pay_from_stake(submission: Submission, owner: str, amount: int) -> None:
    """Turn part of the stake into a credit."""
    submission.stake -= amount
    submission.credited += amount
    credit(submission.credits, owner, amount)


def pay_from_escrow(submission: Submission, owner: str, amount: int) -> None:
    """Turn part of the publisher's escrow into a credit."""
    submission.escrow -= amount
    submission.credited += amount
    credit(submission.credits, owner, amount)


def pay_tip(task: Task, submission: Submission, caller: str) -> None:
    """Pay whoever turned a crank."""
    pay_from_escrow(submission, caller, task.tip)


def pay_from_publisher_bond(task: Task, submission: Submission, amount: int) -> None:
    """Turn part of the publisher's bond into a credit of the contributor."""
    task.bond -= amount
    submission.credited += amount
    credit(submission.credits, submission.contributor, amount)


def add_full_late_fee(terms: Terms, submission: Submission) -> None:
    """Add the whole late fee, as if its contributor had acted at the end of the grace."""
    submission.late_fee = min(terms.stake // 2, submission.late_fee + terms.late_fee)


def return_bond(submission: Submission) -> None:
    """Turn what is there of an accuser's bond into its credit."""
    amount, submission.bond = submission.bond, 0
    if submission.dispute is not None:
        submission.credited += amount
        credit(submission.credits, submission.dispute.accuser, amount)


def pay_from_loser(
    ctx: MoveContext, submission: Submission, owners: list[str], each: int, lost: int
) -> None:
    """Pay ``owners`` from what an accuser has ``lost``, in order, and burn the rest."""
    for owner in owners:
        amount = min(lost, each)
        lost -= amount
        submission.credited += amount
        credit(submission.credits, owner, amount)
    burn(ctx, lost)
