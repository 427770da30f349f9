"""Module ``submission``: what being late costs a contributor."""

from walrusd.chain.layouts.objects import Submission, Terms
from walrusd.core.economics import compute_late_fee


def add_late_fee(submission: Submission, terms: Terms, window_ms: int, now: int) -> None:
    """Add the fee for acting ``now``: it grows from the end of a window over the grace.

    ``window_ms`` is how long the submission's present window was.
    """
    submission.late_fee = compute_late_fee(
        stake=terms.stake,
        late_fee=terms.late_fee,
        owed=submission.late_fee,
        due_ms=submission.window_ms + window_ms,
        grace_ms=terms.grace_ms,
        now_ms=now,
    )


def add_full_late_fee(submission: Submission, terms: Terms) -> None:
    """Add the fee for not having acted at all."""
    submission.late_fee = min(terms.stake // 2, submission.late_fee + terms.late_fee)
