"""Random transactions neither create nor lose a Mist, and a restart keeps the exact state."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.databases import close_after_test
from walrusd.devnet.ledger.faucet import MAX_AMOUNT, send_from_faucet
from walrusd.devnet.ledger.ledger import Ledger
from walrusd.devnet.ledger.store import Store
from walrusd.devnet.move.failures import TransactionRejectedError
from walrusd.units import MIST_PER_SUI

from .demo_package import DEMO, Box
from .tools import GAS, Tx, Wall, accounts, balance_of, coins_of, find, open_ledger

PEOPLE = accounts()

steps = st.tuples(
    st.sampled_from(["pay", "deposit", "withdraw", "skim", "create", "smash", "merge", "toss"]),
    st.integers(0, 2),
    st.integers(0, 2),
    st.integers(0, 2 * 10**9),
)


def take(ledger, step):
    name, who, other, amount = step
    person, friend = PEOPLE[who], PEOPLE[other]
    boxes = sorted(find(ledger, "Box"), key=lambda b: b.id)
    coins = coins_of(ledger, person.address)
    tx = Tx(ledger)
    if name == "pay":
        tx.transfer(friend.address, tx.split(GAS, amount))
    elif name == "create":
        tx.transfer(friend.address, tx.call("create", tx.blob(b"x")))
    elif name == "merge" and len(coins) > 2:
        tx.transfer(friend.address, tx.split(tx.obj(coins[1].id), 1))
    elif name == "toss" or not boxes:
        tx.call("toss", tx.random)
    elif name == "deposit":
        tx.call("deposit", tx.obj(boxes[0].id), tx.split(GAS, amount), tx.clock)
    elif name == "smash":
        tx.transfer(friend.address, tx.call("smash", tx.obj(boxes[-1].id)))
    elif name == "skim":
        tx.call("skim", tx.obj(boxes[0].id), GAS, tx.u64(amount))
    else:
        keys = find(ledger, "Key", person.address)
        if not keys:
            tx.call("toss", tx.random)
        else:
            coin = tx.call("withdraw", tx.obj(boxes[0].id), tx.obj(keys[0].id), tx.u64(amount))
            tx.transfer(person.address, coin)
    try:
        return tx.send(person)
    except TransactionRejectedError:
        return None


@given(st.lists(steps, max_size=15))
@settings(max_examples=25)
def test_every_mist_is_accounted_for(taken):
    ledger = open_ledger()
    for step in taken:
        before = {p.address: balance_of(ledger, p.address) for p in PEOPLE}
        executed = take(ledger, step)
        assert ledger.count_supply().is_conserved
        if executed is not None:
            after = {p.address: balance_of(ledger, p.address) for p in PEOPLE}
            changes = {c.address: int(c.amount) for c in executed.balance_changes}
            moved = {a: after[a] - before[a] for a in after if after[a] != before[a]}
            assert changes == moved
    held = sum(Box.from_bcs(b.contents).funds for b in find(ledger, "Box"))
    assert ledger.count_supply().in_objects == held


def snapshot(ledger: Ledger):
    return (
        sorted(ledger.list_objects(), key=lambda o: o.id),
        ledger.tip,
        ledger.epoch,
        ledger.gas_price,
        ledger.gas_collected,
        ledger.minted,
        ledger.now_ms(),
        ledger.chain_id,
    )


@pytest.mark.parametrize("seal_at_once", [True, False])
def test_a_reopened_chain_is_the_same(tmp_path, seal_at_once):
    wall = Wall()
    path = tmp_path / "sui.sqlite"
    ledger = open_ledger(path, wall=wall, seal_at_once=seal_at_once)
    done = [take(ledger, ("deposit", n % 3, 0, 10**9)) or pytest.fail("refused") for n in range(4)]
    ledger.advance_clock(12_345)
    ledger.advance_epoch()
    take(ledger, ("smash", 0, 1, 0))
    ledger.seal()
    before = snapshot(ledger)
    ledger.store.close()
    again = open_ledger(path, wall=wall, seal_at_once=seal_at_once)
    assert snapshot(again) == before
    for executed in done:
        raw = executed.transaction.bcs.value
        signatures = [s.bcs.value for s in executed.signatures]
        assert again.execute(raw, signatures) == executed
    assert snapshot(again) == before
    assert take(again, ("pay", 2, 1, 5)).effects.status.success
    assert oct(path.stat().st_mode & 0o777) == "0o600"


def test_what_was_executed_and_not_sealed_is_sealed_at_reopening(tmp_path):
    path = tmp_path / "sui.sqlite"
    ledger = open_ledger(path, seal_at_once=False)
    take(ledger, ("pay", 0, 1, 5))
    ledger.store.close()
    again = open_ledger(path)
    assert again.tip.end_number == 2
    assert again.store.transactions_between(1, 2)[0].checkpoint == again.tip.sequence


def test_an_empty_store_is_no_chain():
    with pytest.raises(ValueError, match="no chain"):
        Ledger(close_after_test(Store(None)), [DEMO], Wall())


class TestFaucet:
    def test_it_gives_from_the_supply(self):
        ledger = open_ledger()
        executed = send_from_faucet(ledger, PEOPLE[0].address, 3 * MIST_PER_SUI)
        assert executed.effects.status.success
        assert balance_of(ledger, PEOPLE[0].address) == 1_003 * MIST_PER_SUI
        assert ledger.count_supply().is_conserved

    @pytest.mark.parametrize("amount", [0, -1, MAX_AMOUNT + 1])
    def test_it_has_limits(self, amount):
        with pytest.raises(ValueError, match="faucet gives"):
            send_from_faucet(open_ledger(), "0x5", amount)

    def test_it_wants_an_address(self):
        with pytest.raises(ValueError, match="not a Sui address"):
            send_from_faucet(open_ledger(), "moon", 5)
