"""Invariants that hold after every call, whatever was called."""

from walrusd.chain.layouts.objects import Submission, Task
from walrusd.core.lifecycle import (
    SUBMISSION_NEXT,
    TASK_NEXT,
    TERMINAL,
    DisputePhase,
    SubmissionState,
    TaskPhase,
)

SEATED_STATES = {
    SubmissionState.SEATED,
    SubmissionState.OPENED,
    SubmissionState.ATTESTED,
    SubmissionState.DISPUTED,
}
JURY_PHASES = {DisputePhase.COMMITTING, DisputePhase.REVEALING}


def watch(world, before):
    """Check every task, every submission and the pool; ``before`` is ``world.states()`` earlier."""
    submissions = world.of_type(Submission)
    for submission in submissions:
        watch_submission(world, submission, before)
    for task in world.of_type(Task):
        watch_task(task, [s for s in submissions if s.task == task.id], before)
    watch_pool(world.pool, submissions)


def watch_transition(table, kind, old, new):
    old, new = kind(old), kind(new)
    assert new == old or new in table[old], f"{old.name} → {new.name} is not a transition"


def watch_submission(world, submission, before):
    task = world.objects[submission.task]
    terms, state = task.terms, SubmissionState(submission.state)
    assert submission.credited == sum(c.amount for c in submission.credits)
    owners = [c.owner for c in submission.credits]
    assert len(set(owners)) == len(owners)
    assert all(c.amount > 0 for c in submission.credits)
    assert min(submission.stake, submission.escrow, submission.bond) >= 0
    if submission.id in before:
        watch_transition(SUBMISSION_NEXT, SubmissionState, before[submission.id][0], state)
    else:
        assert state is SubmissionState.JOINED
    if state in TERMINAL:
        assert (submission.stake, submission.escrow, submission.bond) == (0, 0, 0)
        assert submission.reason != 0
        return
    assert submission.stake == terms.stake
    assert submission.reason == 0
    is_seated = state in SEATED_STATES
    tips = task.tip * (1 if is_seated else 2)
    assert submission.escrow == terms.reward + terms.committee * terms.verifier_fee + tips
    is_disputed = state is SubmissionState.DISPUTED
    assert submission.bond == (terms.accuser_bond if is_disputed else 0)
    assert (submission.dispute is not None) == is_disputed
    assert len(submission.committee) == (terms.committee if is_seated else 0)


def watch_task(task, submissions, before):
    phase = TaskPhase(task.phase)
    if task.id in before:
        watch_transition(TASK_NEXT, TaskPhase, before[task.id][0], phase)
    else:
        assert phase is TaskPhase.JOINING
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
