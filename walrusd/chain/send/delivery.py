"""Sends signed bytes until it is known whether they were executed."""

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
"""How often nodes must find that a transaction can no longer be executed before that counts.

Several nodes may be behind one address, and successive answers may come from different ones.
"""

_STALE_S = 30.0
"""For how many seconds nodes must report that an object is not at its version.

A node that has executed a transaction answers the same bytes with its effects, so a node that
reports this has not executed it. A node that lags reports it too, but not for so long.
"""


_SILENT = (ChainUnreachable, ChainRefused, ObjectNotFound, WrongNetwork)
"""Errors of a read that say nothing about a transaction's fate."""


class _Fate(StrEnum):
    OPEN = "open"
    OVER = "over"
    LOST = "lost"


class Parked(Exception):
    """Raised when a transaction's fate cannot be known now, but others need not wait for it.

    ``until_epoch``: when to try again; None if only another endpoint can know.
    """

    def __init__(self, reason: str, *, until_epoch: int | None) -> None:
        super().__init__(reason)
        self.reason, self.until_epoch = reason, until_epoch


class Delivery:
    """Sends entries of an outbox, and records in it what became of them."""

    def __init__(self, client: SuiClient, outbox: Outbox, *, patience: float) -> None:
        self._client, self._outbox, self._patience = client, outbox, patience

    async def send(self, entry: OutboxEntry, *, doubt: bool = False) -> ExecutedTransaction:
        """Send ``entry`` until its fate is known, and record it in the outbox.

        With ``doubt``, an earlier attempt may have executed it. Cancelled, the entry stays pending,
        and a later call sends the same bytes again.

        Raises:
            ChainRefused: if it was not and will not be executed.
            Parked: if its fate stays open but other transactions need not wait for it.
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
                    hint="walrusd keeps it and will retry",
                    digest=entry.digest,
                ) from reason
            log.info(
                "the fate of transaction %s (%s) is unknown: %s", entry.digest, entry.label, reason
            )
            await trio.sleep(delay * random.uniform(0.5, 1.5))  # noqa: S311 - only jitter
            delay = min(2 * delay, 10.0)

    def _executed(self, entry: OutboxEntry, executed: ExecutedTransaction) -> ExecutedTransaction:
        outcome = SendingOutcome.SUCCEEDED if executed.success else SendingOutcome.FAILED
        self._outbox.mark(entry.digest, outcome, executed)
        self._client.own_writes.note(executed)
        return executed

    async def _find_epoch(self) -> int | None:
        """Return the epoch, or None if no node answers; that must not look like a refusal."""
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
            # A node that rules the execution out knows more than one that lags.
            if fate is _Fate.OPEN or found[0] is _Fate.OVER:
                fate, why = found if found[0] is not _Fate.OPEN else (fate, why)
        return fate, why

    async def _ask(
        self, node: SuiClient, sent: SentTransaction, digest: str
    ) -> ExecutedTransaction | tuple[_Fate, str]:
        # In this order: a node that shows the coin's next version already knows the transaction
        # that used the coin.
        why = await self._why_impossible(node, sent, digest)
        try:
            return await node.get_transaction(digest)
        except ObjectNotFound:
            if not why:
                return _Fate.OPEN, ""
        if await self._may_be_pruned(node, sent):
            if (found := await self._find_archived(digest)) is not None:
                return found
            return _Fate.LOST, f"{why}, and the node has pruned the history before"
        return _Fate.OVER, why

    async def _find_archived(self, digest: str) -> ExecutedTransaction | None:
        if self._client.archives is None:
            return None
        try:
            return await self._client.archives.get_transaction(digest)
        except ObjectNotFound:
            return None  # an archive may be behind, so this proves nothing
        except _SILENT as error:
            # As without an archive: its answer is missing, and nothing else may wait for it.
            log.info("no archive knows what became of %s: %s", digest, error)
            return None

    @staticmethod
    async def _may_be_pruned(node: SuiClient, sent: SentTransaction) -> bool:
        """Return whether the node, had the transaction been executed, might have pruned it."""
        lowest = (await node.service_info()).lowest_checkpoint
        if lowest == 0:
            return False
        if sent.expiration_epoch is None:
            return True
        try:  # it was signed, so executed at the earliest, in the epoch before its last one
            first = await node.first_checkpoint_of(max(sent.expiration_epoch - 1, 0))
        except ObjectNotFound:
            return True
        return first < lowest

    @staticmethod
    async def _why_impossible(node: SuiClient, sent: SentTransaction, digest: str) -> str:
        """Return why the transaction can no longer be executed, or an empty text if it can."""
        coin = sent.gas[0]
        epoch = await node.epoch()
        if sent.expiration_epoch is not None and epoch.number > sent.expiration_epoch:
            return f"it expired with epoch {sent.expiration_epoch}"
        current = (await node.get_objects([coin.id])).get(coin.id)
        if current is None:
            # Perhaps this node lags so far that it has not seen the coin yet.
            return "" if await _is_unborn(node, coin) else "its gas coin is gone"
        if current.version > coin.version and current.previous_transaction != digest:
            return "another transaction used its gas coin"
        return ""


async def _is_unborn(node: SuiClient, coin: ObjectRef) -> bool:
    """Return whether a node without a coin has not even seen the version that we used."""
    try:
        await node.get_object(coin.id, version=coin.version)
    except ObjectNotFound:
        return True
    return False
