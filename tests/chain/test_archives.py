"""History that full nodes have pruned is read from archives, without gaps or repeats."""

import random
import sqlite3
from contextlib import asynccontextmanager

import pysui.sui.sui_grpc.suimsgs.sui.rpc.v2 as pb
import pytest
import trio
import trio.testing

from tests.devnet.demo_package import DEPENDENCIES, MODULES
from tests.devnet.tools import GAS, Tx, accounts, find, open_ledger
from walrusd.chain.follow.follower import PAGE, Cursor, Follower
from walrusd.chain.grpc import Handler, serve_connection
from walrusd.chain.nodes.connect import open_client
from walrusd.chain.nodes.endpoints import SERVICE_INFO
from walrusd.chain.send.signer import Signer
from walrusd.chain.send.transactions import Sender, SqliteOutbox
from walrusd.devnet.ledger.genesis import compute_package_id
from walrusd.devnet.move import ptb
from walrusd.devnet.rpc.endpoints import SuiEndpoints
from walrusd.devnet.rpc.faults import FaultKind, FaultRule
from walrusd.errors import HistoryPruned, TransactionUncertain, WrongNetwork

BOB, CAROL = accounts()[1:]
NOT_LEDGER = [
    "StateService", "MovePackageService", "TransactionExecutionService", "SubscriptionService",
]  # fmt: skip


class PruningNet:
    """Full nodes, then archives: nodes of the same ledger that offer only LedgerService."""

    def __init__(self, *, nodes: int = 1, archives: int = 1) -> None:
        self.ledger = open_ledger(seal_at_once=False)
        self.sui = SuiEndpoints(self.ledger, nodes + archives)
        self.count, self.down = nodes, set()
        self.calls: list[tuple[int, str]] = []
        self.chain_id = self.ledger.chain_id
        self.tables = {n: services.table for n, services in enumerate(self.sui.nodes)}
        for number in range(nodes, nodes + archives):
            self.sui.change({"endpoint": number, "without": NOT_LEDGER})

    def deposit(self, amount: int, times: int = 1) -> None:
        """Seal a checkpoint with as many events."""
        box = min(find(self.ledger, "Box"), key=lambda b: b.version).id
        for _ in range(times):
            tx = Tx(self.ledger)
            tx.call("deposit", tx.obj(box), tx.split(GAS, amount), tx.clock)
            tx.send(CAROL)
        self.ledger.seal()

    def prune(self, lowest: int, *numbers: int) -> None:
        for number in numbers or range(self.count):
            self.sui.change({"endpoint": number, "prune": lowest})

    @asynccontextmanager
    async def client(self, **options):
        async with trio.open_nursery() as nursery:

            def connect(url: str):
                number = int(url.rsplit("-", 1)[1])

                async def dial():
                    await trio.lowlevel.checkpoint()
                    if number in self.down:
                        raise ConnectionRefusedError("nobody listens")
                    ours, theirs = trio.testing.memory_stream_pair()
                    nursery.start_soon(serve_connection, theirs, self.watched(number))
                    return ours

                return dial

            urls = [f"http://node-{n}" for n in range(len(self.sui.nodes))]
            options = {"chain_id": self.chain_id, "archive_urls": urls[self.count :], **options}
            async with open_client(urls[: self.count], connect=connect, **options) as client:
                yield client
            nursery.cancel_scope.cancel()

    def watched(self, number: int):
        """Return the handlers of a node, which note every call."""

        class Table(dict):
            def __getitem__(table, route):  # noqa: N805 - self is the network here
                self.calls.append((number, route.rpartition("/")[2]))
                return super().__getitem__(route)

        return Table(self.tables[number])

    @asynccontextmanager
    async def following(self, cursor=None, **options):
        """Yield what a follower has seen so far, and the follower."""
        seen = []

        async def handle(events, cursor):
            await trio.lowlevel.checkpoint()
            seen.extend(int.from_bytes(e.contents[32:40], "little") for e in events)
            stored.append(cursor)

        stored = [cursor or Cursor()]
        package = compute_package_id(self.ledger.seed)
        async with self.client(**options) as client, trio.open_nursery() as nursery:
            follower = Follower(client, [package], stored[0], poll=3, idle=20)
            nursery.start_soon(follower.run, handle)
            yield seen, follower, stored
            nursery.cancel_scope.cancel()

    async def follow_until(self, count: int, **options):
        async with self.following(**options) as (seen, follower, _):
            with trio.fail_after(600):
                await follower.wait_caught_up()
                while len(seen) < count:  # noqa: ASYNC110 - the follower is what is tested
                    await trio.sleep(0.5)
            return seen


@pytest.mark.parametrize("nodes", [1, 3])
async def test_a_fresh_follower_starts_at_the_archive_and_continues_at_the_node(
    autojump_clock, nodes
):
    net = PruningNet(nodes=nodes)
    for n in range(1, 9):
        net.deposit(n)
    net.prune(6)
    async with net.following() as (seen, follower, _):
        await follower.wait_caught_up()
        assert seen == list(range(1, 9))
        archive = net.count
        before = [call for call in net.calls if call[0] == archive]
        for n in range(9, 13):
            net.deposit(n)
            await trio.sleep(5)
        assert seen == list(range(1, 13))
        # Nothing but history is asked of the archive, and nothing once that is read.
        assert {name for _, name in before} <= {"GetServiceInfo", "GetTransaction", "ListEvents"}
        assert [call for call in net.calls if call[0] == archive] == before


async def test_a_checkpoint_of_more_events_than_a_page_is_read_completely(autojump_clock):
    net = PruningNet()
    net.deposit(1, times=PAGE + 30)
    net.deposit(2, times=PAGE)
    net.deposit(3, times=5)
    net.prune(3)
    wanted = [1] * (PAGE + 30) + [2] * PAGE + [3] * 5
    assert await net.follow_until(len(wanted)) == wanted


async def test_a_follower_that_stops_half_way_resumes_without_the_archives_token(autojump_clock):
    net = PruningNet()
    net.deposit(1, times=PAGE + 30)
    net.deposit(2, times=20)
    net.prune(2)
    stored = None

    class Stop(Exception):
        pass

    async def handle(events, cursor):
        nonlocal stored
        await trio.lowlevel.checkpoint()
        stored = cursor
        first.extend(events)
        raise Stop

    first = []
    async with net.client() as client:
        package = compute_package_id(net.ledger.seed)
        with pytest.RaisesGroup(Stop):
            await Follower(client, [package], Cursor()).run(handle)
    assert stored.token is None
    wanted = [1] * (PAGE + 30) + [2] * 20
    rest = await net.follow_until(len(wanted) - len(first), cursor=stored)
    assert [int.from_bytes(e.contents[32:40], "little") for e in first] + rest == wanted


async def test_a_daemon_that_was_away_for_long_catches_up(autojump_clock):
    net = PruningNet()
    for n in range(1, 9):
        net.deposit(n)
    async with net.following() as (_, follower, _):
        await follower.wait_caught_up()
        cursor = follower.cursor
    for n in range(8, 20):
        net.deposit(n)
    net.prune(net.ledger.tip.sequence - 2)
    assert cursor.token is not None
    assert await net.follow_until(12, cursor=cursor) == list(range(8, 20))


async def test_nodes_may_forget_more_while_the_archive_is_read(autojump_clock):
    net = PruningNet()
    for n in range(1, 31):
        net.deposit(n)
    net.prune(10)
    net.sui.nodes[1].faults.rules = [FaultRule(FaultKind.LATENCY, low_ms=2_000, high_ms=2_000)]
    async with net.following() as (seen, follower, _):
        await trio.sleep(3)
        net.prune(25)
        await follower.wait_caught_up()
        assert seen == list(range(1, 31))


async def test_the_birth_of_a_package_is_found_in_the_archive(autojump_clock):
    net = PruningNet()
    for _ in range(5):
        net.ledger.seal()
    tx = Tx(net.ledger)
    tx.transfer(BOB.address, tx.do(ptb.Publish(MODULES, DEPENDENCIES)))
    changed = tx.send(BOB).effects.changed_objects
    (package,) = (c.object_id for c in changed if c.object_type == "package")
    net.ledger.seal()
    born = net.ledger.tip.sequence
    for _ in range(20):
        net.ledger.seal()
    tx = Tx(net.ledger)
    tx.call("toss", tx.random, package=package)
    tx.send(BOB)
    net.ledger.seal()
    net.prune(born + 10)
    seen = []

    async def handle(events, _):
        await trio.lowlevel.checkpoint()
        seen.extend(events)

    async with net.client() as client, trio.open_nursery() as nursery:
        asked = []
        list_events = client.archives.list_events
        client.archives.list_events = lambda request: asked.append(request) or list_events(request)
        follower = Follower(client, [package], Cursor(), poll=3)
        nursery.start_soon(follower.run, handle)
        await follower.wait_caught_up()
        nursery.cancel_scope.cancel()
    assert [(request.start_checkpoint, request.end_checkpoint) for request in asked] == [
        (born, born + 10)
    ]
    assert len(seen) == 1


async def test_a_second_archive_takes_over_from_one_with_a_floor_or_without_events(autojump_clock):
    net = PruningNet(archives=3)
    for n in range(1, 9):
        net.deposit(n)
    net.prune(6)
    net.prune(3, 1)
    net.sui.change({"endpoint": 2, "without": [*NOT_LEDGER, "ListEvents"]})
    assert await net.follow_until(8) == list(range(1, 9))


async def test_the_archive_helps_too_while_the_other_nodes_are_down(autojump_clock):
    net = PruningNet(nodes=3)
    for n in range(1, 9):
        net.deposit(n)
    net.prune(6)
    net.down = {0, 2}
    assert await net.follow_until(8) == list(range(1, 9))


async def test_a_short_outage_of_the_archive_is_waited_for(autojump_clock):
    net = PruningNet()
    for n in range(1, 9):
        net.deposit(n)
    net.prune(6)
    net.sui.nodes[1].faults.rules = [FaultRule(FaultKind.FAIL, "ListEvents", times=2)]
    assert await net.follow_until(8) == list(range(1, 9))


async def test_checking_a_poor_node_does_not_move_the_start_at_a_good_one(autojump_clock):
    net = PruningNet(nodes=2, archives=0)
    for n in range(1, 4):
        net.deposit(n)
    async with net.following() as (seen, follower, _):
        await follower.wait_caught_up()
        # It must ask by checkpoint, then turn to the poor node, and then come back.
        net.sui.nodes[0].faults.rules = [
            FaultRule(FaultKind.REFUSE_CURSOR, "ListEvents", times=1),
            FaultRule(FaultKind.FAIL, "ListEvents", times=1),
        ]
        for n in range(4, 10):
            net.deposit(n)
        net.prune(9, 1)
        await trio.sleep(60)
        assert seen == list(range(1, 10))


@pytest.mark.parametrize("seed", range(2))
async def test_every_event_once_while_nodes_forget_and_archives_fail(autojump_clock, seed):
    """The nodes keep so little that a follower falls out of their history again and again."""
    chance = random.Random(seed)
    net = PruningNet(nodes=2, archives=2)
    net.deposit(1)
    for number, services in enumerate(net.sui.nodes):
        services.faults.chance = random.Random(seed * 10 + number)
        services.faults.rules = [
            FaultRule(kind, "*", 0.02, low_ms=1, high_ms=500)
            for kind in (FaultKind.FAIL, FaultKind.RESET, FaultKind.DISCONNECT, FaultKind.CUT)
        ] + [FaultRule(FaultKind.REFUSE_CURSOR, "ListEvents", 0.1)]
        if number < net.count:
            services.node.keep = 3
    stored, seen = Cursor(), []

    async def handle(events, cursor):
        nonlocal stored
        await trio.lowlevel.checkpoint()
        seen.extend(int.from_bytes(e.contents[32:40], "little") for e in events)
        stored = cursor

    package, last = compute_package_id(net.ledger.seed), 1
    async with net.client() as client:
        while last < 150 or len(seen) < last:
            with trio.move_on_after(chance.uniform(1, 40)):
                try:
                    async with trio.open_nursery() as nursery:
                        follower = Follower(client, [package], stored, poll=1)
                        nursery.start_soon(follower.run, handle)
                        while last < 150 or len(seen) < last:
                            await trio.sleep(chance.uniform(0, 3))
                            if last < 150:
                                last += 1
                                net.deposit(last)
                        nursery.cancel_scope.cancel()
                except* HistoryPruned:
                    await trio.sleep(5)
            for _ in range(chance.randrange(8)):  # away
                if last < 150:
                    last += 1
                    net.deposit(last)
            assert trio.current_time() < 3600
    assert seen == list(range(1, last + 1))
    assert any(number >= net.count and name == "ListEvents" for number, name in net.calls)


def down(net):
    net.down = {1}


def floor(net):
    net.prune(3, 1)


def without_events(net):
    net.sui.change({"endpoint": 1, "without": [*NOT_LEDGER, "ListEvents"]})


def stopped(net):
    net.sui.change({"endpoint": 1, "frozen": True})
    for n in range(8, 20):
        net.deposit(n)
    net.prune(15)


def silent(net):
    net.sui.nodes[1].faults.rules = [FaultRule(FaultKind.DROP, "ListEvents")]


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        (down, "nobody listens"),
        (floor, "node-1:80 has pruned checkpoints 0 to 2"),
        (without_events, "does not offer ListEvents"),
        (stopped, "the archive ends at checkpoint 8, but the nodes begin at 15"),
        (silent, "no answer in time"),
    ],
)
async def test_an_archive_that_does_not_help_is_an_error_with_its_setting(
    autojump_clock, trouble, words
):
    net = PruningNet()
    for n in range(1, 9):
        net.deposit(n)
    net.prune(6)
    trouble(net)
    with pytest.RaisesGroup(
        pytest.RaisesExc(HistoryPruned, match=words), flatten_subgroups=True
    ) as caught:
        await net.follow_until(8)
    error = caught.value
    while isinstance(error, BaseExceptionGroup):
        (error,) = error.exceptions
    assert "sui.archive_urls" in error.hint
    assert "node-0:80 has pruned checkpoints" in error.message


@pytest.mark.parametrize("named", [True, False])
async def test_an_archive_of_another_chain_is_refused(autojump_clock, named):
    """Also if the configuration names no chain: then it is the chain of the nodes."""
    net = PruningNet()
    net.deposit(1)
    net.deposit(2)
    net.prune(1)

    async def strange(request):
        await trio.lowlevel.checkpoint()
        return pb.GetServiceInfoResponse(chain_id="1" * 32)

    net.tables[1] = {**net.tables[1], SERVICE_INFO.route: Handler(SERVICE_INFO.request, strange)}
    options = {} if named else {"chain_id": None}
    with pytest.RaisesGroup(WrongNetwork, flatten_subgroups=True) as caught:
        await net.follow_until(2, **options)
    error = caught.value
    while isinstance(error, BaseExceptionGroup):
        (error,) = error.exceptions
    assert "sui.archive_urls" in error.hint


@pytest.mark.parametrize("archive", ["there", "down"])
async def test_the_fate_of_a_pruned_transaction_is_found_in_the_archive(autojump_clock, archive):
    net = PruningNet()
    connection = sqlite3.connect(":memory:")
    async with net.client() as client:
        sender = Sender(client, Signer(BOB.secret), SqliteOutbox(connection), patience=5)
        faults = net.sui.nodes[0].faults
        faults.rules = [
            FaultRule(FaultKind.LOSE, "ExecuteTransaction"),
            FaultRule(FaultKind.FAIL, "GetTransaction"),
        ]

        def pay(p):
            p.transfer(CAROL.address, *p.split_gas(1_000))

        with pytest.raises(TransactionUncertain):
            await sender.submit_once("rent", pay, budget=20_000_000)
        faults.rules = []
        # Away for long: the epochs are over, and the node has pruned them.
        for _ in range(3):
            net.ledger.seal()
            net.ledger.advance_epoch()
        net.deposit(1)
        net.prune(net.ledger.tip.sequence)
        # Nor do its validators answer with the effects of what they know.
        faults.rules = [FaultRule(FaultKind.FAIL, "ExecuteTransaction")]
        again = Sender(client, Signer(BOB.secret), SqliteOutbox(connection), patience=60)
        if archive == "down":
            # No node knows its fate now, but nothing else has to wait for it.
            net.sui.nodes[1].faults.rules = [FaultRule(FaultKind.FAIL, "GetTransaction")]
            assert await again.recover() == []
            with pytest.raises(TransactionUncertain, match="pruned"):
                await again.submit_once("rent", pay)
            faults.rules = []
            assert (await again.submit_once("food", pay, budget=20_000_000)).success
            net.sui.nodes[1].faults.rules = []
            faults.rules = [FaultRule(FaultKind.FAIL, "ExecuteTransaction")]
            again = Sender(client, Signer(BOB.secret), SqliteOutbox(connection), patience=60)
        (settled,) = await again.recover()
        assert settled.success
        assert await again.submit_once("rent", pay) == settled
    connection.close()
