"""Terms are refused before anything is stored exactly if the contract would refuse them."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.contract.market import TERMS, TIP, terms_with
from tests.contract.world import World
from walrusd.core.aborts import ABORTS
from walrusd.core.terms_rules import RULES, MarketLimits, TermKind, list_broken_rules
from walrusd.devnet.contract import DEVNET_PARAMS, terms
from walrusd.devnet.contract.node import compute_share
from walrusd.devnet.move.aborts import MoveAbort

WORLD = World()
SHARE = compute_share(WORLD.pool)
LIMITS = MarketLimits(
    TIP,
    DEVNET_PARAMS.min_window_ms,
    DEVNET_PARAMS.max_window_ms,
    DEVNET_PARAMS.min_grace_ms,
    DEVNET_PARAMS.max_life_ms,
    SHARE,
)
NAMES = tuple(vars(TERMS))


def ask_contract(candidate, tip: int = TIP) -> str | None:
    """Return the name of the abort of the contract's specification, None if it takes the terms."""
    try:
        terms.check(candidate, WORLD.market, SHARE)
        terms.required_funds(WORLD.context("p"), candidate, tip)
    except MoveAbort as abort:
        return ABORTS[abort.module, abort.code].name
    return None


def ask_table(candidate, tip: int = TIP) -> str | None:
    found = list_broken_rules(vars(candidate), replace(LIMITS, tip=tip))
    return found[0].rule.abort if found else None


def edges_of(name: str) -> set[int]:
    """Return values of a term at and beside every limit that a rule sets for it."""
    limits = {0, 1, (1 << 64) - 1, vars(TERMS)[name]}
    for rule in RULES:
        if rule.term == name:
            for limit in (rule.least, rule.most):
                limits.add(limit if isinstance(limit, int) else limit(vars(TERMS), LIMITS))
    largest = (1 << 8 if name in {"scheme", "weights_rule", "cost_rule"} else 1 << 64) - 1
    return {v for limit in limits for v in (limit - 1, limit, limit + 1) if 0 <= v <= largest}


def some_value(name: str):
    near = st.sampled_from(sorted(edges_of(name)))
    # Terms that are right in most places, so that the rules between terms are reached.
    usual = st.just(vars(TERMS)[name])
    return st.one_of(usual, usual, usual, near, st.integers(0, max(edges_of(name))))


def test_the_terms_of_the_tests_break_no_rule() -> None:
    assert list_broken_rules(vars(TERMS), LIMITS) == ()


@given(st.fixed_dictionaries({name: some_value(name) for name in NAMES}), st.integers(0, 10**12))
def test_random_terms_are_refused_by_both_or_by_none(changes: dict[str, int], tip: int) -> None:
    candidate = terms_with(**changes)
    assert ask_table(candidate, tip) == ask_contract(candidate, tip)


@pytest.mark.parametrize("name", NAMES)
def test_one_term_at_each_limit_is_refused_by_both_or_by_none(name: str) -> None:
    for value in sorted(edges_of(name)):
        candidate = terms_with(**{name: value})
        assert ask_table(candidate) == ask_contract(candidate), (name, value)


amount = st.integers(0, 10**16)


@given(
    st.fixed_dictionaries(
        dict.fromkeys(("reward", "verifier_fee", "juror_fee", "publisher_bond"), amount)
    ),
    st.integers(1, 16),
    st.integers(0, 7),
    st.integers(1, 64),
)
def test_rich_terms_are_refused_by_both_or_by_none(amounts, committee, jury, places) -> None:
    """Stakes at their most: what is left are the rules between amounts, and the sum of funds."""
    most = 10**16
    candidate = terms_with(
        **amounts, committee=committee, jury=2 * jury + 1, max_submissions=places,
        stake=most, verifier_stake=most, audit_bps=10_000,
    )  # fmt: skip
    assert ask_table(candidate) == ask_contract(candidate)


@given(st.fixed_dictionaries({name: some_value(name) for name in NAMES}))
def test_a_term_set_to_its_limit_breaks_that_rule_no_more(changes: dict[str, int]) -> None:
    given_terms = vars(terms_with(**changes))
    for broken in list_broken_rules(given_terms, LIMITS):
        if broken.least <= broken.most:
            moved = given_terms | {
                broken.rule.term: max(broken.least, min(broken.most, broken.value))
            }
            if broken.rule.odd and moved[broken.rule.term] % 2 == 0:
                moved[broken.rule.term] -= 1
            assert broken.rule not in [each.rule for each in list_broken_rules(moved, LIMITS)]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"join_ms": 999}, "terms.join is 0.999s and must be from 1s to 30d: the market's limits"),
        ({"jury": 4}, "terms.jury is 4 and must be odd and from 1 to 15"),
        ({"k_min": 2}, "terms.k_min is 2 and must be at least 3"),
        ({"segments": 0}, "the plan's segments is 0 and must be from 1 to 1048576"),
        ({"reward": 0}, "terms.reward is 0 SUI and must be at least 0.000000001 SUI"),
        ({"late_fee": 1 << 60}, "terms.late_fee is 1152921504.606846976 SUI and must be at most "),
        ({"grace_ms": 1}, "terms.grace is 0.001s and must be from 1s to "),
        ({"substitutes": 0}, "terms.substitutes is 0 and must be from 1 to 16"),
        ({"audit_bps": 0}, "terms.audit_bps is 0 and must be from 1 to 10000: without audits"),
        ({"verifier_stake": 1}, "terms.verifier_stake is 0.000000001 SUI and must be at least "),
        ({"weights_rule": 7}, "terms.weights is 7 and must be from 0 to 1"),
    ],
)
def test_a_sentence_names_term_value_and_limit(changes, sentence: str) -> None:
    found = list_broken_rules(vars(terms_with(**changes)), LIMITS)
    assert found[0].sentence.startswith(sentence)
    assert found[0].to_json()["sentence"] == found[0].sentence


def test_every_rule_that_terms_break_is_named() -> None:
    changes = {"jury": 4, "join_ms": 1, "reward": 0, "cancel_fee": 0, "audit_bps": 0}
    found = list_broken_rules(vars(terms_with(**changes)), LIMITS)
    assert [each.name for each in found] == ["reward", "jury", "join", "audit_bps"]


def test_every_term_has_a_rule_and_amounts_are_printed_as_amounts() -> None:
    assert {rule.term for rule in RULES} == set(NAMES)
    for rule in RULES:
        assert (rule.kind is TermKind.WINDOW) == rule.term.endswith("_ms")
        assert rule.abort in {abort.name for abort in ABORTS.values() if abort.module == "terms"}
