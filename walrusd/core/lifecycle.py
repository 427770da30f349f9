"""The states of tasks, submissions, disputes and key requests, and their transitions.

The numbers are the contract's (PROTOCOL section 1). A step of a ``…_NEXT`` table is a transition
that one call may make: tests check every call of the specification against the tables, and make
each step in the Move VM. Nothing outside this folder compares states. The functions below read the
tables; ``duties`` says who must act in which state, ``cranks`` what anyone may do.
"""

from collections.abc import Mapping
from enum import IntEnum
from typing import TypeVar


class TaskPhase(IntEnum):
    """The life of a task."""

    JOINING = 0
    TRAINING = 1
    OPENING = 2
    VERIFYING = 3
    SETTLED = 4
    AGGREGATED = 5
    VOID = 6


TASK_NEXT: dict[TaskPhase, frozenset[TaskPhase]] = {
    TaskPhase.JOINING: frozenset({TaskPhase.TRAINING, TaskPhase.VOID}),
    TaskPhase.TRAINING: frozenset({TaskPhase.OPENING}),
    TaskPhase.OPENING: frozenset({TaskPhase.VERIFYING, TaskPhase.SETTLED}),
    TaskPhase.VERIFYING: frozenset({TaskPhase.SETTLED}),
    TaskPhase.SETTLED: frozenset({TaskPhase.AGGREGATED}),
    TaskPhase.AGGREGATED: frozenset(),
    TaskPhase.VOID: frozenset(),
}


class SubmissionState(IntEnum):
    """The life of a submission."""

    JOINED = 0
    COMMITTED = 1
    SEATED = 2
    OPENED = 3
    ATTESTED = 4
    AUDITED = 5
    DISPUTED = 6
    ACCEPTED = 7
    REJECTED = 8
    LAPSED = 9
    ABORTED = 10
    UNDECIDED = 11
    VOID = 12


_S = SubmissionState
SUBMISSION_NEXT: dict[SubmissionState, frozenset[SubmissionState]] = {
    # VOID: the task was void before anybody trained, or it stalled.
    _S.JOINED: frozenset({_S.COMMITTED, _S.LAPSED, _S.VOID}),
    _S.COMMITTED: frozenset({_S.SEATED, _S.VOID}),
    # To where it was, if it was opened before.
    _S.SEATED: frozenset({_S.OPENED, _S.ATTESTED, _S.AUDITED, _S.REJECTED}),
    # Back to SEATED: the opening is absent, or a substitute needs an envelope.
    _S.OPENED: frozenset({_S.ATTESTED, _S.DISPUTED, _S.UNDECIDED, _S.SEATED}),
    _S.ATTESTED: frozenset({_S.AUDITED, _S.DISPUTED}),
    _S.AUDITED: frozenset({_S.ACCEPTED, _S.ABORTED, _S.DISPUTED, _S.REJECTED, _S.UNDECIDED}),
    _S.DISPUTED: frozenset(
        {_S.SEATED, _S.OPENED, _S.ATTESTED, _S.AUDITED, _S.REJECTED, _S.UNDECIDED}
    ),
    _S.ACCEPTED: frozenset(),
    _S.REJECTED: frozenset(),
    _S.LAPSED: frozenset(),
    _S.ABORTED: frozenset(),
    _S.UNDECIDED: frozenset(),
    _S.VOID: frozenset(),
}

TERMINAL = frozenset(state for state, following in SUBMISSION_NEXT.items() if not following)
"""The states in which a submission has ended."""


class DisputePhase(IntEnum):
    """The life of one jury. From SUMMONED on, its jurors wait for their envelopes."""

    WAITING = 0
    DRAWN = 1
    SUMMONED = 2
    COMMITTING = 3
    REVEALING = 4


class SeatStatus(IntEnum):
    """The status of a committee seat. A substitute takes the place of a silent seat."""

    SEATED = 0
    ATTESTED = 1


class RequestState(IntEnum):
    """The life of a key request."""

    REQUESTED = 0
    GRANTED = 1
    DENIED = 2
    EXPIRED = 3


REQUEST_NEXT: dict[RequestState, frozenset[RequestState]] = {
    RequestState.REQUESTED: frozenset(
        {RequestState.GRANTED, RequestState.DENIED, RequestState.EXPIRED}
    ),
    RequestState.GRANTED: frozenset(),
    RequestState.DENIED: frozenset(),
    RequestState.EXPIRED: frozenset(),
}


class CaseKind(IntEnum):
    """What a jury is asked: an accuser's claim, or whether the opening is absent."""

    SEGMENT = 1
    UPDATE = 2
    ROWS = 3
    COST = 4
    FILE = 5
    OPENING = 6
    ABSENCE = 7


class CaseOutcome(IntEnum):
    """What a jury decided."""

    CONFIRMED = 1
    REFUTED = 2
    REDRAWN = 3
    DISMISSED = 4
    ABSENT = 5


class EndReason(IntEnum):
    """Why a submission, or a task, ended as it did."""

    ATTESTED = 1
    NO_COMMIT = 2
    NEVER_OPENED = 3
    CHALLENGE_CONFIRMED = 4
    NOT_FULLY_ATTESTED = 5
    NO_MAJORITY = 6
    TOO_FEW_SEATS = 7
    NOBODY_JOINED = 8
    PLAN_ABORTED = 9
    AUDIT_CONFIRMED = 10
    CANCELLED = 11
    POOL_BUSY = 12
    TASK_VOID = 13
    UPDATE_WITHHELD = 14
    STALLED = 15


class KeyScope(IntEnum):
    """What a granted dataset key may be used for."""

    TRAIN = 1
    TRAIN_AND_VERIFY = 2


class Scheme(IntEnum):
    """The commitment scheme of a verification file."""

    PEDERSEN = 1
    PAILLIER = 2


class WeightsRule(IntEnum):
    """How accepted updates are weighted in the aggregate."""

    EQUAL = 0
    SAMPLES = 1


class CostRule(IntEnum):
    """Who learns the final cost: committee and publisher, or everyone, checked on the chain."""

    PRIVATE = 0
    PUBLIC = 1


_State = TypeVar("_State", bound=IntEnum)


def compute_reachable(
    following: Mapping[_State, frozenset[_State]],
) -> dict[_State, frozenset[_State]]:
    """Return, for each state of a table, the states that one or more steps may lead to."""
    reachable = dict(following)
    for _ in following:
        reachable = {
            state: found.union(*(reachable[each] for each in found))
            for state, found in reachable.items()
        }
    return reachable


_TASK_REACHABLE = compute_reachable(TASK_NEXT)
_REQUEST_REACHABLE = compute_reachable(REQUEST_NEXT)


def takes_contributors(phase: int) -> bool:
    """Return whether contributors may still join a task: its training has not begun."""
    return TaskPhase.TRAINING in _TASK_REACHABLE[TaskPhase(phase)]


def is_over(phase: int) -> bool:
    """Return whether all work on a task has ended: nothing is left to settle."""
    return TaskPhase.SETTLED not in _TASK_REACHABLE[TaskPhase(phase)]


def may_be_aggregated(phase: int) -> bool:
    """Return whether an aggregate may still be recorded for a task."""
    return TaskPhase.AGGREGATED in _TASK_REACHABLE[TaskPhase(phase)]


def is_aggregated(phase: int) -> bool:
    """Return whether the aggregate of a task is recorded."""
    return phase == TaskPhase.AGGREGATED


def is_final(state: int) -> bool:
    """Return whether a submission has ended: no state follows."""
    return state in TERMINAL


def is_accepted(state: int) -> bool:
    """Return whether a submission ended as part of the aggregate."""
    return state == SubmissionState.ACCEPTED


def is_disputed(state: int) -> bool:
    """Return whether a submission waits for the verdict of a jury."""
    return state == SubmissionState.DISPUTED


def has_attested(status: int) -> bool:
    """Return whether a seat has attested all segments that were dealt to it."""
    return status == SeatStatus.ATTESTED


def is_unanswered(state: int) -> bool:
    """Return whether a key request may still be granted."""
    return RequestState.GRANTED in _REQUEST_REACHABLE[RequestState(state)]


def is_granted(state: int) -> bool:
    """Return whether a key request was granted."""
    return state == RequestState.GRANTED
