import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from walrusd.core import dealing
from walrusd.core.dealing import (
    compute_dealt_segment,
    compute_seat_segments,
    compute_shuffled_index,
)

SEED = bytes(range(32))
SHUFFLED_10 = [3, 6, 8, 9, 5, 1, 7, 2, 0, 4]
DEALT_10 = [10, 7, 9, 4, 6, 2, 8, 3, 1, 5]
SHUFFLED_1000 = 3658
seeds = st.binary(min_size=32, max_size=32)


def shuffle_whole_list(count, seed, rounds):
    """Swap-or-not as its inventors state it: in each round, swap the pairs that a coin picks."""
    where = list(range(count))
    for round_ in range(rounds):
        prefix = seed + bytes([round_])
        key = int.from_bytes(hashlib.sha256(prefix).digest()[:8], "little") % count
        swap = {}
        for high in range(count):
            low = (key - high) % count
            if low > high:
                continue
            block = hashlib.sha256(prefix + (high // 256).to_bytes(4, "little")).digest()
            if block[high % 256 // 8] >> high % 8 & 1:
                swap[high], swap[low] = low, high
        where = [swap.get(place, place) for place in where]
    return where


@settings(max_examples=30)
@given(st.integers(1, 300), seeds)
def test_single_indices_agree_with_the_whole_list(count, seed):
    expected = shuffle_whole_list(count, seed, dealing.ROUNDS)
    assert [compute_shuffled_index(i, count, seed) for i in range(count)] == expected
    assert sorted(expected) == list(range(count))


def test_the_consensus_specification_has_24_rounds_here():
    assert dealing.ROUNDS == 24


@pytest.mark.parametrize(("index", "count"), [(0, 0), (1, 1), (-1, 5), (5, 5)])
def test_indices_outside_are_refused(index, count):
    with pytest.raises(ValueError, match="outside"):
        compute_shuffled_index(index, count, SEED)


@settings(max_examples=50)
@given(st.integers(1, 100), seeds)
def test_dealing_is_a_permutation_that_starts_with_the_last_segment(segments, seed):
    dealt = [compute_dealt_segment(seed, segments, p) for p in range(segments)]
    assert sorted(dealt) == list(range(1, segments + 1))
    assert dealt[0] == segments


@settings(max_examples=50)
@given(st.integers(1, 60), st.integers(1, 16), st.integers(1, 8), seeds)
def test_seats_share_the_segments(segments, seats, per_seat, seed):
    hands = [compute_seat_segments(seed, segments, seat, per_seat) for seat in range(seats)]
    assert all(len(hand) == per_seat for hand in hands)
    assert hands[0][0] == segments
    everything = [segment for hand in hands for segment in hand]
    if seats * per_seat <= segments:
        assert len(set(everything)) == seats * per_seat
    else:
        # Hands wrap around: nothing is left out.
        assert set(everything) == set(range(1, segments + 1))


def test_only_the_last_segment_is_out_of_its_shuffled_place():
    shuffled = [1 + compute_shuffled_index(p, 40, SEED) for p in range(40)]
    dealt = [compute_dealt_segment(SEED, 40, p) for p in range(40)]
    assert {p for p in range(40) if shuffled[p] != dealt[p]} <= {0, shuffled.index(40)}


def test_every_segment_reaches_every_later_position():
    found = [set() for _ in range(5)]
    for number in range(200):
        seed = hashlib.sha256(number.to_bytes(4, "little")).digest()
        for position in range(5):
            found[position].add(compute_dealt_segment(seed, 5, position))
    assert found == [{5}, *[{1, 2, 3, 4}] * 4]


def test_known_answers():
    assert [compute_shuffled_index(i, 10, SEED) for i in range(10)] == SHUFFLED_10
    assert [compute_dealt_segment(SEED, 10, p) for p in range(10)] == DEALT_10
    assert compute_shuffled_index(1000, 4097, SEED) == SHUFFLED_1000
    assert compute_seat_segments(SEED, 10, 3, 2) == DEALT_10[6:8]
