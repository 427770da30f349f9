"""Accusing, drawing a jury, judging, and what a verdict pays and costs."""

import pytest

from walrusd.chain.layouts import events
from walrusd.core.lifecycle import CaseKind, CaseOutcome, DisputePhase, EndReason, SubmissionState
from walrusd.core.protocol import compute_challenge_id
from walrusd.units import address_bytes

from .early import JURORS, NOBODY_ID, VERIFIERS, required, terms_with
from .market import CONTRIBUTORS, FAULT, SOUND, TERMS, TIP, Bazaar, case_cost
from .work import Replay
from .world import aborts, address, digest

LIE = Replay(digest("lie"), digest("lying state"))
SILENCE = 10 * TERMS.verifier_fee
FIRST = address(CONTRIBUTORS[0])
ALL = set(range(1, TERMS.segments + 1))


def paid(submission):
    return {c.owner: c.amount for c in submission.credits}


# --- accusing -------------------------------------------------------------------------------------


def test_a_seat_accuses_on_its_stake():
    m = Bazaar()
    (submission,) = m.opened(1)
    m.advance(5)
    window_ms = submission.window_ms
    m.accuse(submission, CaseKind.SEGMENT, place=1, position=1, index=m.dealt(submission, 1)[1])
    dispute = submission.dispute
    assert (dispute.kind, dispute.place, dispute.accuser_seat) == (CaseKind.SEGMENT, 3, 1)
    assert dispute.accuser == submission.committee[1].verifier
    assert dispute.challenge == compute_challenge_id(address_bytes(submission.id), 0, 0)
    assert (dispute.number, submission.cases, submission.bond) == (0, 1, 0)
    assert (submission.window_ms, dispute.opened_ms) == (window_ms, m.now)
    assert m.last(events.CaseOpened).challenge == dispute.challenge


def test_accusations_that_are_refused():
    m = Bazaar()
    (submission,) = m.seated(1)
    with aborts("submission.EWrongState"):
        m.accuse(submission, CaseKind.COST)
    m.show(submission)
    with aborts("attestation.ENotSeated"):
        m.accuse(submission, CaseKind.COST, cap=m.caps[m.holder_of(submission, 1)])
    with aborts("submission.EWrongProgram"):
        m.accuse(submission, CaseKind.COST, program_root=digest("another"))
    for kind in (0, CaseKind.ABSENCE, 8):
        with aborts("jury.EUnsupportedKind"):
            m.accuse(submission, kind)
    for kind, changes in (
        (CaseKind.SEGMENT, {"position": 2, "index": 1}),
        (CaseKind.SEGMENT, {"index": m.dealt(submission, 1)[0]}),
        (CaseKind.ROWS, {"index": 4}),
        (CaseKind.ROWS, {"position": 1}),
        (CaseKind.COST, {"index": 1}),
        (CaseKind.FILE, {"position": 1}),
    ):
        position = changes.get("position", 0)
        with aborts("jury.EBadIndex"):
            args = {**changes, "position": 0} if position == 2 else changes
            if position == 2:
                m.accuse(submission, kind, place=0, index=m.dealt(submission, 1)[0])
            m.accuse(submission, kind, **args)
    for kind, changes in (
        (CaseKind.SEGMENT, {"leaf": digest("leaf")}),
        (CaseKind.SEGMENT, {"path": []}),
        (CaseKind.UPDATE, {"leaf": bytes(32)}),
        (CaseKind.OPENING, {"path": [bytes(32)]}),
    ):
        with aborts("jury.EWrongLeaf"):
            m.accuse(submission, kind, **changes)
    m.accuse(submission, CaseKind.COST)
    m.judge(submission, SOUND)
    # Its place is another's now. An attested seat keeps it, but accuses once.
    m.show(submission)
    m.attest_seat(submission, 1)
    m.accuse(submission, CaseKind.COST, place=1)
    m.judge(submission, SOUND)
    with aborts("jury.EAlreadyAccused"):
        m.accuse(submission, CaseKind.UPDATE, place=1)


def test_outsiders_accuse_the_file_on_cash_three_times_in_vain():
    m = Bazaar()
    (submission,) = m.opened(1)
    with aborts("jury.EConflict"):
        m.accuse_file(submission, CONTRIBUTORS[0])
    with aborts("jury.EConflict"):
        m.accuse_file(submission, m.holder_of(submission, 2))
    with aborts("jury.EWrongBond"):
        m.accuse_file(submission, bond=case_cost())
    with aborts("submission.EWrongProgram"):
        m.accuse_file(submission, program_root=digest("another"))
    for n in range(3):
        burned = m.burned
        m.accuse_file(submission, f"accuser {n}")
        assert submission.bond == case_cost() + SILENCE
        m.judge(submission, SOUND)
        assert (submission.state, submission.unproved) == (SubmissionState.OPENED, n + 1)
        assert m.burned - burned == SILENCE
        with aborts("jury.EAlreadyAccused"):
            m.accuse_file(submission, f"accuser {n}")
    with aborts("jury.ETooManyUnproved"):
        m.accuse_file(submission, "accuser 3")


def test_an_abort_claim_has_only_segments_and_an_opening():
    m = Bazaar()
    (submission,) = m.training(1)
    m.commit_abort(submission, forged={2})
    m.close_training()
    m.seat(submission)
    m.show(submission)
    for kind in (CaseKind.UPDATE, CaseKind.ROWS, CaseKind.COST, CaseKind.FILE):
        with aborts("jury.EUnsupportedKind"):
            m.accuse(submission, kind)
    with aborts("jury.EUnsupportedKind"):
        m.accuse_file(submission)
    m.accuse(submission, CaseKind.SEGMENT)
    m.judge(submission, m.works[submission.id].honest[2])
    assert submission.reason == EndReason.CHALLENGE_CONFIRMED


def test_a_claim_that_holds_is_paid_by_the_publishers_bond():
    m = Bazaar()
    (submission,) = m.training(1)
    m.commit_abort(submission, segment=1)
    m.close_training()
    m.seat(submission)
    m.show(submission)
    m.attest_all(submission)
    m.draw_audit(submission, selected=False)
    with aborts("submission.EWrongState"):
        m.deliver_update(submission)
    m.settle(submission)
    earned = TERMS.reward // TERMS.segments
    assert (submission.state, m.task.accepted) == (SubmissionState.ABORTED, 0)
    assert paid(submission)[FIRST] == TERMS.stake + earned
    spent = earned + 3 * TERMS.verifier_fee + 6 * TIP
    assert m.reclaim() == required(TERMS) - spent


# --- the jury -------------------------------------------------------------------------------------


def test_a_jury_is_drawn_from_the_list_without_the_parties():
    m = Bazaar()
    (submission,) = m.opened(1)
    with aborts("jury.ENoDispute"):
        m.draw_jury(submission)
    m.accuse(submission, CaseKind.COST)
    m.draw_jury(submission)
    accuser = submission.committee[0].pool_index
    assert accuser not in submission.lot.eligible
    assert len(submission.lot.eligible) == len(VERIFIERS) - 1
    with aborts("jury.ENoDispute"):
        m.draw_jury(submission)
    m.seat_jury(submission)
    dispute = submission.dispute
    assert (dispute.phase, len(dispute.jurors)) == (DisputePhase.SUMMONED, JURORS)
    seats = {s.pool_index for s in (*submission.committee, *submission.substitutes)}
    assert not seats & {juror.pool_index for juror in dispute.jurors}
    assert m.last(events.JurySeated).pool_indices == [j.pool_index for j in dispute.jurors]
    with aborts("jury.ENoDispute"):
        m.jury_commit(submission, 0, SOUND)
    stolen = m.seal_for(submission, dispute.jurors[1], CONTRIBUTORS[0])
    with aborts("submission.EWrongKeys"):
        m.deliver_juror(submission, 0, pk1=stolen["pk1"], pk2=stolen["pk2"])
    with aborts("submission.EBadPlace"):
        target, args = "jury::deliver_juror", (JURORS, *stolen.values())
        m.call(target, "x", m.market, m.task, submission, *args)
    m.brief(submission)
    assert submission.dispute.phase == DisputePhase.COMMITTING
    assert m.last(events.JuryReadable).challenge == dispute.challenge


def test_who_delivers_twice_to_a_juror():
    m = Bazaar()
    (submission,) = m.opened(1)
    m.accuse(submission, CaseKind.COST)
    m.summon(submission)
    m.deliver_juror(submission, 0, sender=m.holder_of(submission, 1))
    with aborts("submission.EHasEnvelope"):
        m.deliver_juror(submission, 0)


def test_a_jury_whose_lot_fails_waits_for_another():
    m = Bazaar()
    (submission,) = m.opened(1)
    m.accuse(submission, CaseKind.COST)
    m.draw_jury(submission)
    outside = {s.pool_index for s in (*submission.committee, *submission.substitutes)}
    rest = [seat for at, seat in enumerate(m.pool.seats) if at not in outside]
    for seat in rest:
        seat.verifier = rest[0].verifier
    m.seat_jury(submission)
    assert m.last(events.LotFailed).challenge == submission.dispute.challenge
    assert (submission.dispute.phase, submission.lot) == (DisputePhase.WAITING, None)


def convened(**kwargs):
    """Return a market and a submission whose segment is before a jury that can read."""
    m = Bazaar()
    (submission,) = m.opened(1, **kwargs)
    m.accuse(submission, CaseKind.SEGMENT)
    m.convene(submission)
    return m, submission, m.works[submission.id].honest[submission.dispute.index]


def test_votes_that_are_refused():
    m, submission, truth = convened()
    other = m.caps[m.juror_name(submission, 1)]
    with aborts("jury.ENotJuror"):
        m.jury_commit(submission, 0, truth, cap=other)
    with aborts("jury.EBadDigest"):
        m.jury_commit(submission, 0, truth, commitment=bytes(31))
    with aborts("jury.ENoDispute"):
        m.jury_reveal(submission, 0, truth)
    with aborts("jury.ETooEarly"):
        m.resolve(submission)
    m.jury_commit(submission, 0, truth)
    with aborts("jury.EAlreadyCommitted"):
        m.jury_commit(submission, 0, truth)
    m.advance(TERMS.jury_commit_ms)
    with aborts("jury.ETooLate"):
        m.jury_commit(submission, 1, truth)
    with aborts("jury.EBadReveal"):
        m.jury_reveal(submission, 0, LIE)
    with aborts("jury.EBadDigest"):
        m.jury_reveal(submission, 0, truth, salt=bytes(31))
    m.jury_reveal(submission, 0, truth)
    with aborts("jury.EAlreadyRevealed"):
        m.jury_reveal(submission, 0, truth)


def test_a_value_of_one_round_is_worth_nothing_in_the_next():
    m, submission, truth = convened()
    first = m.hide(submission, truth)
    m.advance(TERMS.jury_commit_ms)
    m.resolve(submission)
    m.convene(submission)
    assert m.hide(submission, truth) != first


def test_the_majority_is_of_the_first_that_commit_and_must_be_told():
    m, submission, truth = convened()
    # Three of the first five say the truth; the three alternates lie.
    m.vote(submission, [truth, LIE, truth, LIE, truth, LIE, LIE, LIE])
    assert m.majority(submission) == m.hide(submission, truth)
    for told in (None, LIE):
        with aborts("jury.EBadPreimage"):
            m.resolve(submission, told)
    m.resolve(submission, truth)
    assert m.last(events.CaseResolved).outcome == CaseOutcome.REFUTED


def test_silent_jurors_pay_and_alternates_that_were_not_needed_do_not():
    m, submission, truth = convened()
    jurors = [juror.pool_index for juror in submission.dispute.jurors]
    for juror in range(1, 8):
        m.jury_commit(submission, juror, truth)
    m.advance(TERMS.jury_commit_ms)
    for juror in (2, 3, 4, 5):
        m.jury_reveal(submission, juror, truth)
    m.advance(TERMS.jury_reveal_ms)
    m.resolve(submission, truth)
    # 0 did not commit; 1 is of the jury and did not reveal; 6 and 7 were not needed.
    penalty = 10 * TERMS.juror_fee
    lost = [m.pool.params.stake - m.pool.seats[index].stake for index in jurors]
    assert lost == [penalty, penalty, 0, 0, 0, 0, 0, 0]
    assert [m.pool.seats[index].silent for index in jurors] == [1, 1, 0, 0, 0, 0, 0, 0]
    assert all(m.pool.seats[index].duties == 0 for index in jurors)


# --- verdicts -------------------------------------------------------------------------------------


def test_a_refuted_seat_pays_the_jury_and_the_penalty_and_loses_its_place():
    m, submission, truth = convened()
    accuser = submission.committee[0]
    jurors = [juror.verifier for juror in submission.dispute.jurors]
    escrow, burned = submission.escrow, m.burned
    m.vote(submission, [truth] * 6 + [LIE] * 2)
    m.resolve(submission, truth)
    seat = m.pool.seats[accuser.pool_index]
    assert m.pool.params.stake - seat.stake == 6 * TERMS.juror_fee + SILENCE
    assert m.burned - burned == SILENCE
    assert [paid(submission).get(juror) for juror in jurors] == [TERMS.juror_fee] * 6 + [None] * 2
    assert (submission.escrow, seat.duties) == (escrow, 0)
    assert submission.committee[0].pool_index != accuser.pool_index
    assert submission.state == SubmissionState.SEATED


@pytest.mark.parametrize("says", ["leaf", "word"])
def test_a_forged_segment_pays_everybody_who_worked(says):
    m = Bazaar()
    (submission,) = m.opened(1, forged=ALL)
    m.attest_seat(submission, 0)
    index = m.dealt(submission, 0)[0]
    m.accuse(submission, CaseKind.SEGMENT, place=0)
    m.convene(submission)
    value = m.works[submission.id].honest[index] if says == "leaf" else FAULT
    m.vote(submission, [value] * JURORS)
    burned = m.burned
    m.resolve(submission, value)
    assert (submission.state, submission.reason) == (
        SubmissionState.REJECTED,
        EndReason.CHALLENGE_CONFIRMED,
    )
    # Only a replay shows that the seat lied which attested it; here it is the accuser itself.
    is_guilty = says == "leaf"
    reward = min(5 * TERMS.verifier_fee, TERMS.stake // 5)
    owed = paid(submission)
    accuser = submission.committee[0].verifier
    assert owed[accuser] == reward + (0 if is_guilty else TERMS.verifier_fee)
    for seat in submission.committee[1:]:
        assert owed[seat.verifier] == TERMS.verifier_fee
    for juror in submission.dispute.jurors:
        assert owed[juror.verifier] == TERMS.juror_fee
    lost = TERMS.verifier_stake if is_guilty else 0
    seats = 3 - is_guilty
    rest = TERMS.stake - seats * TERMS.verifier_fee - JURORS * TERMS.juror_fee - reward
    assert m.burned - burned == rest + lost
    with aborts("settlement.EAlreadyEnded"):
        m.settle(submission)
    with aborts("jury.ENoDispute"):
        m.resolve(submission)


def test_an_accuser_on_cash_that_was_right_has_its_bond_back():
    m = Bazaar()
    (submission,) = m.opened(1)
    m.accuse_file(submission)
    m.judge(submission, FAULT)
    reward = min(5 * TERMS.verifier_fee, TERMS.stake // 5)
    assert paid(submission)[address("accuser")] == case_cost() + SILENCE + reward
    assert m.claim(submission, "accuser") == case_cost() + SILENCE + reward
    with aborts("settlement.ENothingToClaim"):
        m.claim(submission, "accuser")


# --- the audit ------------------------------------------------------------------------------------


def test_an_audit_has_no_accuser_and_is_paid_from_the_escrow():
    m = Bazaar()
    (submission,) = m.audited()
    with aborts("jury.EAuditPending"):
        m.accuse(submission, CaseKind.COST)
    with aborts("audit.EWrongLeaf"):
        m.audit(submission, leaf=digest("leaf"))
    m.audit(submission)
    assert (submission.dispute.accuser, submission.dispute.kind) == (NOBODY_ID, CaseKind.SEGMENT)
    escrow = submission.escrow
    m.judge(submission, m.works[submission.id].honest[submission.dispute.index])
    assert escrow - submission.escrow == case_cost()
    with aborts("audit.ENotSelected"):
        m.audit(submission)
    m.deliver_update(submission)
    assert submission.state == SubmissionState.ACCEPTED


def test_an_audit_costs_the_seat_that_attested_the_forgery():
    m = Bazaar()
    (submission,) = m.audited(forged=ALL)
    guilty = submission.committee[m.lot(submission).place // TERMS.segments_per_seat]
    m.audit(submission)
    m.judge(submission, m.works[submission.id].honest[submission.dispute.index])
    assert submission.reason == EndReason.AUDIT_CONFIRMED
    lost = m.pool.params.stake - m.pool.seats[guilty.pool_index].stake
    assert lost == TERMS.verifier_stake
    assert guilty.verifier not in paid(submission)


def test_an_audit_that_nobody_begins_is_the_contributors_failure():
    m = Bazaar()
    (submission,) = m.audited()
    m.advance(TERMS.open_ms + TERMS.grace_ms)
    m.settle(submission)
    assert (submission.state, submission.reason) == (
        SubmissionState.REJECTED,
        EndReason.NEVER_OPENED,
    )
    assert all(paid(submission)[s.verifier] == TERMS.verifier_fee for s in submission.committee)


# --- everybody is paid ----------------------------------------------------------------------------


def test_everyone_is_paid_and_the_rest_comes_back():
    m = Bazaar()
    submissions = m.opened()
    for submission in submissions:
        m.accept(submission)
    assert m.task.accepted == 0b1111
    for name, submission in zip(CONTRIBUTORS, submissions, strict=True):
        assert m.claim(submission, name) == TERMS.stake + TERMS.reward
        for seat in submission.committee:
            assert m.claim(submission, m.name_of(seat.verifier)) == TERMS.verifier_fee
        assert m.claim(submission, "crank") == 3 * TIP
        assert (submission.credited, submission.credits) == (0, [])
    spent = 4 * (TERMS.reward + 3 * TERMS.verifier_fee + 3 * TIP) + 2 * TIP
    assert m.reclaim() == required(TERMS) - spent


def test_terms_with_many_substitutes_give_a_place_on_four_times_at_most():
    m = Bazaar(verifiers=0)
    for n in range(24):
        m.register(f"verifier {n}")
    m.advance(1)
    (submission,) = m.opened(1, terms=terms_with(substitutes=8))
    for _ in range(5):
        assert submission.state == SubmissionState.OPENED
        m.accuse(submission, CaseKind.COST)
        m.judge(submission, SOUND)
        if submission.state == SubmissionState.SEATED:
            m.show(submission)
    assert (submission.state, submission.reason) == (
        SubmissionState.UNDECIDED,
        EndReason.TOO_FEW_SEATS,
    )
    assert paid(submission)[FIRST] == TERMS.stake
