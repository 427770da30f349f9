"""Invariants that hold after every call, whatever was called."""

from collections.abc import Iterator
from enum import IntEnum

from walrusd.chain.layouts.objects import KeyRequest, Submission, Task
from walrusd.core.lifecycle import (
    DISPUTE_NEXT,
    REQUEST_NEXT,
    SUBMISSION_NEXT,
    TASK_NEXT,
    TERMINAL,
    DisputePhase,
    RequestState,
    SeatStatus,
    SubmissionState,
    TaskPhase,
)

SEATED_STATES = {
    SubmissionState.SEATED,
    SubmissionState.OPENED,
    SubmissionState.ATTESTED,
    SubmissionState.AUDITED,
    SubmissionState.DISPUTED,
}
ATTESTED_STATES = {SubmissionState.ATTESTED, SubmissionState.AUDITED}
JURY_PHASES = {DisputePhase.COMMITTING, DisputePhase.REVEALING}


TRANSITIONS = {
    TaskPhase: TASK_NEXT,
    SubmissionState: SUBMISSION_NEXT,
    DisputePhase: DISPUTE_NEXT,
    RequestState: REQUEST_NEXT,
}


def watch(world, before):
    """Check every task, every submission and the pool; ``before`` is ``world.phases()`` earlier."""
    for old, new in list_moves(before, world.phases()):
        assert new in TRANSITIONS[type(old)][old], f"{old!r} → {new!r} is not a transition"
    submissions = world.of_type(Submission)
    for submission in submissions:
        watch_submission(world, submission, before)
    for task in world.of_type(Task):
        watch_task(task, [s for s in submissions if s.task == task.id], before)
    watch_pool(world.pool, submissions)


def read_phases(objects) -> dict[tuple[str, type[IntEnum]], IntEnum]:
    """Return where every task, submission, dispute and key request stands."""
    found: dict[tuple[str, type[IntEnum]], IntEnum] = {}
    for each in objects:
        if isinstance(each, Task):
            found[each.id, TaskPhase] = TaskPhase(each.phase)
        elif isinstance(each, KeyRequest):
            found[each.id, RequestState] = RequestState(each.state)
        elif isinstance(each, Submission):
            found[each.id, SubmissionState] = SubmissionState(each.state)
            if each.dispute is not None:
                found[each.id, DisputePhase] = DisputePhase(each.dispute.phase)
    return found


def list_moves(before, after) -> Iterator[tuple[IntEnum, IntEnum]]:
    """Yield old and new of everything that stands elsewhere than before."""
    for key, new in after.items():
        if key in before and before[key] != new:
            yield before[key], new


def watch_submission(world, submission, before):
    task = world.objects[submission.task]
    terms, state = task.terms, SubmissionState(submission.state)
    assert submission.credited == sum(c.amount for c in submission.credits)
    owners = [c.owner for c in submission.credits]
    assert len(set(owners)) == len(owners)
    assert all(c.amount > 0 for c in submission.credits)
    assert min(submission.stake, submission.escrow, submission.bond) >= 0
    assert (submission.id, SubmissionState) in before or state is SubmissionState.JOINED
    if state in TERMINAL:
        assert (submission.stake, submission.escrow, submission.bond) == (0, 0, 0)
        assert submission.reason != 0
        return
    assert submission.stake == terms.stake
    assert submission.reason == 0
    is_seated = state in SEATED_STATES
    watch_escrow(submission, task, is_seated)
    assert 0 <= submission.late_fee <= terms.stake
    is_disputed = state is SubmissionState.DISPUTED
    has_accuser = is_disputed and int(submission.dispute.accuser, 16) != 0
    assert submission.bond == (terms.accuser_bond if has_accuser else 0)
    assert (submission.dispute is not None) == is_disputed
    assert len(submission.committee) == (terms.committee if is_seated else 0)
    substitutes = [
        at for at, seat in enumerate(submission.committee) if seat.slot == terms.committee + at
    ]
    assert bool(substitutes) == submission.replaced
    kept = set(range(len(submission.committee))) - set(substitutes)
    assert all(submission.committee[at].slot == at for at in kept)
    if state in ATTESTED_STATES:
        assert all(seat.status == SeatStatus.ATTESTED for seat in submission.committee)


def watch_escrow(submission, task, is_seated):
    """Fees and reward are all there; two juries and four tips are, but for what was spent."""
    terms = task.terms
    tips = 4 - is_seated - submission.replaced - bool(submission.audit_beacon)
    fees = terms.reward + terms.committee * terms.verifier_fee + tips * task.tip
    reserve = submission.escrow - fees
    juries, odd = divmod(reserve, terms.juror_fee)
    assert odd == 0
    spent = 2 * terms.jury - juries
    assert 0 <= spent <= 2 * terms.jury
    assert spent == 0 or submission.judged


def watch_task(task, submissions, before):
    phase = TaskPhase(task.phase)
    assert (task.id, TaskPhase) in before or phase is TaskPhase.JOINING
    ended = [s for s in submissions if s.state in TERMINAL]
    accepted = [s for s in ended if s.state == SubmissionState.ACCEPTED]
    assert min(task.pool, task.bond, task.tips) >= 0
    assert task.credited == sum(c.amount for c in task.credits)
    assert len(task.entries) == len(submissions) <= task.terms.max_submissions
    assert task.committed == sum(s.commitment is not None for s in submissions)
    assert task.opened == sum(s.opening is not None for s in submissions)
    assert task.ended == len(ended)
    assert task.accepted == len(accepted)
    assert task.accepted_weight == sum(s.weight for s in accepted)
    if phase in (TaskPhase.SETTLED, TaskPhase.AGGREGATED):
        assert len(ended) == len(submissions)
    if phase in (TaskPhase.OPENING, TaskPhase.VERIFYING):
        assert len(ended) < len(submissions)
    assert (task.aggregate is not None) == (phase is TaskPhase.AGGREGATED)


def watch_pool(pool, submissions):
    assert pool.stakes == sum(seat.stake for seat in pool.seats)
    uses = [0] * len(pool.seats)
    for submission in submissions:
        if submission.state in SEATED_STATES:
            for seat in submission.committee:
                uses[seat.pool_index] += 1
        dispute = submission.dispute
        is_judged = submission.state == SubmissionState.DISPUTED and dispute is not None
        if is_judged and dispute.phase in JURY_PHASES:
            for juror in dispute.jurors:
                uses[juror.pool_index] += 1
    assert [seat.in_use for seat in pool.seats] == uses
