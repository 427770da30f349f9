"""The budget, the coins and the expiration of a transaction; and when it is tried again.

The node's gas price is 100 Mist, and a transaction costs ``GAS`` and 300 Mist of storage.
"""

import random
from dataclasses import dataclass, field

import pytest
import trio

from tests.chain.fakenode import GAS, PKG, FakeNode, network, ref_of
from tests.support.clocks import virtual_time
from tests.support.databases import close_after_test
from walrusd.chain.grpc import GRPCError, Status
from walrusd.chain.send.outbox import SqliteOutbox
from walrusd.chain.send.signer import Signer
from walrusd.chain.send.transactions import MAX_CANCELLED, MAX_LOCKED, Sender
from walrusd.chain.values.pysui_parts import pb
from walrusd.errors import (
    ChainRefused,
    ChainUnreachable,
    InsufficientBalance,
    PackageNotFound,
    TransactionFailed,
    TransactionUncertain,
    WalrusdError,
)
from walrusd.state.database import DATABASE_NAME, Database
from walrusd.units import Mist

pytestmark = virtual_time

SIGNER = Signer(bytes(range(32)))
LIKELY = GAS + 300
LEAST = 5_000 * 100
LOST = GRPCError(Status.UNAVAILABLE, "lost")


def refuse(text):
    return GRPCError(Status.INVALID_ARGUMENT, text)


@dataclass
class Recording(FakeNode):
    """Notes what each transaction says; ``fails`` are errors of the next executions."""

    seen: list = field(default_factory=list)
    fails: list = field(default_factory=list)
    likely: int = GAS
    at: list = field(default_factory=list)

    def run(self, data, digest, *, commit):
        if commit:
            self.at.append(trio.current_time())
            expiration = data.TransactionExpiration.value
            self.seen.append((data.GasData.Budget, data.GasData.Price, expiration))
        effects, events = super().run(data, digest, commit=commit)
        if not commit:
            effects.gas_used.computation_cost = self.likely
        if commit and self.fails and (kind := self.fails.pop(0)) is not None:
            effects.status = pb.ExecutionStatus(
                success=False, error=pb.ExecutionError(kind=kind, description="no")
            )
        return effects, events

    @property
    def budgets(self):
        return [budget for budget, _price, _expiration in self.seen]


KIND = pb.ExecutionErrorExecutionErrorKind
NO_GAS, CANCELLED = (
    KIND.INSUFFICIENT_GAS,
    KIND.EXECUTION_CANCELED_DUE_TO_CONSENSUS_OBJECT_CONGESTION,
)


@pytest.fixture
def no_jitter(monkeypatch):
    monkeypatch.setattr(random, "uniform", lambda low, high: (low + high) / 2)


@pytest.fixture
def node():
    made = Recording()
    made.fund(SIGNER.address, 100 * GAS)
    return made


@pytest.fixture
def outbox(tmp_path):
    database = close_after_test(Database.open(tmp_path / DATABASE_NAME))
    return SqliteOutbox(database.connection)


def pay(amount=0):
    def build(ptb):
        if amount:
            ptb.transfer("0xb0b", *ptb.split_gas(amount))
        ptb.call(f"{PKG}::market::work", ptb.u64(1))

    return build


async def submit(node, outbox, *, budget=None, amount=0, times=1, **options):
    """Submit; raise an error outside of the network, whose nursery would wrap it."""
    failure = None
    async with network(node) as client:
        sender = Sender(client, SIGNER, outbox, patience=20, **options)
        try:
            for _ in range(times):
                done = await sender.submit(pay(amount), label="x", budget=budget)
        except WalrusdError as error:
            failure = error
    if failure is not None:
        raise failure
    return done


# --- the budget ------------------------------------------------------------------------------


async def test_the_budget_is_twice_what_the_simulation_costs(node, outbox):
    await submit(node, outbox)
    assert node.budgets == [2 * LIKELY]


async def test_a_budget_that_is_given_is_used(node, outbox):
    await submit(node, outbox, budget=3 * GAS)
    assert node.seen == [(3 * GAS, 100, node.epoch + 1)]
    assert "SimulateTransaction" not in node.calls


async def test_a_cheap_transaction_has_the_least_budget(node, outbox):
    node.likely = 10
    node.fails = [None]
    # The fake node wants ``GAS`` all the same, so it runs out of it.
    with pytest.raises(TransactionFailed):
        await submit(node, outbox)
    assert node.budgets == [LEAST] * 3


async def test_no_transaction_may_cost_more_than_allowed(node, outbox):
    await submit(node, outbox, max_budget=Mist(LIKELY + 1))
    assert node.budgets == [LIKELY + 1]


async def test_what_is_spent_is_not_available_for_gas(node, outbox):
    await submit(node, outbox, amount=100 * GAS - LIKELY - 5)
    assert node.budgets == [LIKELY + 5]


async def test_the_budget_grows_as_long_as_it_is_reasonable(node, outbox):
    node.fails = [NO_GAS] * 9
    with pytest.raises(TransactionFailed):
        await submit(node, outbox)
    assert node.budgets == [2 * LIKELY, 4 * LIKELY, 8 * LIKELY]


async def test_a_budget_that_is_given_does_not_grow(node, outbox):
    node.fails = [NO_GAS]
    with pytest.raises(TransactionFailed):
        await submit(node, outbox, budget=2 * GAS)
    assert node.budgets == [2 * GAS]


async def test_another_failure_is_final(node, outbox):
    node.fails = [KIND.INVALID_GAS_OBJECT]
    with pytest.raises(TransactionFailed):
        await submit(node, outbox)
    assert len(node.seen) == 1


# --- money -----------------------------------------------------------------------------------


async def test_exactly_enough_is_enough(node, outbox):
    await submit(node, outbox, budget=2 * GAS, amount=98 * GAS)
    assert node.budgets == [2 * GAS]


async def test_a_mist_less_is_not(node, outbox):
    with pytest.raises(InsufficientBalance) as caught:
        await submit(node, outbox, budget=2 * GAS, amount=98 * GAS + 1)
    assert caught.value.fields["needed"] == 100 * GAS + 1
    assert caught.value.fields["available"] == 100 * GAS
    assert node.seen == []
    assert outbox.pending() == []


async def test_money_that_arrived_is_found_before_the_sender_complains(node, outbox):
    async with network(node) as client:
        sender = Sender(client, SIGNER, outbox)
        await sender.submit(pay(), label="x", budget=2 * GAS)
        node.fund(SIGNER.address, 500 * GAS)
        await sender.submit(pay(400 * GAS), label="x", budget=2 * GAS)
    assert len(node.seen) == 2


async def test_a_poor_simulation_is_a_lack_of_money_and_not_a_failure(outbox):
    node = Recording()
    node.fund(SIGNER.address, LEAST + 1)
    with pytest.raises(InsufficientBalance):
        await submit(node, outbox)


async def test_an_exhausted_allowance_is_a_failure(node, outbox):
    """More gas than the settings allow would be needed: money does not help."""
    with pytest.raises(TransactionFailed):
        await submit(node, outbox, max_budget=Mist(GAS - 1))


# --- what is known of the network ------------------------------------------------------------


async def test_the_epoch_is_read_again_after_half_a_minute(node, outbox):
    async with network(node) as client:
        sender = Sender(client, SIGNER, outbox)
        for pause in (30, 0.01):
            await sender.submit(pay(), label="x", budget=2 * GAS)
            await trio.sleep(pause)
        assert node.calls.count("GetEpoch") == 1
        await sender.submit(pay(), label="x", budget=2 * GAS)
    assert node.calls.count("GetEpoch") == 2
    assert {expiration for _b, _p, expiration in node.seen} == {node.epoch + 1}


async def test_the_beacons_version_is_read_once_or_never(node, outbox):
    await submit(node, outbox, budget=2 * GAS, times=3)
    assert node.calls.count("BatchGetObjects") == 1
    node.calls.clear()
    async with network(node) as client:
        sender = Sender(client, SIGNER, outbox)
        sender.know_random_version(4)
        await sender.submit(pay(), label="x", budget=2 * GAS)
    assert "BatchGetObjects" not in node.calls


async def test_coins_are_read_after_our_last_transaction_is_shown(node, outbox):
    """Else a node that lags would show coins that it has spent."""
    async with network(node) as client:
        sender = Sender(client, SIGNER, outbox)
        done = await sender.submit(pay(), label="x", budget=2 * GAS)
        sender._drafter.forget()
        node.transactions[done.digest].checkpoint = None
        node.calls.clear()
        await sender.submit(pay(), label="x", budget=2 * GAS)
        # It gives up waiting after ten seconds, and reads them all the same.
        assert 10 <= trio.current_time() < 11
        assert node.calls.index("GetTransaction") < node.calls.index("ListOwnedObjects")
        sender._drafter.forget()
        node.transactions[next(reversed(node.transactions))].checkpoint = 200
        await sender.submit(pay(), label="x", budget=2 * GAS)
        assert trio.current_time() < 11.1


async def test_a_transaction_that_was_waited_for_once_is_not_waited_for_again(node, outbox):
    async with network(node) as client:
        sender = Sender(client, SIGNER, outbox)
        await sender.submit(pay(), label="x", budget=2 * GAS)
        (coin,) = node.coins
        stale = refuse(f"object {coin} is unavailable for consumption")
        node.calls.clear()
        node.fail_next("ExecuteTransaction", stale, stale, stale)
        await sender.submit(pay(), label="x", budget=2 * GAS)
    assert node.calls.count("ListOwnedObjects") == 3
    assert node.calls.count("GetTransaction") == 1


# --- refusals --------------------------------------------------------------------------------


async def refused(node, outbox, *texts, **options):
    """Submit while the node refuses; return how often it was asked, and the error's type."""
    node.fail_next("ExecuteTransaction", *map(refuse, texts))
    async with network(node) as client:
        sender = Sender(client, SIGNER, outbox, patience=20)
        try:
            await sender.submit(pay(), label="x", budget=2 * GAS, **options)
        except (ChainRefused, InsufficientBalance, PackageNotFound) as error:
            return node.calls.count("ExecuteTransaction"), type(error)
    return node.calls.count("ExecuteTransaction"), None


async def test_one_refusal_may_be_due_to_what_was_cached(node, outbox):
    assert await refused(node, outbox, "signature is not valid") == (2, None)
    assert trio.current_time() == 0
    assert outbox.pending() == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("signature is not valid", ChainRefused),
        ("Dependent package not found on-chain", PackageNotFound),
        ("Balance of gas object 5 is lower than the needed amount", InsufficientBalance),
        ("object 0x123 is unavailable for consumption", ChainRefused),  # not one of our coins
        ("object 0x123 already locked by a different transaction", ChainRefused),
    ],
)
async def test_a_second_refusal_is_final(node, outbox, text, expected):
    assert await refused(node, outbox, text, text, text) == (2, expected)


async def test_a_stale_coin_of_ours_is_waited_for(node, outbox):
    """Full nodes may lag behind the validators for a quarter of a minute."""
    (coin,) = node.coins
    text = f"object {coin} is unavailable for consumption"
    asked, error = await refused(node, outbox, *[text] * 99)
    assert error is ChainRefused
    # Pauses of 1, 2 and then 4 s follow the first two attempts.
    assert asked == 7
    assert trio.current_time() == 15


async def test_a_coin_that_is_shown_again_in_time_is_used(node, outbox):
    (coin,) = node.coins
    text = f"object {coin} is unavailable for consumption"
    assert await refused(node, outbox, *[text] * 6) == (7, None)


async def test_a_locked_coin_is_left_alone_until_the_next_epoch(node, outbox):
    node.fund(SIGNER.address, 50 * GAS)
    largest, other = sorted(node.coins, key=lambda c: -node.coins[c][1])
    text = f"object {largest} already locked by a different transaction"
    async with network(node) as client:
        sender = Sender(client, SIGNER, outbox, patience=20)
        node.fail_next("ExecuteTransaction", refuse(text))
        first = await sender.submit(pay(), label="x", budget=2 * GAS)
        assert first.gas_object.id == other
        with pytest.raises(InsufficientBalance):
            await sender.submit(pay(60 * GAS), label="x", budget=2 * GAS)
        node.epoch += 1
        await trio.sleep(31)
        assert (await sender.submit(pay(60 * GAS), label="x", budget=2 * GAS)).success
    assert len(node.seen) == 2


async def test_locked_coins_are_avoided_one_after_the_other_but_not_for_ever(outbox):
    node = Recording()
    node.fund(SIGNER.address, *[10 * GAS] * (MAX_LOCKED + 5))

    async def execute(request):
        raw = node.parse(request.transaction.bcs.value)
        coin = raw.GasData.Payment[0].ObjectID.to_address_str()
        node.at.append(trio.current_time())
        raise refuse(f"object {coin} already locked by a different transaction")

    node.execute = execute
    with pytest.raises(ChainRefused) as caught:
        await submit(node, outbox, budget=2 * GAS)
    assert len(node.at) == MAX_LOCKED + 1
    assert "next epoch" in caught.value.hint


# --- cancelled by the validators -------------------------------------------------------------


async def test_what_validators_cancel_is_signed_anew_after_longer_and_longer_pauses(
    node, outbox, no_jitter
):
    node.fails = [CANCELLED] * MAX_CANCELLED
    assert (await submit(node, outbox, budget=2 * GAS)).success
    assert node.at == [0, 0.5, 1.5, 3.5, 7.5]


async def test_what_validators_always_cancel_is_given_up(node, outbox, no_jitter):
    node.fails = [CANCELLED] * (MAX_CANCELLED + 1)
    with pytest.raises(TransactionFailed):
        await submit(node, outbox, budget=2 * GAS)
    assert len(node.seen) == MAX_CANCELLED + 1
    assert outbox.pending() == []


# --- keys, and what an earlier run left ------------------------------------------------------


async def test_a_key_that_succeeded_is_found_and_not_sent_again(node, outbox):
    async with network(node) as client:
        sender = Sender(client, SIGNER, outbox)
        assert await sender.find_succeeded("join:1") is None
        done = await sender.submit_once("join:1", pay(), budget=2 * GAS)
        assert await sender.find_succeeded("join:1") == done
        assert await sender.submit_once("join:1", pay(), budget=2 * GAS) == done
        assert await sender.find_succeeded("join:2") is None
    assert len(node.seen) == 1


async def test_what_succeeded_is_known_only_when_nothing_is_in_doubt(node, outbox):
    async with network(node) as client:
        sender = Sender(client, SIGNER, outbox, patience=5)
        node.fail_next("ExecuteTransaction", *["after"], *[LOST] * 99)
        node.fail_next("GetTransaction", *[LOST] * 99)
        with pytest.raises(TransactionUncertain):
            await sender.submit_once("join:1", pay(), budget=2 * GAS)
        for ask in (lambda: sender.find_succeeded("join:1"), sender.recover):
            with pytest.raises(TransactionUncertain):
                await ask()
        node.faults.clear()
        found = await sender.find_succeeded("join:1")
        assert found is not None
        assert await sender.recover() == []
    assert len(node.seen) == 1


async def test_a_label_says_what_a_transaction_is_for(node, outbox):
    async with network(node) as client:
        sender = Sender(client, SIGNER, outbox)
        await sender.submit(pay(), label="why", budget=2 * GAS)
        await sender.submit_once("key", pay(), budget=2 * GAS)
        await sender.submit_once("other", pay(), label="named", budget=2 * GAS)
    rows = outbox._connection.execute("SELECT label, key FROM outbox ORDER BY sequence")
    assert [tuple(row) for row in rows] == [("why", None), ("key", "key"), ("named", "other")]
    assert sender.address == SIGNER.address


async def test_an_input_that_pays_for_nothing_is_not_merged_into_the_gas(outbox):
    node = Recording()
    node.fund(SIGNER.address, 9 * GAS, 5 * GAS)
    given = ref_of(node, max(node.coins, key=lambda coin: node.coins[coin][1]))
    async with network(node) as client:
        sender = Sender(client, SIGNER, outbox)

        def build(ptb):
            ptb.transfer("0xb0b", given)
            ptb.transfer("0xb0b", *ptb.split_gas(3 * GAS + 1))

        with pytest.raises(InsufficientBalance) as caught:
            await sender.submit(build, label="x", budget=2 * GAS)
        assert caught.value.fields["available"] == 5 * GAS


async def test_an_unreachable_chain_signs_nothing(node, outbox):
    node.fail_next("GetEpoch", *[LOST] * 9)
    with pytest.raises(ChainUnreachable):
        await submit(node, outbox, budget=2 * GAS)
    assert outbox.pending() == []
    assert node.seen == []
