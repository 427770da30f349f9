"""Juries that are silent, split, or cannot be seated."""

from tests.scenarios.known_losses import known_loss
from tests.scenarios.test_accusers import accept, begin
from tests.support.scenario.scenario import Scenario


def test_a_silent_juror_loses_ten_fees(scenario: Scenario) -> None:
    s = scenario
    work = begin(s, forged={1})
    s.accuse(work, "segment", 1)
    s.convene(work)
    jury = s.jury(work)
    for juror in jury[:3]:
        s.vote(work, by=juror)
    with s.expect_refused("jury.ENoDispute"):
        s.reveal(work)
    s.advance_to("jury_commit", work)
    with s.expect_refused("jury.ETooLate"):
        s.vote(work, by=jury[3])
    s.reveal(work)
    with s.expect_refused("jury.ETooEarly"):
        s.resolve(work)
    s.advance_to("jury_reveal", work)
    s.resolve(work)
    assert s.outcome(work) == "confirmed"
    s.finish()
    assert [s.gain(juror) for juror in jury] == [
        *3 * [s.price("juror fee")],
        *2 * [-s.price("juror silence")],
    ]
    assert s.gain("contributor") == -s.price("stake")


def test_a_jury_that_is_split_is_followed_by_another(scenario: Scenario) -> None:
    s = scenario
    work = begin(s, forged={1})
    s.accuse(work, "segment", 1)
    assert s.judge(work, "abstain") == "redrawn"
    assert s.judge(work) == "confirmed"
    s.finish()
    assert s.gain("contributor") == -s.price("stake")
    assert s.gain("accuser") == s.price("stake") // 5


def test_jurors_that_lie_in_the_minority_earn_nothing(scenario: Scenario) -> None:
    s = scenario
    work = begin(s, forged={6})
    s.accuse(work, "segment", 6)
    s.convene(work)
    jury = s.jury(work)
    for number, juror in enumerate(jury):
        s.vote(work, "sound" if number < 2 else "truth", by=juror)
    s.reveal(work)
    s.resolve(work)
    assert s.outcome(work) == "confirmed"
    s.finish()
    assert [s.gain(juror) for juror in jury] == [0, 0, *3 * [s.price("juror fee")]]


@known_loss("unseatable-jury")
def test_terms_ask_for_more_jurors_than_there_are(scenario: Scenario) -> None:
    s = scenario
    work = begin(s, jury=15, juror_fee=1, accuser_bond=15)
    s.attest(work)
    s.accuse(work, "cost", by="sybil", says="fault")
    s.convene(work)
    assert (s.state(work), s.reason(work)) == ("undecided", "too_few_jurors")
    s.finish()
    assert s.gain("contributor") == 0  # instead: s.price("reward")
    assert s.gain("sybil") == 0  # instead: -s.price("accusation")
    assert s.gain("publisher") == -3 * s.price("seat fee") - 3 * s.price("tip")


def test_whoever_has_no_seat_on_a_jury_does_not_vote(scenario: Scenario) -> None:
    s = scenario
    work = begin(s)
    s.accuse(work, "cost", says="fault")
    s.convene(work)
    assert not {*s.committee(work), "accuser", "contributor"} & set(s.jury(work))
    s.vote(work)
    with s.expect_refused("jury.ENoDispute"):
        s.vote(work)
    s.reveal(work)
    with s.expect_refused("jury.EAlreadyRevealed"):
        s.reveal(work, by=0)
    s.resolve(work)
    accept(s, work)
    assert s.gain("contributor") == s.price("reward")
