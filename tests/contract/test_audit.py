"""The audit drawn after the attestation, and the jury that it may call."""

import pytest

from walrusd.chain.layouts import events
from walrusd.core.lifecycle import (
    ChallengeKind,
    ChallengeOutcome,
    DisputePhase,
    EndReason,
    SubmissionState,
)
from walrusd.core.protocol import compute_challenge_id
from walrusd.units import address_bytes

from .market import CONTRIBUTORS, FAULT, NOBODY_ID, SUI, TERMS, TIP, Bazaar, terms_with
from .work import Replay
from .world import aborts, address, digest

LIE = Replay(digest("lie"), digest("lying state"))
WINDOW = TERMS.open_ms + TERMS.grace_ms


def paid(submission):
    return {c.owner: c.amount for c in submission.credits}


def audited(selected=True, **kwargs):
    """Return a market and an attested submission after its audit was drawn."""
    m = Bazaar()
    (submission,) = m.opened(1, **kwargs)
    m.attest_all(submission)
    m.advance(5)
    m.draw_audit(submission, selected=selected)
    return m, submission


def test_the_beacon_of_an_audit_is_drawn_once_everything_is_attested():
    m = Bazaar()
    (submission,) = m.opened(1)
    with aborts("submission.EWrongState"):
        m.draw_audit(submission)
    m.attest_all(submission)
    escrow = submission.escrow
    m.draw_audit(submission, sender="somebody")
    assert len(submission.audit_beacon) == 32
    assert submission.audit_beacon not in (m.task.beacon, m.task.join_beacon)
    assert (submission.state, submission.window_ms) == (SubmissionState.AUDITED, m.now)
    assert (paid(submission)[address("somebody")], submission.escrow) == (TIP, escrow - TIP)
    assert m.last(events.AuditDrawn).beacon == submission.audit_beacon
    with aborts("submission.EWrongState"):
        m.draw_audit(submission)


def test_whom_the_lot_spares_is_accepted_at_once():
    m, submission = audited(selected=False)
    with aborts("audit.ENotSelected"):
        m.audit(submission)
    m.settle(submission)
    assert (submission.state, submission.reason) == (
        SubmissionState.ACCEPTED,
        EndReason.ATTESTED,
    )


def test_a_selected_segment_comes_before_a_jury_that_nobody_pays_a_bond_for():
    m, submission = audited()
    segment, place = m.audited_segment(submission), m.lot(submission).place
    m.audit(submission, sender="anybody")
    dispute = submission.dispute
    assert (dispute.kind, dispute.index, dispute.place) == (1, segment, place)
    assert (dispute.round, dispute.phase) == (0, DisputePhase.WAITING)
    assert (dispute.accuser, dispute.accuser_commitment) == (NOBODY_ID, b"")
    assert dispute.leaf == m.works[submission.id].leaves[segment]
    assert dispute.challenge == compute_challenge_id(address_bytes(submission.id), 1, segment, 0)
    assert dispute.resume_state == SubmissionState.AUDITED
    opened = m.last(events.ChallengeOpened)
    assert (opened.accuser, opened.bond, submission.bond) == (NOBODY_ID, 0, 0)
    with aborts("submission.EWrongState"):
        m.audit(submission)


def test_an_audit_that_finds_nothing_pays_its_jurors_from_the_escrow():
    m, submission = audited()
    m.audit(submission)
    m.convene(submission)
    truth = m.works[submission.id].honest[submission.dispute.index]
    jurors = [juror.verifier for juror in submission.dispute.jurors]
    m.vote(submission, [truth, truth, truth, truth, LIE])
    with aborts("jury.ENotAccuser"):
        m.accuser_reveal(submission, truth)
    escrow = submission.escrow
    m.resolve(submission)  # nobody waits for an accuser
    assert m.last(events.ChallengeResolved).outcome == ChallengeOutcome.REFUTED
    assert submission.escrow == escrow - 4 * TERMS.juror_fee
    assert [paid(submission).get(juror) for juror in jurors] == [TERMS.juror_fee] * 4 + [None]
    assert (submission.state, submission.dispute) == (SubmissionState.AUDITED, None)
    assert m.burned == 0
    with aborts("audit.ENotSelected"):
        m.audit(submission)
    m.settle(submission)
    assert submission.state == SubmissionState.ACCEPTED


def test_a_forged_segment_costs_the_contributor_and_whoever_attested_it():
    m, submission = audited(forged=set(range(1, 7)))
    segment, place = m.audited_segment(submission), m.lot(submission).place
    m.audit(submission)
    m.convene(submission)
    truth = m.works[submission.id].honest[segment]
    jurors = [juror.verifier for juror in submission.dispute.jurors]
    guilty = submission.committee[place // TERMS.segments_per_seat]
    m.vote(submission, [truth] * 5)
    told = len(m.events)
    m.resolve(submission)
    assert (submission.state, submission.reason) == (
        SubmissionState.REJECTED,
        EndReason.AUDIT_CONFIRMED,
    )
    assert m.pool.seats[guilty.pool_index].stake == 2 * SUI - TERMS.verifier_stake
    others = [s for s in submission.committee if s.pool_index != guilty.pool_index]
    expected = {
        address("crank"): 2 * TIP,
        **{seat.verifier: TERMS.verifier_fee for seat in others},
        **dict.fromkeys(jurors, TERMS.juror_fee),
    }
    assert paid(submission) == expected
    ended = m.last(events.SubmissionEnded)
    fees = 2 * TERMS.verifier_fee + 5 * TERMS.juror_fee
    assert (ended.payout, ended.burned) == (0, TERMS.stake - fees)
    assert m.burned == ended.burned + TERMS.verifier_stake
    assert [type(e).__name__ for e in m.events[told:]] == [
        "ChallengeResolved",
        "SeatPenalized",
        "SubmissionEnded",
        "TaskSettled",
    ]


def test_every_seat_that_attested_the_segment_is_guilty_wherever_it_was_dealt():
    terms = terms_with(segments=2, segments_per_seat=2, audit_bps=10_000)
    m, submission = audited(forged={1, 2}, terms=terms)
    m.audit(submission)
    m.judge(submission, m.works[submission.id].honest[submission.dispute.index])
    stakes = [m.pool.seats[seat.pool_index].stake for seat in submission.committee]
    assert stakes == [2 * SUI - TERMS.verifier_stake] * 3
    assert not {seat.verifier for seat in submission.committee} & set(paid(submission))


def test_a_challenge_also_costs_who_attested_and_spares_who_had_not():
    m = Bazaar()
    (submission,) = m.opened(1, forged={3})
    place = m.places(submission).index(3)
    seat, position = divmod(place, TERMS.segments_per_seat)
    m.attest(submission, seat, position)
    m.challenge(submission, 3)
    m.judge(submission, m.works[submission.id].honest[3])
    assert submission.reason == EndReason.CHALLENGE_CONFIRMED
    stakes = [m.pool.seats[s.pool_index].stake for s in submission.committee]
    lost = [2 * SUI - stake for stake in stakes]
    assert lost == [TERMS.verifier_stake if at == seat else 0 for at in range(3)]
    assert submission.committee[seat].verifier not in paid(submission)


def test_a_leaf_that_is_not_in_the_trace_starts_no_audit():
    m, submission = audited()
    work, segment = m.works[submission.id], m.audited_segment(submission)
    for changes in (
        {"leaf": work.leaves[segment - 1]},
        {"leaf": work.leaves[segment] + b"\0"},
        {"leaf": b""},
        {"path": work.tree.path(segment)[:-1]},
        {"path": work.tree.path(segment - 1)},
    ):
        with aborts("audit.EWrongLeaf"):
            m.audit(submission, **changes)


def test_an_audit_that_nobody_lets_happen_ends_in_a_rejection():
    m, submission = audited()
    m.advance(WINDOW - 1)
    with aborts("settlement.ETooEarly"):
        m.settle(submission)
    m.advance(1)
    m.settle(submission)
    assert (submission.state, submission.reason) == (
        SubmissionState.REJECTED,
        EndReason.NEVER_OPENED,
    )
    assert m.burned == TERMS.stake
    assert set(paid(submission)) == {address("crank")}


def test_a_late_audit_counts_until_somebody_settles():
    m, submission = audited()
    m.advance(10 * WINDOW)
    m.audit(submission)
    m.judge(submission, m.works[submission.id].honest[submission.dispute.index])
    m.settle(submission)
    assert submission.state == SubmissionState.ACCEPTED


def test_a_verdict_on_the_segment_before_the_audit_stands_for_it():
    terms = terms_with(committee=1, segments=1, segments_per_seat=1)
    m = Bazaar()
    (submission,) = m.opened(1, terms=terms)
    m.attest_all(submission)
    m.challenge(submission, 1)
    m.judge(submission, m.works[submission.id].honest[1])
    m.draw_audit(submission, selected=True)
    with aborts("audit.ENotSelected"):
        m.audit(submission)
    m.settle(submission)
    assert submission.state == SubmissionState.ACCEPTED


def test_an_accuser_cannot_come_before_an_audit_but_after_it():
    """A friend of the forger would win a draw: its jury gets no key, and ends undecided."""
    m, submission = audited()
    segment = m.audited_segment(submission)
    for kind in ChallengeKind:
        with aborts("jury.EAuditPending"):
            m.accuse(submission, kind)
    m.audit(submission)
    m.judge(submission, m.works[submission.id].honest[segment])
    m.challenge(submission, 1 + segment % 6)
    assert submission.state == SubmissionState.DISPUTED


def test_a_submission_that_the_lot_spares_may_still_be_challenged():
    m, submission = audited(selected=False, forged={3})
    m.challenge(submission, 3)
    assert submission.dispute.resume_state == SubmissionState.AUDITED
    m.judge(submission, m.works[submission.id].honest[3])
    assert submission.reason == EndReason.CHALLENGE_CONFIRMED
    assert paid(submission)[address("accuser")] > TERMS.accuser_bond


def test_a_jury_of_an_audit_without_a_majority_is_redrawn_once():
    m, submission = audited()
    m.audit(submission)
    values = [Replay(digest("value", n), digest("state", n)) for n in range(5)]
    for round_ in range(2):
        assert submission.dispute.round == round_
        m.convene(submission)
        m.vote(submission, values)
        m.resolve(submission)
    assert (submission.state, submission.reason) == (
        SubmissionState.UNDECIDED,
        EndReason.NO_MAJORITY,
    )
    # Everybody has attested, so everybody is paid; nobody put up a bond.
    assert paid(submission)[address(CONTRIBUTORS[0])] == TERMS.stake
    for seat in submission.committee:
        assert paid(submission)[seat.verifier] == TERMS.verifier_fee
    assert (submission.bond, m.burned) == (0, 0)


@pytest.mark.parametrize(("bps", "least", "most"), [(10_000, 40, 40), (5_000, 10, 30)])
def test_the_lot_falls_as_often_as_the_terms_say(bps, least, most):
    m = Bazaar()
    (submission,) = m.opened(1, terms=terms_with(audit_bps=bps))
    lots = [m.lot(submission, digest("beacon", n)) for n in range(40)]
    assert least <= sum(lot.is_selected for lot in lots) <= most
    assert {lot.place for lot in lots} == set(range(6))


def check_withheld(m, submission, jurors):
    """Rejected as if it had never been opened; who looked is paid, and no seat is blamed."""
    assert (submission.state, submission.reason) == (
        SubmissionState.REJECTED,
        EndReason.NEVER_OPENED,
    )
    stakes = [m.pool.seats[seat.pool_index].stake for seat in submission.committee]
    assert stakes == [2 * SUI] * 3
    assert paid(submission) == {
        address("crank"): 2 * TIP,
        **{seat.verifier: TERMS.verifier_fee for seat in submission.committee},
        **dict.fromkeys(jurors, TERMS.juror_fee),
    }
    fees = 3 * TERMS.verifier_fee + len(jurors) * TERMS.juror_fee
    assert m.burned == m.last(events.SubmissionEnded).burned == TERMS.stake - fees


@pytest.mark.parametrize("forged", [(), set(range(1, 7)), dict.fromkeys(range(1, 7), FAULT)])
def test_an_audit_that_is_kept_from_its_jury_costs_the_contributor_alone(forged):
    # The last forger commits to the very leaf that the jury's word would rebuild.
    m, submission = audited(forged=forged)
    m.audit(submission)
    m.convene(submission)
    jurors = [juror.verifier for juror in submission.dispute.jurors]
    m.vote(submission, [FAULT] * 3 + [m.works[submission.id].honest[submission.dispute.index]] * 2)
    m.resolve(submission)
    assert m.last(events.ChallengeResolved).outcome == ChallengeOutcome.CONFIRMED
    check_withheld(m, submission, jurors[:3])


def test_two_jurors_who_cannot_read_do_not_outvote_three_who_can():
    m, submission = audited(forged=set(range(1, 7)))
    m.audit(submission)
    m.convene(submission)
    truth = m.works[submission.id].honest[submission.dispute.index]
    m.vote(submission, [FAULT] * 2 + [truth] * 3)
    jurors = [juror.verifier for juror in submission.dispute.jurors]
    m.resolve(submission)
    assert submission.reason == EndReason.AUDIT_CONFIRMED
    assert not set(jurors[:2]) & set(paid(submission))


def test_only_the_whole_word_says_that_an_audit_is_withheld():
    m, submission = audited()
    m.audit(submission)
    m.judge(submission, Replay(FAULT.chain, digest("a state")))
    assert submission.reason == EndReason.AUDIT_CONFIRMED


@pytest.mark.parametrize(
    ("forged", "outcome"),
    [({3: FAULT}, ChallengeOutcome.REFUTED), ({3}, ChallengeOutcome.CONFIRMED)],
)
def test_to_a_jury_that_an_accuser_brought_the_word_is_a_value_like_any_other(forged, outcome):
    m = Bazaar()
    (submission,) = m.opened(1, forged=forged)
    m.attest_all(submission)
    m.challenge(submission, 3)
    truth = m.works[submission.id].honest[3]
    m.judge(submission, FAULT, accuser_value=truth)
    assert m.last(events.ChallengeResolved).outcome == outcome
    if outcome == ChallengeOutcome.CONFIRMED:
        assert submission.reason == EndReason.CHALLENGE_CONFIRMED
        assert sum(seat.stake for seat in m.pool.seats) < 2 * SUI * len(m.pool.seats)
