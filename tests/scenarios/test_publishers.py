"""Publishers that vanish, that are hasty, or that write terms for themselves."""

import pytest

from tests.scenarios.test_accusers import accept, begin
from tests.support.scenario.scenario import Scenario
from tests.support.scenario.terms import UnknownTermError
from walrusd.devnet.move.aborts import MoveAbort


def test_a_publisher_that_vanishes_is_not_needed(scenario: Scenario) -> None:
    s = scenario
    work = begin(s)
    s.attest(work)
    while s.crank(work):
        pass
    assert s.state(work) == "audited"
    try:
        s.deliver_update(work)
    except MoveAbort:  # chance selected it: the contributor begins the audit
        s.audit(work)
        s.judge(work)
        s.deliver_update(work)
    assert s.claim("contributor") == s.price("reward") + s.price("stake")
    assert s.gain("contributor") == s.price("reward")
    assert s.gain("publisher") < 0
    assert s.pot(s.task) > 0  # it waits for the publisher


def test_nobody_joins(scenario: Scenario) -> None:
    s = scenario
    task = s.open_task()
    with s.expect_refused("task.ETooEarly"):
        s.close_joining()
    with s.expect_refused("task.EWrongPhase"):
        s.reclaim()
    s.advance_to("join")
    s.close_joining()
    assert s.state(task) == "void"
    s.finish()
    assert (s.gain("publisher"), s.gain("crank")) == (0, 0)


def test_what_others_may_get_is_not_reclaimed(scenario: Scenario) -> None:
    s = scenario
    work = begin(s)
    with s.expect_refused("task.EWrongPhase"):
        s.reclaim()
    accept(s, work)
    with s.expect_refused("task.ETooFewAccepted"):
        s.aggregate()
    assert s.gain("contributor") == s.price("reward")


@pytest.mark.parametrize("joined", [0, 1, 3])
def test_a_task_is_cancelled_at_the_price_of_who_has_joined(scenario: Scenario, joined) -> None:
    s = scenario
    task = s.open_task()
    works = [s.join(f"contributor {n}") for n in range(joined)]
    s.cancel()
    assert s.state(task) == "void"
    with s.expect_refused("task.EWrongPhase"):
        s.cancel()
    with s.expect_refused("task.EWrongPhase"):
        s.join("late", request=s.request_key("late"))
    for work in works:
        s.settle(work)
        assert (s.state(work), s.reason(work)) == ("void", "task_void")
    s.finish()
    assert all(s.gain(work.who) == s.price("cancel") for work in works)
    assert s.gain("publisher") == -joined * (s.price("cancel") + s.price("tip"))


def test_a_task_in_training_is_not_cancelled(scenario: Scenario) -> None:
    s = scenario
    s.open_task(max_submissions=1)
    s.join("alice")
    s.close_joining()
    with s.expect_refused("task.EWrongPhase"):
        s.cancel()


@pytest.mark.parametrize(
    ("code", "terms"),
    [
        ("terms.EBadCommittee", {"k_min": 2}),
        ("terms.EBadCommittee", {"jury": 4}),
        ("terms.EBadCommittee", {"substitutes": 0}),
        ("terms.EBadAmount", {"reward": 0}),
        ("terms.EBadAmount", {"lapse_penalty": "0.1000001 SUI"}),
        ("terms.EBadAmount", {"lapse_penalty": "0.4 SUI"}),
        ("terms.EBadAmount", {"late_fee": "0.1000001 SUI"}),
        ("terms.EBadAmount", {"cancel_fee": "1.1 SUI"}),
        ("terms.EBadWindow", {"verify": 0.5}),
        ("terms.EBadWindow", {"grace": 0.5}),
        ("terms.EBadWindow", {"verify": 29 * 86_400}),
        ("terms.EStakeBelowJuryCost", {"stake": "0.39 SUI", "juror_fee": "0.01 SUI"}),
        ("terms.EStakeBelowJuryCost", {"verifier_fee": "0.05 SUI"}),
        ("terms.EAuditTooWeak", {"audit_bps": 0}),
        ("terms.ELossAboveShare", {"verifier_stake": "3.9 SUI"}),
        (
            "terms.ELossAboveShare",
            {"verifier_fee": "0.1 SUI", "stake": "4 SUI", "audit_bps": 3_000},
        ),
        ("terms.ETooFewFit", {"segment_work": 2**50}),
        ("terms.ETooFewFit", {"state_bytes": 10**6 + 1}),
    ],
)
def test_terms_that_are_refused(scenario: Scenario, code, terms) -> None:
    s = scenario
    with s.expect_refused(code):
        s.open_task(**terms)
    with s.expect_refused("task.EWrongFunds"):
        s.open_task(funds=1)
    assert s.gain("publisher") == 0


def test_no_terms_ask_for_a_bond(scenario: Scenario) -> None:
    """An accusation costs the case and the silence penalty, which a seat has in its stake."""
    s = scenario
    with pytest.raises(UnknownTermError, match="accuser_bond"):
        s.open_task(accuser_bond=10**16)
    work = begin(s, forged="everything", juror_fee="0.009 SUI", stake="0.5 SUI")
    assert s.price("accusation") <= s.price("deposit") // 16
    s.accuse(work, "segment")
    assert s.judge(work) == "confirmed"
    s.finish()
    assert s.gain("contributor") == -s.price("stake")


def test_a_publisher_that_is_away_leaves_an_aggregate_undone(scenario: Scenario) -> None:
    """It sums, much later, what it can read: at least as many as the terms say."""
    s = scenario
    task = s.open_task(max_submissions=5)
    works = [s.join(f"contributor {n}") for n in range(4)]
    absent = s.join("absent")
    s.close_joining()
    for work in works:
        s.commit(work)
    s.advance_to("grace")
    s.draw()
    s.settle(absent)
    for work in works:
        s.open(work)
        s.attest(work)
        s.draw_audit(work)
        s.settle(work)
    s.advance_to("life")
    with s.expect_refused("task.ETooFewAccepted"):
        s.aggregate(parts=works[:2])
    with s.expect_refused("task.EBadParts"):
        s.aggregate(parts=[*works[1:], absent])
    s.aggregate(parts=works[1:])
    assert s.state(task) == "aggregated"
    s.finish()
    assert all(s.gain(work.who) == s.price("reward") for work in works)


def test_contributors_of_the_publisher_earn_nothing_of_others(scenario: Scenario) -> None:
    """It fills its own task with names of its own, in the hope of owning the committees."""
    s = scenario
    s.open_task(max_submissions=4, publisher="publisher")
    with s.expect_refused("submission.EConflict"):
        s.join("publisher")
    sybils = [s.join(f"sybil {n}") for n in range(3)]
    honest = s.join("honest")
    s.close_joining()
    for work in (*sybils, honest):
        s.commit(work, forged="everything" if work in sybils else ())
    s.draw()
    s.open(honest)
    s.attest(honest)
    s.draw_audit(honest)
    s.settle(honest)
    s.finish()
    assert s.gain("honest") == s.price("reward")
    assert all(s.gain(work.who) == -s.price("stake") for work in sybils)
