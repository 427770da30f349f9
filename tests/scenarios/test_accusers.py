"""Accusations that are false, that come from friends, or that come again."""

from tests.scenarios.known_losses import known_loss
from tests.support.scenario.scenario import Scenario


def begin(s: Scenario, *, forged=(), withheld: bool = False, **terms):
    """Open a task for one contributor, whose work is opened to its committee."""
    s.open_task(**{"max_submissions": 1, **terms})
    work = s.join("contributor")
    s.close_joining()
    s.commit(work, forged=forged)
    s.draw()
    s.open(work, withheld=withheld)
    return work


def accept(s: Scenario, work) -> None:
    """Let honest work come to its end."""
    s.attest(work)
    s.draw_audit(work)
    s.settle(work)
    assert s.state(work) == "accepted"
    s.finish()


def test_a_false_accusation_costs_the_bond(scenario: Scenario) -> None:
    s = scenario
    work = begin(s)
    s.accuse(work, "segment", by="slanderer", says="fault")
    assert s.judge(work) == "refuted"
    assert s.state(work) == "opened"
    with s.expect_refused("jury.EAlreadyJudged"):
        s.accuse(work, "segment", by="slanderer", says="fault")
    accept(s, work)
    assert s.gain("contributor") == s.price("reward")
    assert s.gain("slanderer") == -s.price("accusation")
    assert s.pot("burned") == s.price("accusation") - 5 * s.price("juror fee")


def test_two_people_accuse_the_same_work(scenario: Scenario) -> None:
    s = scenario
    work = begin(s, forged={2, 5})
    s.accuse(work, "segment", 5, by="first")
    with s.expect_refused("submission.EWrongState"):
        s.accuse(work, "segment", 2, by="second")
    assert s.judge(work) == "confirmed"
    with s.expect_refused("submission.EWrongState"):
        s.accuse(work, "segment", 2, by="second")
    s.finish()
    assert s.gain("first") == s.price("stake") // 5
    assert s.gain("second") == 0
    assert s.gain("contributor") == -s.price("stake")


@known_loss("friend-accuses-first")
def test_a_friend_accuses_before_anybody_else(scenario: Scenario) -> None:
    """Without the friend, the opening is reported, withheld again, and the stake is lost."""
    s = scenario
    work = begin(s, forged="everything", withheld=True)
    s.accuse(work, "cost", by="friend")
    with s.expect_refused("submission.EWrongState"):
        s.report(work, 0)
    assert s.judge(work) == "redrawn"
    assert s.judge(work) == "undecided"
    assert (s.state(work), s.reason(work)) == ("undecided", "no_majority")
    s.finish()
    assert s.gain("contributor") == 0  # instead: -s.price("stake")
    assert s.gain("friend") == 0  # instead: below 0
    assert s.pot("burned") == 0


def test_without_a_friend_an_opening_that_nobody_reads_is_none(scenario: Scenario) -> None:
    s = scenario
    work = begin(s, forged="everything", withheld=True)
    s.report(work, 0)
    assert s.state(work) == "seated"
    s.open(work, withheld=True)
    reader = s.committee(work)[0]
    with s.expect_refused("jury.ENotReported"):
        s.accuse(work, "opening", by="stranger")
    s.accuse(work, "opening", by=reader)
    assert s.judge(work) == "confirmed"
    assert (s.state(work), s.reason(work)) == ("rejected", "never_opened")
    s.finish()
    assert s.gain("contributor") == -s.price("stake")


@known_loss("friend-takes-the-share")
def test_a_friend_takes_the_accusers_share(scenario: Scenario) -> None:
    s = scenario
    work = begin(s, forged={4})
    s.accuse(work, "segment", 4, by="friend")
    with s.expect_refused("submission.EWrongState"):
        s.accuse(work, "segment", 4, by=s.committee(work)[0])
    assert s.judge(work) == "confirmed"
    s.finish()
    ring = s.gain("contributor") + s.gain("friend")
    assert ring == -s.price("stake") + s.price("stake") // 5  # instead: -s.price("stake")


@known_loss("ring-accuses-again")
def test_the_same_people_accuse_until_a_jury_is_theirs(scenario: Scenario) -> None:
    """Two juries are honest; of the third, the ring has a majority."""
    s = scenario
    work = begin(s)
    for part in ("cost", "update"):
        s.accuse(work, part, by="ring", says="fault")
        assert s.judge(work) == "refuted"
    s.accuse(work, "file", by="ring", says="fault")
    s.convene(work)
    for juror in range(5):
        s.vote(work, "fault" if juror < 3 else "truth", by=juror)
    s.reveal(work)
    s.resolve(work)
    assert s.outcome(work) == "confirmed"
    s.finish()
    assert s.gain("contributor") == -s.price("stake")  # instead: s.price("reward")
    assert s.gain("ring") == s.price("stake") // 5 - 2 * s.price("accusation")
