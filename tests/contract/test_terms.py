"""Which terms a task may have, in itself and for its pool."""

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from walrusd.chain.layouts.objects import Terms
from walrusd.devnet.contract import DEVNET_PARAMS, DEVNET_POOL, terms
from walrusd.devnet.contract.constants import MAX_AMOUNT
from walrusd.devnet.move.aborts import MoveAbort
from walrusd.devnet.move.context import MAX_U64

from .early import JURORS, SUI, TERMS, TIP, EarlyBazaar, escrow, required, terms_with
from .world import World, aborts

WORLD = World()
SHARE = DEVNET_POOL.stake // DEVNET_POOL.duties
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
    "verifier_stake",
    "publisher_bond",
)


def check(terms_, share=SHARE, market=None):
    terms.check(terms_, market or WORLD.market, share)


def refused(abort, share=SHARE, **changes):
    with aborts(f"terms.{abort}"):
        check(terms_with(**changes), share)


def test_fields_are_in_order():
    fields = dict.fromkeys(vars(TERMS), 0)
    made = terms.new_terms(None, *range(29))
    assert list(vars(made)) == list(fields)
    assert list(vars(made).values()) == list(range(29))
    check(TERMS)


@pytest.mark.parametrize("field", ["scheme", "weights_rule", "cost_rule"])
def test_rules_are_known(field):
    refused("EBadScheme", **{field: 9})


def test_a_scheme_has_no_zero():
    refused("EBadScheme", scheme=0)


@pytest.mark.parametrize("field", AMOUNTS)
def test_amounts_have_an_upper_limit(field):
    refused("EBadAmount", **{field: MAX_AMOUNT + 1})


@pytest.mark.parametrize("field", ["reward", "verifier_fee", "juror_fee", "stake"])
def test_amounts_that_must_not_be_zero(field):
    refused("EBadAmount", **{field: 0})


@pytest.mark.parametrize("field", ["lapse_penalty", "late_fee"])
def test_what_an_absent_party_loses_is_at_most_a_quarter_of_its_stake(field):
    check(terms_with(**{field: TERMS.stake // 4}))
    refused("EBadAmount", **{field: TERMS.stake // 4 + 1})


def test_what_a_cancelled_task_pays_comes_from_the_reward():
    check(terms_with(cancel_fee=TERMS.reward))
    refused("EBadAmount", cancel_fee=TERMS.reward + 1)


@pytest.mark.parametrize(
    "changes",
    [
        {"max_submissions": 0},
        {"max_submissions": 65},
        {"k_min": 2},
        {"committee": 0},
        {"committee": 17},
        {"substitutes": 0},
        {"substitutes": 17},
        {"segments": 0},
        {"segments": 2**20 + 1},
        {"segments_per_seat": 0},
        {"segments_per_seat": 7},
        {"segments": 100, "segments_per_seat": 65},
        {"jury": 0},
        {"jury": 4},
        {"jury": 17},
        {"audit_bps": 10_001},
        {"state_bytes": 0},
        {"segment_work": 0},
    ],
)
def test_sizes_have_limits(changes):
    refused("EBadCommittee", **changes)


@pytest.mark.parametrize("window", WINDOWS)
def test_windows_are_within_the_markets(window):
    for length in (DEVNET_PARAMS.min_window_ms - 1, DEVNET_PARAMS.max_window_ms + 1):
        refused("EBadWindow", **{window: length})


def test_the_grace_is_at_least_the_markets():
    market = dataclasses.replace(
        WORLD.market, params=dataclasses.replace(DEVNET_PARAMS, min_grace_ms=15_000)
    )
    check(TERMS, market=market)
    with aborts("terms.EBadWindow"):
        check(terms_with(grace_ms=14_999), market=market)


def test_a_life_is_at_most_the_markets():
    life = terms.compute_max_life(TERMS)
    opening, jury = 5 + 15, 5 + 15 + 6 + 2 * 7
    # Two rounds and two substitutes; five seats, one of them twice, three on cash, two samples,
    # one absence, each judged twice; two samples and a delivery.
    expected = 10 + 20 + 15 + 4 * (opening + 30) + 2 * 12 * jury + 3 * opening
    assert life == 1_000 * expected
    for longest in (life, life - 1):
        params = dataclasses.replace(DEVNET_PARAMS, max_life_ms=longest)
        market = dataclasses.replace(WORLD.market, params=params)
        if longest == life:
            check(TERMS, market=market)
        else:
            with aborts("terms.EBadWindow"):
                check(TERMS, market=market)


def test_half_of_the_stake_pays_whom_a_fault_has_cost_work():
    fees = 3 * TERMS.verifier_fee + 2 * JURORS * TERMS.juror_fee + 5 * TERMS.verifier_fee
    check(terms_with(stake=2 * fees, lapse_penalty=0, late_fee=0))
    refused("EStakeBelowJuryCost", stake=2 * fees - 1, lapse_penalty=0, late_fee=0)


def test_the_audit_outweighs_the_fee():
    # 10 % of 1 SUI over two segments: five times the fee.
    refused("EAuditTooWeak", audit_bps=200)
    check(terms_with(audit_bps=201))


def test_a_duty_costs_at_most_its_share():
    fee, jurors = TERMS.verifier_fee, JURORS * TERMS.juror_fee
    loss = TERMS.verifier_stake + 40 * fee + jurors
    assert terms.compute_loss(TERMS) == loss
    check(TERMS, share=loss)
    refused("ELossAboveShare", share=loss - 1)
    # A juror's fee may be so high that its silence costs more.
    dear = terms_with(juror_fee=10 * fee, verifier_stake=1, verifier_fee=1)
    assert terms.compute_loss(dear) == max(1 + 40 + JURORS * 10 * fee, 100 * fee)


def test_two_thirds_of_the_live_seats_must_fit():
    terms.check_pool(TERMS, live=27, fit=18, duties=16)
    with aborts("terms.ETooFewFit"):
        terms.check_pool(TERMS, live=28, fit=18, duties=16)


def test_a_committee_a_jury_and_the_parties_must_find_room():
    # Three seats, two substitutes, eight jurors, and three parties' seats.
    terms.check_pool(TERMS, live=16, fit=16, duties=16)
    with aborts("terms.ETooFewFit"):
        terms.check_pool(TERMS, live=15, fit=15, duties=16)


def test_half_of_the_duties_are_enough_for_all_submissions():
    # Four submissions of thirteen duties, twice: 104.
    terms.check_pool(TERMS, live=26, fit=26, duties=4)
    with aborts("terms.EPoolTooSmall"):
        terms.check_pool(TERMS, live=25, fit=25, duties=4)


def test_required_funds():
    m = EarlyBazaar(verifiers=0)
    assert m.call("terms::required_funds", "x", TERMS, TIP) == required(TERMS)
    assert terms.compute_escrow(TERMS, TIP) == escrow(TERMS)
    dear = terms_with(reward=MAX_AMOUNT, publisher_bond=MAX_AMOUNT, max_submissions=64)
    assert m.call("terms::required_funds", "x", dear, TIP) == required(dear)
    with aborts("terms.EBadAmount"):
        m.call("terms::required_funds", "x", terms_with(max_submissions=64, reward=2**59), TIP)


def test_lateness_costs_in_proportion_and_at_most_half_of_the_stake():
    late = terms_with(late_fee=100_000_000, grace_ms=1_000)
    add = terms.add_late_fee
    assert add(late, 0, 50, 50) == add(late, 0, 50, 0) == 0
    assert add(late, 7, 50, 51) == 7 + 100_000
    assert add(late, 7, 50, 1_050) == add(late, 7, 50, 10**9) == 7 + 100_000_000
    assert add(late, 150_000_000, 50, 1_050) == late.stake // 2 == 200_000_001


numbers = st.integers(0, MAX_U64)


@settings(deadline=None)
@given(st.tuples(*[st.integers(0, 3)] * 3, *[numbers] * 26))
def test_checks_never_fail_otherwise(fields):
    """Any fields give terms that pass or abort; what passes needs no more than a u64 of Mist."""
    made = Terms(*fields)
    try:
        check(made)
    except MoveAbort:
        return
    assert terms.required_funds(None, made, TIP) <= MAX_U64


@settings(deadline=None)
@given(
    st.builds(
        terms_with,
        committee=st.integers(1, 16),
        substitutes=st.integers(1, 16),
        jury=st.integers(0, 7).map(lambda n: 2 * n + 1),
        verifier_fee=st.integers(1, 10**8),
        juror_fee=st.integers(1, 10**8),
        verifier_stake=st.integers(0, 10 * SUI),
        late_fee=st.integers(0, SUI),
        stake=st.integers(1, 20 * SUI),
        lapse_penalty=st.just(0),
    )
)
def test_what_the_checks_promise(made):
    """Terms that pass leave enough for all that can fall due together."""
    try:
        check(made)
    except MoveAbort:
        return
    jurors = made.jury + (made.jury + 1) // 2
    late = terms.add_late_fee(made, 0, 0, MAX_U64)
    late = terms.add_late_fee(made, late, 0, MAX_U64)
    assert late <= made.stake // 2
    left = made.stake - late
    fees = made.committee * made.verifier_fee + 2 * jurors * made.juror_fee
    assert left >= fees + min(5 * made.verifier_fee, made.stake // 5)
    penalties = 4 * 10 * made.verifier_fee + jurors * made.juror_fee
    assert made.verifier_stake + penalties <= SHARE
    assert 10 * made.juror_fee <= SHARE
