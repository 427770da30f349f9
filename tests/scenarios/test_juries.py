"""Juries that are silent, split, bought, or cannot be seated."""

import pytest

from tests.scenarios.known_losses import known_loss
from tests.scenarios.test_accusers import accept, begin
from tests.support.scenario.scenario import Scenario


def test_silent_jurors_lose_ten_fees(scenario: Scenario) -> None:
    """Alternates take their places, so three of eight may be away."""
    s = scenario
    work = begin(s, forged="everything")
    s.accuse(work, "segment")
    s.convene(work)
    jury = s.jury(work)
    for juror in jury[:4]:
        s.vote(work, by=juror)
    with s.expect_refused("jury.ENoDispute"):
        s.reveal(work)
    for juror in jury[4:6]:
        s.vote(work, by=juror)
    s.advance_to("jury_commit", work)
    with s.expect_refused("jury.ETooLate"):
        s.vote(work, by=jury[7])
    for juror in jury[:3]:
        s.reveal(work, by=juror)
    with s.expect_refused("jury.ETooEarly"):
        s.resolve(work)
    s.advance_to("jury_reveal", work)
    s.resolve(work)
    assert s.outcome(work) == "confirmed"
    s.finish()
    assert [s.gain(juror) for juror in jury] == [
        *3 * [s.price("juror fee")],
        *2 * [-s.price("juror silence")],  # of the jury, they did not reveal
        0,  # an alternate that was not needed
        *2 * [-s.price("juror silence")],
    ]
    assert s.gain("contributor") == -s.price("stake")


def test_a_jury_that_is_split_is_followed_by_another(scenario: Scenario) -> None:
    s = scenario
    work = begin(s, forged="everything")
    s.accuse(work, "segment")
    accuser = s.accuser(work)
    assert s.judge(work, "abstain") == "redrawn"
    assert s.judge(work) == "confirmed"
    s.finish()
    assert s.gain("contributor") == -s.price("stake")
    assert s.gain(accuser) == s.price("accuser") + s.price("seat fee")


def test_jurors_that_lie_in_the_minority_earn_nothing(scenario: Scenario) -> None:
    s = scenario
    work = begin(s, forged="everything")
    s.accuse(work, "segment")
    s.convene(work)
    jury = s.jury(work)
    for number, juror in enumerate(jury):
        s.vote(work, "sound" if number < 2 else "truth", by=juror)
    s.reveal(work)
    s.resolve(work)
    assert s.outcome(work) == "confirmed"
    s.finish()
    assert [s.gain(juror) for juror in jury] == [0, 0, *6 * [s.price("juror fee")]]


def test_a_verdict_that_nobody_tells_counts_as_none(scenario: Scenario) -> None:
    """Only a juror of the majority knows what its value hides; one honest one is enough."""
    s = scenario
    work = begin(s)
    s.accuse(work, "cost")
    s.convene(work)
    s.vote(work, "fault")
    s.reveal(work)
    with s.expect_refused("jury.EBadPreimage"):
        s.resolve(work, told=False)
    s.advance_to("verdict", work)
    s.resolve(work, told=False)
    assert s.outcome(work) == "redrawn"
    assert s.judge(work) == "refuted"
    accept(s, work)
    assert s.gain("contributor") == s.price("reward")


@pytest.mark.parametrize(
    ("code", "terms"),
    [
        ("terms.ETooFewFit", {"jury": 15, "juror_fee": 1}),
        ("terms.ETooFewFit", {"juror_fee": 1}),
        ("terms.ETooFewFit", {"verifier_fee": 999_999}),
        ("terms.ETooFewFit", {"jury": 7, "juror_fee": "0.001 SUI"}),
        ("terms.ETooFewFit", {"committee": 6}),
        ("terms.EPoolTooSmall", {"max_submissions": 12}),
    ],
)
def test_terms_ask_for_more_than_the_pool_has(scenario: Scenario, code, terms) -> None:
    """Whoever could prevent a jury so could prevent any reward."""
    s = scenario
    with s.expect_refused(code):
        s.open_task(**terms)
    assert s.gain("publisher") == 0


def test_whoever_has_no_seat_on_a_jury_does_not_vote(scenario: Scenario) -> None:
    s = scenario
    work = begin(s)
    s.accuse(work, "cost")
    accuser = s.accuser(work)
    s.convene(work)
    everybody = {*s.committee(work), *s.substitutes(work), accuser, "contributor"}
    assert not everybody & set(s.jury(work))
    s.vote(work)
    with s.expect_refused("jury.ENoDispute"):
        s.vote(work)
    s.reveal(work)
    with s.expect_refused("jury.EAlreadyRevealed"):
        s.reveal(work, by=0)
    s.resolve(work)
    accept(s, work)
    assert s.gain("contributor") == s.price("reward")


@known_loss("ring-is-the-jury")
def test_a_ring_that_is_the_majority_of_a_jury_convicts(scenario: Scenario) -> None:
    s = scenario
    work = begin(s)
    s.accuse(work, "cost")
    s.convene(work)
    for juror in range(8):
        s.vote(work, "fault" if juror < 3 else "truth", by=juror)
    s.reveal(work)
    s.resolve(work)
    assert s.outcome(work) == "confirmed"
    s.finish()
    assert s.gain("contributor") == -s.price("stake")  # instead: s.price("reward")
