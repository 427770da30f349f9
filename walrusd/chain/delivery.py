"""Sends signed bytes until it is known what became of them."""

import logging
import random

import trio

from walrusd.chain.client import SuiClient
from walrusd.chain.outbox import (
    Outbox,
    OutboxEntry,
    Outcome,
    SentTransaction,
    parse_transaction,
)
from walrusd.chain.types import ExecutedTransaction
from walrusd.errors import (
    ChainRefused,
    ChainUnreachable,
    ObjectNotFound,
    TransactionUncertain,
    WalrusdError,
)

log = logging.getLogger(__name__)


class Delivery:
    """Carries entries of an outbox to the network and settles them there."""

    def __init__(self, client: SuiClient, outbox: Outbox, *, patience: float) -> None:
        self._client, self._outbox, self._patience = client, outbox, patience

    async def send(self, entry: OutboxEntry, *, doubt: bool = False) -> ExecutedTransaction:
        """Send ``entry`` until its fate is known, and write the fate down.

        Raises:
            ChainRefused: if it was not and will not be executed.
            TransactionUncertain: if that is still unknown when patience ends.
        """
        give_up = trio.current_time() + self._patience
        delay = 0.25
        while True:
            try:
                executed = await self._client.execute(entry.tx_bytes, entry.signature)
            except (ChainRefused, ObjectNotFound) as error:
                if not doubt:
                    self._outbox.mark(entry.digest, Outcome.DROPPED)
                    raise
                reason: WalrusdError = error
            except TransactionUncertain as error:
                doubt, reason = True, error
            else:
                return self._executed(entry, executed)
            found = await self._find_fate(entry)
            if found is not None:
                return self._executed(entry, found)
            if trio.current_time() >= give_up:
                raise TransactionUncertain(
                    f"transaction {entry.digest} ({entry.label}): {reason.message}",
                    hint="it is kept and will be settled when the network answers",
                    digest=entry.digest,
                ) from reason
            log.info("transaction %s (%s) is in doubt: %s", entry.digest, entry.label, reason)
            await trio.sleep(delay * random.uniform(0.5, 1.5))  # noqa: S311 - only jitter
            delay = min(2 * delay, 10.0)

    def _executed(self, entry: OutboxEntry, executed: ExecutedTransaction) -> ExecutedTransaction:
        outcome = Outcome.SUCCEEDED if executed.success else Outcome.FAILED
        self._outbox.mark(entry.digest, outcome, executed)
        return executed

    async def _find_fate(self, entry: OutboxEntry) -> ExecutedTransaction | None:
        """Return the executed transaction, or None while its fate is open.

        Raises:
            ChainRefused: if it can never be executed any more.
        """
        # One node, asked in this order: whatever used up the coin is among the transactions it
        # knows by the time it shows the coin's next version.
        node = self._client.pinned()
        sent = parse_transaction(entry.tx_bytes)
        try:
            ended = await self._why_impossible(node, sent, entry.digest)
            return await node.get_transaction(entry.digest)
        except ObjectNotFound:
            if not ended:
                return None
        except (ChainUnreachable, ChainRefused):
            return None
        self._outbox.mark(entry.digest, Outcome.DROPPED)
        raise ChainRefused(f"transaction {entry.digest} ({entry.label}) was dropped: {ended}")

    @staticmethod
    async def _why_impossible(node: SuiClient, sent: SentTransaction, digest: str) -> str:
        """Return why the transaction can no longer be executed, or nothing if it can."""
        coin = sent.gas[0]
        epoch = await node.epoch()
        if sent.expiration_epoch is not None and epoch.number > sent.expiration_epoch:
            return f"it expired with epoch {sent.expiration_epoch}"
        current = (await node.get_objects([coin.id])).get(coin.id)
        if current is None:
            return "its gas coin is gone"
        if current.version > coin.version and current.previous_transaction != digest:
            return "another transaction used its gas coin"
        return ""
