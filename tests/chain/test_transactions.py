"""Every transaction exactly once, despite aborts, lost replies, crashes and stale coins."""

import sqlite3

import pytest
import trio

from walrusd.chain.calls.base import Caller
from walrusd.chain.grpc import GRPCError, Status
from walrusd.chain.send.failures import AbortSentences
from walrusd.chain.send.outbox import OutboxEntry, SendingOutcome, SqliteOutbox, parse_transaction
from walrusd.chain.send.ptb import Ptb
from walrusd.chain.send.signer import Signer
from walrusd.chain.send.transactions import Sender
from walrusd.chain.values.digests import compute_transaction_digest
from walrusd.errors import (
    ChainRefused,
    InsufficientBalance,
    MoveAborted,
    TransactionFailed,
    TransactionUncertain,
)

from .fakenode import GAS, PKG, FakeNode, network, ref_of

SIGNER = Signer(bytes(range(32)))
SUI = 10**9
LOST = GRPCError(Status.UNAVAILABLE, "lost")


def do(name="work", amount=0):
    def build(ptb: Ptb) -> None:
        if amount:
            ptb.transfer("0xb0b", *ptb.split_gas(amount))
        ptb.call(f"{PKG}::market::{name}", ptb.u64(1))

    return build


@pytest.fixture
def node():
    fake = FakeNode()
    fake.fund(SIGNER.address, 5 * SUI)
    return fake


@pytest.fixture
def database():
    connection = sqlite3.connect(":memory:")
    yield connection
    connection.close()


@pytest.fixture
def outbox(database):
    return SqliteOutbox(database)


async def test_many_transactions_follow_each_other_without_reading(node, outbox, autojump_clock):
    async with network(node) as client:
        sender = Sender(client, SIGNER, outbox)
        first = await sender.submit(do(), label="first", budget=2 * GAS)
        node.calls.clear()
        for _ in range(5):
            done = await sender.submit(do(amount=10), label="again", budget=2 * GAS)
        assert node.calls == ["ExecuteTransaction"] * 5
        assert first.success
        assert done.emitted("market::Done")[0].contents == b"\x07"
        assert await sender.balance() == 5 * SUI - 6 * GAS - 50
        assert outbox.pending() == []


async def test_concurrent_submissions_take_turns(node, outbox, autojump_clock):
    async with network(node) as client:
        sender = Sender(client, SIGNER, outbox)
        async with trio.open_nursery() as nursery:
            for n in range(10):
                nursery.start_soon(lambda n=n: sender.submit(do(), label=str(n), budget=2 * GAS))
        assert node.executions == 10


async def test_simulation_finds_the_budget_and_stops_a_doomed_transaction(
    node, outbox, autojump_clock
):
    async with network(node) as client:
        aborts = AbortSentences([PKG], {("market", 7): "too late to join"})
        sender = Sender(client, SIGNER, outbox, aborts=aborts)
        done = await sender.submit(do(), label="x")
        assert done.success
        with pytest.raises(MoveAborted, match="too late to join") as caught:
            await sender.submit(do("boom"), label="x")
        assert caught.value.fields["abort_code"] == 7
        assert caught.value.fields["module"] == "market"
        assert caught.value.fields["function"] == "boom"
        assert caught.value.fields["executed"] is False
        assert caught.value.fields["package"] == PKG
        assert node.executions == 1


async def test_an_abort_on_chain_costs_gas_and_moves_the_coin_on(node, outbox, autojump_clock):
    async with network(node) as client:
        sender = Sender(client, SIGNER, outbox)
        with pytest.raises(MoveAborted) as caught:
            await sender.submit(do("boom", amount=SUI), label="doomed", budget=2 * GAS)
        assert caught.value.fields["executed"] is True
        node.calls.clear()
        assert (await sender.submit(do(), label="next", budget=2 * GAS)).success
        assert node.calls == ["ExecuteTransaction"]
        assert await sender.balance() == 5 * SUI - 2 * GAS


async def test_running_out_of_gas_is_its_own_error(node, outbox, autojump_clock):
    async with network(node) as client:
        sender = Sender(client, SIGNER, outbox)
        with pytest.raises(TransactionFailed, match="INSUFFICIENT_GAS"):
            await sender.submit(do(), label="x", budget=GAS // 2)


@pytest.mark.parametrize("faults", [["after"], [LOST], [LOST, "after", LOST]])
async def test_identical_bytes_are_sent_until_the_answer_arrives(
    node, outbox, autojump_clock, faults
):
    async with network(node) as client:
        sender = Sender(client, SIGNER, outbox)
        node.fail_next("ExecuteTransaction", *faults)
        done = await sender.submit(do(amount=7), label="x", budget=2 * GAS)
        assert done.success
        assert node.executions == 1
        assert await sender.balance() == 5 * SUI - GAS - 7


async def test_another_node_takes_over_without_executing_twice(outbox, autojump_clock):
    first, second = FakeNode(), FakeNode()
    first.fund(SIGNER.address, SUI)
    second.coins = first.coins
    second.owner, second.transactions = first.owner, first.transactions
    async with network(first, second) as client:
        sender = Sender(client, SIGNER, outbox)
        first.fail_next("ExecuteTransaction", "after")
        assert (await sender.submit(do(), label="x", budget=2 * GAS)).success
        assert first.executions + second.executions == 1
        assert len(first.transactions) == 1


async def test_nothing_else_is_signed_while_a_fate_is_open(node, outbox, autojump_clock):
    async with network(node) as client:
        sender = Sender(client, SIGNER, outbox, patience=30)
        node.executable = False
        with pytest.raises(TransactionUncertain) as caught:
            await sender.submit(do(), label="stuck", budget=2 * GAS)
        (entry,) = outbox.pending()
        assert caught.value.fields["digest"] == entry.digest
        with pytest.raises(TransactionUncertain, match="stuck"):
            await sender.submit(do("other"), label="other", budget=2 * GAS)
        assert outbox.pending() == [entry]
        node.executable = True
        assert (await sender.submit(do("other"), label="other", budget=2 * GAS)).success
        assert next(iter(node.transactions)) == entry.digest
        assert node.executions == 2


@pytest.mark.parametrize("executed", [False, True])
async def test_a_kill_between_saving_and_the_answer_loses_nothing(
    node, outbox, database, autojump_clock, executed
):
    """The process dies after the journal was written: before sending, or before the answer."""
    async with network(node) as client:
        sender = Sender(client, SIGNER, outbox)

        async def die(tx_bytes, signature):
            if executed:
                await real(tx_bytes, signature)
            raise SystemExit

        real, client.execute = client.execute, die
        with pytest.raises(SystemExit):
            await sender.submit_once("join:1", do(amount=5), budget=2 * GAS)
        client.execute = real
        assert len(outbox.pending()) == 1

        reborn = Sender(client, SIGNER, SqliteOutbox(database))
        (settled,) = await reborn.recover()
        assert settled.success
        again = await reborn.submit_once("join:1", do(amount=5), budget=2 * GAS)
        assert again == settled
        assert node.executions == 1
        assert await reborn.balance() == 5 * SUI - GAS - 5


async def test_cancelling_a_submission_leaves_it_to_the_next(node, outbox, autojump_clock):
    async with network(node) as client:
        sender = Sender(client, SIGNER, outbox)
        node.fail_next("ExecuteTransaction", *[LOST] * 50)
        with trio.move_on_after(3) as scope:
            await sender.submit(do(), label="cancelled", budget=2 * GAS)
        assert scope.cancelled_caught
        assert len(outbox.pending()) == 1
        node.faults.clear()
        await sender.submit(do("next"), label="next", budget=2 * GAS)
        assert node.executions == 2
        assert outbox.pending() == []


async def test_a_key_succeeds_once_but_may_fail_before(node, outbox, autojump_clock):
    async with network(node) as client:
        sender = Sender(client, SIGNER, outbox)
        with pytest.raises(MoveAborted):
            await sender.submit_once("k", do("boom"), budget=2 * GAS)
        first = await sender.submit_once("k", do(), budget=2 * GAS)
        second = await sender.submit_once("k", do("different"), budget=2 * GAS)
        assert first == second
        assert node.executions == 2


async def test_a_stale_coin_is_read_again(node, outbox, autojump_clock):
    async with network(node) as client:
        sender = Sender(client, SIGNER, outbox)
        await sender.submit(do(), label="x", budget=2 * GAS)
        (coin,) = node.coins.values()
        coin[0] += 3  # the coin was used elsewhere
        for budget in (2 * GAS, None):
            assert (await sender.submit(do(), label="x", budget=budget)).success
            coin[0] += 3
        assert outbox.pending() == []


async def test_an_open_fate_ends_when_the_coin_is_used_elsewhere(node, outbox, autojump_clock):
    async with network(node) as client:
        sender = Sender(client, SIGNER, outbox)
        node.executable = False

        async def use_the_coin_elsewhere():
            await trio.sleep(5)
            (object_id,) = node.coins
            node.coins[object_id][0] += 1
            node.last_writer[object_id] = "another"
            node.executable = True

        async with trio.open_nursery() as nursery:
            nursery.start_soon(use_the_coin_elsewhere)
            done = await sender.submit(do(), label="x", budget=2 * GAS)
        assert done.success
        assert outbox.pending() == []
        assert node.executions == 1


async def test_an_open_fate_ends_with_the_epoch(node, outbox, autojump_clock):
    async with network(node) as client:
        sender = Sender(client, SIGNER, outbox, patience=20)
        node.executable = False
        with pytest.raises(TransactionUncertain):
            await sender.submit(do(), label="x", budget=2 * GAS)
        (entry,) = outbox.pending()
        assert parse_transaction(entry.tx_bytes).expiration_epoch == node.epoch + 1
        node.epoch += 2
        assert await sender.recover() == []
        assert outbox.pending() == []
        node.executable = True
        assert (await sender.submit(do(), label="y", budget=2 * GAS)).success
        assert node.executions == 1


async def test_a_refusal_without_doubt_is_final(node, outbox, autojump_clock):
    async with network(node) as client:
        sender = Sender(client, SIGNER, outbox)
        bad = GRPCError(Status.INVALID_ARGUMENT, "signature is not valid")
        node.fail_next("ExecuteTransaction", bad, bad)
        with pytest.raises(ChainRefused, match="not valid"):
            await sender.submit(do(), label="x", budget=2 * GAS)
        assert outbox.pending() == []
        assert (await sender.submit(do(), label="x", budget=2 * GAS)).success


async def test_small_coins_join_when_one_is_not_enough(outbox, autojump_clock):
    node = FakeNode()
    node.fund(SIGNER.address, 3 * GAS, 5 * GAS, 4 * GAS, 1)
    async with network(node) as client:
        sender = Sender(client, SIGNER, outbox)
        await sender.submit(do(), label="one coin", budget=2 * GAS)
        assert len(node.coins) == 4
        await sender.submit(do(amount=6 * GAS), label="all coins", budget=2 * GAS)
        assert len(node.coins) < 4
        left = await sender.balance()
        assert left == 4 * GAS + 1
        with pytest.raises(InsufficientBalance) as caught:
            await sender.submit(do(amount=left), label="too much", budget=2 * GAS)
        assert caught.value.fields["available"] == left
        node.fund(SIGNER.address, 50 * GAS)
        assert (await sender.submit(do(amount=left), label="funded", budget=2 * GAS)).success


async def test_a_coin_that_is_an_input_does_not_pay(outbox, autojump_clock):
    node = FakeNode()
    node.fund(SIGNER.address, 9 * GAS, 5 * GAS)
    largest = max(node.coins, key=lambda i: node.coins[i][1])
    async with network(node) as client:
        sender = Sender(client, SIGNER, outbox)
        ref = ref_of(node, largest)
        await sender.submit(lambda ptb: ptb.transfer("0xb0b", ref), label="give", budget=2 * GAS)
        assert node.coins[largest] == [100, 9 * GAS]


async def test_the_beacon_is_taken_at_this_networks_version(node, outbox, autojump_clock):
    async with network(node) as client:
        sender = Sender(client, SIGNER, outbox)
        seen = []

        def build(ptb):
            ptb.call(f"{PKG}::market::draw", ptb.random, ptb.clock)
            seen.append(ptb._values[0].initial_version)

        await sender.submit(build, label="draw", budget=2 * GAS)
        assert seen == [4]


async def test_wait_visible_waits_for_the_checkpoint(node, outbox, autojump_clock):
    async with network(node) as client:
        sender = Sender(client, SIGNER, outbox)
        node.hide_checkpoints = True
        done = await sender.submit(do(), label="x", budget=2 * GAS)
        assert done.checkpoint is None
        with pytest.raises(TransactionUncertain):
            await sender.wait_visible(done.digest, seconds=5)
        node.transactions[done.digest].checkpoint = 7
        assert (await sender.wait_visible(done.digest)).checkpoint == 7


def entry(n: int, key: str | None = None, sender: str = "0xa") -> OutboxEntry:
    digest = compute_transaction_digest(b"%d" % n)
    return OutboxEntry(digest, b"tx", b"sig", "label", key, sender)


def test_the_outbox_survives_in_the_database(tmp_path):
    path = tmp_path / "outbox.db"
    for expected in ([], [entry(1)]):
        connection = sqlite3.connect(path)
        outbox = SqliteOutbox(connection)
        assert outbox.pending() == expected
        outbox.save(entry(1))
        connection.close()


def test_two_open_entries_cannot_share_a_key(outbox):
    outbox.save(entry(1, "k"))
    with pytest.raises(sqlite3.IntegrityError):
        outbox.save(entry(2, "k"))
    outbox.mark(entry(1).digest, SendingOutcome.DROPPED)
    outbox.save(entry(2, "k"))
    assert outbox.pending() == [entry(2, "k")]
    assert outbox.succeeded("k", "0xa") is None


def test_senders_that_share_a_database_do_not_meet(outbox):
    outbox.save(entry(1, "k", "0xa"))
    outbox.save(entry(2, "k", "0xb"))
    assert outbox.pending("0xb") == [entry(2, "k", "0xb")]
    assert len(outbox.pending()) == 2


async def test_a_sender_leaves_the_doubts_of_another_alone(database, autojump_clock):
    other = Signer(bytes(32))
    nodes = {signer: FakeNode() for signer in (SIGNER, other)}
    for signer, fake in nodes.items():
        fake.fund(signer.address, SUI)
    async with network(nodes[SIGNER]) as one, network(nodes[other]) as two:
        first = Sender(one, SIGNER, SqliteOutbox(database), patience=5)
        second = Sender(two, other, SqliteOutbox(database), patience=5)
        nodes[SIGNER].executable = False
        with pytest.raises(TransactionUncertain):
            await first.submit_once("k", do(), budget=2 * GAS)
        assert (await second.submit_once("k", do(), budget=2 * GAS)).success
        assert await second.recover() == []
        nodes[SIGNER].executable = True
        (settled,) = await first.recover()
        assert await first.submit_once("k", do(), budget=2 * GAS) == settled


async def test_a_table_of_the_first_version_is_brought_up_to_date(node, database, autojump_clock):
    async with network(node) as client:
        sender = Sender(client, SIGNER, SqliteOutbox(database))
        done = await sender.submit_once("k", do(), budget=2 * GAS)
        database.executescript(
            "DROP INDEX outbox_sender_key; ALTER TABLE outbox DROP COLUMN sender;"
            "CREATE UNIQUE INDEX outbox_key ON outbox (key)"
        )
        again = Sender(client, SIGNER, SqliteOutbox(database))
        assert await again.submit_once("k", do(), budget=2 * GAS) == done


@pytest.mark.parametrize(
    "fault", [GRPCError(Status.PERMISSION_DENIED, "no"), GRPCError(Status.INTERNAL, "broken")]
)
async def test_what_is_executed_stays_executed_if_it_is_not_shown(
    node, outbox, autojump_clock, fault
):
    async with network(node) as client:
        caller = Caller(client, Sender(client, SIGNER, outbox), PKG, "0xa")
        node.fail_next("GetTransaction", *[fault] * 999)
        executed = await caller._send(do(), "join:1", "0x1")
        assert executed.success
        assert outbox.succeeded("join:1", SIGNER.address).digest == executed.digest
        assert (await caller._send(do(), "join:1", "0x1")).digest == executed.digest
    assert node.executions == 1


async def test_a_refused_read_of_the_epoch_does_not_settle_a_pending_transaction(
    node, outbox, autojump_clock
):
    async with network(node) as client:
        sender = Sender(client, SIGNER, outbox, patience=5)
        await sender.submit(do(), label="first")  # the epoch is known from now on
        lost = GRPCError(Status.UNAVAILABLE, "lost")
        locked = GRPCError(Status.FAILED_PRECONDITION, "already locked by a different transaction")
        node.fail_next("ExecuteTransaction", lost, *[locked] * 99)
        node.fail_next("GetEpoch", *[GRPCError(Status.PERMISSION_DENIED, "no")] * 99)
        with pytest.raises(TransactionUncertain):
            await sender.submit_once("join:1", do())
        assert [entry.key for entry in outbox.pending()] == ["join:1"]
