"""What is known about our coins without reading them again."""

import pytest

from walrusd.chain.send.gas import Coin, Purse
from walrusd.chain.send.ptb import MAX_GAS_COINS
from walrusd.chain.values.types import Change, ObjectData, Owner, OwnerKind
from walrusd.units import Mist

from .parts import OURS, THEIRS, changed, effects, ref


def coin(number, balance, version=1):
    return Coin(ref(number, version), Mist(balance))


def purse(*balances):
    return Purse(OURS, [coin(number, balance) for number, balance in enumerate(balances)])


def chosen(found):
    return [item.balance for item in found]


@pytest.mark.parametrize(
    ("amount", "expected"),
    [
        (0, [50]),
        (50, [50]),  # exactly enough needs no second coin
        (51, [50, 30]),
        (80, [50, 30]),
        (81, [50, 30, 20]),
        (100, [50, 30, 20]),
        (101, [50, 30, 20]),  # all, if they do not hold it
    ],
)
def test_the_fewest_coins_pay_and_the_largest_first(amount, expected):
    assert chosen(purse(20, 50, 30).choose(amount)) == expected


def test_coins_of_one_size_are_taken_in_the_order_of_their_ids():
    """So two drafts of one transaction are the same bytes."""
    coins = [coin(number, 7) for number in (3, 1, 2)]
    found = Purse(OURS, coins).choose(21)
    assert [item.ref.id for item in found] == sorted(item.ref.id for item in coins)


def test_coins_that_are_inputs_neither_pay_nor_count():
    mine = purse(20, 50, 30)
    without = {ref(1).id}
    assert mine.available() == 100
    assert mine.available(without) == 50
    assert chosen(mine.choose(1, without)) == [30]


def test_no_more_coins_count_than_one_transaction_can_merge():
    mine = purse(*[1] * MAX_GAS_COINS, 1)
    assert mine.available() == MAX_GAS_COINS
    assert len(mine.choose(10_000)) == MAX_GAS_COINS


def test_an_empty_purse_has_nothing():
    assert purse().available() == 0
    assert purse().choose(0) == []


def test_what_was_spent_leaves_the_coin_that_paid():
    mine = purse(1_000, 300)
    used = mine.choose(1_100)
    gas = ref(0, 2)
    mine.settle(used, 250, effects(changed(0), changed(1, owner=None), gas=gas, cost=100))
    assert mine.choose(0) == [Coin(gas, Mist(1_300 - 100 - 250))]
    assert mine.available() == 950


def test_a_failed_transaction_costs_gas_and_spends_nothing():
    mine = purse(1_000)
    gas = ref(0, 2)
    mine.settle(mine.choose(0), 250, effects(changed(0), gas=gas, cost=100, success=False))
    assert mine.choose(0) == [Coin(gas, Mist(900))]


def test_freed_storage_makes_a_coin_larger():
    mine = purse(1_000)
    mine.settle(mine.choose(0), 0, effects(changed(0), gas=ref(0, 2), cost=-70))
    assert mine.available() == 1_070


def test_a_coin_is_never_known_to_hold_less_than_nothing():
    """The transaction may have taken more from the gas coin than ``split_gas`` did."""
    mine = purse(1_000)
    mine.settle(mine.choose(0), 990, effects(changed(0), gas=ref(0, 2), cost=100))
    assert chosen(mine.choose(0)) == [0]


def test_coins_that_did_not_pay_stay_as_they_were():
    mine = purse(1_000, 300)
    mine.settle(mine.choose(1), 0, effects(changed(0), gas=ref(0, 2), cost=100))
    assert chosen(mine.choose(5_000)) == [900, 300]
    assert mine.choose(5_000)[1].ref == ref(1)


def test_a_coin_that_the_transaction_changed_otherwise_is_read_again():
    """Its balance is not in the effects."""
    mine = purse(1_000, 300)
    mine.settle(mine.choose(1), 0, effects(changed(0), changed(1), gas=ref(0, 2)))
    assert chosen(mine.choose(5_000)) == [900]


@pytest.mark.parametrize(
    ("owner", "kind", "kept"),
    [
        (OURS, OwnerKind.ADDRESS, True),
        (THEIRS, OwnerKind.ADDRESS, False),
        (OURS, OwnerKind.OBJECT, False),
        (OURS, OwnerKind.CONSENSUS_ADDRESS, False),
        (OURS, OwnerKind.SHARED, False),
    ],
)
def test_a_gas_coin_that_was_given_away_is_no_longer_ours(owner, kind, kept):
    mine = purse(1_000)
    mine.settle(mine.choose(0), 0, effects(changed(0, owner=owner, kind=kind), gas=ref(0, 2)))
    assert bool(mine.choose(0)) is kept


def test_another_object_that_was_given_away_says_nothing_about_the_gas_coin():
    mine = purse(1_000)
    gift = changed(7, owner=THEIRS, change=Change.CREATED)
    mine.settle(mine.choose(0), 0, effects(gift, changed(0), gas=ref(0, 2)))
    assert chosen(mine.choose(0)) == [900]


def test_a_coin_that_the_effects_do_not_list_is_taken_to_be_ours():
    mine = purse(1_000)
    mine.settle(mine.choose(0), 0, effects(gas=ref(0, 2)))
    assert chosen(mine.choose(0)) == [900]


def test_without_a_gas_object_the_coin_is_gone():
    mine = purse(1_000)
    mine.settle(mine.choose(0), 0, effects(gas=None))
    assert mine.choose(0) == []


def test_a_coin_is_read_from_what_a_node_holds():
    """By the balance that the node states, else from its content: the id, then u64."""
    where, owner = ref(4), Owner(OwnerKind.ADDRESS, OURS)
    contents = b"\7" * 32 + (513).to_bytes(8, "little") + b"\1"

    def data(balance):
        return ObjectData(
            where.id, where.version, where.digest, owner, "coin", contents, balance=balance
        )

    assert Coin.read(data(None)) == Coin(where, Mist(513))
    assert Coin.read(data(Mist(0))) == Coin(where, Mist(0))
