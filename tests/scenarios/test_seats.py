"""Verifiers that are silent, that leave, or of whom there are too few."""

import pytest

from tests.scenarios.known_losses import known_loss
from tests.scenarios.test_accusers import begin
from tests.support.scenario.scenario import Scenario


def test_a_silent_seat_pays_and_its_substitute_works(scenario: Scenario) -> None:
    s = scenario
    work = begin(s)
    drawn = s.committee(work)
    s.attest(work, 0)
    s.attest(work, 2)
    with s.expect_refused("committee.ETooEarly"):
        s.replace(work)
    s.advance_to("verify", work)
    s.replace(work)
    with s.expect_refused("committee.EAlreadyReplaced"):
        s.replace(work)
    substitute = s.committee(work)[1]
    assert substitute not in drawn
    s.attest(work, substitute)
    s.draw_audit(work)
    s.settle(work)
    s.finish()
    silent = s.gain(drawn[1])
    assert silent == -s.price("seat silence") + (drawn.count(drawn[1]) - 1) * s.price("seat fee")
    assert s.gain(substitute) == s.price("seat fee")
    assert s.gain("contributor") == s.price("reward")


def test_substitutes_that_are_silent_too_leave_it_undecided(scenario: Scenario) -> None:
    s = scenario
    work = begin(s)
    s.advance_to("verify", work)
    s.replace(work)
    s.advance_to("verify", work)
    s.settle(work)
    assert (s.state(work), s.reason(work)) == ("undecided", "not_fully_attested")
    s.finish()
    assert s.gain("contributor") == 0
    assert s.pot("burned") == 6 * s.price("seat silence")


def test_a_pool_that_is_exhausted_gives_the_stakes_back(scenario: Scenario) -> None:
    s = scenario
    for number in range(2, 14):
        s.leave_seat(f"verifier {number}")
    s.open_task(max_submissions=1)
    work = s.join("contributor")
    s.close_joining()
    s.commit(work)
    s.draw()
    assert (s.state(work), s.reason(work)) == ("void", "too_few_seats")
    s.finish()
    assert s.gain("contributor") == 0
    assert s.pot("burned") == 0


def test_leaving_takes_its_time_and_a_seat_in_use_stays(scenario: Scenario) -> None:
    s = scenario
    work = begin(s, verify=7200)
    busy = s.committee(work)[0]
    (idle, *_) = (f"verifier {n}" for n in range(14) if f"verifier {n}" not in s.committee(work))
    for who in (busy, idle):
        with s.expect_refused("node.ENotExiting"):
            s.withdraw_seat(who)
        s.leave_seat(who)
    s.advance_to("unbonding", idle, early=0.001)
    with s.expect_refused("node.EStillBonded"):
        s.withdraw_seat(idle)
    s.advance_to("unbonding", idle)
    s.withdraw_seat(idle)
    with s.expect_refused("node.ESeatInUse"):
        s.withdraw_seat(busy)
    s.attest(work)
    s.draw_audit(work)
    s.settle(work)
    s.withdraw_seat(busy)
    assert (s.gain(idle), s.seat_stake(idle)) == (0, 0)
    assert s.gain(busy) == 0
    s.claim(busy)
    assert s.gain(busy) == s.price("seat fee") * s.committee(work).count(busy)


def test_too_little_at_stake_takes_no_seat(scenario: Scenario) -> None:
    s = scenario
    with s.expect_refused("node.EStakeTooSmall"):
        s.register_seat("newcomer", stake=1)
    s.register_seat("newcomer")
    assert s.gain("newcomer") == 0
    assert s.money("newcomer") < s.money("stranger")


@known_loss("short-windows")
def test_terms_ask_for_work_that_no_window_fits(scenario: Scenario) -> None:
    """Nobody can replay so much in a second; the contract compares neither with the other."""
    s = scenario
    work = begin(s, verify=1, segment_work=10**6, verifier_fee="0.1 SUI", audit_bps=3_000)
    s.advance_to("verify", work)
    s.replace(work)
    s.advance_to("verify", work)
    s.settle(work)
    s.finish()
    assert s.gain("contributor") == 0
    assert s.pot("burned") == 6 * s.price("seat silence")  # instead: 0


@known_loss("stake-backs-twice")
def test_one_stake_answers_for_two_forgeries(scenario: Scenario) -> None:
    """The only seat that works for such a fee attests two forgeries; one of them is free."""
    s = scenario
    s.register_seat("bribed", min_fee=0)
    s.advance(1)
    s.open_task(
        max_submissions=2, committee=1, segments_per_seat=6, verifier_fee=1, verifier_stake="2 SUI"
    )
    works = [s.join("first"), s.join("second")]
    s.close_joining()
    for work in works:
        s.commit(work, forged="everything")
    s.draw()
    lost = []
    for work in works:
        assert s.committee(work) == ["bribed"]
        s.open(work)
        s.attest(work)
        s.draw_audit(work, selected=True)
        s.audit(work)
        before = s.seat_stake("bribed")
        assert s.judge(work) == "confirmed"
        lost.append(before - s.seat_stake("bribed"))
    assert lost == [s.price("seat stake"), 0]  # instead: the whole of it, each time
    s.finish()
    assert s.gain("bribed") == -s.price("seat stake")


@pytest.mark.slow
@known_loss("dead-seats")
@pytest.mark.parametrize("scenario", ["specification"], indirect=True)
def test_seats_that_nobody_can_pay_fill_the_pool_for_ever(scenario: Scenario) -> None:
    """A thousand transactions: too many for the other stages."""
    s = scenario
    dead = [f"dead {number}" for number in range(1_024 - 14)]
    for who in dead:
        s.register_seat(who, stake=10**9, min_fee=2**64 - 1)
    for who in dead[:3]:
        s.leave_seat(who)
    s.advance_to("unbonding", dead[2])
    for who in dead[:3]:
        s.withdraw_seat(who)
        assert s.gain(who) == 0  # instead: a fee is burned
    with s.expect_refused("node.EPoolFull"):  # instead: three slots are free
        s.register_seat("newcomer")
