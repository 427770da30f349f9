"""When a crank is due: the same moments as the contract's."""

from dataclasses import replace

import pytest

from walrusd.core.cranks import (
    Crank,
    DisputeFacts,
    SubmissionFacts,
    TaskFacts,
    compute_resolvable_ms,
    compute_submission_crank,
    compute_task_crank,
)
from walrusd.core.lifecycle import DisputePhase, SubmissionState, TaskPhase

TASK = TaskFacts(
    phase=TaskPhase.JOINING,
    phase_ms=1000,
    ends_by_ms=100_000,
    joined=2,
    committed=0,
    max_submissions=4,
    join_ms=100,
    train_ms=200,
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


@pytest.mark.parametrize(("now", "due"), [(1219, None), (1220, Crank.CLOSE_TRAINING)])
def test_training_ends_with_its_window_and_the_grace(now, due) -> None:
    assert compute_task_crank(replace(TASK, phase=TaskPhase.TRAINING), now) == due


def test_training_ends_early_when_all_have_committed() -> None:
    task = replace(TASK, phase=TaskPhase.TRAINING, committed=2)
    assert compute_task_crank(task, 1001) is Crank.CLOSE_TRAINING


@pytest.mark.parametrize("phase", [p for p in TaskPhase if p > TaskPhase.TRAINING])
def test_later_phases_have_no_crank_of_their_own(phase) -> None:
    assert compute_task_crank(replace(TASK, phase=phase), 10**12) is None


CLOSED = replace(TASK, phase=TaskPhase.OPENING)


@pytest.mark.parametrize(
    ("state", "now", "due"),
    [
        (SubmissionState.JOINED, 5000, Crank.SETTLE),
        (SubmissionState.COMMITTED, 5000, Crank.DRAW_COMMITTEE),
        (SubmissionState.COMMITTED, 100_000, Crank.SETTLE),
        (SubmissionState.SEATED, 5029, None),
        (SubmissionState.SEATED, 5030, Crank.SETTLE),
        (SubmissionState.OPENED, 5029, None),
        (SubmissionState.OPENED, 5030, Crank.REPLACE),
        (SubmissionState.ATTESTED, 5000, Crank.DRAW_AUDIT),
        (SubmissionState.AUDITED, 5029, None),
        (SubmissionState.AUDITED, 5030, Crank.SETTLE),
        (SubmissionState.ACCEPTED, 10**12, None),
        (SubmissionState.LAPSED, 10**12, None),
    ],
)
def test_a_submission_once_training_is_closed(state, now, due) -> None:
    assert compute_submission_crank(CLOSED, SubmissionFacts(state, 5000, None), now) == due


@pytest.mark.parametrize(
    ("facts", "now", "due"),
    [
        # Its own lot is seated, whatever the time; while another has the pool's it waits.
        ({"has_lot": True, "is_lot_free": False}, 100_000, Crank.SEAT_COMMITTEE),
        ({"is_lot_free": False}, 99_999, None),
    ],
)
def test_one_lot_of_a_pool_is_drawn_at_a_time(facts, now, due) -> None:
    found = SubmissionFacts(SubmissionState.COMMITTED, 5000, None, **facts)
    assert compute_submission_crank(CLOSED, found, now) == due


@pytest.mark.parametrize(("now", "due"), [(5029, None), (5030, Crank.REOPEN)])
def test_an_opening_whose_key_a_substitute_did_not_get_is_asked_for_again(now, due) -> None:
    facts = SubmissionFacts(SubmissionState.SEATED, 5000, None, was_complete=True)
    assert compute_submission_crank(CLOSED, facts, now) == due


@pytest.mark.parametrize(("now", "due"), [(5029, Crank.AUDIT), (5030, Crank.SETTLE)])
def test_an_audit_that_nobody_starts_is_settled_in_the_end(now, due) -> None:
    facts = SubmissionFacts(SubmissionState.AUDITED, 5000, None, audit_pending=True)
    assert compute_submission_crank(CLOSED, facts, now) == due


def test_an_abort_claim_needs_no_update() -> None:
    facts = SubmissionFacts(SubmissionState.AUDITED, 5000, None, is_abort=True)
    assert compute_submission_crank(CLOSED, facts, 5000) is Crank.SETTLE
    pending = replace(facts, audit_pending=True)
    assert compute_submission_crank(CLOSED, pending, 5000) is Crank.AUDIT


@pytest.mark.parametrize("state", [SubmissionState.JOINED, SubmissionState.COMMITTED])
def test_nothing_is_due_on_a_submission_while_others_train(state) -> None:
    facts = SubmissionFacts(state, 1000, None)
    task = replace(TASK, phase=TaskPhase.TRAINING)
    assert compute_submission_crank(task, facts, 99_999) is None


@pytest.mark.parametrize(
    ("phase", "revealed", "majority", "now", "due"),
    [
        (DisputePhase.WAITING, False, False, 100, Crank.DRAW_JURY),
        (DisputePhase.WAITING, False, False, 100_000, Crank.SETTLE),
        (DisputePhase.DRAWN, False, False, 100, Crank.SEAT_JURY),
        (DisputePhase.SUMMONED, False, False, 129, None),
        (DisputePhase.SUMMONED, False, False, 130, Crank.REOPEN),
        (DisputePhase.COMMITTING, False, False, 189, None),
        (DisputePhase.COMMITTING, False, False, 190, Crank.RESOLVE),
        (DisputePhase.COMMITTING, True, False, 139, None),
        (DisputePhase.REVEALING, False, False, 149, None),
        (DisputePhase.REVEALING, False, False, 150, Crank.RESOLVE),
        (DisputePhase.REVEALING, True, False, 101, Crank.RESOLVE),
        # A juror of the majority says what its value hides; without it nobody waits for ever.
        (DisputePhase.REVEALING, True, True, 199, None),
        (DisputePhase.REVEALING, True, True, 200, Crank.RESOLVE),
        (DisputePhase.COMMITTING, True, True, 239, None),
        (DisputePhase.COMMITTING, True, True, 240, Crank.RESOLVE),
    ],
)
def test_a_case(phase, revealed, majority, now, due) -> None:
    dispute = DisputeFacts(phase, 100, all_revealed=revealed, has_majority=majority)
    facts = SubmissionFacts(SubmissionState.DISPUTED, 0, dispute)
    assert compute_submission_crank(CLOSED, facts, now) == due


def test_a_jury_waits_for_the_lot_of_the_pool() -> None:
    dispute = DisputeFacts(DisputePhase.WAITING, 100, all_revealed=False)
    facts = SubmissionFacts(SubmissionState.DISPUTED, 0, dispute, is_lot_free=False)
    assert compute_submission_crank(CLOSED, facts, 100) is None


@pytest.mark.parametrize(
    ("phase", "revealed", "now", "since"),
    [
        (DisputePhase.SUMMONED, False, 10**6, None),
        (DisputePhase.COMMITTING, False, 139, None),
        (DisputePhase.COMMITTING, False, 140, 190),
        (DisputePhase.COMMITTING, True, 140, 140),
        (DisputePhase.REVEALING, False, 100, 150),
        (DisputePhase.REVEALING, True, 100, 100),
    ],
)
def test_a_juror_may_resolve_once_nobody_can_change_the_outcome(
    phase, revealed, now, since
) -> None:
    dispute = DisputeFacts(phase, 100, all_revealed=revealed)
    assert compute_resolvable_ms(CLOSED, dispute, now) == since
