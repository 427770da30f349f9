"""Weak terms are named, with a number that mends them and the number below that does not."""

from dataclasses import replace

import pytest

from tests.core.test_deterrence import RULES
from walrusd.core.terms_review import review_terms


def find(rules, rule):
    return next((each for each in review_terms(rules) if each.rule == rule), None)


def test_sound_terms_have_no_weakness() -> None:
    assert review_terms(RULES) == ()


@pytest.mark.parametrize(
    ("change", "rule", "term"),
    [
        (
            {"stake": 0, "verifier_stake": 0, "committee": 1, "segments_per_seat": 1},
            "collusion",
            "stake",
        ),
        ({"audit_bps": 500}, "bribery", "audit_bps"),
        ({"stake": 100, "audit_bps": 2_900}, "bribery", "audit_bps"),
        ({"juror_fee": 60}, "challenging", "verifier_fee"),
        ({"stake": 1_000}, "challenging", "stake"),
        ({"verifier_fee": 20}, "verifier_fee", "verifier_fee"),
        ({"juror_fee": 12}, "juror_fee", "juror_fee"),
        ({"segments": 8}, "verifier_fee", "verifier_fee"),
    ],
)
def test_what_is_weak_is_mended_by_the_number_given_and_no_smaller_one(change, rule, term) -> None:
    rules = replace(RULES, **change)
    found = find(rules, rule)
    assert found.term == term
    assert find(replace(rules, **{term: found.value}), rule) is None
    assert find(replace(rules, **{term: found.value - 1}), rule) is not None
    assert found.advice.startswith(f"set {term} to ")
    assert found.sentence.endswith(".")


def test_an_honest_committee_deters_whom_it_can_lose_a_reward_to() -> None:
    """Work costs less than the reward: forging never pays while all seats are honest."""
    assert find(replace(RULES, stake=0), "forging") is None


def test_what_no_number_mends_is_said() -> None:
    found = find(replace(RULES, stake=0, reward=10, verifier_stake=0), "bribery")
    assert found.value == 8_001
    hopeless = replace(RULES, audit_bps=0, stake=0, verifier_stake=0, reward=1)
    assert find(hopeless, "bribery").value == 8_001


def test_forging_costs_nothing_where_nothing_is_at_stake() -> None:
    rules = replace(RULES, stake=0, reward=0, verifier_stake=0)
    found = find(rules, "forging")
    assert (found.term, found.value) == ("stake", 1)
    assert find(replace(rules, stake=1), "forging") is None
    assert find(rules, "bribery").advice == "no audit_bps alone remedies this"


def test_a_remedy_that_does_not_exist_is_not_named() -> None:
    found = find(replace(RULES, jury=1), "challenging")
    assert found.value is None
    assert found.advice == "no verifier_fee alone remedies this"
