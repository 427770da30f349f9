"""Opening, delivering the key, being late, and openings that nobody can read."""

import pytest

from walrusd.chain.layouts import events
from walrusd.core.lifecycle import (
    CaseKind,
    CostRule,
    DisputePhase,
    EndReason,
    SeatStatus,
    SubmissionState,
    TaskPhase,
)

from .early import terms_with
from .market import CONTRIBUTORS, SOUND, TERMS, TIP, Bazaar
from .world import aborts, address, digest

FIRST = address(CONTRIBUTORS[0])
OPEN, GRACE, FEE = TERMS.open_ms, TERMS.grace_ms, TERMS.late_fee
SILENCE = 10 * TERMS.verifier_fee


def paid(submission):
    return {c.owner: c.amount for c in submission.credits}


def test_an_opening_can_be_read_when_every_place_has_its_envelope():
    m = Bazaar()
    first, second = m.seated(2)
    m.open(first)
    opened = m.last(events.SubmissionOpened)
    assert (opened.attempt, opened.p2) == (1, first.opening.p2)
    for place in range(2):
        m.deliver(first, place)
        assert (first.state, m.task.opened) == (SubmissionState.SEATED, 0)
    m.advance(7)
    m.deliver(first, 2)
    assert (first.state, first.window_ms) == (SubmissionState.OPENED, m.now)
    assert (first.opening.was_complete, first.late_fee) == (True, 0)
    delivered = m.last(events.KeyDelivered)
    assert (delivered.place, delivered.recipient) == (2, first.committee[2].verifier)
    assert delivered.envelope == first.committee[2].envelope
    assert len(delivered.envelope) == 96
    assert (m.task.opened, m.task.phase) == (1, TaskPhase.OPENING)
    m.show(second)
    assert (m.task.opened, m.task.phase) == (2, TaskPhase.VERIFYING)


def test_anybody_who_holds_the_key_may_deliver_it():
    m = Bazaar()
    (submission,) = m.seated(1)
    m.open(submission)
    m.deliver(submission, 0)
    m.deliver_all(submission, sender=m.holder_of(submission, 0))
    assert submission.state == SubmissionState.OPENED


def test_openings_that_are_refused():
    m = Bazaar()
    (submission,) = m.trained(1)
    with aborts("submission.EWrongState"):
        m.open(submission)
    m.seat(submission)
    with aborts("submission.ENotOpened"):
        m.deliver(submission, 0)
    with aborts("submission.ENotContributor"):
        m.open(submission, sender="stranger")
    with aborts("submission.EBadDigest"):
        m.open(submission, digest=bytes(31))
    with aborts("submission.EBadCost"):
        m.open(submission, cost=None)
    with aborts("pedersen.EBadOpening"):
        m.open(submission, cost=1)
    with aborts("envelope.EBadOpeningProof"):
        m.open(submission, answer=bytes(31) + b"\1")
    m.open(submission)
    with aborts("submission.EAlreadyOpened"):
        m.open(submission)


@pytest.mark.parametrize("changes", [{"cost": 1}, {"blinding": bytes(32)}])
def test_a_private_cost_is_not_opened(changes):
    m = Bazaar()
    (submission,) = m.seated(1, terms=terms_with(cost_rule=CostRule.PRIVATE))
    with aborts("submission.EBadCost"):
        m.open(submission, **changes)
    m.show(submission)


def test_envelopes_that_are_refused():
    m = Bazaar()
    (submission,) = m.seated(1)
    m.open(submission)
    keys = dict(zip(("pk1", "pk2"), m.keys_of(submission.committee[1]), strict=True))
    with aborts("submission.EWrongKeys"):
        m.deliver(submission, 0, **keys)
    other = m.seal_for(submission, submission.committee[1], CONTRIBUTORS[0])
    with aborts("envelope.EBadEnvelope"):
        m.deliver(submission, 0, **{name: other[name] for name in ("r", "c")})
    stolen = m.seal_for(submission, submission.committee[0], "somebody")
    with aborts("envelope.EBadEnvelopeProof"):
        m.deliver(submission, 0, **stolen)
    with aborts("submission.EBadPlace"):
        m.call("submission::deliver", "x", m.market, m.task, submission, 3, *stolen.values())
    m.deliver(submission, 0)
    with aborts("submission.EHasEnvelope"):
        m.deliver(submission, 0)


@pytest.mark.parametrize(
    ("late_ms", "fee"),
    [
        (-1, 0),
        (0, 0),
        (1, FEE // GRACE),
        (GRACE // 2, FEE // 2),
        (GRACE, FEE),
        (9 * GRACE, FEE),
    ],
)
def test_being_late_costs_at_most_the_fee(late_ms, fee):
    m = Bazaar()
    (submission,) = m.seated(1)
    m.open(submission)
    burned = m.burned
    m.advance(OPEN + late_ms)
    m.deliver_all(submission)
    assert submission.late_fee == fee
    m.accept(submission)
    assert paid(submission)[FIRST] == TERMS.stake - fee + TERMS.reward
    assert m.burned - burned == fee


@pytest.mark.parametrize("delivered", [None, 0, 2])
def test_what_was_never_complete_is_rejected(delivered):
    m = Bazaar()
    (submission,) = m.seated(1)
    if delivered is not None:
        m.open(submission)
        for place in range(delivered):
            m.deliver(submission, place)
    stakes = m.pool.stakes
    m.advance(OPEN + GRACE - 1)
    with aborts("settlement.ETooEarly"):
        m.settle(submission)
    m.advance(1)
    with aborts("submission.ENotReopened"):
        m.reopen(submission)
    m.settle(submission)
    assert (submission.state, submission.reason) == (
        SubmissionState.REJECTED,
        EndReason.NEVER_OPENED,
    )
    # Nobody but the contributor is at fault.
    assert m.pool.stakes == stakes
    assert paid(submission) == {address("crank"): 3 * TIP}


def called(m, submission):
    """Let the seat at place 0 be silent, and its place be given on."""
    m.attest_seat(submission, 1)
    m.attest_seat(submission, 2)
    m.advance(TERMS.verify_ms)
    m.replace(submission)


def test_a_substitute_that_gets_no_key_from_anybody():
    m = Bazaar()
    (submission,) = m.opened(1)
    called(m, submission)
    assert (submission.state, submission.window_ms) == (SubmissionState.SEATED, m.now)
    stakes, burned = m.pool.stakes, m.burned
    m.advance(OPEN + GRACE - 1)
    with aborts("submission.ETooEarly"):
        m.reopen(submission)
    m.advance(1)
    with aborts("settlement.ETooEarly"):
        m.settle(submission)
    m.reopen(submission)
    # The two seats that hold the key pay; so does the contributor.
    assert stakes - m.pool.stakes == 2 * SILENCE == m.burned - burned
    for place in (1, 2):
        assert m.pool.seats[submission.committee[place].pool_index].silent == 1
    assert (submission.late_fee, submission.attempt) == (FEE, 2)
    assert (submission.opening, submission.state) == (None, SubmissionState.SEATED)
    assert m.last(events.OpeningReopened).attempt == 2
    assert [seat.envelope for seat in submission.committee] == [b""] * 3
    assert [seat.status for seat in submission.committee] == [
        SeatStatus.SEATED,
        SeatStatus.ATTESTED,
        SeatStatus.ATTESTED,
    ]
    m.show(submission)
    assert (submission.state, m.task.opened) == (SubmissionState.OPENED, 1)
    m.attest_seat(submission, 0)
    assert submission.state == SubmissionState.ATTESTED


def test_the_second_time_it_ends_as_never_opened():
    m = Bazaar()
    (submission,) = m.opened(1)
    m.report_all(submission)
    m.show(submission)
    called(m, submission)
    m.advance(OPEN + GRACE)
    m.reopen(submission)
    assert (submission.state, submission.reason) == (
        SubmissionState.REJECTED,
        EndReason.NEVER_OPENED,
    )
    # Who has attested is paid from the stake.
    for place in (1, 2):
        owner = submission.committee[place].verifier
        assert paid(submission)[owner] == TERMS.verifier_fee
    assert submission.committee[0].verifier not in paid(submission)


def test_a_late_delivery_to_a_substitute_costs_nobody():
    m = Bazaar()
    (submission,) = m.opened(1)
    called(m, submission)
    m.advance(OPEN + GRACE)
    m.show(submission, sender=m.holder_of(submission, 1))
    assert (submission.state, submission.late_fee) == (SubmissionState.OPENED, 0)


# --- reports --------------------------------------------------------------------------------------


def test_most_of_the_committee_ask_for_the_opening_again():
    m = Bazaar()
    (submission,) = m.opened(1)
    m.attest_seat(submission, 2)
    m.report(submission, 0)
    assert (submission.state, submission.reported) == (SubmissionState.OPENED, 1)
    with aborts("attestation.EAlreadyReported"):
        m.report(submission, 0)
    with aborts("attestation.EAlreadyAttested"):
        m.report(submission, 2)
    with aborts("attestation.ENotSeated"):
        m.report(submission, 1, cap=m.caps[m.holder_of(submission, 0)])
    m.report(submission, 1)
    assert (submission.state, submission.attempt) == (SubmissionState.SEATED, 2)
    assert (submission.reported, submission.opening) == (0, None)
    told = m.last(events.OpeningReported)
    assert (told.place, told.attempt) == (1, 1)
    # The fee for being late begins anew.
    m.advance(OPEN + GRACE // 2)
    m.show(submission)
    assert submission.late_fee == FEE // 2
    assert submission.committee[2].status == SeatStatus.ATTESTED


def test_a_report_is_forgotten_by_who_attests_after_all():
    m = Bazaar()
    (submission,) = m.opened(1)
    m.report(submission, 0)
    m.attest_seat(submission, 0)
    assert submission.reported == 0
    m.report(submission, 1)
    assert submission.state == SubmissionState.OPENED


def test_a_second_absence_is_for_a_jury_to_say():
    m = Bazaar()
    (submission,) = m.opened(1)
    m.report_all(submission)
    m.show(submission)
    m.report_all(submission)
    dispute = submission.dispute
    assert (dispute.kind, dispute.phase) == (CaseKind.ABSENCE, DisputePhase.WAITING)
    opened = m.last(events.CaseOpened)
    assert (int(opened.accuser, 16), opened.bond, opened.accuser_seat) == (0, 0, 2**64 - 1)
    escrow, stakes = submission.escrow, m.pool.stakes
    m.judge(submission, SOUND)
    # The publisher pays the jury, the reporters the penalty; their places are given on.
    assert escrow - submission.escrow == 8 * TERMS.juror_fee
    assert stakes - m.pool.stakes == 2 * SILENCE
    assert [seat.tries for seat in submission.committee] == [1, 1, 0]
    assert submission.substitutes == []
    m.show(submission)
    # The question is answered: nobody may ask it again.
    with aborts("attestation.EAlreadyReported"):
        m.report(submission, 0)
    m.accept(submission)
    assert submission.state == SubmissionState.ACCEPTED


# --- the update -----------------------------------------------------------------------------------


def test_with_the_update_s_key_the_work_is_accepted():
    m = Bazaar()
    (submission,) = m.audited(selected=False)
    with aborts("envelope.EBadEnvelope"):
        m.deliver_update(submission, r=submission.committee[0].envelope[:48])
    m.deliver_update(submission)
    delivered = m.last(events.UpdateDelivered)
    assert delivered.envelope == submission.update_envelope
    assert (submission.state, submission.reason) == (
        SubmissionState.ACCEPTED,
        EndReason.ATTESTED,
    )
    assert (m.task.accepted, m.task.ended) == (1, 1)
    assert paid(submission)[FIRST] == TERMS.stake + TERMS.reward
    with aborts("submission.EWrongState"):
        m.accuse(submission, CaseKind.UPDATE)


def test_an_update_that_is_withheld_is_not_paid_for():
    m = Bazaar()
    (submission,) = m.audited(selected=False)
    m.advance(OPEN + GRACE - 1)
    with aborts("settlement.ETooEarly"):
        m.settle(submission)
    m.advance(1)
    m.settle(submission)
    assert (submission.state, submission.reason) == (
        SubmissionState.UNDECIDED,
        EndReason.UPDATE_WITHHELD,
    )
    assert paid(submission)[FIRST] == TERMS.stake - FEE
    for seat in submission.committee:
        assert paid(submission)[seat.verifier] == TERMS.verifier_fee
    with aborts("submission.EWrongState"):
        m.deliver_update(submission)


def test_the_update_waits_for_the_audit():
    m = Bazaar()
    (submission,) = m.audited()
    with aborts("jury.EAuditPending"):
        m.deliver_update(submission)
    with aborts("submission.EWrongState"):
        m.call("settlement::reopen", "x", m.market, m.task, m.pool, submission)


def test_an_opening_names_its_blob():
    m = Bazaar()
    (submission,) = m.opened(1)
    assert (submission.opening.blob, submission.opening.digest) == (9, digest("opening"))
