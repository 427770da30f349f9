"""The parts of a deposit add up to what the contract takes, and every window is in a stage."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.contract.market import TERMS, terms_with
from tests.contract.world import World
from walrusd.core.deposits import (
    compute_escrow,
    compute_funds,
    compute_late_fee,
    compute_required_funds,
    list_deposits,
)
from walrusd.core.task_life import STAGES, compute_longest_life
from walrusd.devnet.contract import terms as contract_terms

WORLD = World()
amount = st.integers(0, 10**12)


@given(
    st.builds(
        terms_with,
        reward=amount,
        verifier_fee=amount,
        juror_fee=amount,
        publisher_bond=amount,
        committee=st.integers(1, 16),
        jury=st.integers(1, 15),
        max_submissions=st.integers(1, 64),
    ),
    amount,
)
def test_the_parts_add_up_to_what_the_contract_takes(terms, tip: int) -> None:
    parts = list_deposits(vars(terms), tip)
    taken = contract_terms.required_funds(WORLD.context("p"), terms, tip)
    assert sum(part.amount for part in parts) == compute_funds(vars(terms), tip) == taken


def test_the_longest_life_has_every_window_of_the_terms() -> None:
    windows = {name for name in vars(TERMS) if name.endswith("_ms")}
    assert {window for stage in STAGES for window in stage.windows} == windows
    for window in windows:
        longer = vars(TERMS) | {window: vars(TERMS)[window] + 1}
        assert compute_longest_life(longer) > compute_longest_life(vars(TERMS))


def test_required_funds_counts_every_promise() -> None:
    escrow = compute_escrow(reward=100, committee=3, verifier_fee=7, case_cost=88, tip=2)
    assert escrow == 100 + 21 + 2 * 88 + 6 * 2
    funds = compute_required_funds(max_submissions=4, escrow=escrow, tip=2, publisher_bond=50)
    assert funds == 4 * escrow + 4 + 50


LATE = {"stake": 1_000, "late_fee": 200, "grace_ms": 1_000}


@pytest.mark.parametrize(
    ("now", "fee"),
    [(0, 0), (1500, 0), (1504, 0), (1505, 1), (1600, 20), (2499, 199), (2500, 200), (10**9, 200)],
)
def test_being_late_costs_more_by_the_millisecond(now, fee) -> None:
    assert compute_late_fee(**LATE, owed=0, deadline_ms=1_500, now_ms=now) == fee


@pytest.mark.parametrize(("owed", "fee"), [(0, 100), (300, 400), (400, 500), (500, 500)])
def test_late_fees_add_up_to_half_of_the_stake(owed, fee) -> None:
    assert compute_late_fee(**LATE, owed=owed, deadline_ms=0, now_ms=500) == fee
    assert compute_late_fee(**LATE, owed=owed, deadline_ms=0, now_ms=0) == owed
