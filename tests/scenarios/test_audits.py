"""Audits: bribed seats are found by them only, and honest work passes."""

from tests.scenarios.known_losses import known_loss
from tests.scenarios.test_accusers import begin
from tests.support.scenario.scenario import Scenario


def test_honest_work_passes_its_audit(scenario: Scenario) -> None:
    s = scenario
    work = begin(s)
    s.attest(work)
    s.draw_audit(work, selected=True)
    with s.expect_refused("settlement.ETooEarly"):
        s.settle(work)
    s.audit(work)
    jury_paid = s.price("case")
    assert s.judge(work) == "refuted"
    with s.expect_refused("audit.ENotSelected"):
        s.audit(work)
    s.settle(work)
    assert s.state(work) == "accepted"
    s.finish()
    assert s.gain("contributor") == s.price("reward")
    fees = 3 * s.price("seat fee") + jury_paid + 5 * s.price("tip")
    assert s.gain("publisher") == -s.price("reward") - fees


def test_bribed_seats_lose_their_stake(scenario: Scenario) -> None:
    s = scenario
    work = begin(s, forged="everything")
    s.attest(work)
    s.draw_audit(work, selected=True)
    segment = s.audited(work)
    s.audit(work)
    assert s.judge(work) == "confirmed"
    assert (s.state(work), s.reason(work)) == ("rejected", "audit_confirmed")
    s.finish()
    seats = s.committee(work)
    guilty = {who for at, who in enumerate(seats) if segment in s.dealt(work, at)}
    assert guilty
    assert all(s.gain(who) <= -s.price("seat stake") + s.price("seat fee") for who in guilty)
    assert s.gain("contributor") == -s.price("stake")


@known_loss("bribed-seats-go-free")
def test_an_audit_that_nobody_begins_counts_as_lost(scenario: Scenario) -> None:
    s = scenario
    work = begin(s, forged="everything")
    s.attest(work)
    s.draw_audit(work, selected=True)
    with s.expect_refused("jury.EAuditPending"):
        s.accuse(work, "cost", by=0)
    with s.expect_refused("jury.EAuditPending"):
        s.accuse(work, "file", by="friend")
    s.advance_to("grace", work)
    s.settle(work)
    assert (s.state(work), s.reason(work)) == ("rejected", "never_opened")
    s.finish()
    assert s.gain("contributor") == -s.price("stake")
    assert s.gain(s.committee(work)[0]) == s.price("seat fee")  # instead: 0, or less


def test_an_audit_whose_jury_finds_no_opening_begins_again(scenario: Scenario) -> None:
    """Its beacon stays, so whoever withholds does not get another segment."""
    s = scenario
    work = begin(s, forged="everything", withheld=True)
    s.attest(work)  # the seats were told what to say
    s.draw_audit(work, selected=True)
    segment = s.audited(work)
    s.audit(work)
    assert s.judge(work) == "absent"
    s.open(work, withheld=True)
    assert (s.state(work), s.audited(work)) == ("audited", segment)
    s.audit(work)
    assert s.judge(work) == "absent"
    assert (s.state(work), s.reason(work)) == ("rejected", "never_opened")
    s.finish()
    assert s.gain("contributor") == -s.price("stake")


def test_an_audit_that_juries_cannot_decide_is_drawn_once_more(scenario: Scenario) -> None:
    s = scenario
    work = begin(s, audit_bps=10_000)
    s.attest(work)
    s.draw_audit(work, selected=True)
    for _ in range(2):
        s.audit(work)
        assert s.judge(work, "abstain") == "redrawn"
        assert s.judge(work, "abstain") == "dismissed"
    assert (s.state(work), s.reason(work)) == ("undecided", "no_majority")
    s.finish()
    assert s.gain("contributor") == 0
    assert s.gain("publisher") == -3 * s.price("seat fee") - 5 * s.price("tip")


def test_an_audit_that_misses_lets_bribed_work_through(scenario: Scenario) -> None:
    """That is what the rate of audits means; ``task estimate`` says whether it deters."""
    s = scenario
    work = begin(s, forged="everything")
    s.attest(work)
    s.draw_audit(work, selected=False)
    s.settle(work)
    s.finish()
    assert s.gain("contributor") == s.price("reward")
