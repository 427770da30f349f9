"""Sends signed bytes until it is known what became of them."""

import logging
import random
from enum import StrEnum

import trio

from walrusd.chain.nodes.client import SuiClient
from walrusd.chain.send.outbox import (
    Outbox,
    OutboxEntry,
    SendingOutcome,
    SentTransaction,
    parse_transaction,
)
from walrusd.chain.send.refusals import Refusal, classify
from walrusd.chain.values.types import ExecutedTransaction, ObjectRef
from walrusd.errors import (
    ChainRefused,
    ChainUnreachable,
    ObjectNotFound,
    TransactionUncertain,
    WalrusdError,
    WrongNetwork,
)

log = logging.getLogger(__name__)


_CERTAIN = 2
"""How often it must be found that a transaction can no longer be executed, to believe it.

One address may stand for several nodes; the first answer and the second may come from two of them.
"""

_STALE_S = 30.0
"""How long nodes must say that an object is not at its version, seconds.

A node that has executed a transaction answers the same bytes with its effects, so whoever says
this has not executed it; a node that lags says it too, but not for so long.
"""


_SILENT = (ChainUnreachable, ChainRefused, ObjectNotFound, WrongNetwork)
"""The errors of a read that tell nothing of a transaction's fate."""


class _Fate(StrEnum):
    OPEN = "open"
    OVER = "over"
    LOST = "lost"


class Parked(Exception):
    """Raised when a fate cannot be settled now, while other transactions need not wait for it.

    ``until_epoch``: when to try again; None if only another endpoint can tell.
    """

    def __init__(self, reason: str, *, until_epoch: int | None) -> None:
        super().__init__(reason)
        self.reason, self.until_epoch = reason, until_epoch


class Delivery:
    """Carries entries of an outbox to the network and settles them there."""

    def __init__(self, client: SuiClient, outbox: Outbox, *, patience: float) -> None:
        self._client, self._outbox, self._patience = client, outbox, patience

    async def send(self, entry: OutboxEntry, *, doubt: bool = False) -> ExecutedTransaction:
        """Send ``entry`` until its fate is known, and write the fate down.

        Raises:
            ChainRefused: if it was not and will not be executed.
            Parked: if its fate stays open, but nothing else needs to wait for it.
            TransactionUncertain: if that is still unknown when patience ends.
        """
        give_up = trio.current_time() + self._patience
        delay = 0.25
        over, stale_since = 0, trio.current_time()
        while True:
            try:
                executed = await self._client.execute(entry.tx_bytes, entry.signature)
            except (ChainRefused, ObjectNotFound) as error:
                if not doubt:
                    self._outbox.mark(entry.digest, SendingOutcome.DROPPED)
                    raise
                reason: WalrusdError = error
            except TransactionUncertain as error:
                doubt, reason = True, error
            else:
                return self._executed(entry, executed)
            found = await self._find_fate(entry)
            if isinstance(found, ExecutedTransaction):
                return self._executed(entry, found)
            fate, why = found
            over = over + 1 if fate is _Fate.OVER else 0
            if classify(reason) is not Refusal.STALE:
                stale_since = trio.current_time()
            elif fate is _Fate.OPEN and trio.current_time() - stale_since > _STALE_S:
                over, why = _CERTAIN, reason.message
            if over >= _CERTAIN:
                self._outbox.mark(entry.digest, SendingOutcome.DROPPED)
                raise ChainRefused(f"transaction {entry.digest} ({entry.label}) was dropped: {why}")
            if fate is _Fate.LOST:
                raise Parked(why, until_epoch=None)
            if fate is _Fate.OPEN and classify(reason) is Refusal.LOCKED:
                # Neither this transaction nor the one it competes with can get a quorum now.
                epoch = await self._find_epoch()
                if epoch is not None:
                    raise Parked(reason.message, until_epoch=epoch + 1)
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
        outcome = SendingOutcome.SUCCEEDED if executed.success else SendingOutcome.FAILED
        self._outbox.mark(entry.digest, outcome, executed)
        self._client.own_writes.note(executed)
        return executed

    async def _find_epoch(self) -> int | None:
        """Return the epoch, or None if no node tells: that must not look like a refusal."""
        try:
            return (await self._client.epoch()).number
        except _SILENT as error:
            log.debug("%s", error)
            return None

    async def _find_fate(self, entry: OutboxEntry) -> ExecutedTransaction | tuple[_Fate, str]:
        """Ask every node what became of a transaction, until one has seen it executed."""
        sent = parse_transaction(entry.tx_bytes)
        fate, why = _Fate.OPEN, ""
        for node in self._client.each():
            try:
                found = await self._ask(node, sent, entry.digest)
            except _SILENT as error:
                log.debug("%s", error)
                continue
            if isinstance(found, ExecutedTransaction):
                return found
            # A node that has seen the end of a chance knows better than one that lags.
            if fate is _Fate.OPEN or found[0] is _Fate.OVER:
                fate, why = found if found[0] is not _Fate.OPEN else (fate, why)
        return fate, why

    async def _ask(
        self, node: SuiClient, sent: SentTransaction, digest: str
    ) -> ExecutedTransaction | tuple[_Fate, str]:
        # In this order: whatever used up the coin is among the transactions that a node knows by
        # the time it shows the coin's next version.
        why = await self._why_impossible(node, sent, digest)
        try:
            return await node.get_transaction(digest)
        except ObjectNotFound:
            if not why:
                return _Fate.OPEN, ""
        if await self._may_be_pruned(node, sent):
            if (found := await self._find_archived(digest)) is not None:
                return found
            return _Fate.LOST, f"{why}, and the node has forgotten what happened before"
        return _Fate.OVER, why

    async def _find_archived(self, digest: str) -> ExecutedTransaction | None:
        if self._client.archives is None:
            return None
        try:
            return await self._client.archives.get_transaction(digest)
        except ObjectNotFound:
            return None  # an archive may be behind, so this proves nothing
        except _SILENT as error:
            # What it could tell is missing, as without an archive: nothing else may wait for it.
            log.info("no archive tells what became of %s: %s", digest, error)
            return None

    @staticmethod
    async def _may_be_pruned(node: SuiClient, sent: SentTransaction) -> bool:
        """Return whether the node may have forgotten the transaction, had it been executed."""
        lowest = (await node.service_info()).lowest_checkpoint
        if lowest == 0:
            return False
        if sent.expiration_epoch is None:
            return True
        try:  # it was signed in the epoch before its last one, and not executed earlier
            first = await node.first_checkpoint_of(max(sent.expiration_epoch - 1, 0))
        except ObjectNotFound:
            return True
        return first < lowest

    @staticmethod
    async def _why_impossible(node: SuiClient, sent: SentTransaction, digest: str) -> str:
        """Return why the transaction can no longer be executed, or nothing if it can."""
        coin = sent.gas[0]
        epoch = await node.epoch()
        if sent.expiration_epoch is not None and epoch.number > sent.expiration_epoch:
            return f"it expired with epoch {sent.expiration_epoch}"
        current = (await node.get_objects([coin.id])).get(coin.id)
        if current is None:
            # Perhaps this node has not seen the coin yet: then it knows nothing of our time.
            return "" if await _is_unborn(node, coin) else "its gas coin is gone"
        if current.version > coin.version and current.previous_transaction != digest:
            return "another transaction used its gas coin"
        return ""


async def _is_unborn(node: SuiClient, coin: ObjectRef) -> bool:
    """Return whether a node that does not show a coin has not even seen the version we used."""
    try:
        await node.get_object(coin.id, version=coin.version)
    except ObjectNotFound:
        return True
    return False
