"""Who is live, fit and eligible, and whom a beacon picks."""

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contract.early import TERMS, EarlyBazaar, terms_with
from tests.contract.world import aborts, address, digest
from walrusd.core.protocol import compute_seat_draw
from walrusd.devnet.contract import DEVNET_POOL
from walrusd.devnet.contract.fitness import count_seats, list_eligible
from walrusd.devnet.contract.lot import begin_lot, choose_seats, end_lot
from walrusd.devnet.contract.terms import compute_loss

SHARE = DEVNET_POOL.stake // DEVNET_POOL.duties
SUBMISSION = address("submission")


@pytest.fixture(name="m")
def _bazaar():
    return EarlyBazaar(verifiers=6)


def eligible(m, terms=TERMS, parties=(), opened_ms=None):
    opened_ms = m.now if opened_ms is None else opened_ms
    return list_eligible(m.pool, terms, opened_ms, m.now, parties)


def change(m, index, **changes):
    m.pool.seats[index] = dataclasses.replace(m.pool.seats[index], **changes)


def test_all_seats_of_a_fresh_pool_are_eligible(m):
    assert eligible(m) == ([0, 1, 2, 3, 4, 5], 6)
    assert count_seats(m.pool, TERMS, m.now, m.now) == (6, 6)


@pytest.mark.parametrize(
    "changes",
    [
        {"min_fee": min(TERMS.verifier_fee, TERMS.juror_fee) + 1},
        {"max_penalty": compute_loss(TERMS) - 1},
        {"memory": TERMS.state_bytes - 1},
        # Sixteen duties, two segments each, in half of the window; sixteen in a quarter.
        {"rate": 16 * 4 * 1_000 * TERMS.segment_work // TERMS.jury_commit_ms},
    ],
)
def test_a_seat_that_said_it_cannot_is_neither_drawn_nor_fit(m, changes):
    change(m, 2, **changes)
    assert eligible(m) == ([0, 1, 3, 4, 5], 5)
    assert count_seats(m.pool, TERMS, m.now, m.now) == (6, 5)


def test_a_rate_is_enough_exactly_where_both_windows_are(m):
    terms = terms_with(segment_work=10**6, verify_ms=64_000, jury_commit_ms=64_000)
    # 16 duties · 2 segments · 10^6 in 32 s are 10^6 a second; 16 duties · 10^6 in 16 s as well.
    for rate, is_fit in ((10**6 - 1, False), (10**6, True)):
        change(m, 0, rate=rate)
        assert (0 in eligible(m, terms).eligible) == is_fit
    for slower in ({"verify_ms": 63_999}, {"jury_commit_ms": 63_999}, {"segment_work": 10**6 + 1}):
        assert 0 not in eligible(m, dataclasses.replace(terms, **slower)).eligible


def test_work_beyond_every_rate_fits_nobody(m):
    change(m, 0, rate=2**64 - 1)
    assert eligible(m, terms_with(segment_work=2**64 - 1, segments_per_seat=6)) == ([], 0)


@pytest.mark.parametrize(
    "changes",
    [
        {"exiting_at_ms": 1},
        {"renewed_ms": 0},
        {"verifier": "0x" + "00" * 32, "stake": 0},
    ],
)
def test_a_seat_that_is_not_live_does_not_count(m, changes):
    change(m, 2, **changes)
    m.now = max(m.now, DEVNET_POOL.seat_life_ms)
    assert eligible(m) == ([0, 1, 3, 4, 5], 5)
    assert count_seats(m.pool, TERMS, m.now, m.now) == (5, 5)


def test_a_seat_lives_until_its_life_ends(m):
    change(m, 2, renewed_ms=m.now - DEVNET_POOL.seat_life_ms + 1)
    assert count_seats(m.pool, TERMS, m.now, m.now).live == 6
    assert count_seats(m.pool, TERMS, m.now, m.now + 1).live == 5


def test_a_seat_made_for_the_task_is_out(m):
    assert count_seats(m.pool, TERMS, m.pool.seats[0].active_from_ms - 1, m.now) == (6, 0)
    opened_ms = m.pool.seats[0].active_from_ms
    change(m, 2, active_from_ms=opened_ms + 1)
    assert eligible(m, opened_ms=opened_ms) == ([0, 1, 3, 4, 5], 5)


def test_parties_are_out(m):
    assert eligible(m, parties=[address("verifier 1"), address("x")]) == ([0, 2, 3, 4, 5], 5)


def test_a_busy_seat_is_fit_but_not_eligible(m):
    change(m, 1, duties=DEVNET_POOL.duties)
    change(m, 2, duties=DEVNET_POOL.duties - 1)
    assert eligible(m) == ([0, 2, 3, 4, 5], 6)


def test_no_stake_backs_two_duties(m):
    change(m, 1, duties=3, stake=4 * SHARE)
    change(m, 2, duties=3, stake=4 * SHARE - 1)
    change(m, 3, stake=SHARE - 1)
    # A seat whose stake backs no duty at all does not keep a lot waiting either.
    assert eligible(m) == ([0, 1, 4, 5], 5)


# --- the lot --------------------------------------------------------------------------------------


def begin(m, wanted=3, submission=SUBMISSION, parties=()):
    return begin_lot(m.pool, submission, TERMS, m.now, parties, wanted, m.now)


def test_one_lot_at_a_time(m):
    assert begin(m) == [0, 1, 2, 3, 4, 5]
    assert m.pool.lot == SUBMISSION
    with aborts("node.ELotPending"):
        begin(m, submission=address("another"))
    end_lot(m.pool, address("another"))
    assert m.pool.lot == SUBMISSION
    end_lot(m.pool, SUBMISSION)
    begin(m, submission=address("another"))


def test_a_draw_waits_for_enough_seats(m):
    with aborts("node.ETooFewSeats"):
        begin(m, wanted=7)
    begin(m, wanted=6)


def test_a_draw_waits_while_a_third_of_the_seats_that_fit_are_busy(m):
    for index in (0, 1):
        change(m, index, duties=DEVNET_POOL.duties)
    begin(m)
    end_lot(m.pool, SUBMISSION)
    change(m, 2, duties=DEVNET_POOL.duties)
    with aborts("node.EPoolBusy"):
        begin(m)
    # To declare less than the terms need does not help: the others are as busy as before.
    change(m, 2, duties=0, memory=1)
    with aborts("node.EPoolBusy"):
        begin(m)
    change(m, 2, memory=TERMS.state_bytes)
    begin(m)


def draw_with(beacon, name=b"name"):
    return lambda attempt, left: compute_seat_draw(beacon, name, attempt, left)


def choose(m, listed, wanted, taken=(), beacon=digest("beacon")):  # noqa: B008 - constant
    return choose_seats(m.pool, listed, m.now, wanted, taken, draw_with(beacon))


def test_a_beacon_picks_from_the_list_alone(m):
    for n in range(40):
        chosen = choose(m, [1, 3, 5], wanted=2, beacon=digest(n))
        assert set(chosen) < {1, 3, 5}
        assert len(chosen) == len(set(chosen)) == 2
    assert choose(m, [1, 3, 5], wanted=3) == choose(m, [1, 3, 5], wanted=3)
    assert sorted(choose(m, [1, 3, 5], wanted=4)) == [1, 3, 5]
    assert choose(m, [], wanted=1) == []


def test_every_seat_of_the_list_has_its_chance(m):
    firsts = [choose(m, [0, 2, 4], wanted=1, beacon=digest(n))[0] for n in range(300)]
    assert all(70 < firsts.count(index) < 130 for index in (0, 2, 4))


def test_an_address_sits_once_and_those_taken_never(m):
    change(m, 1, verifier=m.pool.seats[0].verifier)
    chosen = choose(m, [0, 1, 2, 3], wanted=4, taken=[address("verifier 3")])
    assert len(chosen) == 2
    assert 2 in chosen
    assert 3 not in chosen


def test_a_slot_that_changed_hands_after_the_draw_is_passed_over(m):
    change(m, 0, active_from_ms=m.now)
    change(m, 1, verifier="0x" + "00" * 32, stake=0)
    assert choose(m, [0, 1, 2], wanted=3) == [2]


@settings(max_examples=200, deadline=None)
@given(
    beacon=st.binary(min_size=32, max_size=32),
    owners=st.lists(st.integers(0, 9), min_size=1, max_size=24),
    wanted=st.integers(1, 24),
    taken=st.sets(st.integers(0, 9)),
)
def test_what_a_lot_gives(beacon, owners, wanted, taken):
    """It fills every place that it can, with seats of the list, of different free verifiers."""
    m = EarlyBazaar(verifiers=0)
    name = [address(f"owner {n}") for n in range(10)]
    blank = EarlyBazaar(verifiers=1).pool.seats[0]
    m.pool.seats = [dataclasses.replace(blank, verifier=name[owner]) for owner in owners]
    listed = list(range(len(owners)))
    m.advance(1)
    chosen = choose(m, listed, wanted, [name[each] for each in taken], beacon)
    drawn = [owners[index] for index in chosen]
    assert len(set(drawn)) == len(drawn)
    assert not set(drawn) & taken
    assert len(drawn) == min(wanted, len(set(owners) - taken))


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_eligibility_is_what_the_rules_say(data):
    """Against the rules of the page, written out for one seat."""
    m = EarlyBazaar(verifiers=1)
    params, terms, now = m.pool.params, TERMS, m.now
    near = st.sampled_from
    seat = dataclasses.replace(
        m.pool.seats[0],
        stake=data.draw(near([0, SHARE - 1, SHARE, 3 * SHARE, params.stake])),
        min_fee=data.draw(near([0, terms.juror_fee, terms.juror_fee + 1])),
        max_penalty=data.draw(near([params.min_penalty, compute_loss(terms), SHARE])),
        rate=data.draw(near([1, 10_666, 10_667, 10**9])),
        memory=data.draw(near([terms.state_bytes - 1, terms.state_bytes])),
        active_from_ms=data.draw(near([now - 1, now, now + 1])),
        renewed_ms=data.draw(near([now - params.seat_life_ms, now - params.seat_life_ms + 1])),
        exiting_at_ms=data.draw(near([0, 0, now])),
        duties=data.draw(near([0, 2, 3, params.duties - 1, params.duties])),
    )
    m.pool.seats = [seat]
    share = params.stake // params.duties
    committee_ms = 1_000 * terms.segment_work * terms.segments_per_seat * params.duties
    jury_ms = 1_000 * terms.segment_work * params.duties
    is_fit = (
        seat.exiting_at_ms == 0
        and now < seat.renewed_ms + params.seat_life_ms
        and seat.active_from_ms <= now
        and seat.stake >= share
        and seat.min_fee <= terms.verifier_fee
        and seat.min_fee <= terms.juror_fee
        and seat.max_penalty >= compute_loss(terms)
        and seat.memory >= terms.state_bytes
        and 2 * committee_ms <= seat.rate * terms.verify_ms
        and 4 * jury_ms <= seat.rate * terms.jury_commit_ms
    )
    has_room = seat.duties < params.duties and seat.stake >= (seat.duties + 1) * share
    assert eligible(m) == ([0] if is_fit and has_room else [], int(is_fit))
