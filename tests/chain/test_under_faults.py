"""Every event once and every payment once, under random faults. The large runs are slow."""

import random
import sqlite3

import pytest
import trio

from tests.devnet.tools import GAS, Tx, accounts, coins_of, find
from walrusd.chain.follow.follower import Cursor, Follower
from walrusd.chain.send.signer import Signer
from walrusd.chain.send.transactions import Sender, SqliteOutbox
from walrusd.chain.values.types import SharedRef
from walrusd.devnet.ledger.genesis import compute_package_id
from walrusd.devnet.move.failures import TransactionRejectedError
from walrusd.devnet.move.types import SUI_COIN
from walrusd.errors import MoveAborted, WalrusdError

from .storm import Storm
from .wiretools import DaemonKilled

ALICE, BOB, CAROL = accounts()


@pytest.fixture(autouse=True)
def one_seed(monkeypatch):
    """Make trio's task order and the jitter deterministic, so that a failure is reproducible."""
    monkeypatch.setattr(trio._core._run, "_ALLOW_DETERMINISTIC_SCHEDULING", True)
    trio._core._run._r.seed(1)
    random.seed(1)


def deposit(ledger, first, count):
    """One transaction with ``count`` events, numbered by their amounts."""
    tx = Tx(ledger)
    box, clock = tx.obj(min(find(ledger, "Box"), key=lambda b: b.version).id), tx.clock
    for n in range(first, first + count):
        tx.call("deposit", box, tx.split(GAS, n + 1), clock)
    tx.send(CAROL, price=ledger.gas_price)


async def follow_everything(seed, total, largest, **options):
    storm = Storm(seed, **options)
    chance = storm.chance
    package = compute_package_id(storm.ledger.seed)
    seen, saved, crashes = [], Cursor(), 0

    async def handle(events, cursor):
        nonlocal saved
        if chance.random() < 0.03:
            raise DaemonKilled
        await trio.sleep(0.01)
        seen.extend(
            int.from_bytes(e.contents[32:40], "little") - 1
            for e in events
            if e.type.endswith("Deposited")
        )
        saved = Cursor.from_bytes(cursor.to_bytes())
        if chance.random() < 0.03:
            raise DaemonKilled

    async def daemon():
        nonlocal crashes
        while True:
            try:
                async with storm.client() as client:
                    await Follower(client, [package], saved, poll=3, idle=20).run(handle)
            except* DaemonKilled:
                crashes += 1
            await trio.sleep(1)

    async def produce():
        n = 0
        while n < total:
            count = min(chance.randint(1, largest), total - n)
            deposit(storm.ledger, n, count)
            n += count
            await trio.sleep(chance.expovariate(2.0))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(storm.run)
        nursery.start_soon(daemon)
        await produce()
        with trio.fail_after(3_600):
            while len(seen) < total:  # noqa: ASYNC110 - the daemon is what is tested
                await trio.sleep(1)
        await trio.sleep(120)
        nursery.cancel_scope.cancel()
    assert seen == list(range(total))
    return storm, crashes


@pytest.mark.parametrize("seed", range(2))
async def test_every_event_exactly_once(autojump_clock, seed):
    storm, _ = await follow_everything(seed, 300, 8)
    assert sum(storm.fired.values()) > 50
    assert sum(storm.events.values()) > 1


async def test_every_event_exactly_once_behind_a_balancer(autojump_clock):
    storm, _ = await follow_everything(3, 300, 8, balanced=True)
    assert sum(storm.fired.values()) > 50


@pytest.mark.slow
async def test_ten_thousand_events_exactly_once(autojump_clock):
    storm, crashes = await follow_everything(11, 10_000, 40)
    fired = storm.fired
    needed = ("latency", "fail", "reset", "disconnect", "cut", "drop", "refuse_cursor")
    assert all(fired[kind] for kind in needed), fired
    assert all(storm.events.values()), storm.events
    assert crashes > 10


class Payer:
    """A daemon that pays numbered amounts, dies now and then, and shares its key with a person."""

    def __init__(self, storm, total):
        self.storm, self.total = storm, total
        self.database = sqlite3.connect(":memory:")
        self.signer = Signer(ALICE.secret)
        self.left = list(range(total))
        self.aborts = set()
        self.counts = dict.fromkeys(("killed", "errors", "aborted", "by_hand"), 0)

    def amount(self, n: int) -> int:
        return 1_000_003 + 7 * n

    async def live(self):
        chance = self.storm.chance
        while self.left:
            with trio.move_on_after(chance.expovariate(1 / 40)) as life:
                async with self.storm.client() as client:
                    outbox = SqliteOutbox(self.database)
                    sender = Sender(client, self.signer, outbox, patience=10)
                    while self.left:
                        await self.pay_one(sender, chance)
            self.counts["killed"] += life.cancelled_caught

    async def pay_one(self, sender, chance):
        n = chance.choice(self.left[:3])
        await trio.sleep(chance.expovariate(1.0))

        def build(ptb):
            ptb.transfer(BOB.address, *ptb.split_gas(self.amount(n)))

        budget = chance.choice([20_000_000, 20_000_000, None])
        try:
            if chance.random() < 0.05:
                await self.abort(sender, chance.choice([20_000_000, None]))
            await sender.submit_once(f"pay:{n}", build, budget=budget)
            self.left.remove(n)
        except WalrusdError:
            self.counts["errors"] += 1
            await trio.sleep(0.5)

    async def abort(self, sender, budget):
        ledger = self.storm.ledger
        package = compute_package_id(ledger.seed)
        box = min(find(ledger, "Box"), key=lambda b: b.version).id

        def build(ptb):
            shared = SharedRef(box, 1)
            ptb.call(f"{package}::box::deposit", shared, *ptb.split_gas(0), ptb.clock)

        try:
            await sender.submit(build, label="doomed", budget=budget)
        except MoveAborted as error:
            self.aborts.add(error.fields["abort_code"])
            self.counts["aborted"] += 1

    async def meddle(self):
        """A person moves the same coins with another wallet."""
        ledger, chance = self.storm.ledger, self.storm.chance
        while True:
            await trio.sleep(chance.expovariate(1 / 8))
            coins = coins_of(ledger, ALICE.address)
            tx = Tx(ledger)
            tx.transfer(ALICE.address, tx.split(GAS, chance.randint(1, 50) * 10**9))
            try:
                tx.send(ALICE, gas=[chance.choice(coins[:3])], price=ledger.gas_price)
                self.counts["by_hand"] += 1
            except TransactionRejectedError:
                continue  # the coin is promised to a transaction of the daemon: now it is locked


async def pay_everything(seed, total, **options):
    storm = Storm(seed, **options)
    payer = Payer(storm, total)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(storm.run)
        nursery.start_soon(payer.meddle)
        with trio.fail_after(100_000):
            await payer.live()
        nursery.cancel_scope.cancel()
    payer.database.close()
    balances = [c.sui_balance for c in storm.ledger.list_owned(BOB.address, SUI_COIN)]
    for n in range(total):
        assert balances.count(payer.amount(n)) == 1
    assert len(balances) == total + 4
    assert payer.aborts <= {1}
    assert storm.ledger.count_supply().is_conserved
    return storm, payer


@pytest.mark.parametrize("seed", range(2))
async def test_every_payment_exactly_once(autojump_clock, seed):
    storm, payer = await pay_everything(seed, 60)
    assert sum(storm.fired.values()) > 50
    assert payer.counts["by_hand"] > 0


async def test_every_payment_exactly_once_behind_a_balancer(autojump_clock):
    storm, _ = await pay_everything(3, 60, balanced=True)
    assert sum(storm.fired.values()) > 50


@pytest.mark.slow
async def test_a_thousand_payments_exactly_once(autojump_clock):
    storm, payer = await pay_everything(5, 1_000)
    fired = storm.fired
    needed = ("latency", "fail", "reset", "disconnect", "cut", "drop", "lose", "hold")
    assert all(fired[kind] for kind in needed), fired
    assert all(storm.events.values()), storm.events
    assert all(payer.counts.values()), payer.counts
