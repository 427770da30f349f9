"""When a crank is due: the same moments as the contract's."""

from dataclasses import replace

import pytest

from walrusd.core.cranks import (
    Crank,
    DisputeFacts,
    SubmissionFacts,
    TaskFacts,
    compute_submission_crank,
    compute_task_crank,
)
from walrusd.core.lifecycle import DisputePhase, SubmissionState, TaskPhase

TASK = TaskFacts(
    phase=TaskPhase.JOINING,
    phase_ms=1000,
    joined=2,
    committed=0,
    max_submissions=4,
    join_ms=100,
    train_ms=200,
    drawn=False,
    open_ms=10,
    grace_ms=20,
    verify_ms=30,
    jury_commit_ms=40,
    jury_reveal_ms=50,
)


@pytest.mark.parametrize(("now", "due"), [(1099, None), (1100, Crank.CLOSE_JOINING)])
def test_joining_closes_when_its_window_ends(now, due) -> None:
    assert compute_task_crank(TASK, now) == due


def test_joining_closes_early_when_the_task_is_full() -> None:
    assert compute_task_crank(replace(TASK, joined=4), 1001) is Crank.CLOSE_JOINING


@pytest.mark.parametrize(("now", "due"), [(1199, None), (1200, Crank.DRAW)])
def test_the_draw_waits_for_the_training_window(now, due) -> None:
    assert compute_task_crank(replace(TASK, phase=TaskPhase.TRAINING), now) == due


def test_the_draw_comes_early_when_all_have_committed() -> None:
    task = replace(TASK, phase=TaskPhase.TRAINING, committed=2)
    assert compute_task_crank(task, 1001) is Crank.DRAW


@pytest.mark.parametrize("phase", [p for p in TaskPhase if p > TaskPhase.TRAINING])
def test_later_phases_have_no_crank_of_their_own(phase) -> None:
    assert compute_task_crank(replace(TASK, phase=phase), 10**12) is None


DRAWN = replace(TASK, phase=TaskPhase.OPENING, drawn=True)


@pytest.mark.parametrize(
    ("state", "now", "due"),
    [
        (SubmissionState.JOINED, 5000, Crank.SETTLE),
        (SubmissionState.COMMITTED, 5000, Crank.SEAT),
        (SubmissionState.SEATED, 5029, None),
        (SubmissionState.SEATED, 5030, Crank.SETTLE),
        (SubmissionState.OPENED, 5029, None),
        (SubmissionState.OPENED, 5030, Crank.REPLACE),
        (SubmissionState.ATTESTED, 5000, Crank.DRAW_AUDIT),
        (SubmissionState.AUDITED, 5000, Crank.SETTLE),
        (SubmissionState.ACCEPTED, 10**12, None),
        (SubmissionState.LAPSED, 10**12, None),
    ],
)
def test_a_submission_after_the_draw(state, now, due) -> None:
    assert compute_submission_crank(DRAWN, SubmissionFacts(state, 5000, None), now) == due


@pytest.mark.parametrize(("now", "due"), [(5029, None), (5030, Crank.SETTLE)])
def test_a_committee_whose_silent_seats_were_replaced_gets_one_more_window(now, due) -> None:
    facts = SubmissionFacts(SubmissionState.OPENED, 5000, None, replaced=True)
    assert compute_submission_crank(DRAWN, facts, now) == due


@pytest.mark.parametrize(("now", "due"), [(5029, Crank.AUDIT), (5030, Crank.SETTLE)])
def test_an_audit_that_nobody_starts_is_settled_in_the_end(now, due) -> None:
    facts = SubmissionFacts(SubmissionState.AUDITED, 5000, None, audit_pending=True)
    assert compute_submission_crank(DRAWN, facts, now) == due


@pytest.mark.parametrize("state", [SubmissionState.JOINED, SubmissionState.COMMITTED])
def test_nothing_is_due_on_a_submission_before_the_draw(state) -> None:
    facts = SubmissionFacts(state, 1000, None)
    assert compute_submission_crank(TASK, facts, 10**12) is None


@pytest.mark.parametrize(
    ("phase", "revealed", "now", "due"),
    [
        (DisputePhase.WAITING, False, 100, Crank.DRAW_JURY),
        (DisputePhase.DRAWN, False, 100, Crank.SEAT_JURY),
        (DisputePhase.COMMITTING, False, 189, None),
        (DisputePhase.COMMITTING, False, 190, Crank.RESOLVE),
        (DisputePhase.REVEALING, False, 149, None),
        (DisputePhase.REVEALING, False, 150, Crank.RESOLVE),
        (DisputePhase.REVEALING, True, 101, Crank.RESOLVE),
    ],
)
def test_a_dispute(phase, revealed, now, due) -> None:
    dispute = DisputeFacts(phase, 100, all_revealed=revealed)
    facts = SubmissionFacts(SubmissionState.DISPUTED, 0, dispute)
    assert compute_submission_crank(DRAWN, facts, now) == due
