"""Parked transactions, whose fate is not known yet, and locked coins: others avoid both.

Two transactions that use the same version of a coin lock the coin until the epoch ends. This
happens when another program uses the same key. Neither can be executed until then, so the
transaction is parked: it keeps the objects it claims, and others continue with other coins.
"""

from walrusd.chain.send.delivery import Parked
from walrusd.chain.send.outbox import OutboxEntry, parse_transaction
from walrusd.chain.send.ptb import Ptb
from walrusd.errors import TransactionUncertain


class ParkedTransactions:
    """The parked transactions and locked coins of one sender."""

    def __init__(self) -> None:
        self._parked: dict[str, tuple[OutboxEntry, Parked]] = {}
        self._locked: dict[str, int] = {}

    def __bool__(self) -> bool:
        return bool(self._parked or self._locked)

    def add(self, entry: OutboxEntry, parked: Parked) -> TransactionUncertain:
        """Park an entry, with all that it claims; return the error to raise."""
        self._parked[entry.digest] = (entry, parked)
        hint = (
            "add an archive, or a node with more history, to sui.archive_urls"
            if parked.until_epoch is None
            else f"walrusd will retry in epoch {parked.until_epoch}"
        )
        return TransactionUncertain(
            f"transaction {entry.digest} ({entry.label}) is undecided: {parked.reason}",
            hint=hint,
            digest=entry.digest,
        )

    def discard(self, digest: str) -> None:
        """Forget an entry that was settled."""
        self._parked.pop(digest, None)

    def due_epoch(self, digest: str) -> int | None:
        """Return the epoch in which to try an entry again; 0 for one that is not parked.

        None means that it is not retried automatically.
        """
        found = self._parked.get(digest)
        return 0 if found is None else found[1].until_epoch

    def lock(self, coin: str, until_epoch: int) -> None:
        """Record that a coin is locked."""
        self._locked[coin] = until_epoch

    def check_key(self, key: str | None) -> None:
        """Check that the action ``key`` itself is not parked.

        Raises:
            TransactionUncertain: if it is.
        """
        for entry, parked in list(self._parked.values()):
            if key is not None and entry.key == key:
                raise self.add(entry, parked)

    def check_inputs(self, ptb: Ptb) -> None:
        """Check that no parked transaction claims an input.

        Raises:
            TransactionUncertain: if one is.
        """
        for entry, parked in list(self._parked.values()):
            sent = parse_transaction(entry.tx_bytes)
            if parked.until_epoch is not None and any(r in ptb.owned_refs for r in sent.owned):
                raise self.add(entry, parked)

    def reserved(self, epoch: int) -> set[str]:
        """Return the coins that must not pay for gas in ``epoch``."""
        taken = {coin for coin, until in self._locked.items() if epoch < until}
        for entry, parked in self._parked.values():
            if parked.until_epoch is not None:
                sent = parse_transaction(entry.tx_bytes)
                taken |= {ref.id for ref in (*sent.gas, *sent.owned)}
        return taken
