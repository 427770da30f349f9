"""Any call moves from an endpoint that lacks its method to one that offers it."""

import sqlite3

import pytest
import trio

from walrusd.chain.follow.follower import Cursor, Follower
from walrusd.chain.grpc import GRPCError, Status
from walrusd.chain.nodes import methods
from walrusd.chain.nodes.statuses import another_may_succeed, is_trouble
from walrusd.chain.send.signer import Signer
from walrusd.chain.send.transactions import Sender, SqliteOutbox
from walrusd.errors import ChainUnreachable, MethodMissing, TransactionUncertain

from .fakenode import GAS, PKG, FakeNode, network

SIGNER = Signer(b"\1" * 32)


class Stripped(FakeNode):
    """A node without some methods, such as an archive."""

    def __init__(self, *lacking, **fields):
        super().__init__(**fields)
        self.lacking = lacking

    def table(self):
        routes = {method.route for method in self.lacking}
        return {route: found for route, found in super().table().items() if route not in routes}


def pay(p):
    p.transfer("0x" + "9".zfill(64), *p.split_gas(5))


async def execute(client):
    database = sqlite3.connect(":memory:")
    try:
        sender = Sender(client, SIGNER, SqliteOutbox(database), patience=20)
        return await sender.submit(pay, label="pay", budget=GAS)
    finally:
        database.close()


def make(*lacking):
    """Return an archive-like node and a full node that see the same coins."""
    full = FakeNode()
    full.fund(SIGNER.address, 5 * 10**9)
    archive = Stripped(*lacking, coins=full.coins, owner=full.owner)
    return archive, full


async def follow(client):
    follower = Follower(client, [PKG], Cursor(), poll=3)
    seen = []

    async def handle(events, _):
        await trio.lowlevel.checkpoint()
        seen.extend(events)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(follower.run, handle)
        with trio.fail_after(60):
            await follower.wait_caught_up()
        nursery.cancel_scope.cancel()
    return seen


async def test_execution_goes_to_a_node_that_offers_it(autojump_clock):
    archive, full = make(methods.EXECUTE)
    async with network(archive, full) as client:
        assert (await execute(client)).success
        assert full.executions == 1
        assert client.endpoints.current.name.startswith("node-1")


async def test_simulation_goes_to_a_node_that_offers_it(autojump_clock):
    archive, full = make(methods.SIMULATE)
    async with network(archive, full) as client:
        async with trio.open_nursery():
            database = sqlite3.connect(":memory:")
            sender = Sender(client, SIGNER, SqliteOutbox(database))
            assert (await sender.submit(pay, label="pay")).success
            database.close()
        assert client.endpoints.current.name.startswith("node-1")


async def test_listing_goes_to_a_node_that_offers_it(autojump_clock):
    archive, full = make(methods.LIST_EVENTS)
    full.emit(1, 2, 3)
    async with network(archive, full) as client:
        assert len(await follow(client)) == 3


async def test_nodes_that_lack_different_methods_complete_each_other(autojump_clock, caplog):
    """What a node lacks is remembered for a while, so the client does not switch each time."""
    first, second = make(methods.SUBSCRIBE_EVENTS, methods.EXECUTE, methods.GET_EPOCH)
    lacking = Stripped(methods.LIST_EVENTS, coins=second.coins, owner=second.owner)
    first.emit(1)
    async with network(first, lacking) as client, trio.open_nursery() as nursery:
        seen = []

        async def handle(events, _):
            await trio.lowlevel.checkpoint()
            seen.extend(events)

        nursery.start_soon(Follower(client, [PKG], Cursor(), poll=1).run, handle)
        for _ in range(5):
            await client.epoch()
            await trio.sleep(5)
            assert (await execute(client)).success
        first.emit(2)
        await trio.sleep(5)
        assert len(seen) == 2
        nursery.cancel_scope.cancel()
    assert caplog.text.count("lacks a method") <= 4


@pytest.mark.parametrize("count", [1, 2])
async def test_what_no_node_offers_is_named(autojump_clock, count):
    nodes = [make(methods.EXECUTE, methods.GET_EPOCH, methods.LIST_EVENTS)[0] for _ in range(count)]
    async with network(*nodes) as client:
        with pytest.raises(MethodMissing, match="GetEpoch") as caught:
            await client.epoch()
        assert caught.value.fields["method"] == "GetEpoch"
        assert caught.value.fields["status"] == "UNIMPLEMENTED"
        with pytest.raises(MethodMissing, match="ExecuteTransaction"):
            await client.execute(b"", bytes(97))
        with pytest.RaisesGroup(
            pytest.RaisesExc(MethodMissing, match="ListEvents"), flatten_subgroups=True
        ):
            await Follower(client, [PKG], Cursor()).run(None)


async def test_a_method_that_only_a_node_in_trouble_may_offer_is_not_called_missing(
    autojump_clock,
):
    archive, full = make(methods.EXECUTE, methods.GET_EPOCH)
    async with network(archive, full) as client:
        full.fail_next("GetEpoch", *[GRPCError(Status.UNAVAILABLE, "down")] * 9)
        with pytest.raises(ChainUnreachable, match="down"):
            await client.epoch()
        full.fail_next("ExecuteTransaction", GRPCError(Status.UNAVAILABLE, "down"))
        with pytest.raises(TransactionUncertain, match="down"):
            await client.execute(b"", bytes(97))


async def test_a_node_that_learns_a_method_is_asked_for_it_again(autojump_clock):
    archive, full = make(methods.GET_EPOCH)
    archive.epoch = 9
    async with network(archive, full) as client:
        assert (await client.epoch()).number == 5
        archive.lacking = ()
        await archive.streams[-1].aclose()
        client.endpoints.fail(client.endpoints.current)
        assert (await client.epoch()).number == 5
        await trio.sleep(301)
        assert (await client.epoch()).number == 9


async def test_a_late_refusal_of_a_stream_moves_on_too(autojump_clock):
    """The stream is returned before the node reports that it lacks the method."""

    async def late(request):
        await trio.sleep(20)
        raise GRPCError(Status.UNIMPLEMENTED, "no index")
        yield

    archive, full = make()
    archive.list_events = late
    full.emit(1)
    async with network(archive, full) as client:
        assert len(await follow(client)) == 1


def test_one_predicate():
    moves_on = {status for status in Status if another_may_succeed(status)}
    assert moves_on - {status for status in Status if is_trouble(status)} == {Status.UNIMPLEMENTED}
    assert Status.INVALID_ARGUMENT not in moves_on
    assert Status.NOT_FOUND not in moves_on
