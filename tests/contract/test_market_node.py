"""The market's parameters, versions and pause; seats of the verifier pool."""

import dataclasses

import pytest

from walrusd.chain.layouts import events
from walrusd.chain.layouts.objects import MarketParams, VerifierCap, VerifierPool
from walrusd.devnet.contract import DEVNET_PARAMS, genesis
from walrusd.devnet.contract.constants import MAX_AMOUNT
from walrusd.devnet.move.context import MoveContext

from .market import CONTRIBUTORS, SUI, TERMS, Bazaar
from .world import CHAIN_ID, PACKAGE, World, aborts, address

HOUR = 3_600_000


def test_genesis_makes_a_market_its_pool_and_an_administrator():
    world = World()
    assert world.owners[world.admin_cap.id] == address("admin")
    assert world.market.pool == world.pool.id
    assert (world.market.chain_id, world.market.package) == (CHAIN_ID, PACKAGE)
    assert world.market.allowed_versions == [1]
    assert world.market.params == MarketParams(
        tip=1_000_000,
        accuser_share_bps=2_000,
        min_window_ms=1_000,
        max_window_ms=2_592_000_000,
        min_seat_stake=SUI,
        unbonding_ms=HOUR,
    )
    assert [type(e) for e in world.events] == [events.MarketCreated]


@pytest.mark.parametrize(
    "changes",
    [
        {"accuser_share_bps": 2_001},
        {"min_window_ms": 0},
        {"min_window_ms": 2_000, "max_window_ms": 1_999},
        {"tip": MAX_AMOUNT + 1},
        {"min_seat_stake": 0},
    ],
)
def test_parameters_out_of_bounds(changes):
    with aborts("market.EBadParams"):
        World(params=dataclasses.replace(DEVNET_PARAMS, **changes))


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_chain_id_has_32_bytes(length):
    ctx = MoveContext(sender=address("admin"), now_ms=0, epoch=0, package=PACKAGE)
    with aborts("market.EBadParams"):
        genesis(ctx, bytes(length))


def test_a_pause_stops_new_tasks_and_joins_only():
    m = Bazaar()
    m.open_task()
    submission = m.join(CONTRIBUTORS[0])
    m.call("market::set_paused", "admin", m.admin_cap, m.market, True)
    with aborts("market.EPaused"):
        m.open_task()
    with aborts("market.EPaused"):
        m.join(CONTRIBUTORS[1])
    m.advance(TERMS.join_ms)
    m.close_joining()
    m.commit(submission)
    m.call("market::set_paused", "admin", m.admin_cap, m.market, False)
    m.open_task()


def test_a_market_of_another_version_refuses_everything():
    m = Bazaar()
    m.market.allowed_versions = [2]
    with aborts("market.EWrongVersion"):
        m.register("late")
    with aborts("market.EWrongVersion"):
        m.open_task()
    with aborts("market.EWrongVersion"):
        m.call("market::set_paused", "admin", m.admin_cap, m.market, True)


# --- seats ----------------------------------------------------------------------------------------


def test_registering_a_seat():
    m = Bazaar(verifiers=0)
    cap = m.register("v", stake=3 * SUI, min_fee=9, state=10, work=11)
    (seat,) = m.pool.seats
    assert (cap.pool, cap.index) == (m.pool.id, 0)
    assert seat.verifier == address("v")
    assert (seat.stake, seat.min_fee, seat.active_from_ms) == (3 * SUI, 9, m.now)
    assert (seat.max_state_bytes, seat.max_segment_work) == (10, 11)
    assert (seat.exiting_at_ms, seat.in_use, m.pool.stakes) == (0, 0, 3 * SUI)
    event = m.last(events.SeatRegistered)
    assert (event.index, event.verifier, event.min_fee) == (0, address("v"), 9)


def test_registrations_that_are_refused():
    m = Bazaar(verifiers=0)
    with aborts("node.EStakeTooSmall"):
        m.register("v", stake=SUI - 1)
    with aborts("node.EBadKey"):
        m.register("v", key=bytes(31))
    with aborts("market.EWrongPool"):
        foreign = VerifierPool(address("pool"), 1, [], 0)
        coin = m.mint("v", SUI)
        m.call("node::register_seat", "v", m.market, foreign, coin, bytes(32), 1, 1, 1)
    m.register("v")
    blank = dataclasses.replace(m.pool.seats[0], stake=0)
    m.pool.seats += [blank] * 1023
    with aborts("node.EPoolFull"):
        m.register("w")


def test_leaving_takes_the_unbonding_time():
    m = Bazaar(verifiers=2)
    cap = m.caps["verifier 1"]
    args = (m.market, m.pool, cap)
    with aborts("node.ENotExiting"):
        m.call("node::withdraw_seat", "verifier 1", *args)
    m.call("node::exit_seat", "verifier 1", *args)
    assert m.pool.seats[1].exiting_at_ms == m.now
    with aborts("node.EAlreadyExiting"):
        m.call("node::exit_seat", "verifier 1", *args)
    m.advance(HOUR - 1)
    with aborts("node.EStillBonded"):
        m.call("node::withdraw_seat", "verifier 1", *args)
    m.advance(1)
    coin = m.call("node::withdraw_seat", "verifier 1", *args)
    assert coin.balance == 2 * SUI
    assert cap.id not in m.objects
    assert m.pool.seats[1].stake == 0
    assert m.last(events.SeatWithdrawn).amount == 2 * SUI


def test_a_foreign_capability_is_refused():
    m = Bazaar(verifiers=1)
    foreign = VerifierCap(address("cap"), pool=address("pool"), index=0)
    with aborts("node.EWrongCap"):
        m.call("node::exit_seat", "x", m.market, m.pool, foreign)
    with aborts("node.EWrongCap"):
        m.call("node::withdraw_seat", "x", m.market, m.pool, foreign)


def test_a_seat_in_use_cannot_leave():
    m = Bazaar(verifiers=3)
    (submission,) = m.seated(1)
    args = (m.market, m.pool, m.caps["verifier 0"])
    m.call("node::exit_seat", "verifier 0", *args)
    m.advance(HOUR)
    with aborts("node.ESeatInUse"):
        m.call("node::withdraw_seat", "verifier 0", *args)
    m.settle(submission)
    assert m.call("node::withdraw_seat", "verifier 0", *args).balance == 2 * SUI


def test_a_version_of_the_pool_is_checked():
    m = Bazaar(verifiers=1)
    m.pool.version = 2
    with aborts("market.EWrongVersion"):
        m.call("node::exit_seat", "verifier 0", m.market, m.pool, m.caps["verifier 0"])
