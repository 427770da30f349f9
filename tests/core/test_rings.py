"""What a ring can do in a pool, against following every order of its seats."""

from fractions import Fraction
from itertools import permutations

import pytest

from walrusd.core.juries import SeatPool, compute_capture, compute_capture_in, list_draws
from walrusd.core.rings import OUTSIDERS, Drawn, RingChances, compute_ring_chances


def follow(drawn: Drawn, pool: SeatPool) -> RingChances:
    """Seat the pool in every order, and let every seat of the submission do what it does."""
    orders = list(permutations(range(pool.seats), drawn.seats))
    totals = [Fraction(0)] * 4
    for order in orders:
        ring = [seat < pool.ring for seat in order]
        left = pool.without(drawn.seats, sum(ring))
        capture = compute_capture_in(drawn.jury, left)
        refusals, is_full = count_refusals(drawn, [not r for r in ring])
        survives = (1 - capture) ** (refusals + OUTSIDERS)
        audited = 1 - drawn.audit * capture if is_full else 1
        totals[0] += 1 - survives * audited
        totals[1] += 0 if is_full else survives
        refusals, is_full = count_refusals(drawn, ring)
        passes = 1 - drawn.audit * (1 - capture)
        totals[2] += capture**refusals * passes if is_full else 0
        totals[3] += 0 if is_full else capture**refusals
    return RingChances(*(total / len(orders) for total in totals))


def count_refusals(drawn: Drawn, attests: list[bool]) -> tuple[int, bool]:
    """Seat one after the other; return how many refused, and whether the committee is full."""
    refused = attested = 0
    for each in attests:
        attested, refused = attested + each, refused + (not each)
        if attested == drawn.committee:
            return refused, True
    return drawn.substitutes + 1, False


@pytest.mark.parametrize("ring", range(8))
@pytest.mark.parametrize(("committee", "substitutes", "jury"), [(1, 2, 1), (2, 2, 3), (2, 1, 3)])
def test_chances_equal_following_every_order(committee, substitutes, jury, ring):
    drawn = Drawn(committee, substitutes, jury, Fraction(3, 10))
    pool = SeatPool(7, ring)
    assert compute_ring_chances(drawn, pool) == follow(drawn, pool)


def test_a_pool_that_is_too_small_is_refused():
    with pytest.raises(ValueError, match="too few"):
        compute_ring_chances(Drawn(3, 4, 5, Fraction(0)), SeatPool(11, 1))


def test_draws_without_replacement_come_to_those_of_a_large_pool():
    assert sum(chance for _, chance in list_draws(5, SeatPool(12, 4))) == 1
    large = compute_capture_in(5, SeatPool(30_000, 10_000))
    assert abs(large - compute_capture(5, Fraction(1, 3))) < Fraction(1, 1000)
