"""When events are listed: after which pause, how often in a row, and what is then stored.

The fake node lists one answer a request; the times are those of its requests.
"""

import random
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest
import trio

from tests.chain.fakenode import PKG, FakeNode, network
from tests.support.clocks import virtual_time
from walrusd.chain.follow.cursor import Cursor
from walrusd.chain.follow.follower import SAVE_EVERY, Follower
from walrusd.chain.grpc import GRPCError, Status
from walrusd.errors import ChainRefused, MethodMissing

pytestmark = virtual_time

DOWN = GRPCError(Status.UNAVAILABLE, "down")
REFUSED = GRPCError(Status.INVALID_ARGUMENT, "no")
GONE = GRPCError(Status.OUT_OF_RANGE, "pruned")


@pytest.fixture(autouse=True)
def no_jitter(monkeypatch):
    monkeypatch.setattr(random, "uniform", lambda low, high: (low + high) / 2)


class Listing(FakeNode):
    """Notes when it is asked for events; ``answers`` are faults of the next requests."""

    def __init__(self, *answers, lasting=None, **fields):
        super().__init__(**fields)
        self.answers, self.lasting = list(answers), lasting
        self.listed_at, self.starts, self.tokens = [], [], []

    async def list_events(self, request):
        self.listed_at.append(trio.current_time())
        self.starts.append(request.start_checkpoint)
        self.tokens.append(request.options.after)
        fault = self.answers.pop(0) if self.answers else self.lasting
        if fault is not None:
            raise fault
        async for frame in super().list_events(request):
            yield frame


class Store:
    """Keeps what a daemon would, and fails when a test says so."""

    def __init__(self):
        self.calls = []
        self.fails = False

    async def handle(self, events, cursor):
        await trio.lowlevel.checkpoint()
        if self.fails:
            raise ZeroDivisionError
        self.calls.append(([e.contents[0] for e in events], cursor))


@asynccontextmanager
async def following(*nodes, cursor=None, **options):
    store = Store()
    async with network(*nodes) as client, trio.open_nursery() as nursery:
        follower = Follower(client, [PKG], cursor or Cursor(), **options)
        nursery.start_soon(follower.run, store.handle)
        yield follower, store
        nursery.cancel_scope.cancel()


async def fail_of(*nodes, cursor=None):
    """Return the error that ends a follower."""
    store = Store()
    async with network(*nodes) as client:
        try:
            await Follower(client, [PKG], cursor or Cursor()).run(store.handle)
        except BaseExceptionGroup as group:
            (error,) = group.exceptions
            return error
    raise AssertionError("it never ends by itself")


# --- pauses ----------------------------------------------------------------------------------


async def test_an_idle_node_is_polled():
    node = Listing(has_subscriptions=False)
    async with following(node, poll=7) as _:
        await trio.sleep(21.5)
    assert node.listed_at == [0, 7, 14, 21]


async def test_an_outage_is_waited_out_with_longer_and_longer_pauses():
    """An outage never ends the follower: each listing asks the node once a round."""
    node = Listing(lasting=DOWN, has_subscriptions=False)
    async with following(node, poll=7) as (_, store):
        await trio.sleep(200)
        pauses = [b - a for a, b in pairwise(node.listed_at)]
        assert [pause for pause in pauses if pause] == [0.5, 1, 2, 4, 8, 16, 30, 30, 30, 30, 30]
        node.lasting = None
        await trio.sleep(31)
        assert node.listed_at[-1] - node.listed_at[-2] in {7, 30}
    assert store.calls == []


async def test_after_an_outage_the_pauses_are_short_again():
    node = Listing(DOWN, DOWN, DOWN, None, DOWN, None, has_subscriptions=False)
    async with following(node, poll=7):
        await trio.sleep(12)
    assert node.listed_at == [0, 0.5, 1.5, 3.5, 10.5, 11]


async def test_a_node_whose_index_lags_behind_its_subscription_is_asked_again_soon():
    node = Listing()
    async with following(node, poll=1000) as (follower, store):
        await follower.wait_caught_up()
        await trio.sleep(1)
        follower._tip = node.checkpoint + 1
        follower._wake()
        await trio.sleep(0.6)
        listed = node.listed_at[-3:]
        assert [b - a for a, b in pairwise(listed)] == [0.25, 0.25]
        node.emit(5)
        await trio.sleep(0.3)
        assert store.calls[-1][0] == [5]
        count = len(node.listed_at)
        await trio.sleep(900)
    assert len(node.listed_at) - count <= 1 + 900 // 60  # the subscription is renewed when idle


# --- refusals --------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 2, 3])
async def test_each_node_may_refuse_ten_times_in_a_row(count):
    nodes = [Listing(lasting=REFUSED) for _ in range(count)]
    assert isinstance(await fail_of(*nodes), ChainRefused)
    assert sum(len(node.listed_at) for node in nodes) == 10 * count


async def test_refusals_are_counted_from_the_last_success():
    node = Listing(*[REFUSED] * 9, None, *[REFUSED] * 9, None, has_subscriptions=False)
    async with following(node, poll=50) as (follower, _):
        await trio.sleep(400)
        assert follower._at_tip
    assert not node.answers


async def test_a_refused_token_is_given_up_before_the_node_is():
    """Another node does not know it; this one can resume by checkpoint."""
    nodes = [Listing(REFUSED), Listing()]
    start = Cursor(b"1", nodes[0].checkpoint, (-1, -1, -1))
    async with following(*nodes, cursor=start) as (follower, _):
        await follower.wait_caught_up()
    assert nodes[0].tokens[:2] == [b"1", None]
    assert nodes[0].starts[:2] == [None, nodes[0].checkpoint + 1]
    assert nodes[1].listed_at == []


async def test_a_node_that_refuses_without_a_token_is_left():
    nodes = [Listing(REFUSED), Listing()]
    async with following(*nodes) as (follower, _):
        await follower.wait_caught_up()
    assert [len(node.listed_at) for node in nodes] == [1, 1]


async def test_a_node_that_has_pruned_meanwhile_is_checked_again():
    node = Listing(GONE)
    async with following(node) as (follower, _):
        await follower.wait_caught_up()
        assert node.calls.count("GetServiceInfo") >= 2


async def test_a_method_that_no_node_offers_ends_it_at_once():
    node = Listing(lasting=GRPCError(Status.UNIMPLEMENTED, "none"))
    error = await fail_of(node)
    assert isinstance(error, MethodMissing)


async def test_an_error_of_the_daemon_ends_it():
    node, store = Listing(), Store()
    node.emit(1)
    store.fails = True
    async with network(node) as client:
        with pytest.RaisesGroup(ZeroDivisionError):
            await Follower(client, [PKG], Cursor()).run(store.handle)


# --- what is stored --------------------------------------------------------------------------


@pytest.mark.parametrize(("passed", "is_stored"), [(SAVE_EVERY - 1, False), (SAVE_EVERY, True)])
async def test_a_long_silence_is_stored(passed, is_stored):
    node = Listing()
    node.checkpoint = 100 + passed
    async with following(node, cursor=Cursor.at(101)) as (follower, store):
        await follower.wait_caught_up()
        assert follower.cursor.checkpoint == 100 + passed
        assert [events for events, _ in store.calls] == ([[]] if is_stored else [])


async def test_events_are_stored_with_the_cursor_behind_them():
    node = Listing()
    node.emit(1, 2)
    node.emit(3)
    async with following(node) as (follower, store):
        await follower.wait_caught_up()
        ((events, cursor),) = store.calls
    assert events == [1, 2, 3]
    assert cursor.position == (node.checkpoint, 0, 0)
    assert cursor.checkpoint == node.checkpoint


async def test_what_came_before_an_error_counts():
    node = Listing()
    node.emit(1)
    node.emit(2)
    count = 0

    def break_off():
        nonlocal count
        count += 1
        if count == 2:
            raise DOWN

    node.list_fault = break_off
    async with following(node) as (follower, store):
        await follower.wait_caught_up()
    assert [events for events, _ in store.calls] == [[1], [2]]


# --- a node that stands still ----------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 2])
async def test_a_node_that_shows_nothing_new_is_compared_with_the_others(count):
    nodes = [Listing(has_subscriptions=False) for _ in range(count)]
    for node, seconds in zip(nodes, (1000, 1100), strict=False):
        node.time_s = seconds
    async with following(*nodes, poll=5, idle=40):
        await trio.sleep(20.5)
        before = [node.calls.count("GetServiceInfo") for node in nodes]
        await trio.sleep(5)  # more than half of the idle time has passed
        after = [node.calls.count("GetServiceInfo") for node in nodes]
        await trio.sleep(5)
    if count == 1:
        assert after == before
    else:
        assert after[0] == before[0] + 1
        assert len(nodes[1].listed_at) > 0
