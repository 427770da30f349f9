"""The market's parameters, versions and pause, and which objects go together."""

import dataclasses

import pytest

from walrusd.chain.layouts import events
from walrusd.chain.layouts.objects import Market, MarketParams, VerifierPool
from walrusd.devnet.contract import DEVNET_PARAMS, DEVNET_POOL
from walrusd.devnet.contract.constants import MAX_AMOUNT, MAX_SPAN_MS

from .early import CONTRIBUTORS, TERMS, EarlyBazaar
from .world import CHAIN_ID, PACKAGE, World, aborts, address

MONTH = 30 * 86_400_000


def test_genesis_makes_a_market_a_pool_and_an_administrator():
    world = World()
    assert world.owners[world.admin_cap.id] == address("admin")
    assert world.pool.market == world.market.id
    assert (world.market.chain_id, world.market.package) == (CHAIN_ID, PACKAGE)
    assert world.market.allowed_versions == [1]
    assert world.market.params == MarketParams(
        tip=1_000_000,
        min_window_ms=1_000,
        max_window_ms=MONTH,
        min_grace_ms=1_000,
        max_life_ms=MONTH,
    )
    assert (world.pool.params, world.pool.seats, world.pool.booked) == (DEVNET_POOL, [], 0)
    assert [type(e) for e in world.events] == [events.MarketCreated, events.PoolCreated]


@pytest.mark.parametrize(
    "changes",
    [
        {"tip": MAX_AMOUNT + 1},
        {"min_window_ms": 0},
        {"min_window_ms": 2_000, "max_window_ms": 1_999},
        {"max_window_ms": MAX_SPAN_MS + 1},
        {"min_grace_ms": 0},
        {"min_grace_ms": MONTH + 1},
        {"max_life_ms": 0},
        {"max_life_ms": MAX_SPAN_MS + 1},
    ],
)
def test_parameters_out_of_bounds(changes):
    m = EarlyBazaar(verifiers=0)
    params = vars(dataclasses.replace(DEVNET_PARAMS, **changes))
    with aborts("market.EBadParams"):
        m.call("market::create_market", "admin", m.admin_cap, bytes(32), "0x5", *params.values())


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_chain_id_has_32_bytes(length):
    m = EarlyBazaar(verifiers=0)
    args = (m.admin_cap, bytes(length), "0x5", *vars(DEVNET_PARAMS).values())
    with aborts("market.EBadParams"):
        m.call("market::create_market", "admin", *args)


def test_there_may_be_other_markets():
    m = EarlyBazaar(verifiers=0)
    args = (m.admin_cap, bytes(32), "0x5", *vars(DEVNET_PARAMS).values())
    m.call("market::create_market", "admin", *args)
    assert m.latest(Market).id == m.last(events.MarketCreated).market != m.market.id


@pytest.mark.parametrize(
    "changes",
    [
        {"stake": 0},
        {"stake": MAX_AMOUNT + 1},
        {"duties": 0},
        {"duties": 65},
        {"fee": DEVNET_POOL.stake + 1},
        {"seat_life_ms": 0},
        {"seat_life_ms": MAX_SPAN_MS + 1},
        {"unbonding_ms": DEVNET_PARAMS.max_life_ms - 1},
        {"unbonding_ms": MAX_SPAN_MS + 1},
        {"max_min_fee": 0},
        {"min_rate": 0},
        {"min_memory": 0},
        {"min_penalty": 0},
        {"min_penalty": DEVNET_POOL.stake // DEVNET_POOL.duties + 1},
    ],
)
def test_pools_that_are_refused(changes):
    m = EarlyBazaar(verifiers=0)
    params = vars(dataclasses.replace(DEVNET_POOL, **changes))
    with aborts("node.EBadParams"):
        m.call("node::create_pool", "admin", m.admin_cap, m.market, *params.values())


def test_a_market_has_as_many_pools_as_its_administrator_makes():
    world = EarlyBazaar(verifiers=0)
    args = dataclasses.replace(DEVNET_POOL, duties=1)
    world.call("node::create_pool", "admin", world.admin_cap, world.market, *vars(args).values())
    other = world.latest(VerifierPool)
    assert (other.market, other.params.duties) == (world.market.id, 1)
    assert world.last(events.PoolCreated).pool == other.id != world.pool.id


def test_a_pause_stops_new_tasks_and_joins_only():
    m = EarlyBazaar()
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
    m = EarlyBazaar()
    m.market.allowed_versions = [2]
    with aborts("market.EWrongVersion"):
        m.register("late")
    with aborts("market.EWrongVersion"):
        m.open_task()
    with aborts("market.EWrongVersion"):
        m.call("market::set_paused", "admin", m.admin_cap, m.market, True)


def test_every_object_belongs_to_one_market():
    m, other = EarlyBazaar(), EarlyBazaar(verifiers=0)
    (submission,) = m.joined(1)
    request = m.request(CONTRIBUTORS[1])
    cap = m.caps["verifier 0"]
    foreign = other.market
    foreign.id = address("another market")
    task, pool, coin = m.task, m.pool, m.mint("x", 1)
    for target, sender, *args in (
        ("node::exit_seat", "verifier 0", pool, cap),
        ("node::evict_seat", "x", pool, 0),
        ("node::release_seat", "x", pool, 0),
        ("node::discard_cap", "verifier 0", pool, cap),
        ("task::close_joining", "x", pool, task),
        ("task::close_training", "x", task),
        ("task::cancel_task", "publisher", m.publisher_cap, task),
        ("task::record_aggregate", "publisher", m.publisher_cap, task, 7, b"", b"", 1),
        ("task::reclaim", "publisher", m.publisher_cap, task),
        ("task::claim_task", "x", task),
        ("submission::join", "x", task, m.dataset, request, bytes(32), coin),
        ("submission::commit_abort", "x", task, submission, 1, 1, 1, bytes(32), []),
        ("dataset::grant_key", "owner", task, request, b"sealed"),
        ("dataset::lapse_key", "x", task, request),
    ):
        with aborts("market.EWrongMarket"):
            m.call(target, sender, foreign, *args)


def test_objects_of_another_pool_are_refused():
    m = EarlyBazaar()
    m.joined(1)
    args = vars(DEVNET_POOL).values()
    m.call("node::create_pool", "admin", m.admin_cap, m.market, *args)
    other = m.latest(VerifierPool)
    with aborts("market.EWrongPool"):
        m.call("task::close_joining", "x", m.market, other, m.task)
    with aborts("market.EWrongPool"):
        m.call("node::exit_seat", "x", m.market, other, m.caps["verifier 0"])
    with aborts("market.EWrongPool"):
        m.call("node::discard_cap", "x", m.market, other, m.caps["verifier 0"])


def test_a_version_of_the_pool_is_checked():
    m = EarlyBazaar(verifiers=1)
    m.pool.version = 2
    with aborts("market.EWrongVersion"):
        m.call("node::exit_seat", "verifier 0", m.market, m.pool, m.caps["verifier 0"])
