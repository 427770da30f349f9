"""Opening, the two draws, and what the publisher takes back."""

import pytest

from walrusd.chain.layouts import events
from walrusd.chain.layouts.objects import PublisherCap
from walrusd.core.lifecycle import TaskPhase

from .market import CONTRIBUTORS, TERMS, TIP, Bazaar, required
from .world import aborts, address, digest


def record(m, root=digest("root"), blindings=digest("blindings"), cap=None):  # noqa: B008 - constant
    cap = cap or m.publisher_cap
    m.call("task::record_aggregate", "publisher", m.market, cap, m.task, root, blindings, 1)


def finished(count=3):
    m = Bazaar()
    for submission in m.opened(count):
        m.accept(submission)
    return m


def test_opening_splits_the_funds():
    m = Bazaar()
    task = m.open_task(parent=address("parent"))
    assert task.publisher == address("publisher")
    assert (task.phase, task.opened_ms, task.phase_ms) == (TaskPhase.JOINING, m.now, m.now)
    assert (task.tips, task.bond) == (2 * TIP, TERMS.publisher_bond)
    assert task.pool + task.tips + task.bond == required(TERMS)
    assert task.parent == address("parent")
    assert m.owners[m.publisher_cap.id] == address("publisher")
    assert m.last(events.TaskOpened).terms == TERMS


@pytest.mark.parametrize(
    ("abort", "changes"),
    [
        ("node.EBadKey", {"publisher_key": bytes(33)}),
        ("task.EBadDigest", {"manifest_digest": bytes(31)}),
        ("task.EBadDigest", {"state_root_0": b""}),
        ("task.EBadDigest", {"plan_digest": bytes(64)}),
        ("task.ETooManyDatasets", {"datasets": [], "numbers": []}),
        ("task.ETooManyDatasets", {"datasets": ["0x1"] * 9, "numbers": [1] * 9}),
        ("task.ETooManyDatasets", {"datasets": ["0x1"] * 2, "numbers": [1]}),
        ("task.EWrongFunds", {"funds": 0}),
    ],
)
def test_openings_that_are_refused(abort, changes):
    m = Bazaar(verifiers=0)
    with aborts(abort):
        m.open_task(**changes)


def test_eight_datasets_are_allowed():
    m = Bazaar(verifiers=0)
    task = m.open_task(datasets=[m.dataset.id] * 8, numbers=list(range(8)))
    assert [d.number for d in task.datasets] == list(range(8))


def test_joining_closes_on_time_or_when_full():
    m = Bazaar()
    m.joined(4)
    m.close_joining()
    assert m.task.phase == TaskPhase.TRAINING
    assert m.last(events.JoiningClosed).joined == 4
    with aborts("task.EWrongPhase"):
        m.close_joining()

    m.joined(3)
    m.advance(TERMS.join_ms - 1)
    with aborts("task.ETooEarly"):
        m.close_joining()
    m.advance(1)
    m.close_joining()


def test_a_late_crank_shortens_nobodys_time():
    m = Bazaar()
    m.joined(1)
    m.advance(10 * TERMS.join_ms)
    m.close_joining()
    m.advance(TERMS.train_ms - 1)
    with aborts("task.ETooEarly"):
        m.draw()


def test_drawing_on_time_or_when_all_have_committed():
    m = Bazaar()
    with_work, _idle = m.training(2)
    m.commit(with_work)
    with aborts("task.ETooEarly"):
        m.draw()
    m.advance(TERMS.train_ms)
    m.draw()
    assert m.task.phase == TaskPhase.OPENING
    assert (m.task.drawn_ms, m.task.pool_len) == (m.now, 14)
    with aborts("task.EWrongPhase"):
        m.draw()


def test_drawing_is_not_before_training():
    m = Bazaar()
    m.joined(1)
    with aborts("task.EWrongPhase"):
        m.draw()


def test_cranks_earn_a_tip_each_and_only_once():
    m = Bazaar()
    m.training(1)
    m.advance(TERMS.train_ms)
    m.draw(sender="other crank")
    assert m.task.tips == 0
    assert m.call("task::claim_task", "crank", m.market, m.task).balance == TIP
    with aborts("task.ENothingToClaim"):
        m.call("task::claim_task", "crank", m.market, m.task)
    assert m.last(events.CreditClaimed).object == m.task.id
    assert m.call("task::claim_task", "other crank", m.market, m.task).balance == TIP


def test_recording_an_aggregate():
    m = finished()
    foreign = PublisherCap(address("cap"), address("another task"))
    with aborts("task.EWrongCap"):
        record(m, cap=foreign)
    with aborts("task.EBadDigest"):
        record(m, root=bytes(31))
    with aborts("task.EBadDigest"):
        record(m, blindings=bytes(33))
    record(m)
    assert m.task.phase == TaskPhase.AGGREGATED
    with aborts("task.EWrongPhase"):
        record(m)
    assert m.reclaim() > 0


def test_an_aggregate_waits_for_settlement():
    m = Bazaar()
    m.opened(3)
    with aborts("task.EWrongPhase"):
        record(m)


def test_reclaiming_waits_for_settlement_and_works_once():
    m = Bazaar()
    (submission,) = m.opened(1)
    with aborts("task.EWrongPhase"):
        m.reclaim()
    m.accept(submission)
    with aborts("task.EWrongCap"):
        m.reclaim(cap=PublisherCap(address("cap"), address("another task")))
    amount = m.reclaim()
    spent = TERMS.reward + 3 * TERMS.verifier_fee + 5 * TIP
    assert amount == required(TERMS) - spent == m.last(events.FundsReclaimed).amount
    with aborts("task.ENothingToClaim"):
        m.reclaim()


def test_the_version_of_a_task_is_checked():
    m = Bazaar()
    m.joined(1)
    m.task.version = 7
    with aborts("market.EWrongVersion"):
        m.close_joining()
    with aborts("market.EWrongVersion"):
        m.join(CONTRIBUTORS[1])
