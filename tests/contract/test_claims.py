"""Challenges of everything but a segment: a jury finds a fault, or none."""

import pytest

from walrusd.chain.layouts import events
from walrusd.chain.layouts.objects import Judged
from walrusd.core.lifecycle import ChallengeKind, ChallengeOutcome, EndReason, SubmissionState

from .market import CONTRIBUTORS, FAULT, SOUND, TERMS, TIP, Bazaar, terms_with
from .work import Replay
from .world import aborts, address, digest

KINDS = (ChallengeKind.UPDATE, ChallengeKind.ROWS, ChallengeKind.COST, ChallengeKind.FILE)
UNAVAILABLE = ChallengeKind.UNAVAILABLE


def paid(submission):
    return {c.owner: c.amount for c in submission.credits}


def unreadable():
    """Return a market, a submission that was opened again, and who still cannot read it."""
    m = Bazaar()
    (submission,) = m.opened(1)
    m.report(submission, 1)
    m.open(submission)
    return m, submission, m.name_of(submission.committee[1].verifier)


@pytest.mark.parametrize("kind", KINDS)
def test_a_fault_that_a_jury_finds_is_slashed(kind):
    m = Bazaar()
    (submission,) = m.opened(1)
    m.attest_seat(submission, 0)
    m.accuse(submission, kind, sender="accuser")
    dispute = submission.dispute
    assert (dispute.kind, dispute.index, dispute.place, dispute.leaf) == (kind, 0, 0, b"")
    m.judge(submission, FAULT)
    assert submission.state == SubmissionState.REJECTED
    assert submission.reason == EndReason.CHALLENGE_CONFIRMED
    assert m.last(events.ChallengeResolved).outcome == ChallengeOutcome.CONFIRMED
    share = TERMS.stake // 5
    assert paid(submission)[address("accuser")] == share + TERMS.accuser_bond
    # Who attested its segments has done nothing wrong.
    assert not [e for e in m.events if isinstance(e, events.SeatPenalized)]
    for seat in submission.committee:
        assert paid(submission)[seat.verifier] == TERMS.verifier_fee
    fees = 3 * TERMS.verifier_fee + 5 * TERMS.juror_fee
    assert m.burned == TERMS.stake - share - fees


@pytest.mark.parametrize(
    "value",
    [
        SOUND,
        Replay(FAULT.chain, digest("a state")),
        Replay(bytes([2]) + bytes(31), bytes(32)),
        Replay(bytes(31) + bytes([1]), bytes(32)),
    ],
)
def test_any_other_majority_refutes(value):
    m = Bazaar()
    (submission,) = m.opened(1)
    m.accuse(submission, ChallengeKind.COST)
    m.judge(submission, value, accuser_value=FAULT)
    assert m.last(events.ChallengeResolved).outcome == ChallengeOutcome.REFUTED
    assert (submission.state, submission.dispute) == (SubmissionState.OPENED, None)
    assert submission.judged == [Judged(ChallengeKind.COST, 0)]
    assert m.burned == TERMS.accuser_bond - 5 * TERMS.juror_fee
    with aborts("jury.EAlreadyJudged"):
        m.accuse(submission, ChallengeKind.COST)
    m.accuse(submission, ChallengeKind.UPDATE)


def test_each_row_is_a_claim_of_its_own():
    m = Bazaar()
    (submission,) = m.opened(1)
    with aborts("jury.EBadIndex"):
        m.accuse(submission, ChallengeKind.ROWS, 4)
    m.accuse(submission, ChallengeKind.ROWS, 3)
    m.judge(submission, SOUND, accuser_value=FAULT)
    with aborts("jury.EAlreadyJudged"):
        m.accuse(submission, ChallengeKind.ROWS, 3)
    m.accuse(submission, ChallengeKind.ROWS, 2)


@pytest.mark.parametrize("kind", [*KINDS, UNAVAILABLE])
def test_only_rows_have_a_number_and_only_segments_a_leaf(kind):
    m, submission, reader = unreadable()
    if kind != ChallengeKind.ROWS:
        with aborts("jury.EBadIndex"):
            m.accuse(submission, kind, 1, sender=reader)
    with aborts("jury.EBadIndex"):
        m.accuse(submission, kind, place=1, sender=reader)
    for changes in ({"leaf": bytes(32)}, {"path": [bytes(32)]}):
        with aborts("jury.EWrongLeaf"):
            m.accuse(submission, kind, sender=reader, **changes)


def test_a_segment_that_nobody_was_dealt_cannot_be_challenged():
    m = Bazaar()
    (submission,) = m.opened(1, terms=terms_with(segments=8))
    undealt = set(range(1, 9)) - set(m.places(submission))
    assert len(undealt) == 2
    for segment in undealt:
        for place in range(6):
            with aborts("jury.EBadIndex"):
                m.challenge(submission, segment, place=place)
    m.challenge(submission, m.places(submission)[5], place=5)
    assert submission.dispute.place == 5


def test_places_beyond_the_segments_wrap_around():
    m = Bazaar()
    (submission,) = m.opened(1, terms=terms_with(segments=4))
    places = m.places(submission)
    assert places[4:] == places[:2]
    m.challenge(submission, places[4], place=4)
    assert (submission.dispute.index, submission.dispute.place) == (places[0], 4)


def test_a_submission_has_at_most_1024_verdicts():
    m = Bazaar()
    (submission,) = m.opened(1)
    submission.judged = [Judged(ChallengeKind.ROWS, 10 + n) for n in range(1023)]
    m.accuse(submission, ChallengeKind.FILE)
    m.judge(submission, SOUND, accuser_value=FAULT)
    assert len(submission.judged) == 1024
    with aborts("jury.ETooManyVerdicts"):
        m.accuse(submission, ChallengeKind.UPDATE)
    with aborts("jury.EAlreadyJudged"):
        m.accuse(submission, ChallengeKind.FILE)


# --- openings that cannot be had ------------------------------------------------------------------


def test_who_may_say_that_an_opening_cannot_be_had():
    m = Bazaar()
    (submission,) = m.opened(1)
    m.attest_seat(submission, 0)
    reader, worker = (m.name_of(submission.committee[at].verifier) for at in (1, 0))
    with aborts("jury.ENotReported"):
        m.accuse(submission, UNAVAILABLE, sender=reader)
    m.report(submission, 2)
    with aborts("submission.EWrongState"):
        m.accuse(submission, UNAVAILABLE, sender=reader)
    m.open(submission)
    for sender in (worker, "stranger"):
        with aborts("jury.ENotReported"):
            m.accuse(submission, UNAVAILABLE, sender=sender)
    with aborts("jury.EConflict"):
        m.accuse(submission, UNAVAILABLE, sender=CONTRIBUTORS[0])
    m.accuse(submission, UNAVAILABLE, sender=reader)
    assert submission.dispute.accuser == address(reader)


def test_an_opening_that_cannot_be_had_is_as_good_as_none():
    m, submission, reader = unreadable()
    m.accuse(submission, UNAVAILABLE, sender=reader)
    m.convene(submission)
    jurors = [juror.verifier for juror in submission.dispute.jurors]
    m.vote(submission, [FAULT] * 5)
    m.accuser_reveal(submission, FAULT, sender=reader)
    m.resolve(submission)
    assert (submission.state, submission.reason) == (
        SubmissionState.REJECTED,
        EndReason.NEVER_OPENED,
    )
    seats = {seat.verifier: TERMS.verifier_fee for seat in submission.committee}
    seats[address(reader)] += TERMS.accuser_bond  # and no share of the stake
    assert paid(submission) == {
        address("crank"): TIP,
        **seats,
        **dict.fromkeys(jurors, TERMS.juror_fee),
    }
    assert m.burned == TERMS.stake - 3 * TERMS.verifier_fee - 5 * TERMS.juror_fee


def test_a_mistake_about_it_costs_the_accuser_nothing():
    m, submission, reader = unreadable()
    m.accuse(submission, UNAVAILABLE, sender=reader)
    escrow = submission.escrow
    m.convene(submission)
    m.vote(submission, [SOUND] * 4 + [FAULT])
    m.accuser_reveal(submission, FAULT, sender=reader)
    jurors = [juror.verifier for juror in submission.dispute.jurors]
    m.resolve(submission)
    assert submission.state == SubmissionState.OPENED
    assert paid(submission)[address(reader)] == TERMS.accuser_bond
    assert [paid(submission).get(juror) for juror in jurors] == [TERMS.juror_fee] * 4 + [None]
    assert submission.escrow == escrow - 4 * TERMS.juror_fee
    owners = [credit.owner for credit in submission.credits]
    assert owners[-1] == address(reader)
    assert (submission.bond, m.burned) == (0, 0)


def test_availability_and_an_audit_may_both_be_judged_at_the_publishers_cost():
    m, submission, reader = unreadable()
    m.accuse(submission, UNAVAILABLE, sender=reader)
    m.convene(submission)
    m.vote(submission, [SOUND] * 5)
    m.accuser_reveal(submission, FAULT, sender=reader)
    m.resolve(submission)
    m.attest_all(submission)
    m.draw_audit(submission, selected=True)
    m.audit(submission)
    m.judge(submission, m.works[submission.id].honest[submission.dispute.index])
    m.settle(submission)
    assert submission.state == SubmissionState.ACCEPTED
    # One tip, for the substitutes that were not needed, is left of what was set aside.
    spent = TERMS.reward + 3 * TERMS.verifier_fee + 10 * TERMS.juror_fee + 3 * TIP
    each = TERMS.reward + 3 * TERMS.verifier_fee + 10 * TERMS.juror_fee + 4 * TIP
    assert each - spent == TIP
    assert m.task.pool == 3 * each + TIP
