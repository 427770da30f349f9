"""Who has to act next, and how: tables from a state and a party to its duties.

Each service looks up the duties of its party here, and performs them. The steps that anyone may
take are in ``cranks``, the transitions between states in ``lifecycle``.
"""

from dataclasses import dataclass
from enum import Enum

from walrusd.core.lifecycle import (
    DisputePhase,
    RequestState,
    SubmissionState,
    TaskPhase,
)


class Party(Enum):
    """A part that an address has in a task, a submission or a key request."""

    PUBLISHER = "publisher"
    CONTRIBUTOR = "contributor"
    SEAT = "seat"
    JUROR = "juror"
    DATA_OWNER = "data owner"


class Duty(Enum):
    """Something that a party has to do."""

    JOIN = "join"
    TRAIN = "train"
    COMMIT = "commit"
    KEEP_RESULT = "keep the result"
    """Train again if the result is lost: opening, and opening again, needs the same bits."""
    OPEN = "open"
    DELIVER_WORK = "deliver the key of the work"
    """Seal the opening's key to the places of the committee that have none yet."""
    SUMMON = "give the jury the key"
    """Seal the opening's key to the jurors that have none yet."""
    EXAMINE = "examine"
    """Attest, report or accuse."""
    VOTE = "vote"
    """Commit to a value."""
    REVEAL = "reveal"
    TELL = "tell the verdict"
    """Say what the majority's value hides, which resolves the case."""
    DELIVER_UPDATE = "deliver the key of the update"
    """Seal it to the publisher: with that the submission is accepted."""
    AGGREGATE = "aggregate"
    APPLY = "apply"
    """Make the new model from the aggregate."""
    RECLAIM = "reclaim"
    """Take back the task's unspent funds."""
    ANSWER = "answer"


Duties = frozenset[Duty]
_NONE: Duties = frozenset()

TASK_DUTIES: dict[TaskPhase, dict[Party, Duties]] = {
    TaskPhase.JOINING: {Party.CONTRIBUTOR: frozenset({Duty.JOIN})},
    # From here on until it is settled, the duties are those of its submissions.
    TaskPhase.TRAINING: {},
    TaskPhase.OPENING: {},
    TaskPhase.VERIFYING: {},
    TaskPhase.SETTLED: {Party.PUBLISHER: frozenset({Duty.RECLAIM, Duty.AGGREGATE})},
    TaskPhase.AGGREGATED: {Party.PUBLISHER: frozenset({Duty.RECLAIM, Duty.APPLY})},
    TaskPhase.VOID: {Party.PUBLISHER: frozenset({Duty.RECLAIM})},
}

_S = SubmissionState
SUBMISSION_DUTIES: dict[SubmissionState, dict[Party, Duties]] = {
    _S.JOINED: {Party.CONTRIBUTOR: frozenset({Duty.TRAIN, Duty.COMMIT})},
    _S.COMMITTED: {Party.CONTRIBUTOR: frozenset({Duty.KEEP_RESULT})},
    _S.SEATED: {
        Party.CONTRIBUTOR: frozenset({Duty.KEEP_RESULT, Duty.OPEN, Duty.DELIVER_WORK}),
        # Holders of the key pay if a substitute gets none from anybody.
        Party.SEAT: frozenset({Duty.DELIVER_WORK}),
    },
    # From here on it may have to be opened again: its blobs may be lost.
    _S.OPENED: {
        Party.CONTRIBUTOR: frozenset({Duty.KEEP_RESULT}),
        Party.SEAT: frozenset({Duty.EXAMINE}),
    },
    # The audit that comes next is a crank.
    _S.ATTESTED: {Party.CONTRIBUTOR: frozenset({Duty.KEEP_RESULT})},
    _S.AUDITED: {
        Party.CONTRIBUTOR: frozenset({Duty.KEEP_RESULT, Duty.DELIVER_UPDATE}),
        Party.SEAT: frozenset({Duty.DELIVER_UPDATE}),
    },
    _S.DISPUTED: {
        Party.CONTRIBUTOR: frozenset({Duty.KEEP_RESULT, Duty.SUMMON}),
        Party.SEAT: frozenset({Duty.SUMMON}),
        Party.JUROR: frozenset({Duty.SUMMON, Duty.VOTE, Duty.REVEAL, Duty.TELL}),
    },
    _S.ACCEPTED: {},
    _S.REJECTED: {},
    _S.LAPSED: {},
    _S.ABORTED: {},
    _S.UNDECIDED: {},
    _S.VOID: {},
}

TASK_PHASE_OF: dict[Duty, TaskPhase] = {
    Duty.TRAIN: TaskPhase.TRAINING,
    Duty.COMMIT: TaskPhase.TRAINING,
}
"""The only phase of the task in which a duty towards a submission exists."""

DISPUTE_PHASE_OF: dict[Duty, DisputePhase] = {
    Duty.SUMMON: DisputePhase.SUMMONED,
    Duty.VOTE: DisputePhase.COMMITTING,
    Duty.REVEAL: DisputePhase.REVEALING,
    Duty.TELL: DisputePhase.REVEALING,
}
"""The only phase of the dispute in which a duty towards a submission exists."""

REQUEST_DUTIES: dict[RequestState, dict[Party, Duties]] = {
    RequestState.REQUESTED: {Party.DATA_OWNER: frozenset({Duty.ANSWER})},
    RequestState.GRANTED: {},
    RequestState.DENIED: {},
    RequestState.EXPIRED: {},
}


@dataclass(frozen=True)
class TaskStanding:
    """The facts of a task that decide its publisher's duties.

    ``accepted`` counts accepted submissions; ``unspent`` in Mist.
    """

    phase: int
    accepted: int
    k_min: int
    unspent: int


@dataclass(frozen=True)
class SubmissionStanding:
    """The facts of a submission that decide the duties towards it.

    ``dispute_phase`` is None without a dispute. ``is_vote_over``: the jury's time to commit
    is over; the first reveal then opens the next phase. ``may_tell``: the jury has a majority, and
    all have revealed or their time is over. ``is_opened``: it has an opening in this
    attempt. ``may_deliver_update``: no audit is pending, and it claims no abort.
    """

    state: int
    task_phase: int
    dispute_phase: int | None = None
    is_vote_over: bool = False
    may_tell: bool = False
    is_opened: bool = False
    may_deliver_update: bool = True


def list_task_duties(party: Party, task: TaskStanding) -> Duties:
    """Return what a party has to do about a task."""
    due = TASK_DUTIES[TaskPhase(task.phase)].get(party, _NONE)
    if task.unspent <= 0:
        due -= {Duty.RECLAIM}
    if task.accepted < task.k_min:
        due -= {Duty.AGGREGATE}
    return due


def list_submission_duties(party: Party, submission: SubmissionStanding) -> Duties:
    """Return what a party has to do about a submission."""
    phases = {submission.dispute_phase}
    if submission.is_vote_over and submission.dispute_phase == DisputePhase.COMMITTING:
        phases |= {DisputePhase.REVEALING}
    not_due = {Duty.OPEN if submission.is_opened else Duty.DELIVER_WORK}
    if not submission.may_deliver_update:
        not_due.add(Duty.DELIVER_UPDATE)
    if not submission.may_tell:
        not_due.add(Duty.TELL)
    return frozenset(
        duty
        for duty in SUBMISSION_DUTIES[SubmissionState(submission.state)].get(party, _NONE)
        if duty not in not_due
        and TASK_PHASE_OF.get(duty, submission.task_phase) == submission.task_phase
        and (duty not in DISPUTE_PHASE_OF or DISPUTE_PHASE_OF[duty] in phases)
    )


def list_request_duties(party: Party, state: int) -> Duties:
    """Return what a party has to do about a key request."""
    return REQUEST_DUTIES[RequestState(state)].get(party, _NONE)
