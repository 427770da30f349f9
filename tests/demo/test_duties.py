"""The demonstration's clock moves only when nobody alive has anything left to do."""

import pytest

from tests.contract.market import CONTRIBUTORS, JURORS, TERMS, Bazaar
from tests.contract.world import address
from tests.demo.duties import ANYONE, compute_outlook
from walrusd.core.lifecycle import CaseKind, SubmissionState

CHAIN = [address(name) for name in CONTRIBUTORS]


def look(m, submissions, dead=()):
    """Return ``(duties as (who, what), the time to advance to or None)``."""
    verifiers = [address(name) for name in m.caps]
    people = {*CHAIN, *verifiers, address("publisher"), address("accuser")}
    outlook = compute_outlook(
        m.task,
        submissions,
        m.pool,
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
    assert dead == (set(), m.task.phase_ms + TERMS.train_ms + TERMS.grace_ms)
    m.commit(first)
    assert look(m, submissions) == ({(ANYONE, "close_training")}, None)


def test_a_committee_is_drawn_and_seated_by_anyone_one_after_another():
    m = Bazaar()
    first, second = submissions = m.trained(2)
    assert look(m, submissions) == ({(ANYONE, "draw_committee")}, None)
    m.draw(first)
    # The other waits for the pool's lot, and nobody for the clock.
    assert look(m, submissions) == ({(ANYONE, "seat_committee")}, None)
    assert look(m, [second]) == (set(), None)
    m.seat(first)
    assert (ANYONE, "draw_committee") in look(m, submissions)[0]


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


def test_keys_are_waited_for_from_whoever_holds_them():
    m = Bazaar()
    (submission,) = m.seated(1)
    m.open(submission)
    what = "deliver the key of the work"
    assert look(m, [submission]) == ({(submission.contributor, what)}, None)
    m.deliver(submission, 0)
    holder = submission.committee[0].verifier
    assert look(m, [submission])[0] == {(submission.contributor, what), (holder, what)}
    assert look(m, [submission], dead=[CONTRIBUTORS[0]])[0] == {(holder, what)}
    end = submission.window_ms + TERMS.open_ms + TERMS.grace_ms
    assert look(m, [submission], dead=[CONTRIBUTORS[0], holder]) == (set(), end)


def test_verification_waits_for_each_seat_that_lives():
    m = Bazaar()
    (submission,) = m.opened(1)
    seats = [seat.verifier for seat in submission.committee]
    assert look(m, [submission])[0] == {(verifier, "verify") for verifier in seats}
    m.attest_seat(submission, 0)
    assert look(m, [submission])[0] == {(verifier, "verify") for verifier in seats[1:]}
    assert look(m, [submission], dead=seats[1:2])[1] is None
    assert look(m, [submission], dead=seats[1:]) == (set(), submission.window_ms + TERMS.verify_ms)


def test_an_update_is_delivered_by_contributor_or_seats():
    m = Bazaar()
    (submission,) = m.audited(1, selected=False)
    what = "deliver the key of the update"
    seats = [seat.verifier for seat in submission.committee]
    people = {(who, what) for who in [submission.contributor, *seats]}
    assert look(m, [submission]) == (people, None)
    end = submission.window_ms + TERMS.open_ms + TERMS.grace_ms
    assert look(m, [submission], dead=[CONTRIBUTORS[0], *seats]) == (set(), end)


def accused(m):
    """Return a forged submission, a jury seated for the segment, and what a replay gives."""
    (submission,) = m.trained(1, forged={3})
    m.seat(submission)
    m.show(submission)
    place, position = divmod(m.places(submission).index(3), TERMS.segments_per_seat)
    m.accuse(submission, CaseKind.SEGMENT, place, 3, position=position)
    assert look(m, [submission]) == ({(ANYONE, "draw_jury")}, None)
    m.draw_jury(submission)
    assert look(m, [submission]) == ({(ANYONE, "seat_jury")}, None)
    m.seat_jury(submission)
    return submission, m.works[submission.id].honest[3]


def test_a_jury_is_waited_for_juror_by_juror():
    m = Bazaar()
    submission, truth = accused(m)
    seats = [seat.verifier for seat in submission.committee]
    jurors = [juror.verifier for juror in submission.dispute.jurors]
    holders = {(who, "give the jury the key") for who in [submission.contributor, *seats]}
    assert look(m, [submission]) == (holders, None)
    _, end = look(m, [submission], dead=[CONTRIBUTORS[0], *seats])
    assert end == submission.dispute.phase_ms + TERMS.open_ms + TERMS.grace_ms
    m.brief(submission)
    assert look(m, [submission]) == ({(juror, "judge") for juror in jurors}, None)
    last = JURORS - 1
    for juror in range(last):
        m.jury_commit(submission, juror, truth)
    assert look(m, [submission])[0] == {(jurors[last], "judge")}
    _, end = look(m, [submission], dead=[jurors[last]])
    assert end == submission.dispute.phase_ms + TERMS.jury_commit_ms
    m.advance(end - m.now)
    reveals = {(juror, "reveal") for juror in jurors[:last]}
    assert look(m, [submission], dead=[jurors[last]]) == (reveals, None)
    for juror in range(last):
        m.jury_reveal(submission, juror, truth)
    tellers = {(juror, "tell the verdict") for juror in jurors[:last]}
    assert look(m, [submission]) == (tellers, None)


def test_the_clock_passes_over_jurors_that_reveal_or_tell_nothing():
    m = Bazaar()
    submission, truth = accused(m)
    m.brief(submission)
    jurors = [juror.verifier for juror in submission.dispute.jurors]
    for juror in range(JURORS):
        m.jury_commit(submission, juror, truth)
    for juror in range(JURORS - 1):
        m.jury_reveal(submission, juror, truth)
    revealed_ms = submission.dispute.phase_ms + TERMS.jury_reveal_ms
    assert look(m, [submission]) == ({(jurors[-1], "reveal")}, None)
    assert look(m, [submission], dead=jurors[-1:]) == (set(), revealed_ms)
    m.advance(revealed_ms - m.now)
    assert {what for _who, what in look(m, [submission])[0]} == {"tell the verdict"}
    told_ms = revealed_ms + TERMS.jury_reveal_ms
    assert look(m, [submission], dead=jurors) == (set(), told_ms)
    m.advance(told_ms - m.now)
    assert look(m, [submission], dead=jurors) == ({(ANYONE, "resolve")}, None)


@pytest.mark.parametrize("publisher_lives", [True, False])
def test_a_settled_task_waits_for_its_publisher_if_it_lives(publisher_lives):
    m = Bazaar()
    submissions = m.opened(3)
    for submission in submissions:
        m.attest_all(submission)
        assert (ANYONE, "draw_audit") in look(m, submissions)[0]
        m.draw_audit(submission, selected=False)
        m.deliver_update(submission)
    publisher = address("publisher")
    found = look(m, submissions, dead=[] if publisher_lives else [publisher])
    assert found == ({(publisher, "aggregate")} if publisher_lives else set(), None)
