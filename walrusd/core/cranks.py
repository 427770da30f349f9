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
    CLOSE_TRAINING = "close_training"
    DRAW_COMMITTEE = "draw_committee"
    SEAT_COMMITTEE = "seat_committee"
    REOPEN = "reopen"
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
    ends_by_ms: int
    joined: int
    committed: int
    max_submissions: int
    join_ms: int
    train_ms: int
    open_ms: int
    grace_ms: int
    verify_ms: int
    jury_commit_ms: int
    jury_reveal_ms: int


@dataclass(frozen=True)
class DisputeFacts:
    """The facts of a dispute that decide its cranks; ``phase_ms`` is when its phase began.

    ``all_revealed``: whoever committed has revealed. ``has_majority``: more than half of the jury
    have revealed one value, and only a juror knows what it hides.
    """

    phase: int
    phase_ms: int
    all_revealed: bool
    has_majority: bool = False


@dataclass(frozen=True)
class SubmissionFacts:
    """The facts of a submission that decide its cranks.

    ``window_ms`` is when its window began, ``dispute`` None unless it is disputed. ``has_lot``: its
    committee is drawn and not seated yet. ``is_lot_free``: no lot of the pool is.
    ``was_complete``: every place has had its envelope of this attempt. ``audit_pending``: the audit
    sampled a segment that no jury has decided on. ``is_abort``: it claims that the plan cannot be
    carried out.
    """

    state: int
    window_ms: int
    dispute: DisputeFacts | None
    has_lot: bool = False
    is_lot_free: bool = True
    was_complete: bool = False
    audit_pending: bool = False
    is_abort: bool = False


_TaskCondition = Callable[[TaskFacts, int], bool]
_Condition = Callable[[TaskFacts, SubmissionFacts, int], bool]
_DisputeCondition = Callable[[TaskFacts, SubmissionFacts, DisputeFacts, int], bool]


def _is_joining_over(task: TaskFacts, now_ms: int) -> bool:
    return task.joined == task.max_submissions or now_ms >= task.phase_ms + task.join_ms


def _is_training_over(task: TaskFacts, now_ms: int) -> bool:
    end = task.phase_ms + task.train_ms + task.grace_ms
    return task.committed == task.joined or now_ms >= end


def _always(_task: TaskFacts, _facts: SubmissionFacts, _now_ms: int) -> bool:
    return True


def _is_out_of_time(task: TaskFacts, _facts: SubmissionFacts, now_ms: int) -> bool:
    return now_ms >= task.ends_by_ms


def _takes_no_commitment(task: TaskFacts, _submission: SubmissionFacts, _now_ms: int) -> bool:
    return task.phase not in (TaskPhase.JOINING, TaskPhase.TRAINING)


def _may_draw_committee(task: TaskFacts, submission: SubmissionFacts, now_ms: int) -> bool:
    may = _takes_no_commitment(task, submission, now_ms)
    return may and submission.is_lot_free and not submission.has_lot


def _has_lot(_task: TaskFacts, submission: SubmissionFacts, _now_ms: int) -> bool:
    return submission.has_lot


def _is_grace_over(task: TaskFacts, submission: SubmissionFacts, now_ms: int) -> bool:
    return now_ms >= submission.window_ms + task.open_ms + task.grace_ms


def _was_left_without_key(task: TaskFacts, submission: SubmissionFacts, now_ms: int) -> bool:
    return submission.was_complete and _is_grace_over(task, submission, now_ms)


def _may_be_audited(task: TaskFacts, submission: SubmissionFacts, now_ms: int) -> bool:
    return submission.audit_pending and not _is_grace_over(task, submission, now_ms)


def _may_end_audited(task: TaskFacts, submission: SubmissionFacts, now_ms: int) -> bool:
    """An abort claim ends at once, anything else if its update is not delivered in time."""
    if submission.is_abort and not submission.audit_pending:
        return True
    return _is_grace_over(task, submission, now_ms)


def _is_verifying_over(task: TaskFacts, submission: SubmissionFacts, now_ms: int) -> bool:
    return now_ms >= submission.window_ms + task.verify_ms


def _is_case_out_of_time(
    task: TaskFacts, _submission: SubmissionFacts, _dispute: DisputeFacts, now_ms: int
) -> bool:
    return now_ms >= task.ends_by_ms


def _may_draw_jury(
    _task: TaskFacts, submission: SubmissionFacts, _dispute: DisputeFacts, _now_ms: int
) -> bool:
    return submission.is_lot_free


def _is_drawn(
    _task: TaskFacts, _submission: SubmissionFacts, _dispute: DisputeFacts, _now_ms: int
) -> bool:
    return True


def _is_jury_left_without_key(
    task: TaskFacts, _submission: SubmissionFacts, dispute: DisputeFacts, now_ms: int
) -> bool:
    return now_ms >= dispute.phase_ms + task.open_ms + task.grace_ms


def compute_resolvable_ms(task: TaskFacts, dispute: DisputeFacts, now_ms: int) -> int | None:
    """Return from when on a juror that knows the majority's verdict may resolve a case.

    None while jurors may commit, or are not summoned yet.
    """
    if dispute.phase == DisputePhase.REVEALING:
        reveals_ms = dispute.phase_ms
    elif dispute.phase == DisputePhase.COMMITTING:
        reveals_ms = dispute.phase_ms + task.jury_commit_ms
        if now_ms < reveals_ms:
            return None
    else:
        return None
    return reveals_ms if dispute.all_revealed else reveals_ms + task.jury_reveal_ms


def _may_anyone_resolve(
    task: TaskFacts, _submission: SubmissionFacts, dispute: DisputeFacts, now_ms: int
) -> bool:
    """Without a majority at once; otherwise when no juror has told in time what its value hides."""
    began_ms = compute_resolvable_ms(task, dispute, now_ms)
    if began_ms is None or now_ms < began_ms:
        return False
    commit_ms = task.jury_commit_ms if dispute.phase == DisputePhase.COMMITTING else 0
    told_ms = dispute.phase_ms + commit_ms + 2 * task.jury_reveal_ms
    return not dispute.has_majority or now_ms >= told_ms


TASK_CRANKS: dict[TaskPhase, tuple[tuple[Crank, _TaskCondition], ...]] = {
    TaskPhase.JOINING: ((Crank.CLOSE_JOINING, _is_joining_over),),
    TaskPhase.TRAINING: ((Crank.CLOSE_TRAINING, _is_training_over),),
    # From here on the cranks are those of its submissions.
    TaskPhase.OPENING: (),
    TaskPhase.VERIFYING: (),
    TaskPhase.SETTLED: (),
    TaskPhase.AGGREGATED: (),
    TaskPhase.VOID: (),
}
"""The cranks of each phase of a task; the first whose condition holds is due."""

SUBMISSION_CRANKS: dict[SubmissionState, tuple[tuple[Crank, _Condition], ...]] = {
    SubmissionState.JOINED: ((Crank.SETTLE, _takes_no_commitment),),
    SubmissionState.COMMITTED: (
        (Crank.SEAT_COMMITTEE, _has_lot),
        (Crank.SETTLE, _is_out_of_time),
        (Crank.DRAW_COMMITTEE, _may_draw_committee),
    ),
    SubmissionState.SEATED: (
        (Crank.REOPEN, _was_left_without_key),
        (Crank.SETTLE, _is_grace_over),
    ),
    # With no substitute left it ends the submission.
    SubmissionState.OPENED: ((Crank.REPLACE, _is_verifying_over),),
    SubmissionState.ATTESTED: ((Crank.DRAW_AUDIT, _always),),
    # A neglected audit, or an update that nobody delivers, makes settling due; either can still
    # come until settling has landed.
    SubmissionState.AUDITED: (
        (Crank.AUDIT, _may_be_audited),
        (Crank.SETTLE, _may_end_audited),
    ),
    # The cranks of a dispute follow its own phase.
    SubmissionState.DISPUTED: (),
    **dict.fromkeys(TERMINAL, ()),
}
"""The cranks of each state of a submission; the first whose condition holds is due."""

DISPUTE_CRANKS: dict[DisputePhase, tuple[tuple[Crank, _DisputeCondition], ...]] = {
    DisputePhase.WAITING: (
        (Crank.SETTLE, _is_case_out_of_time),
        (Crank.DRAW_JURY, _may_draw_jury),
    ),
    DisputePhase.DRAWN: ((Crank.SEAT_JURY, _is_drawn),),
    DisputePhase.SUMMONED: ((Crank.REOPEN, _is_jury_left_without_key),),
    DisputePhase.COMMITTING: ((Crank.RESOLVE, _may_anyone_resolve),),
    DisputePhase.REVEALING: ((Crank.RESOLVE, _may_anyone_resolve),),
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
        due = (crank for crank, is_due in steps if is_due(task, submission, dispute, now_ms))
        return next(due, None)
    rules = SUBMISSION_CRANKS[SubmissionState(submission.state)]
    return next((crank for crank, is_due in rules if is_due(task, submission, now_ms)), None)


def may_be_due(crank: Crank, state: int) -> bool:
    """Return whether a crank may be due on a submission in a state."""
    return any(crank is each for each, _is_due in SUBMISSION_CRANKS[SubmissionState(state)])
