"""The owner's rules, one by one."""

from dataclasses import replace

import pytest

from walrusd.core.policy import Offer, PolicyRules, RuleVerdict, Standing, decide
from walrusd.core.sizes import Storage, StoredPart

RULES = PolicyRules(
    max_stake_per_task=10, max_stake_per_day=25, min_reward=2, min_balance=5, max_open_tasks=2
)
OFFER = Offer("t", "alice", 3, 10, 100, 100, ("d1", "d2"), places_left=1)
STANDING = Standing("carol", balance=100, staked_today=0, open_tasks=0)


def test_an_offer_within_every_rule_is_taken_with_its_first_usable_dataset() -> None:
    decision = decide(RULES, OFFER, STANDING)
    assert decision.join
    assert decision.dataset == "d1"
    assert decision.reason == "every rule of the policy allows it"


@pytest.mark.parametrize(
    ("rule", "rules", "offer", "standing"),
    [
        ("enabled", {"enabled": False}, {}, {}),
        ("own_task", {}, {"publisher": "carol"}, {}),
        ("places", {}, {"places_left": 0}, {}),
        ("parent", {}, {"parent_ok": False}, {}),
        ("publisher", {"deny_publishers": frozenset({"alice"})}, {}, {}),
        ("publisher", {"allow_publishers": frozenset({"bob"})}, {}, {}),
        ("dataset", {"allow_datasets": frozenset({"other"})}, {}, {}),
        ("reward", {}, {"reward": 1}, {}),
        ("stake_per_task", {}, {"stake": 11}, {}),
        ("stake_per_day", {}, {}, {"staked_today": 16}),
        ("balance", {}, {}, {"balance": 14}),
        ("open_tasks", {}, {}, {"open_tasks": 2}),
        ("resources", {"max_state_bytes": 99}, {}, {}),
        ("resources", {"max_segment_work": 99}, {}, {}),
    ],
)
def test_each_rule_alone_refuses(rule, rules, offer, standing) -> None:
    decision = decide(
        replace(RULES, **rules), replace(OFFER, **offer), replace(STANDING, **standing)
    )
    assert not decision.join
    assert [v.rule for v in decision.verdicts if not v.ok] == [rule]
    assert decision.reason


def test_limits_themselves_are_allowed() -> None:
    at_limits = replace(STANDING, balance=15, staked_today=15, open_tasks=1)
    assert decide(RULES, replace(OFFER, reward=2), at_limits).join


def test_the_allow_list_chooses_among_datasets() -> None:
    rules = replace(RULES, allow_datasets=frozenset({"d2"}))
    assert decide(rules, OFFER, STANDING).dataset == "d2"


@pytest.mark.parametrize("rule", ["device", "disk", "storing", "reading"])
def test_what_the_machine_cannot_do_binds_the_owner_too(rule: str) -> None:
    bad = RuleVerdict(rule, ok=False, sentence="It cannot.")
    decision = decide(RULES, OFFER, replace(STANDING, machine=(bad,)))
    assert not decision.join
    assert decision.reason == "It cannot."
    assert decision.binding_refusals == ("It cannot.",)
    good = replace(bad, ok=True)
    assert decide(RULES, OFFER, replace(STANDING, machine=(good,))).join


SMALL = Storage((StoredPart("update", 10),), network=10, publishers=10)


@pytest.mark.parametrize(
    ("storage", "ok", "says"),
    [
        (None, True, "before staking"),
        ("no limit was given", False, "no limit was given"),
        (SMALL, True, "can be stored"),
        (replace(SMALL, network=9), False, "The update needs 10 bytes"),
    ],
)
def test_what_cannot_be_stored_is_not_staked_on(storage, ok, says) -> None:
    decision = decide(RULES, replace(OFFER, storage=storage), STANDING)
    (verdict,) = [v for v in decision.verdicts if v.rule == "storage"]
    assert (decision.join, verdict.ok) == (ok, ok)
    assert says in verdict.sentence
