"""Sends transactions of one address, one at a time, each exactly once.

A transaction is journalled before it is sent. While its fate is unknown, the identical bytes are
sent again, which is safe: a digest is executed at most once. Nothing else is signed until then,
because a second transaction with the same gas coin could lock the coin until the epoch ends. Every
transaction expires with the next epoch, which bounds the uncertainty.
"""

import logging
import random

import trio

from walrusd.chain.nodes.client import SuiClient
from walrusd.chain.send.delivery import Delivery, Parked
from walrusd.chain.send.drafting import Build, Draft, Drafter, SendingPlan
from walrusd.chain.send.failures import AbortSentences, explain_failure
from walrusd.chain.send.outbox import Outbox, OutboxEntry, SendingOutcome, SqliteOutbox
from walrusd.chain.send.parked import ParkedTransactions
from walrusd.chain.send.refusals import Refusal, classify, explain
from walrusd.chain.send.signer import Signer
from walrusd.chain.values.digests import compute_transaction_digest
from walrusd.chain.values.types import ExecutedTransaction
from walrusd.errors import ChainRefused, ObjectNotFound
from walrusd.units import Address, Mist

__all__ = ["Outbox", "OutboxEntry", "Sender", "SendingOutcome", "SqliteOutbox"]

log = logging.getLogger(__name__)

MAX_CANCELLED = 4
"""How often a transaction that validators cancel is signed anew; each time costs a little gas."""

MAX_LOCKED = 16
"""How many locked coins a transaction tries to avoid."""


class Sender:
    """Signs and sends for one address. Several tasks may submit; they take turns."""

    def __init__(
        self,
        client: SuiClient,
        signer: Signer,
        outbox: Outbox,
        *,
        aborts: AbortSentences | None = None,
        max_budget: Mist = Mist(500_000_000),  # noqa: B008 - an int
        patience: float = 120.0,
    ) -> None:
        """Store the arguments; makes no request.

        Args:
            client: the network.
            signer: the key; no other process may use it.
            outbox: where signed transactions are kept.
            aborts: what the abort codes of our contract mean.
            max_budget: the most gas that any transaction may cost, in Mist.
            patience: seconds after which an unknown fate is reported; the entry stays pending.
        """
        self._client, self._signer, self._outbox = client, signer, outbox
        self._delivery = Delivery(client, outbox, patience=patience)
        self._aborts = aborts or AbortSentences()
        self._turn = trio.Lock()
        self._parked = ParkedTransactions()
        self._drafter = Drafter(client, signer.address, self._parked, self._aborts, max_budget)

    @property
    def address(self) -> Address:
        """Return the address that signs and pays."""
        return self._signer.address

    def know_random_version(self, version: int) -> None:
        """Set the initial version of ``0x8``, which saves a read."""
        self._drafter.random_version = version

    async def submit(
        self, build: Build, *, label: str, budget: int | None = None
    ) -> ExecutedTransaction:
        """Build, sign and execute a transaction; return it once it has succeeded.

        Cancelled after signing, the transaction may still be executed: it stays in the outbox, and
        the next call or ``recover`` settles it first.

        Args:
            build: fills the builder; called again if an object version was stale.
            label: its purpose, for the journal.
            budget: the most gas to pay, in Mist; found by simulation if None.

        Raises:
            MoveAborted: if the contract aborts it; fields module, function, abort_code, digest,
                and executed, which is false if the simulation already showed it.
            TransactionFailed: if it fails for another reason; only gas was paid.
            InsufficientBalance: if the address holds too little SUI.
            ChainRefused: if it is invalid and will not be executed.
            TransactionUncertain: if its fate is unknown; the next call or ``recover`` settles it.
        """
        async with self._turn:
            await self._settle_pending()
            return await self._submit(build, label, None, budget)

    async def submit_once(
        self, key: str, build: Build, *, label: str | None = None, budget: int | None = None
    ) -> ExecutedTransaction:
        """Submit as ``submit`` does, unless ``key`` has succeeded: then return that transaction."""
        async with self._turn:
            await self._settle_pending()
            prior = self._outbox.succeeded(key, self.address)
            if prior is not None:
                return prior
            return await self._submit(build, label or key, key, budget)

    async def find_succeeded(self, key: str) -> ExecutedTransaction | None:
        """Return the transaction that succeeded under ``key``, or None; settles pending ones first.

        Raises:
            TransactionUncertain: if the fate of one is still unknown.
        """
        async with self._turn:
            await self._settle_pending()
            return self._outbox.succeeded(key, self.address)

    async def recover(self) -> list[ExecutedTransaction]:
        """Settle what an earlier run left pending; return what was executed.

        Raises:
            TransactionUncertain: if the fate of one is still unknown.
        """
        async with self._turn:
            return await self._settle_pending()

    async def wait_visible(self, digest: str, *, seconds: float = 60.0) -> ExecutedTransaction:
        """Return the transaction once reads and events include it; see ``SuiClient``."""
        return await self._client.wait_visible(digest, seconds=seconds)

    async def balance(self) -> Mist:
        """Return what the address holds in coins, in Mist."""
        return await self._client.balance(self.address)

    # --- one transaction --------------------------------------------------------------------

    async def _submit(
        self, build: Build, label: str, key: str | None, budget: int | None
    ) -> ExecutedTransaction:
        self._parked.check_key(key)
        plan = SendingPlan(build, label, key, budget)
        while True:
            try:
                draft, executed = await self._try(plan)
            except (ChainRefused, ObjectNotFound) as error:
                await self._prepare_retry(plan, error)
                continue
            self._drafter.settle(draft, executed)
            if executed.success:
                return executed
            # The state changed after the simulation, and the contract needed more gas.
            if budget is None and "INSUFFICIENT_GAS" in executed.error and plan.raise_factor():
                log.info("%s needed more gas than expected", label)
                continue
            if "EXECUTION_CANCELED" in executed.error and plan.cancelled < MAX_CANCELLED:
                # Congestion on a shared object, or no randomness yet.
                log.info("%s was cancelled by the validators: %s", label, executed.error)
                await trio.sleep(2**plan.cancelled * random.uniform(0.25, 0.75))  # noqa: S311 - jitter
                plan.cancelled += 1
                continue
            raise explain_failure(executed, self._aborts, executed=True)

    async def _prepare_retry(self, plan: SendingPlan, error: ChainRefused | ObjectNotFound) -> None:
        """Prepare another attempt with fresh coins and epoch, or raise the error.

        Raises:
            WalrusdError: if another attempt cannot help.
        """
        refusal = classify(error)
        plan.refusals += 1
        # First, as the waits below may be cancelled: the cache was wrong.
        self._drafter.forget()
        now = trio.current_time()
        ours = any(coin.ref.id in error.message for coin in plan.coins)
        patient = ours and refusal is Refusal.STALE and now < plan.give_up
        if refusal is Refusal.LOCKED and ours and plan.refusals <= MAX_LOCKED:
            until = (await self._client.epoch()).number + 1
            for coin in plan.coins:
                if coin.ref.id in error.message:
                    self._parked.lock(coin.ref.id, until)
        elif not patient and plan.refusals > 1:
            raise explain(error) from error
        log.info("%s was refused: %s", plan.label, error)
        if plan.refusals > 1:
            # Full nodes may lag behind the validators.
            await trio.sleep(min(0.25 * 2**plan.refusals, 4.0))

    async def _try(self, plan: SendingPlan) -> tuple[Draft, ExecutedTransaction]:
        draft = await self._drafter.draft(plan)
        entry = OutboxEntry(
            digest=compute_transaction_digest(draft.tx_bytes),
            tx_bytes=draft.tx_bytes,
            signature=self._signer.sign_transaction(draft.tx_bytes),
            label=plan.label,
            key=plan.key,
            sender=self.address,
        )
        self._outbox.save(entry)
        try:
            executed = await self._delivery.send(entry)
        except Parked as parked:
            self._drafter.forget()
            raise self._parked.add(entry, parked) from parked
        self._drafter.note_executed(executed.digest)
        return draft, executed

    # --- what an earlier run left -------------------------------------------------------

    async def _settle_pending(self) -> list[ExecutedTransaction]:
        settled = []
        for entry in self._outbox.pending(self.address):
            due = self._parked.due_epoch(entry.digest)
            if due is None or (due and (await self._drafter.epoch()).number < due):
                continue
            try:
                settled.append(await self._delivery.send(entry, doubt=True))
                self._drafter.note_executed(entry.digest)
            except ChainRefused as error:
                log.warning("%s", error)
            except Parked as parked:
                log.warning("%s", self._parked.add(entry, parked))
                self._drafter.forget()
                continue
            self._parked.discard(entry.digest)
            self._drafter.forget()
        return settled
