"""Invariants that hold after every call, whatever was called."""

from collections.abc import Iterator
from enum import IntEnum

from walrusd.chain.layouts.objects import KeyRequest, Submission, Task
from walrusd.core.lifecycle import (
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
from walrusd.devnet.contract.terms import compute_places

SEATED_STATES = {
    SubmissionState.SEATED,
    SubmissionState.OPENED,
    SubmissionState.ATTESTED,
    SubmissionState.AUDITED,
    SubmissionState.DISPUTED,
}
ATTESTED_STATES = {SubmissionState.ATTESTED, SubmissionState.AUDITED}

DISPUTE_NEXT: dict[DisputePhase, frozenset[DisputePhase]] = {
    DisputePhase.WAITING: frozenset({DisputePhase.DRAWN}),
    # Back to WAITING: the lot filled too few places, or there was no majority.
    DisputePhase.DRAWN: frozenset({DisputePhase.SUMMONED, DisputePhase.WAITING}),
    DisputePhase.SUMMONED: frozenset({DisputePhase.COMMITTING}),
    DisputePhase.COMMITTING: frozenset({DisputePhase.REVEALING, DisputePhase.WAITING}),
    DisputePhase.REVEALING: frozenset({DisputePhase.WAITING}),
}
"""What may follow each phase of a jury."""

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
    watch_pool(world, world.pool, submissions)


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
    assert (submission.market, submission.pool) == (task.market, task.pool)
    assert submission.credited == sum(c.amount for c in submission.credits)
    owners = [c.owner for c in submission.credits]
    assert len(set(owners)) == len(owners)
    assert all(c.amount > 0 for c in submission.credits)
    assert min(submission.stake, submission.escrow, submission.bond) >= 0
    assert (submission.id, SubmissionState) in before or state is SubmissionState.JOINED
    if state in TERMINAL:
        assert (submission.stake, submission.escrow, submission.bond) == (0, 0, 0)
        assert submission.reason != 0
        assert submission.lot is None
        return
    assert submission.stake == terms.stake
    assert submission.reason == 0
    is_seated = state in SEATED_STATES
    watch_escrow(submission, task)
    assert 0 <= submission.late_fee <= terms.stake // 2
    assert (submission.dispute is not None) == (state is SubmissionState.DISPUTED)
    assert len(submission.committee) == (terms.committee if is_seated else 0)
    called = sum(seat.slot >= terms.committee for seat in submission.committee)
    waiting = len(submission.substitutes)
    assert called + waiting <= (terms.substitutes if is_seated else 0)
    slots = [seat.slot for seat in (*submission.committee, *submission.substitutes)]
    assert len(set(slots)) == len(slots)
    kept = [at for at, seat in enumerate(submission.committee) if seat.slot < terms.committee]
    assert all(submission.committee[at].slot == at for at in kept)
    if state in ATTESTED_STATES:
        assert all(seat.status == SeatStatus.ATTESTED for seat in submission.committee)


def watch_escrow(submission, task):
    """Fees and reward are all there; of two cases and six tips there is what was not spent."""
    terms = task.terms
    least = terms.reward + terms.committee * terms.verifier_fee
    jurors = terms.jury + (terms.jury + 1) // 2
    most = least + 2 * jurors * terms.juror_fee + 6 * task.tip
    assert least <= submission.escrow <= most


def watch_task(task, submissions, before):
    phase = TaskPhase(task.phase)
    assert (task.id, TaskPhase) in before or phase is TaskPhase.JOINING
    ended = [s for s in submissions if s.state in TERMINAL]
    accepted = [s for s in ended if s.state == SubmissionState.ACCEPTED]
    assert min(task.funds, task.bond, task.tips) >= 0
    assert task.credited == sum(c.amount for c in task.credits)
    assert len(task.entries) == len(submissions) <= task.terms.max_submissions
    assert task.committed == sum(s.commitment is not None for s in submissions)
    assert task.ended == len(ended)
    assert task.accepted == sum(1 << s.number for s in accepted)
    assert task.accepted_weight == sum(s.weight for s in accepted)
    if phase in (TaskPhase.SETTLED, TaskPhase.AGGREGATED):
        assert len(ended) == len(submissions)
    if phase in (TaskPhase.OPENING, TaskPhase.VERIFYING):
        assert len(ended) < len(submissions)
    assert (task.aggregate is not None) == (phase is TaskPhase.AGGREGATED)


def watch_pool(world, pool, submissions):
    assert pool.stakes == sum(seat.stake for seat in pool.seats)
    duties, booked = [0] * len(pool.seats), 0
    for submission in submissions:
        task = world.objects[submission.task]
        if submission.pool != pool.id or submission.state in TERMINAL:
            continue
        if task.phase not in (TaskPhase.JOINING, TaskPhase.VOID):
            booked += compute_places(task.terms)
        for seat in (*submission.committee, *submission.substitutes):
            duties[seat.pool_index] += 1
        if submission.dispute is not None:
            for juror in submission.dispute.jurors:
                duties[juror.pool_index] += 1
    assert [seat.duties for seat in pool.seats] == duties
    assert pool.booked == booked
    for seat in pool.seats:
        assert seat.duties <= pool.params.duties
        assert seat.stake <= pool.params.stake
        assert (int(seat.verifier, 16) == 0) <= (seat.stake == seat.duties == 0)
    drawn = [s.id for s in submissions if s.lot is not None]
    assert drawn == ([] if int(pool.lot, 16) == 0 else [pool.lot])
