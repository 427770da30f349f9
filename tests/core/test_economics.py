"""Detection and deterrence against direct counting."""

from fractions import Fraction
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from walrusd.core.detection import compute_detection
from walrusd.core.economics import (
    compute_late_fee,
    compute_required_funds,
)


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
    funds = compute_required_funds(
        max_submissions=4,
        reward=100,
        committee=3,
        verifier_fee=7,
        jury=5,
        juror_fee=11,
        tip=2,
        publisher_bond=50,
    )
    assert funds == 4 * (100 + 21 + 110 + 8) + 4 + 50


@pytest.mark.parametrize(
    ("now", "fee"),
    [(1500, 0), (1501, 1), (1600, 100), (1999, 499), (2499, 999), (2500, 1000), (10**9, 1000)],
)
def test_a_late_opening_costs_more_by_the_millisecond(now, fee) -> None:
    window = {"window_ms": 1000, "open_ms": 500, "grace_ms": 1000, "now_ms": now}
    assert compute_late_fee(stake=1000, late_fee=0, **window) == fee


def test_a_second_late_opening_adds_to_the_first_up_to_the_stake() -> None:
    window = {"window_ms": 0, "open_ms": 10, "grace_ms": 100, "now_ms": 60}
    assert compute_late_fee(stake=1000, late_fee=300, **window) == 800
    assert compute_late_fee(stake=1000, late_fee=800, **window) == 1000
    assert compute_late_fee(stake=1000, late_fee=300, **{**window, "now_ms": 10}) == 300
