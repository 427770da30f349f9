"""The client, the sender and the follower against the development network's real services."""

import sqlite3
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing

from walrusd.chain.follow.follower import Cursor, Follower
from walrusd.chain.grpc import serve_connection
from walrusd.chain.nodes.connect import open_client
from walrusd.chain.send.signer import Signer
from walrusd.chain.send.transactions import Sender, SqliteOutbox
from walrusd.devnet.app import describe_chain
from walrusd.devnet.chain_file import open_chain_file
from walrusd.devnet.rpc.sui_services import build_sui_services
from walrusd.errors import TransactionFailed


@asynccontextmanager
async def devnet():
    ledger = open_chain_file(None, seed=1, wall_ms=lambda: 1_800_000_000_000)
    table = build_sui_services(ledger).table
    info = describe_chain(ledger, "", "", "")
    async with trio.open_nursery() as nursery:

        async def dial():
            await trio.lowlevel.checkpoint()
            ours, theirs = trio.testing.memory_stream_pair()
            nursery.start_soon(serve_connection, theirs, table)
            return ours

        async with open_client(
            ["http://devnet"], chain_id=info.chain_id, connect=lambda _: dial
        ) as client:
            yield client, info
        nursery.cancel_scope.cancel()
    ledger.store.close()


# The devnet fills a field that clients still read although the protocol calls it deprecated.
@pytest.mark.filterwarnings("ignore:ProtocolConfig.attributes:DeprecationWarning")
async def test_paying_failing_and_following(autojump_clock):
    connection = sqlite3.connect(":memory:")
    async with devnet() as (client, info):
        signer = Signer.from_bech32(info.accounts[0]["key"])
        assert signer.address == info.accounts[0]["address"]
        bob = info.accounts[1]["address"]
        sender = Sender(client, signer, SqliteOutbox(connection))
        mine, his = await sender.balance(), await client.balance(bob)

        def pay(ptb):
            ptb.transfer(bob, *ptb.split_gas(5, 6))

        paid = await sender.submit(pay, label="pay")
        await sender.wait_visible(paid.digest)
        assert await client.balance(bob) == his + 11
        assert await sender.balance() == mine - 11 - paid.gas_used.net
        assert len(paid.created("coin::Coin")) == 2

        market = (await client.get_object(info.market_id)).shared_ref(mutable=False)
        with pytest.raises(TransactionFailed) as simulated:
            await sender.submit(
                lambda ptb: ptb.call(f"{info.package_id}::market::nothing", market), label="x"
            )
        assert simulated.value.fields["executed"] is False
        with pytest.raises(TransactionFailed) as executed:
            await sender.submit(
                lambda ptb: ptb.call(f"{info.package_id}::market::nothing", market),
                label="x",
                budget=10_000_000,
            )
        assert executed.value.fields["executed"] is True
        assert (await sender.submit(pay, label="again", budget=10_000_000)).success

        seen = []

        async def handle(events, cursor):
            await trio.lowlevel.checkpoint()
            seen.extend(event.type.rsplit("::", 1)[1] for event in events)

        follower = Follower(client, [info.package_id], Cursor())
        async with trio.open_nursery() as nursery:
            nursery.start_soon(follower.run, handle)
            await follower.wait_caught_up()
            nursery.cancel_scope.cancel()
        assert seen[0] == "MarketCreated"
    connection.close()
