"""Drawing and seating committees, attesting dealt segments, and giving places on."""

import dataclasses

from walrusd.chain.layouts import events
from walrusd.chain.layouts.objects import VerifierCap
from walrusd.core.lifecycle import EndReason, SeatStatus, SubmissionState
from walrusd.core.protocol import compute_seat_draw
from walrusd.units import address_bytes

from .early import terms_with
from .market import CONTRIBUTORS, TERMS, TIP, Bazaar
from .world import aborts, address, digest

SILENCE = 10 * TERMS.verifier_fee
SEATS = TERMS.committee + TERMS.substitutes


def paid(submission):
    return {c.owner: c.amount for c in submission.credits}


def test_the_lot_picks_committee_and_substitutes_from_the_list_alone():
    m = Bazaar()
    (submission,) = m.trained(1)
    with aborts("committee.ENoLot"):
        m.turn("committee::seat_committee", submission)
    m.draw(submission)
    lot = submission.lot
    assert (m.pool.lot, lot.eligible) == (submission.id, list(range(18)))
    assert m.last(events.LotDrawn).beacon == lot.beacon == submission.beacon
    with aborts("committee.ELotDrawn"):
        m.draw(submission)
    left, expected, attempt = list(range(18)), [], 0
    while len(expected) < SEATS:
        name = address_bytes(submission.id)
        at = compute_seat_draw(lot.beacon, name, attempt, len(left))
        left[at], left[-1] = left[-1], left[at]
        expected.append(left.pop())
        attempt += 1
    m.seat(submission)
    seats = submission.committee + submission.substitutes
    assert [seat.pool_index for seat in seats] == expected
    assert [seat.slot for seat in seats] == list(range(SEATS))
    assert m.last(events.CommitteeSeated).pool_indices == expected
    for seated in seats:
        seat = m.pool.seats[seated.pool_index]
        assert (seated.verifier, seated.keys, seat.duties) == (seat.verifier, seat.keys, 1)
        assert (seated.status, seated.attested, seated.envelope) == (SeatStatus.SEATED, 0, b"")
    assert (submission.lot, int(m.pool.lot, 16)) == (None, 0)
    assert (submission.state, submission.window_ms) == (SubmissionState.SEATED, m.now)
    assert paid(submission) == {address("crank"): 2 * TIP}


def test_drawing_at_the_wrong_time():
    m = Bazaar()
    first, second = m.training(2)
    m.commit(first)
    with aborts("task.EWrongPhase"):
        m.draw(first)
    m.advance(TERMS.train_ms + TERMS.grace_ms)
    m.close_training()
    with aborts("submission.EWrongState"):
        m.draw(second)
    m.seat(first)
    with aborts("submission.EWrongState"):
        m.draw(first)
    with aborts("submission.EWrongState"):
        m.turn("committee::seat_committee", first)
    m.settle(second)
    assert second.state == SubmissionState.LAPSED


def test_a_pool_has_one_lot_at_a_time():
    m = Bazaar()
    first, second = m.trained(2)
    m.draw(first)
    with aborts("node.ELotPending"):
        m.draw(second)
    m.seat(first)
    m.seat(second)


def test_a_lot_that_fails_is_drawn_again_and_costs_the_escrow_one_tip():
    """One verifier holds nearly all seats, and may sit once."""
    m = Bazaar()
    (submission,) = m.trained(1)
    for seat in m.pool.seats[3:]:
        seat.verifier = m.pool.seats[3].verifier
    for _ in range(3):
        m.draw(submission)
        m.turn("committee::seat_committee", submission)
        assert m.last(events.LotFailed).challenge == b""
        assert (submission.state, submission.lot) == (SubmissionState.COMMITTED, None)
        assert int(m.pool.lot, 16) == 0
    assert paid(submission) == {address("crank"): TIP}


def test_a_commitment_that_gets_no_committee_is_void_at_last():
    m = Bazaar()
    (submission,) = m.trained(1)
    for name in list(m.caps)[SEATS - 1 :]:
        m.call("node::exit_seat", name, m.market, m.pool, m.caps[name])
    with aborts("node.ETooFewSeats"):
        m.draw(submission)
    m.advance(m.task.ends_by_ms - m.now - 1)
    with aborts("settlement.ETooEarly"):
        m.settle(submission)
    m.advance(1)
    m.settle(submission)
    assert (submission.state, submission.reason) == (SubmissionState.VOID, EndReason.STALLED)
    assert paid(submission)[address(CONTRIBUTORS[0])] == TERMS.stake + TERMS.cancel_fee


# --- attest ---------------------------------------------------------------------------------------


def test_the_last_segment_is_dealt_to_place_0():
    m = Bazaar()
    (submission,) = m.opened(1)
    m.attest(submission, 0, 0)
    event = m.last(events.SegmentAttested)
    assert (event.place, event.segment) == (0, TERMS.segments)


def test_attesting_everything():
    m = Bazaar()
    (submission,) = m.opened(1)
    m.advance(11)
    for place in range(3):
        m.attest(submission, place, 1)
        assert submission.committee[place].attested == 2
        assert submission.committee[place].status == SeatStatus.SEATED
        m.attest(submission, place, 0)
        assert submission.committee[place].status == SeatStatus.ATTESTED
    assert (submission.state, submission.window_ms) == (SubmissionState.ATTESTED, m.now)
    assert m.last(events.SubmissionAttested).submission == submission.id


def test_votes_that_are_refused():
    m = Bazaar()
    (submission,) = m.seated(1)
    with aborts("submission.EWrongState"):
        m.attest(submission, 0, 0)
    m.show(submission)
    with aborts("submission.EWrongProgram"):
        m.attest(submission, 0, 0, program_root=digest("another"))
    with aborts("attestation.EBadPosition"):
        m.attest(submission, 0, 2, segment=1)
    m.attest(submission, 0, 0)
    with aborts("attestation.EAlreadyAttested"):
        m.attest(submission, 0, 0)
    other = m.dealt(submission, 1)[0]
    for changes in (
        {"digest": bytes(31)},
        {"digest": digest("guess")},
        {"state_root": bytes(31)},
        {"state_root": digest("guess")},
        {"slot_path": []},
        {"trace_path": []},
        {"segment": other},
    ):
        with aborts("attestation.EWrongDigest"):
            m.attest(submission, 0, 1, **changes)


def test_a_cap_holds_only_its_own_seat_of_its_own_pool_and_generation():
    m = Bazaar()
    (submission,) = m.opened(1)
    own = m.caps[m.holder_of(submission, 0)]
    other = m.caps[m.holder_of(submission, 1)]
    stolen = VerifierCap.from_bcs(own.to_bcs())
    for cap in (
        other,
        dataclasses.replace(stolen, pool=digest("pool").hex().join(("0x", ""))),
        dataclasses.replace(stolen, generation=2),
    ):
        with aborts("attestation.ENotSeated"):
            m.attest(submission, 0, 0, cap=cap)
    with aborts("attestation.ENotSeated"):
        m.call("attestation::report", "x", m.market, m.task, submission, own, 3)


# --- silent seats ---------------------------------------------------------------------------------


def test_silent_seats_pay_and_their_places_go_to_substitutes():
    m = Bazaar()
    (submission,) = m.opened(1)
    m.attest_seat(submission, 1)
    m.attest(submission, 2, 0)
    m.report(submission, 0)
    former = list(submission.committee)
    waiting = list(submission.substitutes)
    stakes, burned = m.pool.stakes, m.burned
    m.advance(TERMS.verify_ms - 1)
    with aborts("committee.ETooEarly"):
        m.replace(submission)
    m.advance(1)
    m.replace(submission)
    # Who reported was not silent.
    assert stakes - m.pool.stakes == SILENCE == m.burned - burned
    assert m.pool.seats[former[2].pool_index].silent == 1
    assert m.pool.seats[former[0].pool_index].silent == 0
    chosen = [submission.committee[at].pool_index for at in (0, 2)]
    assert chosen == [seat.pool_index for seat in waiting]
    assert [seat.slot for seat in submission.committee] == [3, 1, 4]
    assert [seat.tries for seat in submission.committee] == [1, 0, 1]
    assert submission.committee[2].attested == 0
    assert m.pool.seats[former[2].pool_index].duties == 0
    assert (submission.rounds, submission.substitutes, submission.reported) == (1, [], 0)
    assert submission.state == SubmissionState.SEATED
    m.show(submission)
    m.accept(submission)
    assert submission.state == SubmissionState.ACCEPTED
    assert former[2].verifier not in paid(submission)


def test_without_substitutes_no_fault_is_known():
    m = Bazaar()
    (submission,) = m.opened(1)
    m.attest_seat(submission, 0)
    m.advance(TERMS.verify_ms)
    m.replace(submission)
    m.show(submission)
    m.advance(TERMS.verify_ms)
    m.replace(submission)
    assert (submission.state, submission.reason) == (
        SubmissionState.UNDECIDED,
        EndReason.NOT_FULLY_ATTESTED,
    )
    assert paid(submission)[address(CONTRIBUTORS[0])] == TERMS.stake
    assert paid(submission)[submission.committee[0].verifier] == TERMS.verifier_fee


def test_places_are_replaced_in_two_rounds_at_most():
    m = Bazaar(verifiers=0)
    for n in range(20):
        m.register(f"verifier {n}")
    m.advance(1)
    (submission,) = m.opened(1, terms=terms_with(substitutes=5))
    for place in (0, 1):
        m.attest_seat(submission, place)
    for rounds in (1, 2):
        m.advance(TERMS.verify_ms)
        m.replace(submission)
        assert submission.rounds == rounds
        m.show(submission)
    m.advance(TERMS.verify_ms)
    m.replace(submission)
    assert (submission.state, submission.reason) == (
        SubmissionState.UNDECIDED,
        EndReason.NOT_FULLY_ATTESTED,
    )


def test_a_seat_that_has_served_is_not_silent_any_more():
    m = Bazaar()
    (submission,) = m.opened(1)
    for seat in m.pool.seats:
        seat.silent = 1
    m.accept(submission)
    served = [seat.pool_index for seat in submission.committee]
    assert [at for at, seat in enumerate(m.pool.seats) if seat.silent == 0] == sorted(served)
