"""Seats are counted exactly as the contract counts them, before anything is paid for."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.contract.market import TERMS, terms_with
from walrusd.chain.layouts.objects import Seat
from walrusd.core.seats.eligibility import (
    compute_case_cost,
    compute_needed_rate,
    compute_seat_loss,
    count_committee,
    count_duties,
    judge_capacity,
    list_obstacles,
    take_census,
)
from walrusd.core.seats.steps import SeatStep, compute_seat_step
from walrusd.core.task_life import compute_longest_life
from walrusd.devnet.contract import DEVNET_POOL, fitness, terms
from walrusd.devnet.contract.constants import NOBODY
from walrusd.devnet.move.aborts import MoveAbort
from walrusd.units import normalize_address

NOW = 10**10
SHARE = DEVNET_POOL.stake // DEVNET_POOL.duties
LIFE = DEVNET_POOL.seat_life_ms


class Pool:
    """A pool as far as the contract's census reads it."""

    def __init__(self, seats, params=DEVNET_POOL):
        self.seats, self.params = seats, params


NEEDS = fitness.compute_needs(TERMS, Pool([]))


def near(value: int):
    return st.sampled_from([max(0, value - 1), value, value + 1])


def make_seat(**changes) -> Seat:
    values = {
        "verifier": normalize_address("0x5"), "generation": 1, "keys": b"",
        "stake": DEVNET_POOL.stake, "min_fee": 0, "max_penalty": SHARE, "rate": NEEDS.rate,
        "memory": NEEDS.memory, "active_from_ms": 0, "renewed_ms": NOW, "exiting_at_ms": 0,
        "duties": 0, "silent": 0, **changes,
    }  # fmt: skip
    return Seat(**values)


seats = st.builds(
    make_seat,
    verifier=st.sampled_from([NOBODY, *(normalize_address(f"{n:x}") for n in range(1, 5))]),
    stake=st.one_of(st.just(DEVNET_POOL.stake), near(SHARE), near(2 * SHARE)),
    min_fee=st.one_of(st.just(0), near(NEEDS.fee)),
    max_penalty=st.one_of(st.just(SHARE), near(NEEDS.loss)),
    rate=near(NEEDS.rate),
    memory=near(NEEDS.memory),
    active_from_ms=near(NOW - 5),
    renewed_ms=st.one_of(st.just(NOW), near(NOW - LIFE)),
    exiting_at_ms=st.sampled_from([0, 0, 0, 1]),
    duties=st.sampled_from([0, 0, 1, DEVNET_POOL.duties - 1, DEVNET_POOL.duties]),
)


@given(st.lists(seats, max_size=12), st.sampled_from(["", "0x1"]))
def test_the_census_is_the_contracts(held, party: str) -> None:
    parties = [normalize_address(party)] if party else []
    ours = take_census(held, DEVNET_POOL, vars(TERMS), NOW, opened_ms=NOW - 5, parties=parties)
    counted = fitness.count_seats(Pool(held), TERMS, NOW - 5, NOW)
    drawn = fitness.list_eligible(Pool(held), TERMS, NOW - 5, NOW, parties)
    assert (ours.live, ours.fit) == (counted.live, counted.fit)
    assert ours.eligible == len(drawn.eligible)


@given(
    st.integers(0, 40), st.integers(0, 40), st.integers(1, 64), st.integers(1, 16),
    st.sampled_from([1, 3, 5]), st.integers(1, 3),
)  # fmt: skip
def test_a_pool_that_cannot_serve_a_task_is_refused_by_both(
    fit, other, places, committee, jury, substitutes
) -> None:
    wanted = terms_with(
        max_submissions=places, committee=committee, jury=jury, substitutes=substitutes
    )
    rate = fitness.compute_needs(wanted, Pool([])).rate
    held = [make_seat(rate=rate) for _ in range(fit)] + [make_seat(rate=0) for _ in range(other)]
    capacity = judge_capacity(held, DEVNET_POOL, vars(wanted), NOW)
    try:
        terms.check_pool(wanted, fit + other, fit, DEVNET_POOL.duties)
    except MoveAbort:
        assert capacity.refusal
        assert f"{fit} of the pool's {fit + other} live seats" in capacity.refusal
    else:
        assert not capacity.refusal


numbers = st.integers(1, 1 << 40)


@given(
    st.fixed_dictionaries(dict.fromkeys((
        "verifier_fee", "juror_fee", "verifier_stake", "segment_work", "verify_ms", "join_ms",
        "train_ms", "open_ms", "grace_ms", "jury_commit_ms", "jury_reveal_ms",
    ), numbers)),
    st.integers(1, 16), st.integers(1, 16), st.integers(1, 15), st.integers(1, 64),
)  # fmt: skip
def test_what_follows_from_terms_follows_as_in_the_contract(
    changes, committee, substitutes, jury, duties
) -> None:
    given_terms = terms_with(**changes, committee=committee, substitutes=substitutes, jury=jury)
    plain = vars(given_terms)
    assert count_committee(plain) == terms.compute_slots(given_terms)
    assert count_duties(plain) == terms.compute_places(given_terms)
    assert compute_case_cost(plain) == terms.compute_case_cost(given_terms)
    assert compute_seat_loss(plain) == terms.compute_loss(given_terms)
    assert compute_needed_rate(plain, duties) == terms.compute_rate(given_terms, duties)
    assert compute_longest_life(plain) == terms.compute_max_life(given_terms)


def test_a_refusal_says_what_most_seats_do_not_take() -> None:
    assert list_obstacles(make_seat(), vars(TERMS), DEVNET_POOL) == ()
    held = [make_seat()] * 2 + [make_seat(memory=0)] * 5 + [make_seat(min_fee=NEEDS.fee + 1)]
    capacity = judge_capacity(held, DEVNET_POOL, vars(TERMS), NOW)
    assert capacity.census.obstacles == {"state_bytes": 5, "verifier_fee": 1}
    assert capacity.advice == "5 seats do not take its state_bytes"


@pytest.mark.parametrize(
    ("changes", "step"),
    [
        ({}, None),
        ({"silent": 1}, None),
        ({"silent": 2}, SeatStep.EVICT),
        ({"renewed_ms": NOW - LIFE}, SeatStep.EVICT),
        ({"renewed_ms": NOW - LIFE + 1}, None),
        ({"verifier": NOBODY, "silent": 2}, None),
        ({"exiting_at_ms": NOW - DEVNET_POOL.unbonding_ms}, SeatStep.RELEASE),
        ({"exiting_at_ms": NOW - DEVNET_POOL.unbonding_ms + 1, "silent": 2}, None),
        ({"exiting_at_ms": 1, "duties": 1}, None),
    ],
)
def test_dead_seats_are_evicted_and_released(changes, step) -> None:
    assert compute_seat_step(make_seat(**changes), DEVNET_POOL, NOW) is step


def test_a_seat_without_a_whole_share_left_is_not_drawn() -> None:
    one = replace(make_seat(), stake=SHARE, duties=1)
    assert take_census([one], DEVNET_POOL, vars(TERMS), NOW).eligible == 0
    assert take_census([replace(one, duties=0)], DEVNET_POOL, vars(TERMS), NOW).eligible == 1
