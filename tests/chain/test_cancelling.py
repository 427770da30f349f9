"""Transactions that are cancelled or fail half-way do not disturb the next one."""

import sqlite3

import pytest

from walrusd.chain.grpc import GRPCError, Status
from walrusd.chain.send.signer import Signer
from walrusd.chain.send.transactions import Sender, SqliteOutbox
from walrusd.errors import ChainRefused, ChainUnreachable

from .fakenode import GAS, FakeNode, network
from .wiretools import cancelled_at

SIGNER = Signer(b"\1" * 32)
DOWN = GRPCError(Status.UNAVAILABLE, "down")


@pytest.fixture
def outbox():
    connection = sqlite3.connect(":memory:")
    yield SqliteOutbox(connection)
    connection.close()


@pytest.fixture
def node():
    node = FakeNode()
    node.fund(SIGNER.address, 5 * 10**9)
    return node


def pay(p):
    p.transfer("0x" + "9".zfill(64), *p.split_gas(5))


@pytest.mark.parametrize("fault", [None, "after"])
async def test_a_submission_may_be_cancelled_at_every_step(autojump_clock, fault):
    steps = 0
    while True:
        steps += 1
        node, connection = FakeNode(), sqlite3.connect(":memory:")
        node.fund(SIGNER.address, 5 * 10**9)
        if fault:
            node.fail_next("ExecuteTransaction", fault)
        async with network(node) as client:
            sender = Sender(client, SIGNER, SqliteOutbox(connection))

            async def rent(sender=sender):
                return await sender.submit_once("rent", pay)

            cancelled = await cancelled_at(steps, rent)
            done = await rent()
            assert done.success
            assert (await sender.submit(pay, label="next")).success
            assert node.executions == 2  # the rent, once, and what came after it
            assert sender._outbox.pending() == []
        connection.close()
        if not cancelled:
            break
    assert steps > 10


async def test_coins_are_not_read_before_our_last_transaction_shows(node, outbox, autojump_clock):
    """Also if the read that waits for it has failed."""
    async with network(node) as client:
        sender = Sender(client, SIGNER, outbox)
        await sender.submit(pay, label="first", budget=GAS)
        sender._drafter.forget()
        node.fail_next("ListOwnedObjects", *[DOWN] * 2)
        with pytest.raises(ChainUnreachable):
            await sender.submit(pay, label="second", budget=GAS)
        node.calls.clear()
        await sender.submit(pay, label="third", budget=GAS)
        assert node.calls.index("GetTransaction") < node.calls.index("ListOwnedObjects")


async def test_the_cache_is_dropped_after_a_refusal_though_the_next_read_fails(
    node, outbox, autojump_clock
):
    async with network(node) as client:
        sender = Sender(client, SIGNER, outbox)
        await sender.submit(pay, label="first", budget=GAS)
        (coin,) = node.coins
        text = f"object {coin} is already locked by a different transaction"
        node.fail_next("ExecuteTransaction", GRPCError(Status.FAILED_PRECONDITION, text))
        node.fail_next("GetEpoch", *[DOWN] * 2)
        with pytest.raises((ChainUnreachable, ChainRefused)):
            await sender.submit(pay, label="second", budget=GAS)
        assert sender._drafter._purse is None
