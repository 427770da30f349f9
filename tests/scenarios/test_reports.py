"""Openings that are absent, or said to be."""

import pytest

from tests.scenarios.test_accusers import accept, begin
from tests.support.scenario.scenario import Scenario


def test_one_needless_report_changes_nothing(scenario: Scenario) -> None:
    s = scenario
    work = begin(s)
    griefer = s.committee(work)[0]
    s.report(work, griefer)
    with s.expect_refused("EAlreadyReported"):
        s.report(work, griefer)
    assert s.state(work) == "opened"
    accept(s, work)
    assert s.gain("contributor") == s.price("reward")
    assert s.gain(griefer) == s.price("seat fee")


def test_a_majority_that_reports_needlessly_pays_for_it(scenario: Scenario) -> None:
    """The committee alone takes no stake; a jury says that the opening is there."""
    s = scenario
    work = begin(s)
    ring = s.committee(work)[:2]
    s.report(work)
    assert s.state(work) == "seated"
    s.open(work)
    for griefer in ring:
        s.report(work, griefer)
    assert (s.state(work), s.accuser(work)) == ("disputed", "")
    assert s.judge(work) == "refuted"
    assert not set(ring) & set(s.committee(work))
    with s.expect_refused("EAlreadyReported"):
        s.report(work, 0)
    accept(s, work)
    assert s.gain("contributor") == s.price("reward")
    assert all(s.gain(griefer) == -s.price("seat silence") for griefer in ring)


def test_a_majority_reports_and_no_jury_decides(scenario: Scenario) -> None:
    s = scenario
    work = begin(s)
    ring = s.committee(work)[:2]
    for _ in range(2):
        s.report(work)
        if s.state(work) == "seated":
            s.open(work)
    assert s.judge(work, "abstain") == "redrawn"
    assert s.judge(work, "abstain") == "dismissed"
    assert (s.state(work), s.committee(work)[2]) == ("opened", s.committee(work)[2])
    accept(s, work)
    assert s.gain("contributor") == s.price("reward")
    assert all(s.gain(griefer) in (0, s.price("juror fee")) for griefer in ring)


@pytest.mark.parametrize("then", ["keys", "blob", "nothing"])
def test_an_opening_that_is_absent_twice_costs_the_stake(scenario: Scenario, then) -> None:
    s = scenario
    work = begin(s, forged="everything", withheld="blob")
    s.report(work)
    if then == "blob":
        s.open(work, withheld="blob")
        s.report(work)
        assert s.judge(work) == "confirmed"
    else:
        if then == "keys":
            s.open(work, withheld="keys")
        s.advance_to("grace", work, early=0.001)
        with s.expect_refused("settlement.ETooEarly"):
            s.settle(work)
        s.advance_to("grace", work)
        s.settle(work)
    assert (s.state(work), s.reason(work)) == ("rejected", "never_opened")
    s.finish()
    assert s.gain("contributor") == -s.price("stake")
    assert all(s.gain(seat) >= 0 for seat in s.committee(work))


@pytest.mark.parametrize("early", [True, False])
def test_an_opening_that_comes_the_second_time_is_as_good(scenario: Scenario, early) -> None:
    s = scenario
    work = begin(s, withheld=True)
    s.attest(work, 2)  # it had the opening in time
    s.report(work)
    if not early:
        s.advance_to("grace", work)
    s.open(work)
    s.attest(work)
    s.draw_audit(work)
    s.settle(work)
    s.finish()
    late = 0 if early else s.price("late")
    assert s.gain("contributor") == s.price("reward") - late
    assert s.pot("burned") == late


def test_seats_that_get_no_key_ask_nobody(scenario: Scenario) -> None:
    """A missing key is a fact: nothing is open until all have theirs."""
    s = scenario
    s.open_task(max_submissions=1)
    work = s.join("contributor")
    s.close_joining()
    s.commit(work)
    s.draw()
    left_out = s.committee(work)[1]
    s.open(work, without=[left_out])
    assert s.state(work) == "seated"
    with s.expect_refused("EWrongState"):
        s.attest(work, 0)
    with s.expect_refused("EHasEnvelope"):
        s.deliver(work, 0)
    with s.expect_refused("envelope.EBadEnvelopeProof"):
        s.deliver(work, left_out, by="stranger")
    s.deliver(work, left_out, by=s.committee(work)[0])  # whoever has the key can give it
    assert s.state(work) == "opened"
    accept(s, work)
    assert s.gain("contributor") == s.price("reward")
