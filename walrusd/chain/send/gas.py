"""The SUI coins of one address, as known from the last read and later transactions."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from walrusd.chain.send.ptb import MAX_GAS_COINS
from walrusd.chain.values.types import ExecutedTransaction, ObjectData, ObjectRef, OwnerKind
from walrusd.units import Address, Mist, ObjectId


@dataclass(frozen=True)
class Coin:
    """A SUI coin at one version."""

    ref: ObjectRef
    balance: Mist

    @classmethod
    def read(cls, data: ObjectData) -> "Coin":
        """Return the coin in an object: 32 bytes of id, then the balance as u64."""
        balance = data.balance
        if balance is None:
            balance = Mist(int.from_bytes(data.contents[32:40], "little"))
        return cls(data.ref, balance)


class Purse:
    """Chooses the coins that pay for gas: the largest, and more only if it is too small."""

    def __init__(self, owner: Address, coins: Iterable[Coin] = ()) -> None:
        self._owner = owner
        self._coins: dict[ObjectId, Coin] = {coin.ref.id: coin for coin in coins}

    def available(self, without: Collection[str] = ()) -> Mist:
        """Return the sum of all coins except ``without``, in Mist."""
        return Mist(sum(coin.balance for coin in self._ranked(without)))

    def choose(self, amount: int, without: Collection[str] = ()) -> list[Coin]:
        """Return the fewest coins, largest first, that hold ``amount`` Mist; all if they do not."""
        chosen: list[Coin] = []
        total = 0
        for coin in self._ranked(without):
            chosen.append(coin)
            total += coin.balance
            if total >= amount:
                break
        return chosen

    def settle(self, used: Iterable[Coin], spent: int, executed: ExecutedTransaction) -> None:
        """Replace the coins that paid by what is left of them.

        They were merged into the first, whether or not the transaction succeeded. Other coins
        that the transaction consumed or changed are dropped.
        """
        before = sum(coin.balance for coin in used)
        for coin in used:
            self._coins.pop(coin.ref.id, None)
        for item in executed.changed:
            self._coins.pop(item.id, None)
        gas = executed.gas_object
        if gas is None or self._given_away(gas, executed):
            return
        left = before - executed.gas_used.net - (spent if executed.success else 0)
        self._coins[gas.id] = Coin(gas, Mist(max(left, 0)))

    def _given_away(self, gas: ObjectRef, executed: ExecutedTransaction) -> bool:
        for item in executed.changed:
            if item.id == gas.id and item.owner is not None:
                return item.owner.kind is not OwnerKind.ADDRESS or item.owner.address != self._owner
        return False

    def _ranked(self, without: Collection[str]) -> list[Coin]:
        usable = [coin for coin in self._coins.values() if coin.ref.id not in without]
        usable.sort(key=lambda coin: (-coin.balance, coin.ref.id))
        return usable[:MAX_GAS_COINS]
