"""A task from its opening to its aggregate, with every Mist accounted for."""

import dataclasses
import hashlib

import pytest

from walrusd.chain.layouts import events
from walrusd.core.lifecycle import EndReason, SubmissionState, TaskPhase
from walrusd.devnet.contract import DEVNET_PARAMS
from walrusd.devnet.contract.constants import BURN

from .market import CONTRIBUTORS, SUI, TERMS, TIP, Bazaar, escrow, required, terms_with
from .work import COST
from .world import CHAIN_ID, PACKAGE, aborts, address, digest


def test_everyone_is_paid_and_the_rest_comes_back():
    m = Bazaar()
    submissions = m.opened()
    assert m.task.phase == TaskPhase.VERIFYING
    for submission in submissions:
        m.attest_all(submission)
        assert submission.state == SubmissionState.ATTESTED
        m.draw_audit(submission, selected=False)
        assert submission.state == SubmissionState.AUDITED
        m.settle(submission)
        assert submission.state == SubmissionState.ACCEPTED
    assert m.task.phase == TaskPhase.SETTLED
    assert m.last(events.TaskSettled).accepted == 4

    for name, submission in zip(CONTRIBUTORS, submissions, strict=True):
        assert m.claim(submission, name) == TERMS.stake + TERMS.reward
        for verifier in {seat.verifier for seat in submission.committee}:
            seats = sum(seat.verifier == verifier for seat in submission.committee)
            assert m.claim(submission, m.name_of(verifier)) == seats * TERMS.verifier_fee
        assert m.claim(submission, "crank") == 3 * TIP
        assert (submission.credited, submission.credits) == (0, [])
    assert m.call("task::claim_task", "crank", m.market, m.task).balance == 2 * TIP
    assert m.burned == 0
    spent = 4 * (TERMS.reward + 3 * TERMS.verifier_fee + 3 * TIP) + 2 * TIP
    assert m.reclaim() == required(TERMS) - spent
    reserve = 4 * (2 * TERMS.jury * TERMS.juror_fee + TIP)
    assert required(TERMS) == spent + reserve + TERMS.publisher_bond

    args = (digest("root"), digest("blindings"), 123)
    m.call("task::record_aggregate", "publisher", m.market, m.publisher_cap, m.task, *args)
    assert m.task.phase == TaskPhase.AGGREGATED
    assert (m.task.aggregate.root, m.task.aggregate.blob) == (args[0], 123)


def test_the_events_tell_the_story_in_order():
    m = Bazaar()
    (submission,) = m.opened(1)
    m.accept(submission)
    told = [type(e).__name__ for e in m.events if not isinstance(e, events.SeatRegistered)]
    assert told == [
        "MarketCreated",
        "DatasetListed",
        "DatasetVersionAdded",
        "TaskOpened",
        "KeyRequested",
        "KeyGranted",
        "SubmissionJoined",
        "JoiningClosed",
        "SubmissionCommitted",
        "CommitteeDrawn",
        "CommitteeSeated",
        "SubmissionOpened",
        *["SegmentAttested"] * 6,
        "SubmissionAttested",
        "AuditDrawn",
        "SubmissionEnded",
        "TaskSettled",
    ]
    ended = m.last(events.SubmissionEnded)
    assert (ended.state, ended.reason) == (SubmissionState.ACCEPTED, EndReason.ATTESTED)
    assert (ended.payout, ended.burned) == (TERMS.stake + TERMS.reward, 0)
    assert m.last(events.SubmissionOpened).cost == COST


def test_the_context_is_the_hash_of_the_protocol():
    m = Bazaar()
    (submission,) = m.drawn(1)

    def tagged(tag, *fields):
        text = b"WALRUSD-V01-" + tag
        return hashlib.sha256(bytes([len(text)]) + text + b"".join(fields)).digest()

    task, me = bytes.fromhex(m.task.id[2:]), bytes.fromhex(submission.contributor[2:])
    package = bytes.fromhex(PACKAGE[2:])
    seed = tagged(b"SEED", task, me, m.task.join_beacon)
    expected = tagged(
        b"CTX", CHAIN_ID, package, task, me, seed, m.task.plan_digest, submission.dataset_root
    )
    assert submission.ctx == expected
    assert m.last(events.SubmissionCommitted).ctx == expected


def test_beacons_differ_and_have_32_bytes():
    m = Bazaar()
    m.drawn(1)
    assert len(m.task.join_beacon) == len(m.task.beacon) == 32
    assert m.task.join_beacon != m.task.beacon


def test_weights_follow_the_rows():
    m = Bazaar()
    (submission,) = m.opened(1, terms=terms_with(weights_rule=1))
    assert submission.weight == 1_000
    m.accept(submission)
    assert m.task.accepted_weight == 1_000


def test_too_few_accepted_make_no_public_aggregate():
    m = Bazaar()
    for submission in m.opened(2):
        m.accept(submission)
    with aborts("task.ETooFewAccepted"):
        m.call(
            "task::record_aggregate",
            "publisher",
            m.market,
            m.publisher_cap,
            m.task,
            digest(1),
            digest(2),
            1,
        )


@pytest.mark.parametrize("tip", [0, 7])
def test_tips_are_what_the_market_says(tip):
    m = Bazaar(params=dataclasses.replace(DEVNET_PARAMS, tip=tip))
    funds = 4 * escrow(TERMS, tip) + 2 * tip + TERMS.publisher_bond
    (submission,) = m.opened(1, funds=funds)
    m.accept(submission)
    paid = {c.owner: c.amount for c in submission.credits}
    assert paid.get(address("crank"), 0) == 3 * tip
    assert sum(c.amount for c in m.task.credits) == 2 * tip
    assert m.reclaim() == funds - TERMS.reward - 3 * TERMS.verifier_fee - 5 * tip


def test_lapse_burns_the_penalty_and_never_opening_burns_the_stake():
    m = Bazaar()
    lapsed, silent = m.training(2)
    m.commit(silent)
    m.advance(TERMS.train_ms)
    m.draw()
    m.seat(silent)
    m.settle(lapsed)
    assert (lapsed.state, lapsed.reason) == (SubmissionState.LAPSED, EndReason.NO_COMMIT)
    assert m.burned == TERMS.lapse_penalty
    assert m.last(events.SubmissionEnded).payout == TERMS.stake - TERMS.lapse_penalty
    m.advance(TERMS.open_ms + TERMS.grace_ms)
    m.settle(silent)
    assert (silent.state, silent.reason) == (SubmissionState.REJECTED, EndReason.NEVER_OPENED)
    assert m.burned == TERMS.lapse_penalty + TERMS.stake
    assert m.task.phase == TaskPhase.SETTLED
    paid = {c.owner for c in silent.credits}
    assert paid == {address("crank")}
    assert BURN.endswith("dead")
    # Three tips of submissions were spent: settle, seat, settle. Everything else comes back.
    assert m.reclaim() == required(TERMS) - 3 * TIP - 2 * TIP


def test_an_unattested_submission_is_undecided_and_pays_who_worked():
    m = Bazaar()
    (submission,) = m.opened(1)
    m.attest(submission, 1, 0)
    m.attest(submission, 1, 1)
    m.attest(submission, 2, 0)
    worker = submission.committee[1].verifier
    silent = {submission.committee[at].pool_index for at in (0, 2)}
    m.advance(TERMS.verify_ms)
    m.replace(submission)
    silent |= {submission.committee[at].pool_index for at in (0, 2)}
    assert len(silent) == 4
    m.advance(TERMS.verify_ms)
    m.settle(submission)
    assert submission.reason == EndReason.NOT_FULLY_ATTESTED
    paid = {c.owner: c.amount for c in submission.credits}
    assert paid == {
        address("crank"): 3 * TIP,
        submission.contributor: TERMS.stake,
        worker: TERMS.verifier_fee,
    }
    # Two seats, and then their substitutes, lose for their silence; nobody else does.
    lost = {at for at, seat in enumerate(m.pool.seats) if seat.stake < 2 * SUI}
    assert lost == silent
    assert m.burned == 4 * 10 * TERMS.verifier_fee
    assert m.last(events.SubmissionEnded).burned == 0


def test_too_few_seats_void_the_submission():
    m = Bazaar(verifiers=2)
    (submission,) = m.drawn(1)
    m.seat(submission)
    assert (submission.state, submission.reason) == (SubmissionState.VOID, EndReason.TOO_FEW_SEATS)
    assert m.task.phase == TaskPhase.SETTLED
    assert m.claim(submission, CONTRIBUTORS[0]) == TERMS.stake
    assert m.claim(submission, "crank") == TIP
    assert m.reclaim() == required(TERMS) - 3 * TIP
    assert m.burned == 0


def test_an_empty_pool_voids_too():
    m = Bazaar(verifiers=0)
    (submission,) = m.drawn(1)
    m.seat(submission)
    assert submission.state == SubmissionState.VOID


def test_nobody_joined():
    m = Bazaar()
    m.open_task()
    m.advance(TERMS.join_ms)
    m.close_joining()
    assert m.task.phase == TaskPhase.VOID
    assert m.task.join_beacon == b""
    assert m.last(events.TaskVoided).reason == EndReason.NOBODY_JOINED
    assert m.reclaim() == required(TERMS)
    with aborts("task.ENothingToClaim"):
        m.reclaim()
