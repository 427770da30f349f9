"""A seat from its registration to its stake's return, and the slot that is used again."""

import dataclasses

import pytest

from tests.contract.early import SUI, EarlyBazaar
from tests.contract.world import aborts, address
from walrusd.chain.layouts import events
from walrusd.chain.layouts.objects import VerifierCap
from walrusd.core.protocol import compute_keys_digest
from walrusd.devnet.contract import DEVNET_POOL
from walrusd.devnet.contract.node import note_service, note_silence, penalize, pin, unpin

POOL = DEVNET_POOL
SHARE = POOL.stake // POOL.duties
PENALTY = min(2 * SUI, SHARE)


def seat_call(m, name, action, *args):
    return m.call(f"node::{action}", name, m.market, m.pool, m.caps[name], *args)


def test_registering_a_seat():
    m = EarlyBazaar(verifiers=0)
    cap = m.register("v", min_fee=9, max_penalty=SHARE, rate=11, memory=12)
    (seat,) = m.pool.seats
    assert (cap.market, cap.pool, cap.index, cap.generation) == (m.market.id, m.pool.id, 0, 1)
    assert (seat.verifier, seat.generation) == (address("v"), 1)
    assert (seat.stake, m.pool.stakes, m.burned) == (POOL.stake, POOL.stake, POOL.fee)
    assert (seat.min_fee, seat.max_penalty, seat.rate, seat.memory) == (9, SHARE, 11, 12)
    assert (seat.active_from_ms, seat.renewed_ms, seat.exiting_at_ms) == (m.now, m.now, 0)
    assert (seat.duties, seat.silent) == (0, 0)
    assert seat.keys == compute_keys_digest(cap.pk1, cap.pk2)
    event = m.last(events.SeatRegistered)
    assert (event.index, event.generation, event.verifier) == (0, 1, address("v"))
    assert (event.pk1, event.pk2, event.rate) == (cap.pk1, cap.pk2, 11)


@pytest.mark.parametrize(
    "changes",
    [
        {"min_fee": POOL.max_min_fee + 1},
        {"max_penalty": POOL.min_penalty - 1},
        {"max_penalty": SHARE + 1},
        {"rate": POOL.min_rate - 1},
        {"memory": POOL.min_memory - 1},
    ],
)
def test_declarations_have_bounds(changes):
    m = EarlyBazaar(verifiers=1)
    with aborts("node.EBadDeclaration"):
        m.register("w", **changes)
    declared = {"min_fee": 1, "max_penalty": SHARE, "rate": 1, "memory": 1, **changes}
    with aborts("node.EBadDeclaration"):
        seat_call(m, "verifier 0", "declare_seat", *declared.values())


def test_declaring_anew():
    m = EarlyBazaar(verifiers=1)
    seat_call(m, "verifier 0", "declare_seat", POOL.max_min_fee, POOL.min_penalty, 1, 2)
    (seat,) = m.pool.seats
    assert (seat.min_fee, seat.max_penalty) == (POOL.max_min_fee, POOL.min_penalty)
    assert (seat.rate, seat.memory) == (1, 2)
    assert m.last(events.SeatDeclared).memory == 2


@pytest.mark.parametrize("pay", [0, POOL.stake + POOL.fee - 1, POOL.stake + POOL.fee + 1])
def test_a_seat_costs_exactly_stake_and_fee(pay):
    m = EarlyBazaar(verifiers=0)
    with aborts("node.EWrongStake"):
        m.register("v", pay=pay)


def test_keys_are_proven_for_the_slot_the_generation_and_the_owner():
    m = EarlyBazaar(verifiers=1)
    for keys in (
        m.seat_keys("v", slot=2),
        m.seat_keys("v", slot=1, generation=2),
        m.seat_keys("w", slot=1),
    ):
        with aborts("envelope.EBadKeyProof"):
            m.register("v", keys=keys)
    pk1, _pk2, *proof = m.seat_keys("v", slot=1)
    _pk1, pk2, *_proof = m.seat_keys("w", slot=1)
    with aborts("envelope.EKeysDiffer"):
        m.register("v", keys=(pk1, pk2, *proof))


def test_a_taken_slot_is_refused_and_so_is_one_beyond_the_next():
    m = EarlyBazaar(verifiers=2)
    for slot in (0, 1, 3):
        with aborts("node.ESlotTaken"):
            m.register("v", slot=slot)
    m.register("v", slot=2)


def test_a_pool_has_1024_slots():
    m = EarlyBazaar(verifiers=1)
    blank = dataclasses.replace(m.pool.seats[0], stake=0)
    m.pool.seats += [blank] * 1_022
    m.register("v")
    with aborts("node.EPoolFull"):
        m.register("w")


def test_leaving_takes_the_unbonding_time_and_frees_the_slot():
    m = EarlyBazaar(verifiers=2)
    name = "verifier 1"
    cap = m.caps[name]
    with aborts("node.ENotExiting"):
        seat_call(m, name, "withdraw_seat")
    seat_call(m, name, "exit_seat")
    assert m.pool.seats[1].exiting_at_ms == m.now
    with aborts("node.EAlreadyExiting"):
        seat_call(m, name, "exit_seat")
    with aborts("node.EAlreadyExiting"):
        seat_call(m, name, "renew_seat", m.mint(name, POOL.fee))
    m.advance(POOL.unbonding_ms - 1)
    with aborts("node.EStillBonded"):
        seat_call(m, name, "withdraw_seat")
    m.advance(1)
    coin = seat_call(m, name, "withdraw_seat")
    assert coin.balance == POOL.stake
    assert cap.id not in m.objects
    seat = m.pool.seats[1]
    assert (int(seat.verifier, 16), seat.generation, seat.stake, seat.keys) == (0, 1, 0, b"")
    event = m.last(events.SeatWithdrawn)
    assert (event.generation, event.verifier, event.amount) == (1, address(name), POOL.stake)

    again = m.register("another", slot=1)
    assert (again.index, again.generation, len(m.pool.seats)) == (1, 2, 2)


def test_a_capability_ends_with_its_seat():
    m = EarlyBazaar(verifiers=1)
    name = "verifier 0"
    with aborts("node.ESeatInUse"):
        seat_call(m, name, "discard_cap")
    seat_call(m, name, "exit_seat")
    m.advance(POOL.unbonding_ms)
    m.call("node::release_seat", "anyone", m.market, m.pool, 0)
    assert m.balance(name) == POOL.stake
    for action, *args in (
        ("exit_seat",),
        ("declare_seat", 1, SHARE, 1, 1),
        ("renew_seat", m.mint(name, POOL.fee)),
        ("top_up_seat", m.mint(name, 1)),
        ("withdraw_seat",),
    ):
        with aborts("node.EWrongCap"):
            seat_call(m, name, action, *args)
    old = m.caps[name]
    m.register(name, slot=0)
    with aborts("node.EWrongCap"):
        m.call("node::exit_seat", name, m.market, m.pool, old)
    m.call("node::discard_cap", name, m.market, m.pool, old)
    assert old.id not in m.objects


def test_a_capability_of_another_market_or_pool_is_refused():
    m = EarlyBazaar(verifiers=1)
    for refusal, changes in (
        ("market.EWrongMarket", {"market": address("market")}),
        ("market.EWrongPool", {"pool": address("pool")}),
    ):
        made = {"market": m.market.id, "pool": m.pool.id, **changes}
        cap = VerifierCap(address("cap"), *made.values(), 0, 1, b"", b"")
        with aborts(refusal):
            m.call("node::exit_seat", "x", m.market, m.pool, cap)
        with aborts(refusal):
            m.call("node::discard_cap", "x", m.market, m.pool, cap)


def test_a_dead_seat_is_evicted_by_anybody_and_never_loses_its_stake():
    m = EarlyBazaar(verifiers=2)
    evict = ("node::evict_seat", "anyone", m.market, m.pool)
    m.advance(POOL.seat_life_ms - 2)
    with aborts("node.ENotEvictable"):
        m.call(*evict, 0)
    seat_call(m, "verifier 1", "renew_seat", m.mint("verifier 1", POOL.fee))
    assert m.last(events.SeatRenewed).at_ms == m.pool.seats[1].renewed_ms == m.now
    m.advance(1)
    m.call(*evict, 0)
    assert m.last(events.SeatExited).index == 0
    with aborts("node.EAlreadyExiting"):
        m.call(*evict, 0)
    for index in (1, 2):
        with aborts("node.ENotEvictable"):
            m.call(*evict, index)
    m.advance(POOL.unbonding_ms)
    m.call("node::release_seat", "anyone", m.market, m.pool, 0)
    assert m.balance("verifier 0") == POOL.stake
    with aborts("node.ENotEvictable"):
        m.call(*evict, 0)
    for index in (0, 1, 2):
        with aborts("node.ENotExiting"):
            m.call("node::release_seat", "anyone", m.market, m.pool, index)


def test_a_seat_that_was_silent_twice_in_a_row_may_be_evicted():
    m = EarlyBazaar(verifiers=1)
    evict = ("node::evict_seat", "anyone", m.market, m.pool, 0)
    for note in (note_silence, note_service, note_silence):
        note(m.pool, 0)
        with aborts("node.ENotEvictable"):
            m.call(*evict)
    note_silence(m.pool, 0)
    m.call(*evict)
    for _ in range(300):
        note_silence(m.pool, 0)
    assert m.pool.seats[0].silent == 255


def test_a_seat_in_use_cannot_leave():
    m = EarlyBazaar(verifiers=1)
    seat_call(m, "verifier 0", "exit_seat")
    m.advance(POOL.unbonding_ms)
    pin(m.pool, 0)
    with aborts("node.ESeatInUse"):
        seat_call(m, "verifier 0", "withdraw_seat")
    with aborts("node.ESeatInUse"):
        m.call("node::release_seat", "x", m.market, m.pool, 0)
    unpin(m.pool, 0)
    seat_call(m, "verifier 0", "withdraw_seat")


def test_a_duty_costs_at_most_its_share_and_stakes_are_filled_up_again():
    m = EarlyBazaar(verifiers=1)
    ctx = m.context("x")
    assert penalize(ctx, m.pool, 0, SHARE + 1) == SHARE
    assert penalize(ctx, m.pool, 0, 5) == 5
    assert m.pool.seats[0].stake == POOL.stake - SHARE - 5 == m.pool.stakes
    assert [event.amount for event in ctx.events] == [SHARE, 5]
    m.minted -= SHARE + 5  # The caller burns or pays what was taken.
    for amount in (0, SHARE + 6):
        with aborts("node.EWrongStake"):
            seat_call(m, "verifier 0", "top_up_seat", m.mint("verifier 0", amount))
    seat_call(m, "verifier 0", "top_up_seat", m.mint("verifier 0", SHARE + 5))
    assert m.pool.seats[0].stake == POOL.stake
    event = m.last(events.SeatToppedUp)
    assert (event.amount, event.stake) == (SHARE + 5, POOL.stake)
    with aborts("node.EWrongStake"):
        seat_call(m, "verifier 0", "top_up_seat", m.mint("verifier 0", 1))


def test_a_seat_that_lost_everything_is_penalized_no_further():
    m = EarlyBazaar(verifiers=1)
    ctx = m.context("x")
    for _ in range(POOL.duties):
        assert penalize(ctx, m.pool, 0, SHARE) == SHARE
    assert penalize(ctx, m.pool, 0, SHARE) == 0
    assert len(ctx.events) == POOL.duties


def test_a_renewal_costs_exactly_the_fee():
    m = EarlyBazaar(verifiers=1)
    for fee in (0, POOL.fee - 1, POOL.fee + 1):
        with aborts("node.EWrongStake"):
            seat_call(m, "verifier 0", "renew_seat", m.mint("verifier 0", fee))
