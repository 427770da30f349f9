"""Opening late, and openings that a seat cannot read."""

import pytest

from walrusd.chain.layouts import events
from walrusd.core.lifecycle import EndReason, SeatStatus, SubmissionState, TaskPhase

from .market import CONTRIBUTORS, TERMS, Bazaar
from .world import aborts, address

FIRST = address(CONTRIBUTORS[0])
STAKE, OPEN, GRACE = TERMS.stake, TERMS.open_ms, TERMS.grace_ms


def paid(submission):
    return {c.owner: c.amount for c in submission.credits}


@pytest.mark.parametrize(
    ("late_ms", "fee"),
    [
        (-1, 0),
        (0, 0),
        (1, STAKE // GRACE),
        (GRACE // 2, STAKE // 2),
        (GRACE - 1, STAKE * (GRACE - 1) // GRACE),
        (GRACE, STAKE),
        (9 * GRACE, STAKE),
    ],
)
def test_the_fee_grows_to_the_whole_stake(late_ms, fee):
    m = Bazaar()
    (submission,) = m.seated(1)
    m.advance(OPEN + late_ms)
    m.open(submission)
    assert submission.late_fee == fee
    m.accept(submission)
    assert submission.state == SubmissionState.ACCEPTED
    assert paid(submission)[FIRST] == STAKE - fee + TERMS.reward
    ended = m.last(events.SubmissionEnded)
    assert (ended.payout, ended.burned) == (STAKE - fee + TERMS.reward, fee)
    assert m.burned == fee


def test_a_late_fee_is_kept_of_undecided_work_too():
    m = Bazaar()
    (submission,) = m.seated(1)
    m.advance(OPEN + GRACE // 2)
    m.open(submission)
    m.advance(TERMS.verify_ms)
    m.replace(submission)
    m.advance(TERMS.verify_ms)
    burned = m.burned
    m.settle(submission)
    assert paid(submission)[FIRST] == STAKE - STAKE // 2
    assert m.burned - burned == STAKE // 2 + 3 * 10 * TERMS.verifier_fee


def test_a_slash_takes_the_whole_stake_whatever_was_late():
    m = Bazaar()
    (submission,) = m.drawn(1, forged={3})
    m.seat(submission)
    m.advance(OPEN + GRACE)
    m.open(submission)
    m.challenge(submission, 3)
    m.judge(submission, m.works[submission.id].honest[3])
    fees = 3 * TERMS.verifier_fee + 5 * TERMS.juror_fee
    assert paid(submission)[address("accuser")] == STAKE // 5 + TERMS.accuser_bond
    assert m.burned == STAKE - fees - STAKE // 5


# --- reports --------------------------------------------------------------------------------------


def test_a_report_makes_the_contributor_open_again():
    m = Bazaar()
    submission, other = m.opened(2)
    assert (m.task.opened, m.task.phase) == (2, TaskPhase.VERIFYING)
    m.attest_seat(submission, 0)
    m.advance(7)
    m.report(submission, 2)
    assert (submission.state, submission.window_ms) == (SubmissionState.SEATED, m.now)
    assert submission.reopened
    assert submission.opening is not None
    told = m.last(events.OpeningReported)
    assert (told.seat, told.verifier) == (2, submission.committee[2].verifier)
    with aborts("submission.EWrongState"):
        m.attest(submission, 1, 0)
    m.advance(OPEN)
    m.open(submission, blob=77)
    assert (submission.state, submission.late_fee) == (SubmissionState.OPENED, 0)
    assert submission.opening.blob == 77
    assert (m.task.opened, m.task.phase) == (2, TaskPhase.VERIFYING)
    # What was attested stays.
    assert submission.committee[0].status == SeatStatus.ATTESTED
    m.attest_seat(submission, 1)
    m.attest_seat(submission, 2)
    m.draw_audit(submission, selected=False)
    m.settle(submission)
    m.accept(other)
    assert m.task.accepted == 2


def test_reports_that_are_refused():
    m = Bazaar()
    (submission,) = m.seated(1)
    with aborts("submission.EWrongState"):
        m.report(submission, 0)
    m.open(submission)
    neighbour = m.caps[m.name_of(submission.committee[0].verifier)]
    with aborts("attestation.ENotSeated"):
        m.report(submission, 1, cap=neighbour)
    with aborts("attestation.ENotSeated"):
        m.call("attestation::report", "x", m.market, m.task, submission, neighbour, 3)
    m.attest_seat(submission, 0)
    with aborts("attestation.EAlreadyAttested"):
        m.report(submission, 0)
    m.report(submission, 1)
    m.open(submission)
    with aborts("attestation.EAlreadyReported"):
        m.report(submission, 1)
    with aborts("attestation.EAlreadyReported"):
        m.report(submission, 2)


def test_whoever_does_not_open_again_is_rejected():
    m = Bazaar()
    (submission,) = m.opened(1)
    m.report(submission, 0)
    m.advance(OPEN + GRACE - 1)
    with aborts("settlement.ETooEarly"):
        m.settle(submission)
    m.advance(1)
    m.settle(submission)
    assert submission.reason == EndReason.NEVER_OPENED
    assert m.burned == STAKE
    assert set(paid(submission)) == {address("crank")}


def test_two_late_openings_cost_two_fees_up_to_the_stake():
    m = Bazaar()
    (submission,) = m.seated(1)
    for fee in (STAKE // 2, 2 * (STAKE // 2)):
        m.advance(OPEN + GRACE // 2)
        m.open(submission)
        assert submission.late_fee == fee
        if not submission.reopened:
            m.report(submission, 0)

    m = Bazaar()
    (submission,) = m.seated(1)
    for _ in range(2):
        m.advance(OPEN + GRACE - 1)
        m.open(submission)
        if not submission.reopened:
            m.report(submission, 0)
    assert submission.late_fee == STAKE
    m.accept(submission)
    assert paid(submission)[FIRST] == TERMS.reward


def test_a_report_before_the_others_have_opened_counts_nobody_twice():
    m = Bazaar()
    first, second = m.seated(2)
    m.open(first)
    m.report(first, 0)
    m.open(first)
    assert (m.task.opened, m.task.phase) == (1, TaskPhase.OPENING)
    m.open(second)
    assert (m.task.opened, m.task.phase) == (2, TaskPhase.VERIFYING)
