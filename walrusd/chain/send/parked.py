"""Transactions whose fate must wait, and the coins that are locked: what the others go around.

Two transactions with one version of a coin lock the coin until the epoch ends. That happens when
another program uses the same key. Neither can be executed meanwhile, so the doubt is left aside:
it keeps what it claims, and everything else goes on with other coins.
"""

from walrusd.chain.send.delivery import Parked
from walrusd.chain.send.outbox import OutboxEntry, parse_transaction
from walrusd.chain.send.ptb import Ptb
from walrusd.errors import TransactionUncertain


class ParkedTransactions:
    """What one sender has left aside."""

    def __init__(self) -> None:
        self._parked: dict[str, tuple[OutboxEntry, Parked]] = {}
        self._locked: dict[str, int] = {}

    def __bool__(self) -> bool:
        return bool(self._parked or self._locked)

    def add(self, entry: OutboxEntry, parked: Parked) -> TransactionUncertain:
        """Leave an entry aside, with all that it claims; return the error that says so."""
        self._parked[entry.digest] = (entry, parked)
        hint = (
            "an archive, or a node with more history, could tell; add it to sui.archive_urls"
            if parked.until_epoch is None
            else f"it is tried again in epoch {parked.until_epoch}"
        )
        return TransactionUncertain(
            f"transaction {entry.digest} ({entry.label}) waits: {parked.reason}",
            hint=hint,
            digest=entry.digest,
        )

    def discard(self, digest: str) -> None:
        """Forget an entry that was settled."""
        self._parked.pop(digest, None)

    def due_epoch(self, digest: str) -> int | None:
        """Return the epoch in which to try an entry again; 0 for one that is not left aside.

        None means: never by itself.
        """
        found = self._parked.get(digest)
        return 0 if found is None else found[1].until_epoch

    def lock(self, coin: str, until_epoch: int) -> None:
        """Remember that a coin is locked."""
        self._locked[coin] = until_epoch

    def check_key(self, key: str | None) -> None:
        """Check that the action ``key`` itself is not left aside.

        Raises:
            TransactionUncertain: if it is.
        """
        for entry, parked in list(self._parked.values()):
            if key is not None and entry.key == key:
                raise self.add(entry, parked)

    def check_inputs(self, ptb: Ptb) -> None:
        """Check that no input is claimed by a transaction that was left aside.

        Raises:
            TransactionUncertain: if one is.
        """
        for entry, parked in list(self._parked.values()):
            sent = parse_transaction(entry.tx_bytes)
            if parked.until_epoch is not None and any(r in ptb.owned_refs for r in sent.owned):
                raise self.add(entry, parked)

    def reserved(self, epoch: int) -> set[str]:
        """Return the objects that must not pay in ``epoch``."""
        taken = {coin for coin, until in self._locked.items() if epoch < until}
        for entry, parked in self._parked.values():
            if parked.until_epoch is not None:
                sent = parse_transaction(entry.tx_bytes)
                taken |= {ref.id for ref in (*sent.gas, *sent.owned)}
        return taken
