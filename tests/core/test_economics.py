"""Detection and deterrence against direct counting."""

from fractions import Fraction
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from walrusd.core.deposits import compute_escrow, compute_late_fee, compute_required_funds
from walrusd.core.detection import compute_detection


@given(st.integers(1, 8), st.data())
def test_detection_equals_counting_all_draws(segments, data) -> None:
    forged = data.draw(st.integers(0, segments))
    replayed = data.draw(st.integers(0, segments))
    draws = list(combinations(range(segments), replayed))
    hits = sum(any(i < forged for i in draw) for draw in draws)
    assert compute_detection(segments, forged, replayed) == Fraction(hits, len(draws))


def test_full_coverage_always_detects() -> None:
    assert compute_detection(6, 1, 6) == 1
    assert compute_detection(6, 1, 99) == 1


def test_more_forged_than_there_are_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot be forged"):
        compute_detection(4, 5, 1)


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
