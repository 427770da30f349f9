"""Challenges: slashed, refuted, redrawn, undecided; and every way to do it wrong."""

import pytest

from walrusd.chain.layouts import events
from walrusd.chain.layouts.objects import VerifierCap
from walrusd.core.lifecycle import ChallengeOutcome, DisputePhase, EndReason, SubmissionState
from walrusd.core.protocol import compute_challenge_id
from walrusd.devnet.contract import DEVNET_PARAMS
from walrusd.units import address_bytes

from .market import CONTRIBUTORS, TERMS, TIP, Bazaar, terms_with
from .work import Replay
from .world import aborts, address, digest

LIE = Replay(digest("lie"), digest("lying state"))


def other(n):
    return Replay(digest("other", n), digest("other state", n))


def paid(submission):
    return {c.owner: c.amount for c in submission.credits}


def revealed_by_all(m, submission, values, accuser_value):
    m.vote(submission, values)
    m.accuser_reveal(submission, accuser_value)


def test_a_forger_is_slashed():
    m = Bazaar()
    submission = m.disputed(forged={3})
    truth = m.works[submission.id].honest[3]
    seats = [seat.verifier for seat in submission.committee]
    jurors = [juror.verifier for juror in submission.dispute.jurors]
    assert not set(seats) & set(jurors)
    revealed_by_all(m, submission, [truth, truth, LIE, truth, other(1)], truth)
    m.resolve(submission)

    assert submission.state == SubmissionState.REJECTED
    assert submission.reason == EndReason.CHALLENGE_CONFIRMED
    assert m.last(events.ChallengeResolved).outcome == ChallengeOutcome.CONFIRMED
    share = TERMS.stake * DEVNET_PARAMS.accuser_share_bps // 10_000
    credits_ = paid(submission)
    for seat in seats:
        assert credits_[seat] == TERMS.verifier_fee * seats.count(seat)
    for j in (0, 1, 3):
        assert credits_[jurors[j]] == TERMS.juror_fee
    assert jurors[2] not in credits_
    assert jurors[4] not in credits_
    assert credits_[address("accuser")] == share + TERMS.accuser_bond
    assert address(CONTRIBUTORS[0]) not in credits_
    burned = TERMS.stake - 3 * TERMS.verifier_fee - 3 * TERMS.juror_fee - share
    assert m.burned == burned == m.last(events.SubmissionEnded).burned
    # The order of payment is the order of the credits.
    owners = [c.owner for c in submission.credits]
    assert (owners[0], owners[-1]) == (address("crank"), address("accuser"))
    # The record stays, but nothing can be done with it any more.
    assert submission.dispute is not None
    for again in (m.resolve, m.seat_jury, m.draw_jury):
        with aborts("jury.ENoDispute"):
            again(submission)
    with aborts("settlement.EAlreadyEnded"):
        m.settle(submission)
    assert m.claim(submission, "accuser") == share + TERMS.accuser_bond
    with aborts("settlement.ENothingToClaim"):
        m.claim(submission, "accuser")


@pytest.mark.parametrize("reveals", [False, True])
def test_an_accuser_who_does_not_know_the_value_gets_only_the_bond(reveals):
    m = Bazaar()
    (submission,) = m.opened(1, forged={3})
    m.challenge(submission, 3, value=LIE)
    m.convene(submission)
    truth = m.works[submission.id].honest[3]
    m.vote(submission, [truth] * 5)
    if reveals:
        m.accuser_reveal(submission, LIE)
    m.advance(TERMS.jury_reveal_ms)
    m.resolve(submission)
    assert submission.state == SubmissionState.REJECTED
    assert paid(submission)[address("accuser")] == TERMS.accuser_bond


def test_the_share_is_at_most_what_is_left():
    stake = 3 * TERMS.verifier_fee + 5 * TERMS.juror_fee + 5
    m = Bazaar()
    submission = m.disputed(forged={3}, terms=terms_with(stake=stake, lapse_penalty=0))
    truth = m.works[submission.id].honest[3]
    revealed_by_all(m, submission, [truth] * 5, truth)
    m.resolve(submission)
    assert paid(submission)[address("accuser")] == 5 + TERMS.accuser_bond
    assert m.burned == 0


def test_a_false_accuser_pays_the_jury():
    m = Bazaar()
    submission = m.disputed()
    truth = m.works[submission.id].honest[3]
    m.vote(submission, [truth, truth, truth, LIE, LIE])
    m.accuser_reveal(submission, truth)
    m.advance(5)
    m.resolve(submission)
    assert submission.state == SubmissionState.OPENED
    assert submission.window_ms == m.now
    assert submission.dispute is None
    assert m.burned == TERMS.accuser_bond - 3 * TERMS.juror_fee
    assert sorted(paid(submission).values()) == [TIP, *[TERMS.juror_fee] * 3]
    # No second jury for the same claim; another segment may still be challenged.
    with aborts("jury.EAlreadyJudged"):
        m.challenge(submission, 3)
    m.challenge(submission, 4)
    assert submission.state == SubmissionState.DISPUTED


def test_after_a_refutation_the_work_goes_on():
    m = Bazaar()
    (submission,) = m.opened(1)
    m.attest_all(submission)
    m.challenge(submission, 3)
    with aborts("settlement.EDisputed"):
        m.settle(submission)
    m.convene(submission)
    truth = m.works[submission.id].honest[3]
    revealed_by_all(m, submission, [truth] * 5, truth)
    m.resolve(submission)
    assert submission.state == SubmissionState.ATTESTED
    m.draw_audit(submission, selected=False)
    m.settle(submission)
    assert submission.state == SubmissionState.ACCEPTED


def test_no_majority_redraws_once_and_then_is_undecided():
    m = Bazaar()
    submission = m.disputed()
    truth = m.works[submission.id].honest[3]
    first = submission.dispute.challenge
    m.vote(submission, [truth, truth, LIE, LIE, other(1)])
    m.accuser_reveal(submission, truth)
    m.resolve(submission)
    resolved = m.last(events.ChallengeResolved)
    assert (resolved.outcome, resolved.challenge) == (ChallengeOutcome.REDRAWN, first)
    dispute = submission.dispute
    assert dispute.challenge == compute_challenge_id(address_bytes(submission.id), 1, 3, 1)
    assert (dispute.round, dispute.phase, dispute.jurors) == (1, DisputePhase.WAITING, [])
    assert (dispute.beacon, dispute.pool_len) == (b"", 0)
    assert dispute.accuser_chain == truth.chain

    m.convene(submission)
    m.vote(submission, [other(n) for n in range(5)])
    m.resolve(submission)
    assert submission.state == SubmissionState.UNDECIDED
    assert submission.reason == EndReason.NO_MAJORITY
    assert m.last(events.ChallengeResolved).outcome == ChallengeOutcome.UNDECIDED
    assert paid(submission) == {
        address("crank"): TIP,
        address(CONTRIBUTORS[0]): TERMS.stake,
        address("accuser"): TERMS.accuser_bond,
    }
    assert m.burned == 0


def test_the_accuser_may_reveal_in_the_second_round():
    m = Bazaar()
    submission = m.disputed(forged={3})
    truth = m.works[submission.id].honest[3]
    m.vote(submission, [other(n) for n in range(5)])
    m.advance(TERMS.jury_reveal_ms)
    m.resolve(submission)
    m.convene(submission)
    m.vote(submission, [truth] * 5)
    m.accuser_reveal(submission, truth)
    assert m.last(events.JurorRevealed).challenge == submission.dispute.challenge
    m.resolve(submission)
    assert paid(submission)[address("accuser")] > TERMS.accuser_bond


def test_silent_jurors_lose_stake():
    m = Bazaar()
    submission = m.disputed(forged={3})
    truth = m.works[submission.id].honest[3]
    silent = submission.dispute.jurors[4].pool_index
    for juror in range(4):
        m.jury_commit(submission, juror, truth)
    m.advance(TERMS.jury_commit_ms)
    for juror in range(3):
        m.jury_reveal(submission, juror, truth)
    half_silent = submission.dispute.jurors[3].pool_index
    with aborts("jury.ETooEarly"):
        m.resolve(submission)
    m.advance(TERMS.jury_reveal_ms)
    before = m.burned
    m.resolve(submission)
    for index in (silent, half_silent):
        assert m.pool.seats[index].stake == 2_000_000_000 - 10 * TERMS.juror_fee
    assert submission.state == SubmissionState.REJECTED
    ended = m.last(events.SubmissionEnded)
    assert m.burned - before == ended.burned + 20 * TERMS.juror_fee
    told = [type(e).__name__ for e in m.events[-4:]]
    assert told == ["SeatPenalized", "ChallengeResolved", "SubmissionEnded", "TaskSettled"]


def test_a_jury_that_never_commits_is_redrawn_after_both_windows():
    m = Bazaar()
    submission = m.disputed()
    m.advance(TERMS.jury_commit_ms + TERMS.jury_reveal_ms - 1)
    with aborts("jury.ETooEarly"):
        m.resolve(submission)
    m.advance(1)
    m.resolve(submission)
    assert submission.dispute.round == 1
    assert m.burned == 5 * 10 * TERMS.juror_fee
    assert sum(e.amount for e in m.events if isinstance(e, events.SeatPenalized)) == m.burned


def test_a_penalty_takes_at_most_the_stake():
    m = Bazaar()
    terms = terms_with(juror_fee=30_000_000, accuser_bond=150_000_000)
    submission = m.disputed(terms=terms)
    for seat in m.pool.seats:
        m.pool.stakes -= seat.stake - 7
        m.minted -= seat.stake - 7
        seat.stake = 7
    m.advance(terms.jury_commit_ms + terms.jury_reveal_ms)
    m.resolve(submission)
    assert m.burned == 5 * 7


def test_too_few_jurors_leave_it_undecided():
    m = Bazaar(verifiers=6)
    (submission,) = m.opened(1)
    m.challenge(submission, 1)
    m.draw_jury(submission)
    m.seat_jury(submission)
    assert submission.state == SubmissionState.UNDECIDED
    assert submission.reason == EndReason.TOO_FEW_JURORS
    assert paid(submission)[address("accuser")] == TERMS.accuser_bond
    with aborts("jury.ENoDispute"):
        m.seat_jury(submission)
    assert m.task.ended == 1


def test_an_undecided_dispute_pays_seats_that_had_finished():
    m = Bazaar(verifiers=6)
    (submission,) = m.opened(1)
    m.attest(submission, 0, 0)
    m.attest(submission, 0, 1)
    worker = submission.committee[0].verifier
    m.challenge(submission, 1)
    m.draw_jury(submission)
    m.seat_jury(submission)
    assert paid(submission)[worker] == TERMS.verifier_fee


# --- what is refused ------------------------------------------------------------------------------


def test_challenges_that_are_refused():
    m = Bazaar()
    (submission, second, *_) = m.opened(2)
    m.challenge(second, 1)
    with aborts("submission.EWrongState"):
        m.challenge(second, 2)
    for kind in (0, 7):
        with aborts("jury.EUnsupportedKind"):
            m.accuse(submission, kind)
    place = m.places(submission).index(3)
    leaf = {"leaf": m.works[submission.id].leaves[3], "path": []}
    for index in (0, 2, 7):
        with aborts("jury.EBadIndex"):
            m.accuse(submission, 1, index, place=place, **leaf)
    for wrong in (place + 1, 6, 2**64 - 1):
        with aborts("jury.EBadIndex"):
            m.challenge(submission, 3, place=wrong)
    with aborts("jury.EConflict"):
        m.challenge(submission, 3, sender=CONTRIBUTORS[0])
    with aborts("jury.EBadDigest"):
        m.challenge(submission, 3, commitment=bytes(31))
    work = m.works[submission.id]
    for changes in (
        {"leaf": work.leaves[4]},
        {"leaf": b""},
        {"leaf": work.leaves[3] + b"\0"},
        {"path": work.tree.path(4)},
        {"path": work.tree.path(3)[:-1]},
        {"path": [*work.tree.path(3), bytes(32)]},
        {"path": [b"short", *work.tree.path(3)[1:]]},
    ):
        with aborts("jury.EWrongLeaf"):
            m.challenge(submission, 3, **changes)
    for bond in (TERMS.accuser_bond - 1, TERMS.accuser_bond + 1):
        with aborts("jury.EWrongBond"):
            m.challenge(submission, 3, bond=bond)


def test_a_seated_submission_cannot_be_challenged_yet():
    m = Bazaar()
    (submission,) = m.seated(1)
    with aborts("submission.EWrongState"):
        m.challenge(submission, 3)


def test_steps_out_of_order_are_refused():
    m = Bazaar()
    (submission,) = m.opened(1)
    truth = m.works[submission.id].honest[3]
    for step in (m.draw_jury, m.seat_jury, m.resolve):
        with aborts("jury.ENoDispute"):
            step(submission)
    m.challenge(submission, 3)
    for step in (m.seat_jury, m.resolve):
        with aborts("jury.ENoDispute"):
            step(submission)
    m.draw_jury(submission)
    with aborts("jury.ENoDispute"):
        m.draw_jury(submission)
    m.seat_jury(submission)
    with aborts("jury.ENoDispute"):
        m.seat_jury(submission)
    with aborts("jury.ETooEarly"):
        m.resolve(submission)
    with aborts("jury.ENoDispute"):
        m.jury_reveal(submission, 0, truth)
    with aborts("jury.ENoDispute"):
        m.accuser_reveal(submission, truth)


def test_votes_that_are_refused():
    m = Bazaar()
    submission = m.disputed()
    truth = m.works[submission.id].honest[3]
    stranger = m.caps[m.juror_name(submission, 1)]
    foreign = VerifierCap(stranger.id, pool=address("pool"), index=stranger.index)
    with aborts("jury.ENotJuror"):
        m.jury_commit(submission, 0, truth, cap=stranger)
    with aborts("jury.ENotJuror"):
        m.jury_commit(submission, 1, truth, cap=foreign)
    with aborts("jury.ENotJuror"):
        m.call(
            "jury::jury_commit", "x", m.market, m.task, submission, stranger, 5, digest("anything")
        )
    with aborts("jury.EBadDigest"):
        m.jury_commit(submission, 0, truth, commitment=b"short")
    m.jury_commit(submission, 0, truth)
    with aborts("jury.EAlreadyCommitted"):
        m.jury_commit(submission, 0, LIE)
    m.advance(TERMS.jury_commit_ms)
    with aborts("jury.ETooLate"):
        m.jury_commit(submission, 1, truth)
    for wrong in (LIE, Replay(truth.chain, LIE.state_root), Replay(LIE.chain, truth.state_root)):
        with aborts("jury.EBadReveal"):
            m.jury_reveal(submission, 0, wrong)
        with aborts("jury.EBadReveal"):
            m.accuser_reveal(submission, wrong)
    with aborts("jury.EBadReveal"):
        m.jury_reveal(submission, 1, truth)  # has not committed
    with aborts("jury.ENotJuror"):
        m.jury_reveal(submission, 0, truth, cap=stranger)
    assert submission.dispute.phase == DisputePhase.COMMITTING
    for value in (Replay(b"", truth.state_root), Replay(truth.chain, bytes(33))):
        with aborts("jury.EBadDigest"):
            m.jury_reveal(submission, 0, value)
    with aborts("jury.EBadDigest"):
        m.accuser_reveal(submission, truth, salt=b"short")
    with aborts("jury.ENotAccuser"):
        m.accuser_reveal(submission, truth, sender="stranger")

    m.jury_reveal(submission, 0, truth)
    assert submission.dispute.phase == DisputePhase.REVEALING
    assert submission.dispute.phase_ms == m.now
    with aborts("jury.EAlreadyRevealed"):
        m.jury_reveal(submission, 0, truth)
    m.accuser_reveal(submission, truth)
    with aborts("jury.EAlreadyRevealed"):
        m.accuser_reveal(submission, truth)
    with aborts("jury.ENoDispute"):
        m.jury_commit(submission, 1, truth)


def test_the_accuser_may_start_the_reveals():
    m = Bazaar()
    submission = m.disputed()
    m.advance(TERMS.jury_commit_ms)
    m.accuser_reveal(submission, m.works[submission.id].honest[3])
    assert submission.dispute.phase == DisputePhase.REVEALING


def test_a_commitment_cannot_be_copied():
    m = Bazaar()
    submission = m.disputed()
    truth = m.works[submission.id].honest[3]
    m.jury_commit(submission, 0, truth)
    copied = submission.dispute.jurors[0].commitment
    m.jury_commit(submission, 1, truth, commitment=copied)
    m.advance(TERMS.jury_commit_ms)
    salt = digest("salt", m.juror_name(submission, 0))
    m.jury_reveal(submission, 0, truth)
    with aborts("jury.EBadReveal"):
        m.jury_reveal(submission, 1, truth, salt=salt)


def test_jurors_are_neither_accuser_nor_publisher_nor_owner():
    m = Bazaar(verifiers=9)
    for name in ("accuser", "publisher", "owner", CONTRIBUTORS[0]):
        for _ in range(3):
            m.register(name)
    m.advance(1)
    submission = m.disputed()
    excluded = {address(n) for n in ("accuser", "publisher", "owner", CONTRIBUTORS[0])}
    jurors = {j.verifier for j in submission.dispute.jurors}
    assert not excluded & jurors
    committee = {s.verifier for s in submission.committee}
    assert not jurors & committee
    assert not (excluded - {address("accuser")}) & committee


def test_a_fee_too_low_for_a_seat_keeps_it_off_the_jury():
    m = Bazaar(verifiers=0)
    for n in range(10):
        m.register(f"verifier {n}", min_fee=TERMS.verifier_fee)
    m.advance(1)
    (submission,) = m.opened(1)
    m.challenge(submission, 3)
    m.draw_jury(submission)
    m.seat_jury(submission)
    assert submission.reason == EndReason.TOO_FEW_JURORS


def test_the_wrong_pool_task_and_version_are_refused():
    m = Bazaar()
    submission = m.disputed()
    first_task = m.task
    other_task = m.open_task()
    with aborts("task.EWrongTask"):
        m.resolve(submission)
    m.task = first_task
    strange = type(m.pool)(address("pool"), 1, [], 0)
    with aborts("market.EWrongPool"):
        m.call("jury::resolve", "x", m.market, m.task, strange, submission)
    submission.version = 2
    with aborts("market.EWrongVersion"):
        m.resolve(submission)
    assert other_task.id != first_task.id
