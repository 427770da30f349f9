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
    REPLACE = "replace"
    DRAW_AUDIT = "draw_audit"
    AUDIT = "audit"
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
    """What of a submission decides its cranks.

    ``replaced`` tells that silent seats were replaced once; ``audit_pending`` that the lot fell on
    a segment about which no verdict stands.
    """

    state: int
    window_ms: int
    dispute: DisputeFacts | None
    replaced: bool = False
    audit_pending: bool = False


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
    """Return the crank that is due on a submission, if any.

    An audit can still be turned after ``settle`` is due for its neglect, until that has landed.
    """
    state, since = submission.state, submission.window_ms
    match state:
        case SubmissionState.DISPUTED:
            assert submission.dispute is not None
            return _compute_dispute_crank(task, submission.dispute, now_ms)
        case SubmissionState.ATTESTED:
            return Crank.DRAW_AUDIT
        case SubmissionState.AUDITED:
            is_over = now_ms >= since + task.open_ms + task.grace_ms
            return Crank.AUDIT if submission.audit_pending and not is_over else Crank.SETTLE
        case SubmissionState.SEATED:
            return Crank.SETTLE if now_ms >= since + task.open_ms + task.grace_ms else None
        case SubmissionState.OPENED if now_ms >= since + task.verify_ms:
            return Crank.SETTLE if submission.replaced else Crank.REPLACE
        case SubmissionState.COMMITTED if task.drawn:
            return Crank.SEAT
        case SubmissionState.JOINED if task.drawn:
            return Crank.SETTLE
        case _:
            return None


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
