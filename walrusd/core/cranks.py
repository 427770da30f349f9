"""Which permissionless steps are due on a task or a submission, and since when.

Pure reading of on-chain state: the same rules as the contract's, so that nobody pays gas for a
transaction that must abort. Anyone may turn a crank; whoever has the most at stake does it first.
"""

from dataclasses import dataclass
from enum import Enum

from walrusd.core.lifecycle import DisputePhase, SubmissionState, TaskPhase


class Crank(Enum):
    """A permissionless entry point of the contract."""

    CLOSE_JOINING = "close_joining"
    DRAW = "draw"
    SEAT = "seat"
    SETTLE = "settle"
    DRAW_JURY = "draw_jury"
    SEAT_JURY = "seat_jury"
    RESOLVE = "resolve"


@dataclass(frozen=True)
class TaskFacts:
    """What of a task decides its cranks; windows in milliseconds."""

    phase: int
    phase_ms: int
    joined: int
    committed: int
    max_submissions: int
    join_ms: int
    train_ms: int
    drawn: bool
    open_ms: int
    grace_ms: int
    verify_ms: int
    jury_commit_ms: int
    jury_reveal_ms: int


@dataclass(frozen=True)
class DisputeFacts:
    """What of a dispute decides its cranks."""

    phase: int
    phase_ms: int
    all_revealed: bool


@dataclass(frozen=True)
class SubmissionFacts:
    """What of a submission decides its cranks."""

    state: int
    window_ms: int
    dispute: DisputeFacts | None


def compute_task_crank(task: TaskFacts, now_ms: int) -> Crank | None:
    """Return the crank that is due on a task, if any."""
    if task.phase == TaskPhase.JOINING:
        end = task.phase_ms + task.join_ms
        if task.joined == task.max_submissions:
            return Crank.CLOSE_JOINING
        return Crank.CLOSE_JOINING if now_ms >= end else None
    if task.phase == TaskPhase.TRAINING:
        end = task.phase_ms + task.train_ms
        if task.committed == task.joined:
            return Crank.DRAW
        return Crank.DRAW if now_ms >= end else None
    return None


def compute_submission_crank(
    task: TaskFacts, submission: SubmissionFacts, now_ms: int
) -> Crank | None:
    """Return the crank that is due on a submission, if any."""
    state, since = submission.state, submission.window_ms
    if state == SubmissionState.DISPUTED:
        assert submission.dispute is not None
        return _compute_dispute_crank(task, submission.dispute, now_ms)
    if state == SubmissionState.ATTESTED:
        return Crank.SETTLE
    if not task.drawn:
        return None
    if state == SubmissionState.COMMITTED:
        return Crank.SEAT
    if state == SubmissionState.JOINED:
        return Crank.SETTLE
    if state == SubmissionState.SEATED:
        end = since + task.open_ms + task.grace_ms
    elif state == SubmissionState.OPENED:
        end = since + task.verify_ms
    else:
        return None
    return Crank.SETTLE if now_ms >= end else None


def _compute_dispute_crank(task: TaskFacts, dispute: DisputeFacts, now_ms: int) -> Crank | None:
    if dispute.phase == DisputePhase.WAITING:
        return Crank.DRAW_JURY
    if dispute.phase == DisputePhase.DRAWN:
        return Crank.SEAT_JURY
    if dispute.all_revealed:
        return Crank.RESOLVE
    end = dispute.phase_ms + task.jury_reveal_ms
    if dispute.phase == DisputePhase.COMMITTING:
        end += task.jury_commit_ms
    return Crank.RESOLVE if now_ms >= end else None
