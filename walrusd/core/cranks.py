"""Which cranks are due on a task or a submission: steps that anyone may take.

The rules are the contract's, so that no one pays gas for a transaction that must abort. The party
with the most at stake turns a crank first.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from walrusd.core.lifecycle import (
    TERMINAL,
    DisputePhase,
    SubmissionState,
    TaskPhase,
    is_disputed,
)


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
    """The facts of a task that decide its cranks; ``…_ms`` are instants and windows."""

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
    """The facts of a dispute that decide its cranks; ``phase_ms`` is when its phase began."""

    phase: int
    phase_ms: int
    all_revealed: bool


@dataclass(frozen=True)
class SubmissionFacts:
    """The facts of a submission that decide its cranks.

    ``window_ms`` is when its window began, ``dispute`` None unless it is disputed. ``replaced``:
    silent seats were replaced once. ``audit_pending``: the audit sampled a segment that has no
    verdict yet.
    """

    state: int
    window_ms: int
    dispute: DisputeFacts | None
    replaced: bool = False
    audit_pending: bool = False


_TaskCondition = Callable[[TaskFacts, int], bool]
_Condition = Callable[[TaskFacts, SubmissionFacts, int], bool]
_DisputeCondition = Callable[[TaskFacts, DisputeFacts, int], bool]


def _is_joining_over(task: TaskFacts, now_ms: int) -> bool:
    return task.joined == task.max_submissions or now_ms >= task.phase_ms + task.join_ms


def _is_training_over(task: TaskFacts, now_ms: int) -> bool:
    return task.committed == task.joined or now_ms >= task.phase_ms + task.train_ms


def _always(_task: TaskFacts, _facts: SubmissionFacts | DisputeFacts, _now_ms: int) -> bool:
    return True


def _is_drawn(task: TaskFacts, _submission: SubmissionFacts, _now_ms: int) -> bool:
    return task.drawn


def _is_grace_over(task: TaskFacts, submission: SubmissionFacts, now_ms: int) -> bool:
    return now_ms >= submission.window_ms + task.open_ms + task.grace_ms


def _may_be_audited(task: TaskFacts, submission: SubmissionFacts, now_ms: int) -> bool:
    return submission.audit_pending and not _is_grace_over(task, submission, now_ms)


def _is_verifying_over(task: TaskFacts, submission: SubmissionFacts, now_ms: int) -> bool:
    return now_ms >= submission.window_ms + task.verify_ms


def _may_be_replaced(task: TaskFacts, submission: SubmissionFacts, now_ms: int) -> bool:
    return not submission.replaced and _is_verifying_over(task, submission, now_ms)


def _is_revealing_over(task: TaskFacts, dispute: DisputeFacts, now_ms: int) -> bool:
    return dispute.all_revealed or now_ms >= dispute.phase_ms + task.jury_reveal_ms


def _are_both_windows_over(task: TaskFacts, dispute: DisputeFacts, now_ms: int) -> bool:
    end = dispute.phase_ms + task.jury_commit_ms + task.jury_reveal_ms
    return dispute.all_revealed or now_ms >= end


TASK_CRANKS: dict[TaskPhase, tuple[tuple[Crank, _TaskCondition], ...]] = {
    TaskPhase.JOINING: ((Crank.CLOSE_JOINING, _is_joining_over),),
    TaskPhase.TRAINING: ((Crank.DRAW, _is_training_over),),
    # From here on the cranks are those of its submissions.
    TaskPhase.OPENING: (),
    TaskPhase.VERIFYING: (),
    TaskPhase.SETTLED: (),
    TaskPhase.AGGREGATED: (),
    TaskPhase.VOID: (),
}
"""The cranks of each phase of a task; the first whose condition holds is due."""

SUBMISSION_CRANKS: dict[SubmissionState, tuple[tuple[Crank, _Condition], ...]] = {
    SubmissionState.JOINED: ((Crank.SETTLE, _is_drawn),),
    SubmissionState.COMMITTED: ((Crank.SEAT, _is_drawn),),
    SubmissionState.SEATED: ((Crank.SETTLE, _is_grace_over),),
    SubmissionState.OPENED: (
        (Crank.REPLACE, _may_be_replaced),
        (Crank.SETTLE, _is_verifying_over),
    ),
    SubmissionState.ATTESTED: ((Crank.DRAW_AUDIT, _always),),
    # A neglected audit makes settling due, but can still be started until settling has landed.
    SubmissionState.AUDITED: ((Crank.AUDIT, _may_be_audited), (Crank.SETTLE, _always)),
    # The cranks of a dispute follow its own phase.
    SubmissionState.DISPUTED: (),
    **dict.fromkeys(TERMINAL, ()),
}
"""The cranks of each state of a submission; the first whose condition holds is due."""

DISPUTE_CRANKS: dict[DisputePhase, tuple[tuple[Crank, _DisputeCondition], ...]] = {
    DisputePhase.WAITING: ((Crank.DRAW_JURY, _always),),
    DisputePhase.DRAWN: ((Crank.SEAT_JURY, _always),),
    DisputePhase.COMMITTING: ((Crank.RESOLVE, _are_both_windows_over),),
    DisputePhase.REVEALING: ((Crank.RESOLVE, _is_revealing_over),),
}
"""The cranks of each phase of a dispute."""


def compute_task_crank(task: TaskFacts, now_ms: int) -> Crank | None:
    """Return the crank that is due on a task, if any."""
    steps = TASK_CRANKS[TaskPhase(task.phase)]
    return next((crank for crank, is_due in steps if is_due(task, now_ms)), None)


def compute_submission_crank(
    task: TaskFacts, submission: SubmissionFacts, now_ms: int
) -> Crank | None:
    """Return the crank that is due on a submission, or on its dispute, if any."""
    if is_disputed(submission.state):
        dispute = submission.dispute
        assert dispute is not None
        steps = DISPUTE_CRANKS[DisputePhase(dispute.phase)]
        return next((crank for crank, is_due in steps if is_due(task, dispute, now_ms)), None)
    rules = SUBMISSION_CRANKS[SubmissionState(submission.state)]
    return next((crank for crank, is_due in rules if is_due(task, submission, now_ms)), None)


def may_be_due(crank: Crank, state: int) -> bool:
    """Return whether a crank may be due on a submission in a state."""
    return any(crank is each for each, _is_due in SUBMISSION_CRANKS[SubmissionState(state)])


def is_about_dispute(crank: Crank) -> bool:
    """Return whether a crank is turned on a dispute, in which the accuser has most at stake."""
    return any(crank is each for steps in DISPUTE_CRANKS.values() for each, _is_due in steps)
