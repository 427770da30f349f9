"""What a contributor bears of a task's terms, rule by rule."""

from dataclasses import replace

import pytest

from walrusd.core.policy import Offer, PolicyRules, Standing, decide
from walrusd.core.policy_terms import TermLimits, judge_seats, judge_terms, judge_training

HOUR = 3_600_000
LIMITS = TermLimits()
TERMS = {
    "stake": 1_000,
    "late_fee": 100,
    "lapse_penalty": 100,
    "grace_ms": 6 * HOUR,
    "substitutes": 1,
    "jury": 3,
    "segments": 10,
    "segment_work": 3_600,
    "train_ms": 20 * HOUR,
}


def test_terms_at_the_limits_are_borne() -> None:
    assert all(verdict.ok for verdict in judge_terms(LIMITS, TERMS))


@pytest.mark.parametrize(
    ("rule", "limits", "terms", "says"),
    [
        ("late_fee", {}, {"late_fee": 101}, "exceeds 0.0000001 SUI"),
        ("late_fee", {"max_late_fee_bps": 999}, {}, "exceeds 0.000000099 SUI"),
        ("lapse_penalty", {}, {"lapse_penalty": 101}, "exceeds 0.0000001 SUI"),
        ("lapse_penalty", {"max_lapse_penalty_bps": 0}, {}, "exceeds 0"),
        ("grace", {}, {"grace_ms": 6 * HOUR - 1}, "below our minimum of 6h"),
        ("grace", {"min_grace_ms": 7 * HOUR}, {}, "The grace of 6h is below"),
        ("substitutes", {"min_substitutes": 2}, {}, "minimum of 2"),
        ("jury", {}, {"jury": 1}, "The size of a jury, 1, is below our minimum of 3"),
    ],
)
def test_each_rule_alone_refuses(rule, limits, terms, says) -> None:
    verdicts = judge_terms(replace(LIMITS, **limits), TERMS | terms)
    (refused,) = [verdict for verdict in verdicts if not verdict.ok]
    assert refused.rule == rule
    assert says in refused.sentence


@pytest.mark.parametrize(
    ("rate", "ok", "says"),
    [
        (1, True, "about 10h at the rate of this machine; the task gives 20h"),
        (36_000, True, "about 1s at"),
        (None, True, "is measured before staking"),
    ],
)
def test_training_takes_at_most_half_of_its_window(rate, ok, says) -> None:
    verdict = judge_training(TERMS, rate)
    assert (verdict.rule, verdict.ok) == ("train", ok)
    assert says in verdict.sentence


def test_training_that_would_be_late_is_refused() -> None:
    verdict = judge_training(TERMS | {"segment_work": 3_601}, 1)
    assert not verdict.ok
    assert "of the task's 20h only half is counted on" in verdict.sentence


def test_a_policy_refuses_what_its_terms_refuse_but_the_owner_may_bear_it() -> None:
    rules = PolicyRules(max_stake_per_task=10, max_stake_per_day=10)
    seats = judge_seats("6 seats can be drawn, and 9 are needed")
    offer = Offer("t", "alice", 3, 10, 100, 100, ("d",), places_left=1, terms=(seats,))
    decision = decide(rules, offer, Standing("carol", balance=99, staked_today=0, open_tasks=0))
    assert not decision.join
    assert decision.reason == (
        "The pool cannot seat the task: 6 seats can be drawn, and 9 are needed."
    )
    assert not decision.binding_refusals
    ready = replace(offer, terms=(judge_seats(""),))
    assert decide(rules, ready, Standing("carol", 99, 0, 0)).join
