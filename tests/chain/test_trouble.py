"""One fault at a time, on the devnet's ledger: how the sender and the follower react."""

import sqlite3
from contextlib import asynccontextmanager

import pytest
import trio

from tests.devnet.tools import GAS, Tx, accounts, balance_of, coins_of, find
from walrusd.chain.follow.follower import Cursor, Follower
from walrusd.chain.send.failures import AbortSentences
from walrusd.chain.send.refusals import Refusal, classify, explain
from walrusd.chain.send.signer import Signer
from walrusd.chain.send.transactions import Sender, SqliteOutbox
from walrusd.chain.values.types import ObjectRef, SharedRef
from walrusd.devnet.ledger.genesis import compute_package_id
from walrusd.devnet.move.failures import EquivocatedError
from walrusd.devnet.rpc.faults import FaultKind, FaultRule
from walrusd.errors import (
    ChainRefused,
    HistoryPruned,
    InsufficientBalance,
    MoveAborted,
    PackageMismatch,
    PackageNotFound,
    TransactionUncertain,
)
from walrusd.units import MIST_PER_SUI

from .storm import Storm

ALICE, BOB, CAROL = accounts()
BUDGET = 20_000_000


def pay(amount=1):
    def build(ptb):
        ptb.transfer(BOB.address, *ptb.split_gas(amount))

    return build


@asynccontextmanager
async def calm_network(**options):
    """A network without random faults, a client, and a sender for Alice."""
    storm = Storm(0)
    storm.calm()
    database = sqlite3.connect(":memory:")
    async with trio.open_nursery() as nursery, storm.client() as client:
        nursery.start_soon(storm._seal)
        options = {"patience": 20, **options}
        yield storm, Sender(client, Signer(ALICE.secret), SqliteOutbox(database), **options)
        nursery.cancel_scope.cancel()
    database.close()


def spend_by_hand(ledger, coin_id, amount=MIST_PER_SUI):
    tx = Tx(ledger)
    tx.transfer(ALICE.address, tx.split(GAS, amount))
    tx.send(ALICE, gas=[ledger.get_object(coin_id)], price=ledger.gas_price)


def received(ledger):
    return balance_of(ledger, BOB.address) - 1_000 * MIST_PER_SUI


async def test_a_coin_that_a_person_moved_is_found_again_behind_the_lag(autojump_clock):
    async with calm_network() as (storm, sender):
        for node in storm.sui.nodes:
            node.node.lag = 3.0
        for n in range(4):
            done = await sender.submit(pay(), label="pay", budget=[BUDGET, None][n % 2])
            spend_by_hand(storm.ledger, done.gas_object.id)
        assert received(storm.ledger) == 4


async def test_a_coin_that_a_person_gave_away_is_replaced(autojump_clock):
    async with calm_network() as (storm, sender):
        done = await sender.submit(pay(), label="pay", budget=BUDGET)
        coin = storm.ledger.get_object(done.gas_object.id)
        other = coins_of(storm.ledger, ALICE.address)[0]
        tx = Tx(storm.ledger)
        tx.transfer(CAROL.address, tx.obj(coin.id))
        tx.send(ALICE, gas=[other])
        assert (await sender.submit(pay(), label="pay", budget=BUDGET)).success
        assert received(storm.ledger) == 2


async def equivocate(storm, sender, key):
    """Hold a payment of ours at the validators, and claim its coin by hand."""
    for node in storm.sui.nodes:
        node.faults.rules = [FaultRule(FaultKind.HOLD, "ExecuteTransaction", times=1)]
    coin = coins_of(storm.ledger, ALICE.address)

    async def compete():
        await trio.sleep(0.1)
        for held in coin:
            if storm.ledger.locks._locks.get((held.id, held.version)):
                with pytest.raises(EquivocatedError):
                    spend_by_hand(storm.ledger, held.id)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(compete)
        with pytest.raises(TransactionUncertain, match="undecided") as caught:
            await sender.submit_once(key, pay(1_000), budget=BUDGET)
    for node in storm.sui.nodes:
        node.faults.rules = []
    return caught.value


async def test_an_equivocated_payment_waits_and_nothing_else_does(autojump_clock):
    async with calm_network() as (storm, sender):
        error = await equivocate(storm, sender, "rent")
        assert "epoch 1" in error.hint
        start = trio.current_time()
        for _ in range(3):
            assert (await sender.submit(pay(), label="food", budget=BUDGET)).success
        with pytest.raises(TransactionUncertain):
            await sender.submit_once("rent", pay(1_000), budget=BUDGET)
        assert trio.current_time() - start < 10
        assert received(storm.ledger) == 3
        storm.ledger.advance_epoch()
        await trio.sleep(40)  # the sender takes the epoch as known for a while
        assert (await sender.submit_once("rent", pay(1_000), budget=BUDGET)).success
        assert (await sender.submit_once("rent", pay(1_000), budget=BUDGET)).success
        assert received(storm.ledger) == 1_003


async def test_a_sender_born_again_leaves_the_equivocated_payment_aside_too(autojump_clock):
    async with calm_network() as (storm, sender):
        await equivocate(storm, sender, "rent")
        again = Sender(sender._client, Signer(ALICE.secret), sender._outbox, patience=20)
        assert (await again.submit(pay(), label="food", budget=BUDGET)).success
        assert received(storm.ledger) == 1
        storm.ledger.advance_epoch()
        storm.ledger.advance_epoch()  # now it has expired: its fate is known, and it may be redone
        await trio.sleep(40)
        assert (await again.submit_once("rent", pay(1_000), budget=BUDGET)).success
        assert received(storm.ledger) == 1_001


async def test_a_coin_that_another_program_locked_is_gone_around(autojump_clock):
    async with calm_network() as (storm, sender):
        ledger = storm.ledger
        largest = coins_of(ledger, ALICE.address)[0]
        tx = Tx(ledger)
        tx.transfer(ALICE.address, tx.split(GAS, 1))
        raws = []
        for coin in coins_of(ledger, ALICE.address)[:3]:
            raw = tx.data(ALICE.address, [coin]).to_bcs()
            ledger.hold(raw, [ALICE.sign(raw)])
            raws.append(raw)
        assert largest.id in {key[0] for key in ledger.locks._locks}
        assert (await sender.submit(pay(), label="pay", budget=BUDGET)).success
        assert received(ledger) == 1
        with pytest.raises(InsufficientBalance, match="claims"):
            await sender.submit(pay(400 * MIST_PER_SUI), label="pay", budget=BUDGET)


async def test_an_epoch_with_a_higher_price_is_noticed(autojump_clock):
    async with calm_network() as (storm, sender):
        for price in (1_100, 5_000, 800):
            await sender.submit(pay(), label="pay", budget=BUDGET)
            storm.ledger.advance_epoch(price)
        storm.ledger.advance_epoch()
        storm.ledger.advance_epoch()
        assert (await sender.submit(pay(), label="pay", budget=None)).success
        assert received(storm.ledger) == 4


async def test_more_gas_than_the_simulation_showed(autojump_clock):
    async with calm_network() as (storm, sender):
        simulate = sender._client.simulate

        async def optimistic(tx_bytes):
            shown = await simulate(tx_bytes)
            gas = shown.outcome.gas_used
            small = type(gas)(gas.computation // 4, gas.storage // 4, gas.rebate)
            return type(shown)(type(shown.outcome)(**{**vars(shown.outcome), "gas_used": small}))

        sender._client.simulate = optimistic

        def build(ptb):
            package = compute_package_id(storm.ledger.seed)
            box = min(find(storm.ledger, "Box"), key=lambda b: b.version)
            ptb.call(f"{package}::box::fill", SharedRef(box.id, 1), ptb.u64(2_000))

        assert (await sender.submit(build, label="fill")).success


async def test_a_package_that_is_not_there(autojump_clock):
    async with calm_network() as (_, sender):
        for budget in (BUDGET, None):
            with pytest.raises(PackageNotFound, match="Dependent package") as caught:
                await sender.submit(
                    lambda ptb: ptb.call(f"0x{'ab' * 32}::task::join"), label="x", budget=budget
                )
            assert "sui.package_id" in caught.value.hint


async def test_a_package_of_another_version(autojump_clock):
    async with calm_network() as (storm, sender):
        package = compute_package_id(storm.ledger.seed)
        for call in ("box::newer", "box::toss"):
            with pytest.raises(
                PackageMismatch, match=r"FUNCTION_NOT_FOUND|ARITY_MISMATCH"
            ) as caught:
                await sender.submit(
                    lambda ptb, call=call: ptb.call(f"{package}::{call}", ptb.u64(1), ptb.u64(2)),
                    label="x",
                )
            assert "version" in caught.value.hint


def deposit_nothing(storm):
    package = compute_package_id(storm.ledger.seed)
    box = min(find(storm.ledger, "Box"), key=lambda b: b.version).id

    def build(ptb):
        ptb.call(f"{package}::box::deposit", SharedRef(box, 1), *ptb.split_gas(0), ptb.clock)

    return package, build


SENTENCES = {("box", 1): "EWrongVersion: The box belongs to another package version."}


async def test_an_abort_speaks_the_contracts_own_sentence(autojump_clock):
    aborts = AbortSentences(["0x77"], SENTENCES)
    async with calm_network(aborts=aborts) as (storm, sender):
        package, build = deposit_nothing(storm)
        aborts.add_package(package)
        for budget in (None, BUDGET):
            with pytest.raises(MoveAborted, match="belongs to another package version") as caught:
                await sender.submit(build, label="x", budget=budget)
            assert caught.value.fields["abort_code"] == 1
            assert caught.value.fields["package"] == package
            assert "different versions" in caught.value.hint


async def test_another_packages_module_of_the_same_name_has_no_sentence_of_ours(autojump_clock):
    async with calm_network(aborts=AbortSentences(["0x77"], SENTENCES)) as (storm, sender):
        package, build = deposit_nothing(storm)
        for budget in (None, BUDGET):
            with pytest.raises(MoveAborted, match="box::deposit aborts with code 1") as caught:
                await sender.submit(build, label="x", budget=budget)
            assert "another package version" not in str(caught.value)
            assert caught.value.fields["package"] == package
            assert caught.value.hint == MoveAborted.default_hint


async def test_an_address_without_money(autojump_clock):
    async with calm_network() as (_, sender):
        poor = Sender(sender._client, Signer(bytes(32)), sender._outbox)
        for budget in (BUDGET, None):
            with pytest.raises(InsufficientBalance, match="holds 0") as caught:
                await poor.submit(pay(), label="x", budget=budget)
            assert "fund" in caught.value.hint


async def test_a_stale_input_of_the_caller_is_an_error_at_once(autojump_clock):
    async with calm_network() as (storm, sender):
        small = coins_of(storm.ledger, ALICE.address)[-1]
        stale = ObjectRef(small.id, small.version + 7, small.digest)
        start = trio.current_time()
        with pytest.raises(ChainRefused, match="unavailable for consumption"):
            await sender.submit(
                lambda ptb: ptb.transfer(BOB.address, stale), label="x", budget=BUDGET
            )
        assert trio.current_time() - start < 3


async def test_an_answer_that_is_always_lost_is_found_once_the_nodes_show_it(autojump_clock):
    async with calm_network(patience=60) as (storm, sender):
        await sender.submit(pay(), label="first", budget=BUDGET)
        for node in storm.sui.nodes:
            node.node.lag = 8.0
            node.faults.rules = [FaultRule(FaultKind.LOSE, "ExecuteTransaction")]
        start = trio.current_time()
        done = await sender.submit_once("rent", pay(1_000), budget=BUDGET)
        assert done.checkpoint is not None  # it was read, not answered
        assert 8 <= trio.current_time() - start < 30
        assert received(storm.ledger) == 1_001
        assert sender._outbox.pending() == []


async def test_a_doubt_that_no_node_remembers_waits_for_one_that_does(autojump_clock):
    async with calm_network(patience=5) as (storm, sender):
        await sender.submit(pay(), label="first", budget=BUDGET)
        for node in storm.sui.nodes:
            node.faults.rules = [
                FaultRule(FaultKind.LOSE, "ExecuteTransaction"),
                FaultRule(FaultKind.FAIL, "Get*"),
            ]
        with pytest.raises(TransactionUncertain):
            await sender.submit_once("rent", pay(1_000), budget=BUDGET)
        assert received(storm.ledger) == 1_001
        entry = sender._outbox.pending()[0]
        for node in storm.sui.nodes:
            node.faults.rules = []
        # Away for long: the epoch is over, the node has pruned, the ledger itself forgot.
        for _ in range(3):
            storm.ledger.advance_epoch()
        spend_by_hand(storm.ledger, coins_of(storm.ledger, ALICE.address)[-1].id)
        storm.ledger.seal()
        for node in storm.sui.nodes:
            node.node.freeze(False)
            node.node.prune(storm.ledger.tip.sequence)
        storm.ledger.store.transaction = lambda digest: None
        again = Sender(sender._client, Signer(ALICE.secret), sender._outbox, patience=60)
        assert await again.recover() == []
        assert sender._outbox.pending() == [entry]  # it does not count as undone
        with pytest.raises(TransactionUncertain, match="pruned"):
            await again.submit_once("rent", pay(1_000), budget=BUDGET)


def deposit(ledger, amount):
    tx = Tx(ledger)
    box = min(find(ledger, "Box"), key=lambda b: b.version).id
    tx.call("deposit", tx.obj(box), tx.split(GAS, amount), tx.clock)
    tx.send(CAROL)
    ledger.seal()


async def follow_until(storm, cursor, count):
    seen = []

    async def handle(events, _):
        await trio.lowlevel.checkpoint()
        seen.extend(int.from_bytes(e.contents[32:40], "little") for e in events)

    async with storm.client() as client, trio.open_nursery() as nursery:
        follower = Follower(
            client, [compute_package_id(storm.ledger.seed)], cursor, poll=3, idle=20
        )
        nursery.start_soon(follower.run, handle)
        with trio.fail_after(300):
            while len(seen) < count:  # noqa: ASYNC110 - the follower is what is tested
                await trio.sleep(0.5)
        nursery.cancel_scope.cancel()
    return seen


async def test_a_node_that_pruned_is_left_for_one_that_did_not(autojump_clock):
    storm = Storm(0)
    storm.calm()
    for n in range(6):
        deposit(storm.ledger, n + 1)
    for node in storm.sui.nodes:
        node.node.lag = 0.0
    for node in storm.sui.nodes[:2]:
        node.node.prune(4)
    assert await follow_until(storm, Cursor(), 6) == [1, 2, 3, 4, 5, 6]


async def test_pruned_history_is_an_error_and_not_a_gap(autojump_clock):
    storm = Storm(0)
    storm.calm()
    for n in range(6):
        deposit(storm.ledger, n + 1)
    for node in storm.sui.nodes:
        node.node.freeze(False)
        node.node.lag = 0.0
    deposit(storm.ledger, 7)
    await trio.sleep(5)
    for node in storm.sui.nodes:
        assert node.node.tip.sequence > 6
        node.node.prune(4)
    with pytest.RaisesGroup(HistoryPruned, flatten_subgroups=True):
        await follow_until(storm, Cursor(), 6)
    late = Cursor.at(storm.ledger.tip.sequence - 2)
    assert (await follow_until(storm, late, 1))[-1] == 7


async def test_a_node_that_stopped_is_left_while_following(autojump_clock):
    storm = Storm(0)
    storm.calm()
    storm.sui.nodes[0].node.freeze(True)
    seen = []

    async def handle(events, _):
        await trio.lowlevel.checkpoint()
        seen.extend(e.type for e in events)

    async with storm.client() as client, trio.open_nursery() as nursery:
        follower = Follower(client, [compute_package_id(storm.ledger.seed)], Cursor(), poll=3)
        nursery.start_soon(follower.run, handle)
        await follower.wait_caught_up()
        deposit(storm.ledger, 1)
        start = trio.current_time()
        with trio.fail_after(300):
            while not seen:  # noqa: ASYNC110 - the follower is what is tested
                await trio.sleep(0.5)
        assert trio.current_time() - start < 100
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("object 0x1 version 0x2 is unavailable for consumption", Refusal.STALE),
        ("Could not find the referenced object 0x1 at version None", Refusal.STALE),
        ("Object (0x1, 2, d) already locked by a different transaction: x", Refusal.LOCKED),
        ("Failed to sign because of locked objects. Conflicting Transactions: x", Refusal.LOCKED),
        ("one or more of its objects is reserved for another transaction", Refusal.LOCKED),
        ("Transaction Expired", Refusal.EXPIRED),
        ("Gas price 5 under reference gas price (RGP) 10", Refusal.PRICE),
        ("Balance of gas object 5 is lower than the needed amount: 10", Refusal.FUNDS),
        ("Dependent package not found on-chain: 0x1", Refusal.PACKAGE),
        ("Invalid user signature", Refusal.OTHER),
    ],
)
def test_refusals_are_classified(text, refusal):
    error = ChainRefused("node: " + text, status="INVALID_ARGUMENT")
    assert classify(error) is refusal
    shown = explain(error)
    assert text in shown.message
    kinds = {Refusal.FUNDS: InsufficientBalance, Refusal.PACKAGE: PackageNotFound}
    assert type(shown) is kinds.get(refusal, ChainRefused)


def test_a_conflict_of_locks_has_a_status_of_its_own():
    error = ChainRefused("node: in other words", status="FAILED_PRECONDITION")
    assert classify(error) is Refusal.LOCKED
