"""The demonstration's clock moves only when nobody alive has anything left to do."""

import pytest

from tests.contract.market import CONTRIBUTORS, TERMS, Bazaar
from tests.contract.world import address
from tests.demo.duties import ANYONE, compute_outlook
from walrusd.core.lifecycle import SubmissionState

CHAIN = [address(name) for name in CONTRIBUTORS]


def look(m, submissions, dead=()):
    """Return ``(duties as (who, what), the time to advance to or None)``."""
    verifiers = [address(name) for name in m.caps]
    people = {*CHAIN, *verifiers, address("publisher"), address("accuser")}
    outlook = compute_outlook(
        m.task,
        submissions,
        contributors=CHAIN,
        alive=people - {address(name) if name in CONTRIBUTORS else name for name in dead},
        now_ms=m.now,
    )
    return {(d.who, d.what) for d in outlook.duties}, outlook.next_deadline(m.now)


def test_joining_waits_for_the_living_and_then_for_its_window():
    m = Bazaar()
    submissions = m.joined(2)
    missing = {(address(name), "join") for name in CONTRIBUTORS[2:]}
    assert look(m, submissions) == (missing, None)
    assert look(m, submissions, dead=CONTRIBUTORS[2:3])[1] is None
    end = m.task.phase_ms + TERMS.join_ms
    assert look(m, submissions, dead=CONTRIBUTORS[2:]) == (set(), end)
    m.advance(end - m.now)
    assert look(m, submissions) == ({(ANYONE, "close_joining")}, None)


def test_a_full_task_needs_no_clock():
    m = Bazaar()
    submissions = m.joined(4)
    assert look(m, submissions) == ({(ANYONE, "close_joining")}, None)


def test_training_waits_for_whoever_lives():
    m = Bazaar()
    first, *rest = submissions = m.training()
    for submission in rest:
        m.commit(submission)
    assert look(m, submissions) == ({(first.contributor, "train and commit")}, None)
    dead = look(m, submissions, dead=[CONTRIBUTORS[0]])
    assert dead == (set(), m.task.phase_ms + TERMS.train_ms)
    m.commit(first)
    assert look(m, submissions) == ({(ANYONE, "draw")}, None)


def test_a_contributor_that_dies_before_opening_is_ended_by_the_clock():
    m = Bazaar()
    (submission,) = m.seated(1)
    assert look(m, [submission]) == ({(submission.contributor, "open")}, None)
    _, end = look(m, [submission], dead=[CONTRIBUTORS[0]])
    assert end == submission.window_ms + TERMS.open_ms + TERMS.grace_ms
    m.advance(end - m.now)
    assert look(m, [submission]) == ({(ANYONE, "settle")}, None)
    m.settle(submission)
    assert submission.state == SubmissionState.REJECTED


def test_verification_waits_for_each_seat_that_lives():
    m = Bazaar()
    (submission,) = m.opened(1)
    seats = [seat.verifier for seat in submission.committee]
    assert look(m, [submission])[0] == {(verifier, "verify") for verifier in seats}
    for position in range(TERMS.segments_per_seat):
        m.attest(submission, 0, position)
    assert look(m, [submission])[0] == {(verifier, "verify") for verifier in seats[1:]}
    assert look(m, [submission], dead=seats[1:2])[1] is None
    assert look(m, [submission], dead=seats[1:]) == (set(), submission.window_ms + TERMS.verify_ms)


def test_a_jury_is_waited_for_juror_by_juror():
    m = Bazaar()
    submission = m.disputed(forged={3})
    truth = m.works[submission.id].honest[3]
    jurors = [juror.verifier for juror in submission.dispute.jurors]
    assert look(m, [submission]) == ({(juror, "judge") for juror in jurors}, None)
    for juror in range(4):
        m.jury_commit(submission, juror, truth)
    assert look(m, [submission])[0] == {(jurors[4], "judge")}
    _, end = look(m, [submission], dead=[jurors[4]])
    assert end == submission.dispute.phase_ms + TERMS.jury_commit_ms
    m.advance(end - m.now)
    reveals = {(juror, "reveal") for juror in jurors[:4]} | {(address("accuser"), "reveal")}
    assert look(m, [submission], dead=[jurors[4]]) == (reveals, None)
    for juror in range(4):
        m.jury_reveal(submission, juror, truth)
    m.accuser_reveal(submission, truth)
    _, end = look(m, [submission], dead=[jurors[4]])
    assert end == submission.dispute.phase_ms + TERMS.jury_reveal_ms
    m.advance(end - m.now)
    assert look(m, [submission]) == ({(ANYONE, "resolve")}, None)


@pytest.mark.parametrize("publisher_lives", [True, False])
def test_a_settled_task_waits_for_its_publisher_if_it_lives(publisher_lives):
    m = Bazaar()
    submissions = m.opened(3)
    for submission in submissions:
        m.attest_all(submission)
        assert (ANYONE, "draw_audit") in look(m, submissions)[0]
        m.draw_audit(submission, selected=False)
        assert (ANYONE, "settle") in look(m, submissions)[0]
        m.settle(submission)
    publisher = address("publisher")
    found = look(m, submissions, dead=[] if publisher_lives else [publisher])
    assert found == ({(publisher, "aggregate")} if publisher_lives else set(), None)
