"""Publishers that vanish, that are hasty, or that write terms for themselves."""

import pytest

from tests.scenarios.known_losses import known_loss
from tests.scenarios.test_accusers import accept, begin
from tests.support.scenario.scenario import Scenario


def test_a_publisher_that_vanishes_is_not_needed(scenario: Scenario) -> None:
    s = scenario
    work = begin(s)
    s.attest(work)
    while (step := s.crank(work)) and step != "settle":
        pass
    if s.state(work) == "audited":  # chance selected it: the contributor begins the audit
        s.audit(work)
        s.judge(work)
        s.settle(work)
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


@pytest.mark.parametrize(
    ("code", "terms"),
    [
        ("terms.EBadCommittee", {"k_min": 2}),
        ("terms.EBadCommittee", {"jury": 4}),
        ("terms.EBadAmount", {"reward": 0}),
        ("terms.EBadAmount", {"lapse_penalty": "1 SUI"}),
        ("terms.EBadWindow", {"verify": 0.5}),
        ("terms.EStakeBelowJuryCost", {"accuser_bond": 1}),
        ("terms.EAuditTooWeak", {"audit_bps": 0}),
    ],
)
def test_terms_that_are_refused(scenario: Scenario, code, terms) -> None:
    s = scenario
    with s.expect_refused(code):
        s.open_task(**terms)
    with s.expect_refused("task.EWrongFunds"):
        s.open_task(funds=1)
    assert s.gain("publisher") == 0


@known_loss("unpayable-bond")
def test_terms_ask_for_a_bond_that_nobody_has(scenario: Scenario) -> None:
    """Everything is forged; seats that see it have no way to say so, and are fined as silent."""
    s = scenario
    work = begin(s, forged="everything", accuser_bond=10**16)
    assert s.price("accusation") > s.money("accuser")
    for _ in range(2):
        s.advance_to("verify", work)
        s.crank(work)
    assert (s.state(work), s.reason(work)) == ("undecided", "not_fully_attested")
    s.finish()
    assert s.gain("contributor") == 0  # instead: -s.price("stake")
    assert s.pot("burned") == 6 * s.price("seat silence")  # instead: what the forger lost
