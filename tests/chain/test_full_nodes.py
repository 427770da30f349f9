"""Quirks of full nodes of public networks: they lag, prune, and leave fields out."""

import sqlite3
from types import SimpleNamespace

import pysui.sui.sui_grpc.suimsgs.sui.rpc.v2 as pb
import pytest
import trio

from tests.devnet.demo_package import DEPENDENCIES, MODULES
from tests.devnet.tools import Tx, accounts, find
from walrusd.chain.calls.reads import MAX_AGE_S, SETTLING_S, MarketReader
from walrusd.chain.follow.follower import Cursor, Follower
from walrusd.chain.layouts.objects import AdminCap
from walrusd.chain.nodes.own_writes import PATIENCE_S, OwnWrites
from walrusd.chain.nodes.wire import read_chain_event, read_coin_balance
from walrusd.chain.send.signer import Signer
from walrusd.chain.send.transactions import MAX_CANCELLED, Sender, SqliteOutbox
from walrusd.chain.values.types import (
    Change,
    ChangedObject,
    ExecutedTransaction,
    GasUsed,
    ObjectData,
    Owner,
    OwnerKind,
    SharedRef,
)
from walrusd.devnet.ledger.genesis import compute_package_id
from walrusd.devnet.move import ptb
from walrusd.errors import (
    ChainUnreachable,
    ObjectNotFound,
    ObjectUnreadable,
    PeerFault,
    TransactionFailed,
)

from .fakenode import GAS, PKG, FakeNode, network
from .storm import Storm

ALICE, BOB, CAROL = accounts()


@pytest.fixture
def outbox():
    connection = sqlite3.connect(":memory:")
    yield SqliteOutbox(connection)
    connection.close()


# --- several nodes behind one address -------------------------------------------------------------


async def test_reads_are_never_older_than_our_own_transactions(outbox, autojump_clock):
    storm = Storm(1, balanced=True)
    storm.calm()
    package = compute_package_id(storm.ledger.seed)
    box = min(find(storm.ledger, "Box"), key=lambda b: b.version).id
    lids = []

    def deposit(p):
        p.call(f"{package}::box::deposit", SharedRef(box, 1), *p.split_gas(1), p.clock)

    def create(p):
        p.transfer(BOB.address, p.call(f"{package}::box::create", p.byte_vector(b"x")))

    async with trio.open_nursery() as nursery, storm.client() as client:
        nursery.start_soon(storm._seal)
        sender = Sender(client, Signer(BOB.secret), outbox)
        for _ in range(6):
            done = await sender.submit(deposit, label="deposit", budget=20_000_000)
            (changed,) = (c for c in done.changed if c.id == box)
            for _ in range(5):
                assert (await client.get_object(box)).version >= changed.version
            found = await client.get_objects([box, "0x6", "0x404"])
            assert found[box].version >= changed.version
            assert len(found) == 2
            done = await sender.submit(create, label="create", budget=20_000_000)
            (key,) = done.created("box::Key")
            lids.append(key.id)
            for _ in range(5):
                owned = await client.list_owned(BOB.address, f"{package}::box::Key")
                assert {item.id for item in owned} == set(lids)
        nursery.cancel_scope.cancel()


def changed(object_id, version, change=Change.MUTATED, kind=""):
    owner = None if change is Change.DELETED else Owner(OwnerKind.ADDRESS, "0xa")
    item = ChangedObject(object_id, version, "d", owner, kind, change)
    return ExecutedTransaction("t", True, "", None, GasUsed(0, 0, 0), None, (item,))


async def test_nodes_that_keep_saying_otherwise_are_believed(autojump_clock):
    own, asked = OwnWrites(), []

    async def ask():
        asked.append(trio.current_time())
        return {"0x1": 4}

    own.note(changed("0x1", 5))
    assert own.owned_by("0xa", None) == ["0x1"]
    assert await own.read(["0x1"], ask, dict) == {"0x1": 4}
    assert len(asked) > 2
    assert trio.current_time() - asked[0] >= PATIENCE_S  # another party may have undone it
    asked.clear()
    await own.read(["0x1"], ask, dict)
    assert len(asked) == 1
    own.note(changed("0x1", 9))
    await trio.sleep(PATIENCE_S)
    asked.clear()
    await own.read(["0x1"], ask, dict)
    assert len(asked) == 1  # it is the time since our transaction that counts


async def test_what_we_deleted_is_not_waited_for():
    own = OwnWrites()
    own.note(changed("0x1", 5))
    own.note(changed("0x1", 6, Change.DELETED))

    async def ask():
        await trio.lowlevel.checkpoint()
        return {}

    assert await own.read(["0x1"], ask, dict) == {}
    own.note(changed("0x1", 8))
    own.note(changed("0x1", 7))  # known again from the journal, later
    assert own._left["0x1"][0].version == 8


async def test_a_copy_that_does_not_show_the_change_is_not_kept_for_long(autojump_clock):
    cap = AdminCap("0x" + "a".zfill(64))
    reads, version = [], 1

    async def get_objects(ids):
        await trio.lowlevel.checkpoint()
        reads.extend(ids)
        kind = reader.type_name(AdminCap)
        owner = Owner(OwnerKind.SHARED)
        return {i: ObjectData(i, version, "d", owner, kind, cap.to_bcs()) for i in ids}

    async def count(seconds):
        await trio.sleep(seconds)
        before = len(reads)
        await reader.read_many(AdminCap, [cap.id])
        return len(reads) - before

    reader = MarketReader(SimpleNamespace(get_objects=get_objects), "0x1", "0x2")
    assert [await count(s) for s in (0, MAX_AGE_S - 1, 2)] == [1, 0, 1]
    reader.forget(cap.id)  # an event; the node that is read next may not know of it yet
    assert [await count(s) for s in (0, 0.5, 1, 1)] == [1, 0, 1, 1]
    version = 2
    assert [await count(s) for s in (1, 2, 2)] == [1, 0, 0]
    reader.forget(cap.id)  # an event that names the object, and did not change it
    assert [await count(s) for s in (0, 2, SETTLING_S, 2)] == [1, 1, 1, 0]


async def test_an_object_that_a_node_garbles_is_no_peers_fault():
    async def get_object(object_id):
        await trio.lowlevel.checkpoint()
        owner = Owner(OwnerKind.SHARED)
        return ObjectData(object_id, 1, "d", owner, reader.type_name(AdminCap), b"junk")

    async def get_objects(ids):
        return {i: await get_object(i) for i in ids}

    client = SimpleNamespace(get_object=get_object, get_objects=get_objects)
    reader = MarketReader(client, "0x1", "0x2")
    with pytest.raises(ObjectUnreadable):
        await reader._read(AdminCap, "0xa")
    assert await reader.read_many(AdminCap, ["0xa"]) == {}
    assert not issubclass(ObjectUnreadable, PeerFault)


# --- long histories -------------------------------------------------------------------------------


async def test_history_older_than_the_package_is_not_read(autojump_clock):
    storm = Storm(0)
    storm.calm()
    ledger = storm.ledger
    for _ in range(5):
        ledger.seal()
    tx = Tx(ledger)
    tx.transfer(BOB.address, tx.do(ptb.Publish(MODULES, DEPENDENCIES)))
    executed = tx.send(BOB)
    (package,) = (c for c in executed.effects.changed_objects if c.object_type == "package")
    ledger.seal()
    born = ledger.tip.sequence
    tx = Tx(ledger)
    tx.call("toss", tx.random, package=package.object_id)
    tx.send(BOB)
    ledger.seal()
    for node in storm.sui.nodes:
        node.node.lag = 0.0
    ledger.seal()
    await trio.sleep(5)
    for node in storm.sui.nodes:
        node.node.prune(born - 1)  # no event can have been emitted yet
    seen, asked = [], []

    async def handle(events, _):
        await trio.lowlevel.checkpoint()
        seen.extend(events)

    async with storm.client() as client, trio.open_nursery() as nursery:
        follower = Follower(client, [package.object_id], Cursor(), poll=3)
        list_events = client.list_events
        client.list_events = lambda request: asked.append(request) or list_events(request)
        nursery.start_soon(follower.run, handle)
        await follower.wait_caught_up()
        nursery.cancel_scope.cancel()
    assert asked[0].start_checkpoint == born
    assert [event.checkpoint for event in seen] == [born + 1]


async def test_an_epoch_that_a_node_does_not_know_has_no_beginning(autojump_clock):
    storm = Storm(0)
    storm.calm()
    async with storm.client() as client:
        assert await client.first_checkpoint_of(0) == 0
        with pytest.raises(ObjectNotFound, match="epoch 9"):
            await client.first_checkpoint_of(9)


# --- answers --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("balance", "coins"),
    [
        (None, 0),
        (pb.Balance(), 0),
        (pb.Balance(balance=7), 7),  # a node that knows no other balances
        (pb.Balance(balance=7, coin_balance=7), 7),
        (pb.Balance(balance=7, coin_balance=4, address_balance=3), 4),
        (pb.Balance(balance=7, address_balance=7), 0),
    ],
)
def test_only_what_lies_in_coins_can_be_spent(balance, coins):
    assert read_coin_balance(balance) == coins


@pytest.mark.parametrize("field", ["checkpoint", "transaction_index", "event_index"])
def test_an_event_without_its_place_is_an_error_and_not_lost(field):
    event = pb.Event(event_type=f"{PKG}::m::E", checkpoint=0, transaction_index=0, event_index=0)
    assert read_chain_event(event).position == (0, 0, 0)
    setattr(event, field, None)
    with pytest.raises(ChainUnreachable, match=field):
        read_chain_event(event)


# --- execution ------------------------------------------------------------------------------------


def give_up(node: FakeNode, times: int):
    """Let the validators cancel the next transactions; they are paid for."""
    run = node.run

    def cancelled(data, digest, *, commit):
        nonlocal times
        effects, events = run(data, digest, commit=commit)
        if commit and times:
            times -= 1
            kind = pb.ExecutionErrorExecutionErrorKind
            effects.status = pb.ExecutionStatus(
                success=False,
                error=pb.ExecutionError(
                    kind=kind.EXECUTION_CANCELED_DUE_TO_CONSENSUS_OBJECT_CONGESTION
                ),
            )
            events.events.clear()
        return effects, events

    node.run = cancelled


def work(p):
    p.call(f"{PKG}::market::work", p.u64(1))


async def test_what_was_cancelled_for_congestion_is_tried_again(outbox, autojump_clock):
    node = FakeNode()
    node.fund(Signer(ALICE.secret).address, 5 * 10**9)
    give_up(node, 2)
    async with network(node) as client:
        sender = Sender(client, Signer(ALICE.secret), outbox)
        done = await sender.submit_once("work", work)
        assert done.success
        assert node.executions == 3
        assert next(iter(node.coins.values()))[1] == 5 * 10**9 - 3 * GAS
        assert await sender.submit_once("work", work) == done


async def test_lasting_congestion_is_an_error(outbox, autojump_clock):
    node = FakeNode()
    node.fund(Signer(ALICE.secret).address, 5 * 10**9)
    give_up(node, 100)
    async with network(node) as client:
        sender = Sender(client, Signer(ALICE.secret), outbox)
        with pytest.raises(TransactionFailed, match="CONGESTION"):
            await sender.submit(work, label="work", budget=GAS)
    assert node.executions == MAX_CANCELLED + 1
