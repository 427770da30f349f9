"""Opening, cancelling, closing, and what the publisher takes back."""

import pytest

from walrusd.chain.layouts import events
from walrusd.chain.layouts.objects import PublisherCap, Submission
from walrusd.core.lifecycle import EndReason, SubmissionState, TaskPhase
from walrusd.devnet.contract import DEVNET_POOL
from walrusd.devnet.contract.terms import compute_max_life

from .early import CONTRIBUTORS, TERMS, TIP, EarlyBazaar, make_keys, required, terms_with
from .world import aborts, address, digest

SHARE = DEVNET_POOL.stake // DEVNET_POOL.duties
PLACES = 13
"""Duties booked for a submission under ``TERMS``: 3 seats, 2 substitutes, 8 jurors."""


def record(m, parts=0b111, root=digest("root"), blindings=digest("blindings"), cap=None):  # noqa: B008 - constants
    cap = cap or m.publisher_cap
    args = (m.market, cap, m.task, parts, root, blindings, 1)
    m.call("task::record_aggregate", "publisher", *args)


def settled(accepted=0b1011):
    """Return a bazaar whose task is settled, without having played it."""
    m = EarlyBazaar()
    submissions = m.trained(4)
    for submission in submissions:
        is_accepted = accepted >> submission.number & 1
        ending = SubmissionState.ACCEPTED if is_accepted else SubmissionState.LAPSED
        submission.state, submission.reason = ending, EndReason.ATTESTED
        m.task.funds += submission.stake + submission.escrow
        submission.stake = submission.escrow = 0
    m.task.accepted, m.task.ended, m.task.phase = accepted, 4, TaskPhase.SETTLED
    m.task.accepted_weight = accepted.bit_count()
    m.pool.booked = 0
    return m


def test_opening_splits_the_funds():
    m = EarlyBazaar()
    task = m.open_task(parent=address("parent"))
    assert (task.market, task.pool) == (m.market.id, m.pool.id)
    assert task.publisher == address("publisher")
    assert (task.phase, task.opened_ms, task.phase_ms) == (TaskPhase.JOINING, m.now, m.now)
    assert task.ends_by_ms == m.now + 2 * compute_max_life(TERMS)
    assert (task.tips, task.bond) == (2 * TIP, TERMS.publisher_bond)
    assert task.funds + task.tips + task.bond == required(TERMS)
    assert (task.parent, task.program_root) == (address("parent"), digest("program"))
    assert m.owners[m.publisher_cap.id] == address("publisher")
    event = m.last(events.TaskOpened)
    assert (event.terms, event.pool, event.program_root) == (TERMS, m.pool.id, digest("program"))


@pytest.mark.parametrize(
    ("abort", "changes"),
    [
        ("task.EBadDigest", {"manifest_digest": bytes(31)}),
        ("task.EBadDigest", {"state_root_0": b""}),
        ("task.EBadDigest", {"plan_digest": bytes(64)}),
        ("task.EBadDigest", {"program_root": bytes(33)}),
        ("task.ETooManyDatasets", {"datasets": [], "numbers": []}),
        ("task.ETooManyDatasets", {"datasets": ["0x1"] * 9, "numbers": [1] * 9}),
        ("task.ETooManyDatasets", {"datasets": ["0x1"] * 2, "numbers": [1]}),
        ("task.EWrongFunds", {"funds": 0}),
        ("terms.EBadScheme", {"terms": terms_with(scheme=3)}),
        ("terms.EBadAmount", {"terms": terms_with(reward=0)}),
        ("terms.EBadCommittee", {"terms": terms_with(jury=4)}),
        ("terms.EBadWindow", {"terms": terms_with(open_ms=999)}),
        ("terms.EStakeBelowJuryCost", {"terms": terms_with(juror_fee=10_000_000)}),
        ("terms.EAuditTooWeak", {"terms": terms_with(audit_bps=200)}),
        ("terms.ELossAboveShare", {"terms": terms_with(verifier_stake=SHARE)}),
        ("terms.ETooFewFit", {"terms": terms_with(state_bytes=10**6 + 1)}),
        ("terms.EPoolTooSmall", {"terms": terms_with(max_submissions=12)}),
        ("envelope.EIdentity", {"pk1": b"\xc0" + bytes(47)}),
    ],
)
def test_openings_that_are_refused(abort, changes):
    m = EarlyBazaar()
    with aborts(abort):
        m.open_task(**changes)


def test_a_publishers_keys_are_its_own():
    m = EarlyBazaar()
    context = digest("another context")
    names = ("pk1", "pk2", "challenge", "answer")
    keys = dict(zip(names, make_keys("publisher", context), strict=True))
    with aborts("envelope.EBadKeyProof"):
        m.open_task(**keys)


def test_eight_datasets_are_allowed():
    m = EarlyBazaar()
    task = m.open_task(datasets=[m.dataset.id] * 8, numbers=list(range(8)))
    assert [d.number for d in task.datasets] == list(range(8))


def test_joining_closes_on_time_or_when_full():
    m = EarlyBazaar()
    m.joined(4)
    m.close_joining()
    assert m.task.phase == TaskPhase.TRAINING
    assert len(m.task.join_beacon) == 32
    assert m.pool.booked == 4 * PLACES
    event = m.last(events.JoiningClosed)
    assert (event.joined, event.join_beacon) == (4, m.task.join_beacon)
    with aborts("task.EWrongPhase"):
        m.close_joining()

    m.joined(3)
    m.advance(TERMS.join_ms - 1)
    with aborts("task.ETooEarly"):
        m.close_joining()
    m.advance(1)
    m.close_joining()
    assert m.pool.booked == 7 * PLACES


def test_a_task_that_nobody_joined_is_void():
    m = EarlyBazaar()
    m.joined(0)
    m.advance(TERMS.join_ms)
    m.close_joining()
    assert (m.task.phase, m.pool.booked) == (TaskPhase.VOID, 0)
    assert m.last(events.TaskVoided).reason == EndReason.NOBODY_JOINED
    assert m.reclaim() == required(TERMS)


def test_a_task_that_would_take_more_than_half_of_the_duties_is_void():
    m = EarlyBazaar()
    half = 18 * DEVNET_POOL.duties // 2
    for booked, phase in (
        (half - 4 * PLACES, TaskPhase.TRAINING),
        (half - 4 * PLACES + 1, TaskPhase.VOID),
    ):
        m.joined(4)
        m.pool.booked = booked
        m.inspect = lambda _before: None  # the pool is not as booked as it says
        m.close_joining()
        assert m.task.phase == phase
        assert m.pool.booked == (half if phase == TaskPhase.TRAINING else booked)
    assert m.last(events.TaskVoided).reason == EndReason.POOL_BUSY


@pytest.mark.parametrize("made_for_it", [False, True])
@pytest.mark.parametrize(("leaving", "phase"), [(2, TaskPhase.TRAINING), (3, TaskPhase.VOID)])
def test_a_task_whose_jury_could_not_be_found_is_void(leaving, phase, made_for_it):
    """A committee with its substitutes, a jury and three parties are sixteen seats."""
    m = EarlyBazaar()
    m.joined(1)
    m.advance(TERMS.join_ms)
    for name in list(m.caps)[:leaving]:
        m.call("node::exit_seat", name, m.market, m.pool, m.caps[name])
    if made_for_it:
        m.register("newcomer")
    m.close_joining()
    assert m.task.phase == phase


def test_cancelling_before_joining_closes():
    m = EarlyBazaar()
    m.joined(2)
    foreign = PublisherCap(address("cap"), address("another task"))
    with aborts("task.EWrongCap"):
        m.cancel(cap=foreign)
    m.cancel()
    assert (m.task.phase, m.task.phase_ms) == (TaskPhase.VOID, m.now)
    assert m.last(events.TaskVoided).reason == EndReason.CANCELLED
    with aborts("task.EWrongPhase"):
        m.cancel()
    with aborts("task.EWrongPhase"):
        m.join(CONTRIBUTORS[2], request=m.request(CONTRIBUTORS[2]))
    left = m.reclaim()
    assert left == required(TERMS) - sum(s.escrow for s in m.of_type(Submission))

    m.training(1)
    with aborts("task.EWrongPhase"):
        m.cancel()


def test_training_closes_when_the_grace_is_over_or_all_have_committed():
    m = EarlyBazaar()
    with_work, idle = m.training(2)
    m.commit(with_work)
    m.advance(TERMS.train_ms + TERMS.grace_ms - 1)
    with aborts("task.ETooEarly"):
        m.close_training()
    m.advance(1)
    m.close_training()
    assert (m.task.phase, m.task.phase_ms) == (TaskPhase.OPENING, m.now)
    assert m.last(events.TrainingClosed).committed == 1
    with aborts("task.EWrongPhase"):
        m.close_training()
    with aborts("task.EWrongPhase"):
        m.commit(idle)

    m.trained(2)
    m.joined(1)
    with aborts("task.EWrongPhase"):
        m.close_training()


def test_a_late_crank_shortens_nobodys_time():
    m = EarlyBazaar()
    m.joined(1)
    m.advance(10 * TERMS.join_ms)
    m.close_joining()
    m.advance(TERMS.train_ms + TERMS.grace_ms - 1)
    with aborts("task.ETooEarly"):
        m.close_training()


def test_cranks_earn_a_tip_each_and_only_once():
    m = EarlyBazaar()
    m.training(1)
    m.advance(TERMS.train_ms + TERMS.grace_ms)
    m.close_training(sender="other crank")
    assert m.task.tips == 0
    assert m.call("task::claim_task", "crank", m.market, m.task).balance == TIP
    with aborts("task.ENothingToClaim"):
        m.call("task::claim_task", "crank", m.market, m.task)
    assert m.last(events.CreditClaimed).object == m.task.id
    assert m.call("task::claim_task", "other crank", m.market, m.task).balance == TIP


def test_an_aggregate_is_over_accepted_parts():
    m = settled(accepted=0b1011)
    foreign = PublisherCap(address("cap"), address("another task"))
    with aborts("task.EWrongCap"):
        record(m, cap=foreign)
    for parts in (0b0111, 0b11011):
        with aborts("task.EBadParts"):
            record(m, parts=parts)
    with aborts("task.ETooFewAccepted"):
        record(m, parts=0b0011)
    with aborts("task.EBadDigest"):
        record(m, parts=0b1011, root=bytes(31))
    with aborts("task.EBadDigest"):
        record(m, parts=0b1011, blindings=bytes(33))
    record(m, parts=0b1011)
    assert m.task.phase == TaskPhase.AGGREGATED
    assert m.task.aggregate.parts == m.last(events.AggregateRecorded).parts == 0b1011
    with aborts("task.EWrongPhase"):
        record(m, parts=0b1011)
    assert m.reclaim() > 0


def test_an_aggregate_may_leave_out_what_cannot_be_read():
    m = settled(accepted=0b1111)
    record(m, parts=0b1101)
    assert m.task.aggregate.parts == 0b1101


def test_reclaiming_waits_for_settlement_and_works_once():
    m = EarlyBazaar()
    m.trained(1)
    with aborts("task.EWrongPhase"):
        record(m)
    with aborts("task.EWrongPhase"):
        m.reclaim()
    m = settled()
    with aborts("task.EWrongCap"):
        m.reclaim(cap=PublisherCap(address("cap"), address("another task")))
    amount = m.reclaim()
    assert amount == m.last(events.FundsReclaimed).amount > 0
    assert (m.task.funds, m.task.bond, m.task.tips) == (0, 0, 0)
    with aborts("task.ENothingToClaim"):
        m.reclaim()


def test_the_version_of_a_task_is_checked():
    m = EarlyBazaar()
    m.joined(1)
    m.task.version = 7
    with aborts("market.EWrongVersion"):
        m.close_joining()
    with aborts("market.EWrongVersion"):
        m.join(CONTRIBUTORS[1], request=m.request(CONTRIBUTORS[1]))
