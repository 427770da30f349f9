"""Epochs of the ledger, and the reference gas price of each."""

from walrusd.devnet.ledger.store import Store

FIRST_GAS_PRICE = 1_000
"""Mist for a unit of gas in epoch 0."""


class Epochs:
    """The current epoch, and the gas prices of all."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.number = int((store.meta("epoch") or b"0").decode())
        self.gas_price = self.price_at(self.number)

    def price_at(self, epoch: int) -> int:
        """Return the reference gas price of an epoch, in Mist for a unit of gas."""
        for number in range(epoch, 0, -1):
            saved = self._store.meta(f"gas_price:{number}")
            if saved is not None:
                return int(saved.decode())
        return FIRST_GAS_PRICE

    def advance(self, now_ms: int, gas_price: int | None) -> dict[str, bytes]:
        """Begin the next epoch and return what to save.

        Raises:
            ValueError: if the price is not positive.
        """
        if gas_price is not None and gas_price < 1:
            raise ValueError("the gas price must be at least 1 Mist")
        self.number += 1
        saved = {"epoch": self.number, "epoch_start_ms": now_ms}
        if gas_price is not None:
            self.gas_price = gas_price
            saved[f"gas_price:{self.number}"] = gas_price
        return {key: str(value).encode() for key, value in saved.items()}
