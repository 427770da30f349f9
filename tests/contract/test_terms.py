"""Which terms a task may have."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from walrusd.chain.layouts.objects import Terms
from walrusd.devnet.contract import DEVNET_PARAMS, terms
from walrusd.devnet.contract.constants import MAX_AMOUNT
from walrusd.devnet.move.aborts import MoveAbort
from walrusd.devnet.move.context import MAX_U64

from .market import TERMS, TIP, Bazaar, required, terms_with
from .world import World, aborts

WORLD = World()
WINDOWS = (
    "join_ms",
    "train_ms",
    "open_ms",
    "grace_ms",
    "verify_ms",
    "jury_commit_ms",
    "jury_reveal_ms",
)
AMOUNTS = (
    "reward",
    "verifier_fee",
    "juror_fee",
    "stake",
    "lapse_penalty",
    "verifier_stake",
    "accuser_bond",
    "publisher_bond",
)


RICH = {"stake": 10**9, "accuser_bond": 10**9}


def check(**changes):
    terms.check(terms_with(**changes), WORLD.market)


def test_the_terms_of_the_tests_are_allowed():
    check()


@pytest.mark.parametrize(
    ("abort", "changes"),
    [
        ("terms.EBadScheme", {"scheme": 0}),
        ("terms.EBadScheme", {"scheme": 3}),
        ("terms.EBadScheme", {"weights_rule": 2}),
        ("terms.EBadScheme", {"cost_rule": 2}),
        ("terms.EBadAmount", {"reward": 0}),
        ("terms.EBadAmount", {"verifier_fee": 0}),
        ("terms.EBadAmount", {"juror_fee": 0}),
        ("terms.EBadAmount", {"stake": 0, "lapse_penalty": 0}),
        ("terms.EBadAmount", {"lapse_penalty": TERMS.stake + 1}),
        *(("terms.EBadAmount", {name: MAX_AMOUNT + 1}) for name in AMOUNTS),
        ("terms.EBadCommittee", {"max_submissions": 0}),
        ("terms.EBadCommittee", {"max_submissions": 65}),
        ("terms.EBadCommittee", {"k_min": 2}),
        ("terms.EBadCommittee", {"committee": 0}),
        ("terms.EBadCommittee", {"committee": 17}),
        ("terms.EBadCommittee", {"segments": 0}),
        ("terms.EBadCommittee", {"segments": 2**20 + 1}),
        ("terms.EBadCommittee", {"segments_per_seat": 0}),
        ("terms.EBadCommittee", {"segments_per_seat": 7}),
        ("terms.EBadCommittee", {"segments_per_seat": 65, "segments": 100}),
        ("terms.EBadCommittee", {"jury": 0}),
        ("terms.EBadCommittee", {"jury": 4}),
        ("terms.EBadCommittee", {"jury": 17}),
        ("terms.EBadCommittee", {"audit_bps": 10_001}),
        ("terms.EBadCommittee", {"state_bytes": 0}),
        ("terms.EBadCommittee", {"segment_work": 0}),
        *(("terms.EBadWindow", {name: 999}) for name in WINDOWS),
        *(("terms.EBadWindow", {name: DEVNET_PARAMS.max_window_ms + 1}) for name in WINDOWS),
        ("terms.EStakeBelowJuryCost", {"stake": 54_999_999, "lapse_penalty": 0}),
        ("terms.EStakeBelowJuryCost", {"accuser_bond": 24_999_999}),
        ("terms.EAuditTooWeak", {"audit_bps": 0}),
        ("terms.EAuditTooWeak", {"verifier_stake": 200_000_000}),
        ("terms.EAuditTooWeak", {"verifier_stake": 99_999_999, "audit_bps": 10_000}),
        ("terms.EAuditTooWeak", {"juror_fee": 100_000_001, **RICH}),
    ],
)
def test_terms_that_are_refused(abort, changes):
    with aborts(abort):
        check(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"scheme": 2, "weights_rule": 1, "cost_rule": 0},
        {"max_submissions": 64, "committee": 16},
        {"jury": 15, "stake": 105_000_000, "lapse_penalty": 5, "accuser_bond": 75_000_000},
        {"segments": 2**20, "segments_per_seat": 64, "verifier_stake": 64 * 10**9},
        {"jury": 1},
        {"stake": 55_000_000, "lapse_penalty": 0},
        {"accuser_bond": 25_000_000},
        {"verifier_stake": 200_000_001},
        {"verifier_stake": 100_000_000, "audit_bps": 10_000},
        {"juror_fee": 100_000_000, **RICH},
        {"lapse_penalty": TERMS.stake},
        {"join_ms": 1_000, "grace_ms": DEVNET_PARAMS.max_window_ms},
    ],
)
def test_terms_at_their_limits(changes):
    check(**changes)


def test_the_order_of_the_checks():
    with aborts("terms.EBadScheme"):
        check(scheme=9, reward=0, committee=0, join_ms=0, audit_bps=0)
    with aborts("terms.EBadAmount"):
        check(reward=0, committee=0, join_ms=0, audit_bps=0)
    with aborts("terms.EBadCommittee"):
        check(committee=0, join_ms=0, audit_bps=0, accuser_bond=0)
    with aborts("terms.EBadWindow"):
        check(join_ms=0, audit_bps=0, accuser_bond=0)
    with aborts("terms.EStakeBelowJuryCost"):
        check(audit_bps=0, accuser_bond=0)


def test_new_terms_takes_the_fields_in_order():
    world = World()
    made = world.call("terms::new_terms", "p", *vars(TERMS).values())
    assert made == TERMS


def test_required_funds_is_exact():
    m = Bazaar(verifiers=0)
    assert m.call("terms::required_funds", "p", TERMS, TIP) == required(TERMS)
    for wrong in (-1, 1):
        with aborts("task.EWrongFunds"):
            m.open_task(funds=required(TERMS) + wrong)


amount = st.integers(0, MAX_AMOUNT)


@given(
    st.builds(
        terms_with,
        reward=amount,
        verifier_fee=amount,
        committee=st.integers(0, 17),
        jury=st.integers(0, 17),
        juror_fee=amount,
        max_submissions=st.integers(0, 65),
        publisher_bond=amount,
    ),
    amount,
)
def test_what_passes_the_checks_never_overflows(candidate: Terms, tip):
    ctx = WORLD.context("p")
    try:
        terms.check(candidate, WORLD.market)
    except MoveAbort:
        return
    assert 0 < terms.required_funds(ctx, candidate, tip) <= MAX_U64
