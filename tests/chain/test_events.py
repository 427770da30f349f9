"""Every event exactly once and in order, whatever fails."""

import random

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from walrusd.chain.follow.follower import Cursor, Follower
from walrusd.chain.grpc import GRPCError, Status
from walrusd.errors import ChainRefused

from .fakenode import PKG, FakeNode, network
from .wiretools import DaemonKilled


class Store:
    """A daemon's database: effects and cursor change together."""

    def __init__(self, cursor=None):
        self.cursor = cursor or Cursor()
        self.seen = []
        self.calls = 0

    async def handle(self, events, cursor):
        await trio.sleep(0.01)
        self.calls += 1
        self.seen += [int.from_bytes(event.contents, "little") for event in events]
        self.cursor = cursor


async def until(condition, seconds=600):
    with trio.fail_after(seconds):
        while not condition():  # noqa: ASYNC110 - the conditions are the test's own
            await trio.sleep(0.1)


async def test_events_arrive_in_order_and_only_ours(autojump_clock):
    node, store = FakeNode(), Store()
    node.emit(0, 1, foreign=2)
    node.emit(2)
    async with network(node) as client, trio.open_nursery() as nursery:
        follower = Follower(client, [PKG], store.cursor)
        nursery.start_soon(follower.run, store.handle)
        await follower.wait_caught_up()
        assert store.seen == [0, 1, 2]
        start = trio.current_time()
        node.emit(3, foreign=1)
        await until(lambda: len(store.seen) == 4)
        assert trio.current_time() - start < 1  # woken by the subscription
        assert follower.cursor.checkpoint == node.checkpoint
        nursery.cancel_scope.cancel()


async def test_without_a_doorbell_it_polls(autojump_clock, caplog):
    node, store = FakeNode(has_subscriptions=False), Store()
    async with network(node) as client, trio.open_nursery() as nursery:
        follower = Follower(client, [PKG], store.cursor, poll=10)
        nursery.start_soon(follower.run, store.handle)
        await follower.wait_caught_up()
        node.emit(1)
        await trio.sleep(11)
        assert store.seen == [1]
        node.emit(2)
        await trio.sleep(11)
        assert store.seen == [1, 2]
        nursery.cancel_scope.cancel()
    assert "polling" in caplog.text


async def test_it_continues_where_the_stored_cursor_ends(autojump_clock):
    node, store = FakeNode(), Store()
    for n in range(500):
        node.emit(n)
    for _ in range(2):
        async with network(node) as client, trio.open_nursery() as nursery:
            stored = Cursor.from_bytes(store.cursor.to_bytes())
            follower = Follower(client, [PKG], stored)
            nursery.start_soon(follower.run, store.handle)
            await follower.wait_caught_up()
            nursery.cancel_scope.cancel()
        node.emit(500)
    assert store.seen == list(range(501))


async def test_a_start_checkpoint_leaves_out_what_came_before(autojump_clock):
    node = FakeNode()
    node.emit(1)
    store = Store(Cursor.at(node.checkpoint + 1))
    node.emit(2)
    async with network(node) as client, trio.open_nursery() as nursery:
        follower = Follower(client, [PKG], store.cursor)
        nursery.start_soon(follower.run, store.handle)
        await follower.wait_caught_up()
        assert store.seen == [2]
        nursery.cancel_scope.cancel()


async def test_an_unknown_token_is_replaced_by_the_position(autojump_clock):
    node = FakeNode(known_tokens=False)
    node.emit(0, 1, 2)
    inside = (node.checkpoint, 0, 1)
    store = Store(Cursor(b"of another node", node.checkpoint - 1, inside))
    node.emit(3)
    async with network(node) as client, trio.open_nursery() as nursery:
        nursery.start_soon(Follower(client, [PKG], store.cursor).run, store.handle)
        await until(lambda: 3 in store.seen)
        assert store.seen == [2, 3]
        nursery.cancel_scope.cancel()


async def test_progress_without_events_is_stored_rarely(autojump_clock):
    node, store = FakeNode(), Store()
    async with network(node) as client, trio.open_nursery() as nursery:
        follower = Follower(client, [PKG], Cursor.at(100), poll=1)
        nursery.start_soon(follower.run, store.handle)
        for _ in range(50):
            node.checkpoint += 50
            await trio.sleep(2)
        assert follower.cursor.checkpoint == node.checkpoint
        assert 1 <= store.calls <= 3
        nursery.cancel_scope.cancel()


async def test_a_node_that_always_refuses_is_an_error(autojump_clock):
    def refuse():
        raise GRPCError(Status.INVALID_ARGUMENT, "history is pruned")

    node, store = FakeNode(), Store()
    node.list_fault = refuse
    node.emit(1)
    async with network(node) as client:
        with pytest.RaisesGroup(pytest.RaisesExc(ChainRefused, match="pruned")):
            await Follower(client, [PKG], store.cursor).run(store.handle)


@pytest.mark.parametrize("doorbell", [True, False])
@pytest.mark.parametrize("seed", range(4))
async def test_exactly_once_under_faults(autojump_clock, seed, doorbell):
    rnd = random.Random(seed)
    node, store, total = FakeNode(has_subscriptions=doorbell), Store(), 400
    stats = {"cuts": 0, "crashes": 0}

    def fault():
        if rnd.random() < 0.02:
            raise GRPCError(Status.UNAVAILABLE, "try again")

    async def handle(events, cursor):
        if rnd.random() < 0.1:
            raise DaemonKilled
        await store.handle(events, cursor)
        if rnd.random() < 0.1:
            raise DaemonKilled

    async def produce():
        n = 0
        while n < total:
            size = min(rnd.choice([0, 0, 1, 2, 5, 30]), total - n)
            node.emit(*range(n, n + size), foreign=rnd.choice([0, 0, 3]))
            n += size
            await trio.sleep(rnd.expovariate(1.0))

    async def cut():
        while True:
            await trio.sleep(rnd.expovariate(1 / 8))
            node.known_tokens = rnd.random() > 0.1
            if node.streams:
                await node.streams.pop().aclose()
                stats["cuts"] += 1

    async def daemon():
        while True:
            try:
                async with network(node) as client:
                    await Follower(client, [PKG], store.cursor, poll=3).run(handle)
            except* DaemonKilled:
                stats["crashes"] += 1
            await trio.sleep(1)

    node.list_fault = fault
    async with trio.open_nursery() as nursery:
        nursery.start_soon(daemon)
        nursery.start_soon(cut)
        await produce()
        await until(lambda: len(store.seen) >= total)
        await trio.sleep(30)
        nursery.cancel_scope.cancel()
    assert store.seen == list(range(total))
    assert stats["cuts"] + stats["crashes"] > 3


@given(
    st.none() | st.binary(max_size=40),
    st.integers(-1, 2**63),
    st.tuples(st.integers(-1, 2**63), st.integers(-1, 999), st.integers(-1, 999)),
)
def test_cursors_survive_storage(token, checkpoint, position):
    cursor = Cursor(token, checkpoint, position)
    assert Cursor.from_bytes(cursor.to_bytes()) == cursor
    assert Cursor.from_json(cursor.to_json()) == cursor
