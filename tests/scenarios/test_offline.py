"""Honest people that are offline for hours, up to the grace, at every place.

Honest is who follows the protocol and is away at most for the grace. A contributor then loses a
late fee for each time, a seat and a juror their silence penalty, everybody else nothing.
"""

import pytest

from tests.scenarios.test_accusers import begin
from tests.support.scenario.scenario import Scenario

HOUR = 3600
LONG = {
    "join": HOUR,
    "train": 2 * HOUR,
    "open": HOUR,
    "grace": 6 * HOUR,
    "verify": 7 * HOUR,
    "jury_commit": 6 * HOUR,
    "jury_reveal": 6 * HOUR,
}
"""Windows in which somebody may be away for six hours."""

LAST = 0.001
"""In the last millisecond."""


def join(s: Scenario, **terms):
    s.open_task(**{"max_submissions": 1, **LONG, **terms})
    work = s.join("contributor")
    s.close_joining()
    return work


# --- the contributor ------------------------------------------------------------------------------


def test_a_contributor_is_away_whenever_it_is_needed(scenario: Scenario) -> None:
    """At its commitment, its opening, another opening, the jury's keys, the audit, the update."""
    s = scenario
    work = join(s)
    s.advance_to("grace", early=LAST)
    s.commit(work)
    s.draw()
    s.advance_to("grace", work, early=LAST)
    s.open(work)
    s.attest(work)
    s.draw_audit(work, selected=True)
    s.advance_to("grace", work, early=LAST)
    s.audit(work)
    s.convene(work, keys=False)
    s.advance_to("grace", work, early=LAST)
    s.deliver(work)
    s.vote(work)
    s.reveal(work)
    s.resolve(work)
    s.advance_to("grace", work, early=LAST)
    s.deliver_update(work)
    assert s.state(work) == "accepted"
    s.finish()
    lost = s.price("reward") - s.gain("contributor")
    assert 2 * s.price("late") - 10 < lost <= 2 * s.price("late") <= s.price("stake") // 2


def test_a_contributor_is_away_when_its_opening_is_asked_for_again(scenario: Scenario) -> None:
    """However often it is late, late fees take half of the stake at most."""
    s = scenario
    work = join(s, late_fee="0.1 SUI")
    s.advance_to("grace", early=LAST)
    s.commit(work)
    s.draw()
    s.advance_to("grace", work, early=LAST)
    s.open(work, withheld=True)  # its storage failed
    s.report(work)
    s.advance_to("grace", work, early=LAST)
    s.open(work)
    s.attest(work)
    s.draw_audit(work)
    s.advance_to("grace", work, early=LAST)
    s.settle(work)
    assert s.state(work) == "accepted"
    s.finish()
    assert s.gain("contributor") == s.price("reward") - s.price("stake") // 2


def test_a_contributor_is_away_when_a_substitute_needs_its_key(scenario: Scenario) -> None:
    """Those who have it can give it: nobody pays but the silent seat."""
    s = scenario
    s.open_task(max_submissions=1, **LONG)
    work = s.join("contributor")
    s.close_joining()
    s.commit(work)
    s.draw()
    s.open(work)
    silent, *others = s.committee(work)
    for seat in others:
        s.attest(work, seat)
    s.advance_to("verify", work)
    s.replace(work, keys=False)
    s.deliver(work, by=others[0])
    s.attest(work)
    s.draw_audit(work)
    s.settle(work)
    s.finish()
    assert s.gain("contributor") == s.price("reward")
    assert s.gain(silent) == -s.price("seat silence")
    assert all(s.gain(seat) == s.price("seat fee") for seat in others)


def test_everybody_is_away_when_a_substitute_needs_a_key(scenario: Scenario) -> None:
    """It is opened again: a late fee, a silence penalty of each who had the key, no stake."""
    s = scenario
    work = begin(s, **LONG)
    silent, *others = s.committee(work)
    for seat in others:
        s.attest(work, seat)
    s.advance_to("verify", work)
    s.replace(work, keys=False)
    with s.expect_refused("submission.ETooEarly"):
        s.reopen(work)
    s.advance_to("grace", work)
    s.reopen(work)
    s.open(work)
    s.attest(work)
    s.draw_audit(work)
    s.settle(work)
    s.finish()
    assert s.gain("contributor") == s.price("reward") - s.price("late")
    assert s.gain(silent) == -s.price("seat silence")
    assert all(s.gain(seat) == s.price("seat fee") - s.price("seat silence") for seat in others)


def test_a_contributor_whose_update_never_comes_gets_its_stake_back(scenario: Scenario) -> None:
    """Longer than the grace is not honest, but nothing is found at fault."""
    s = scenario
    work = begin(s, **LONG)
    s.attest(work)
    s.draw_audit(work)
    s.advance_to("grace", work)
    s.settle(work)
    assert (s.state(work), s.reason(work)) == ("undecided", "update_withheld")
    s.finish()
    assert s.gain("contributor") == -s.price("late")
    assert all(s.gain(seat) == s.price("seat fee") for seat in s.committee(work))


# --- seats ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("away", [1, 2])
def test_seats_are_away_and_lose_their_silence_penalty(scenario: Scenario, away) -> None:
    s = scenario
    work = begin(s, **LONG)
    drawn = s.committee(work)
    for seat in drawn[away:]:
        s.attest(work, seat)
    s.advance_to("verify", work)
    s.replace(work)
    s.attest(work)
    s.draw_audit(work)
    s.settle(work)
    s.finish()
    assert s.gain("contributor") == s.price("reward")
    assert [s.gain(seat) for seat in drawn[:away]] == away * [-s.price("seat silence")]


def test_a_seat_that_comes_in_time_loses_nothing(scenario: Scenario) -> None:
    s = scenario
    work = begin(s, **LONG)
    s.advance_to("verify", work)
    s.attest(work)  # the window is over, but nobody has replaced it
    s.draw_audit(work)
    s.settle(work)
    s.finish()
    assert s.gain("contributor") == s.price("reward")
    assert all(s.gain(seat) == s.price("seat fee") for seat in s.committee(work))


def test_an_accuser_is_away_during_its_case(scenario: Scenario) -> None:
    """Nothing is asked of it any more."""
    s = scenario
    work = begin(s, forged="everything", **LONG)
    s.accuse(work, "segment")
    accuser = s.accuser(work)
    s.convene(work, keys=False)
    s.deliver(work, by=next(seat for seat in s.committee(work) if seat != accuser))
    s.vote(work)
    s.reveal(work)
    s.resolve(work)
    s.finish()
    assert s.gain(accuser) == s.price("accuser") + s.price("seat fee")


def test_a_committee_is_away_when_a_forger_gives_the_jury_no_key(scenario: Scenario) -> None:
    """Another opening, another case: the forger gains a window, and loses its stake."""
    s = scenario
    work = begin(s, forged="everything", **LONG)
    seats = s.committee(work)
    s.accuse(work, "segment")
    accuser = s.accuser(work)
    s.convene(work, keys=False)
    s.advance_to("grace", work)
    s.reopen(work)
    assert (s.state(work), s.outcome(work)) == ("seated", "")
    s.open(work)
    s.accuse(work, "segment", by=accuser)
    assert s.judge(work) == "confirmed"
    s.finish()
    assert s.gain("contributor") == -s.price("stake")
    for seat in seats:
        won = s.price("seat fee") + (s.price("accuser") if seat == accuser else 0)
        assert s.gain(seat) == won - s.price("seat silence")


# --- jurors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", ["vote", "reveal"])
def test_jurors_are_away(scenario: Scenario, step) -> None:
    """Two of five: the others decide."""
    s = scenario
    work = begin(s, **LONG)
    s.accuse(work, "cost")
    s.convene(work)
    jury = s.jury(work)
    for juror in jury[2:] if step == "vote" else jury:
        s.vote(work, by=juror)
    if step == "vote":
        s.advance_to("jury_commit", work)
    for juror in jury[2:]:
        s.reveal(work, by=juror)
    if step == "reveal":
        s.advance_to("jury_reveal", work)
    s.resolve(work)
    assert s.outcome(work) == "refuted"
    s.attest(work)
    s.draw_audit(work)
    s.settle(work)
    s.finish()
    assert s.gain("contributor") == s.price("reward")
    assert [s.gain(juror) for juror in jury[:2]] == 2 * [-s.price("juror silence")]
    assert all(s.gain(juror) == s.price("juror fee") for juror in jury[2:])


def test_all_jurors_are_away_twice(scenario: Scenario) -> None:
    """The case is dismissed: neither who accused nor who worked loses anything."""
    s = scenario
    work = begin(s, **LONG)
    s.attest(work)
    s.accuse(work, "cost", by=0)
    accuser = s.committee(work)[0]
    jurors = []
    for outcome in ("redrawn", "dismissed"):
        s.convene(work)
        jurors += s.jury(work)
        s.advance_to("jury_commit", work)
        s.resolve(work)
        assert s.outcome(work) == outcome
    s.draw_audit(work)
    s.settle(work)
    s.finish()
    assert s.gain("contributor") == s.price("reward")
    assert s.gain(accuser) == s.price("seat fee")
    assert all(s.gain(j) == -jurors.count(j) * s.price("juror silence") for j in set(jurors))


# --- publisher, owner, everybody ------------------------------------------------------------------


def test_a_publisher_and_a_cranker_are_away_all_the_time(scenario: Scenario) -> None:
    """Each step is taken as late as it can be; nobody who was there pays for it."""
    s = scenario
    work = join(s)
    s.advance(6 * HOUR)
    s.commit(work)
    s.advance(6 * HOUR)
    s.draw()
    s.open(work)
    s.attest(work)
    s.advance(6 * HOUR)
    s.draw_audit(work)
    s.settle(work)
    s.advance(30 * HOUR)
    s.finish()
    late = s.price("reward") - s.gain("contributor")
    assert 0 < late < s.price("late")  # of a commitment after four of the six hours
    assert s.gain("publisher") < -s.price("reward")


def test_an_owner_is_away_until_nobody_can_join_any_more(scenario: Scenario) -> None:
    s = scenario
    s.open_task(**LONG)
    asked = s.request_key("contributor")
    s.advance_to("join")
    with s.expect_refused("dataset.ETaskClosed"):
        s.grant_key(asked)
    s.lapse_key(asked)
    s.finish()
    assert (s.gain("contributor"), s.gain("owner"), s.gain("publisher")) == (0, 0, 0)


@pytest.mark.parametrize(
    "state", ["joined", "committed", "seated", "opened", "attested", "audited", "disputed"]
)
def test_everybody_is_gone_for_ever(scenario: Scenario, state) -> None:
    """Strangers end the market from any state, and all its money comes out."""
    s = scenario
    work = join(s, audit_bps=10_000)
    steps = [
        lambda: s.commit(work),
        s.draw,
        lambda: s.open(work),
        lambda: s.attest(work),
        lambda: s.draw_audit(work, selected=True),
        lambda: s.audit(work),
    ]
    while s.state(work) != state:
        steps.pop(0)()
    s.finish()
    assert s.gain("contributor") <= 0
    assert all(s.gain(f"verifier {n}") >= -s.price("seat silence") for n in range(18))
