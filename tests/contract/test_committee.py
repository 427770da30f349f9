"""Seating committees, and voting on dealt segments."""

import pytest

from walrusd.chain.layouts import events
from walrusd.chain.layouts.objects import VerifierCap
from walrusd.core.dealing import compute_seat_segments
from walrusd.core.lifecycle import SeatStatus, SubmissionState
from walrusd.core.protocol import compute_deal_seed, compute_seat_draw
from walrusd.units import address_bytes

from .market import CONTRIBUTORS, SUI, TERMS, Bazaar, terms_with
from .world import aborts, address, digest

HOUR = 3_600_000


def test_the_beacon_picks_the_committee():
    m = Bazaar()
    (submission,) = m.drawn(1)
    expected = []
    for attempt in range(256):
        index = compute_seat_draw(m.task.beacon, address_bytes(submission.id), attempt, 14)
        if index not in expected and len(expected) < 3:
            expected.append(index)
    m.seat(submission)
    assert [s.pool_index for s in submission.committee] == expected
    assert m.last(events.CommitteeSeated).pool_indices == expected
    for seated in submission.committee:
        seat = m.pool.seats[seated.pool_index]
        assert (seated.verifier, seated.key, seat.in_use) == (seat.verifier, seat.key, 1)
        assert (seated.status, seated.attested) == (SeatStatus.SEATED, 0)
    assert submission.window_ms == m.now


def test_seating_at_the_wrong_time():
    m = Bazaar()
    (submission,) = m.training(1)
    m.commit(submission)
    with aborts("committee.ENotDrawn"):
        m.seat(submission)
    m.draw()
    m.seat(submission)
    with aborts("submission.EWrongState"):
        m.seat(submission)


@pytest.mark.parametrize(
    "seat",
    [
        {"min_fee": TERMS.verifier_fee + 1},
        {"state": TERMS.state_bytes - 1},
        {"work": TERMS.segment_work - 1},
        {"stake": TERMS.verifier_stake},
    ],
)
def test_unfit_seats_are_skipped(seat):
    terms = terms_with(verifier_stake=SUI + 1) if "stake" in seat else TERMS
    m = Bazaar(verifiers=0)
    for n in range(3):
        m.register(f"fit {n}")
    for n in range(5):
        m.register(f"unfit {n}", **seat)
    m.advance(1)
    (submission,) = m.drawn(1, terms=terms)
    m.seat(submission)
    assert {s.pool_index for s in submission.committee} == {0, 1, 2}


def test_seats_registered_after_the_opening_are_not_drawn():
    m = Bazaar(verifiers=3)
    m.open_task()
    for n in range(10):
        m.register(f"same moment {n}")
    submission = m.join(CONTRIBUTORS[0])
    m.advance(TERMS.join_ms)
    m.close_joining()
    m.register("late")
    m.commit(submission)
    m.draw()
    m.seat(submission)
    assert {s.pool_index for s in submission.committee} == {0, 1, 2}


def test_a_seat_that_exits_by_the_draw_is_out_and_later_is_in():
    m = Bazaar(verifiers=4)
    first, second = m.training(2)
    m.commit(first)
    m.commit(second)
    m.call("node::exit_seat", "verifier 3", m.market, m.pool, m.caps["verifier 3"])
    m.draw()
    m.advance(1)
    m.call("node::exit_seat", "verifier 0", m.market, m.pool, m.caps["verifier 0"])
    m.seat(first)
    assert {s.pool_index for s in first.committee} == {0, 1, 2}
    assert m.pool.seats[0].in_use == 1
    assert m.pool.seats[3].in_use == 0


def test_a_withdrawn_seat_is_not_seated():
    m = Bazaar(verifiers=3)
    (submission,) = m.drawn(1)
    m.advance(1)
    args = (m.market, m.pool, m.caps["verifier 0"])
    m.call("node::exit_seat", "verifier 0", *args)
    m.advance(HOUR)
    m.call("node::withdraw_seat", "verifier 0", *args)
    m.seat(submission)
    assert submission.state == SubmissionState.VOID


# --- attest ---------------------------------------------------------------------------------------


def test_the_last_segment_is_dealt_to_seat_0():
    m = Bazaar()
    (submission,) = m.opened(1)
    m.attest(submission, 0, 0)
    event = m.last(events.SegmentAttested)
    assert (event.seat, event.segment) == (0, TERMS.segments)
    seed = compute_deal_seed(m.task.beacon, address_bytes(submission.id))
    assert compute_seat_segments(seed, 6, 0, 2)[0] == 6


def test_a_vote_needs_its_own_digest():
    m = Bazaar()
    (submission,) = m.opened(1)
    segment = m.dealt(submission, 1)[0]
    work = m.works[submission.id]
    good = work.attest_args(segment, 1)
    neighbour = work.attest_args(segment, 0)
    another = work.attest_args(segment % 6 + 1, 1)
    for changes in (
        neighbour,
        another,
        {"digest": neighbour["digest"]},
        {"slot_path": neighbour["slot_path"]},
        {"digest": good["digest"][:31]},
        {"slot_path": good["slot_path"][:-1]},
        {"slot_path": [*good["slot_path"], bytes(32)]},
        {"slot_path": [b"", *good["slot_path"][1:]]},
        {"state_root": digest("another state")},
        {"state_root": good["state_root"] + b"\0"},
        {"trace_path": another["trace_path"]},
        {"trace_path": []},
    ):
        with aborts("attestation.EWrongDigest"):
            m.attest(submission, 1, 0, **changes)
    m.attest(submission, 1, 0)


def test_a_forged_segment_cannot_be_voted_valid_with_the_true_replay():
    m = Bazaar()
    (submission,) = m.opened(1, forged=set(range(1, 7)))
    work = m.works[submission.id]
    segment = m.dealt(submission, 0)[1]
    truth = work.honest[segment]
    with aborts("attestation.EWrongDigest"):
        m.attest(submission, 0, 1, state_root=truth.state_root)


def test_votes_that_are_refused():
    m = Bazaar()
    (submission,) = m.seated(1)
    with aborts("submission.EWrongState"):
        m.attest(submission, 0, 0)
    m.open(submission)
    mine = m.caps[m.name_of(submission.committee[0].verifier)]
    with aborts("attestation.ENotSeated"):
        m.attest(submission, 1, 0, cap=mine)
    foreign = VerifierCap(mine.id, pool=address("pool"), index=mine.index)
    with aborts("attestation.ENotSeated"):
        m.attest(submission, 0, 0, cap=foreign)
    args = m.works[submission.id].attest_args(1, 0).values()
    with aborts("attestation.ENotSeated"):
        m.call("attestation::attest", "x", m.market, m.task, submission, mine, 3, 0, *args)
    with aborts("attestation.EBadPosition"):
        m.attest(submission, 0, 2, segment=1)
    m.attest(submission, 0, 1)
    with aborts("attestation.EAlreadyAttested"):
        m.attest(submission, 0, 1)


def test_all_seats_must_attest_everything():
    m = Bazaar()
    (submission,) = m.opened(1)
    for seat, position in [(0, 0), (1, 1), (2, 0), (0, 1), (2, 1)]:
        m.attest(submission, seat, position)
    statuses = [s.status for s in submission.committee]
    assert statuses == [SeatStatus.ATTESTED, SeatStatus.SEATED, SeatStatus.ATTESTED]
    assert submission.state == SubmissionState.OPENED
    m.advance(5)
    m.attest(submission, 1, 0)
    assert submission.state == SubmissionState.ATTESTED
    assert submission.window_ms == m.now
    assert m.last(events.SubmissionAttested).submission == submission.id
    with aborts("submission.EWrongState"):
        m.attest(submission, 1, 0)


def test_sixty_four_segments_a_seat_fill_the_bits():
    terms = terms_with(
        committee=1, segments=64, segments_per_seat=64, verifier_stake=30 * SUI, reward=5
    )
    m = Bazaar(verifiers=0)
    m.register("verifier 0", stake=30 * SUI)
    m.advance(1)
    (submission,) = m.opened(1, terms=terms)
    m.attest_all(submission)
    assert submission.committee[0].attested == 2**64 - 1
    assert submission.state == SubmissionState.ATTESTED
