"""Sends transactions of one address, one at a time, each exactly once.

A transaction is journalled before it is sent. When its fate is in doubt the identical bytes are
sent again, which is safe: a digest is executed at most once. Nothing else is signed meanwhile,
because a second transaction with the same gas coin could lock the coin until the epoch ends. Every
transaction expires with the next epoch, which bounds the doubt.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import trio

from walrusd.chain.client import SuiClient
from walrusd.chain.delivery import Delivery, Parked
from walrusd.chain.failures import AbortSentences, explain_failure
from walrusd.chain.gas import Coin, Purse
from walrusd.chain.outbox import (
    Outbox,
    OutboxEntry,
    Outcome,
    SqliteOutbox,
)
from walrusd.chain.parking import Parking
from walrusd.chain.ptb import Ptb
from walrusd.chain.refusals import Refusal, classify, explain
from walrusd.chain.signer import Signer
from walrusd.chain.types import (
    RANDOM_ID,
    SUI_COIN_TYPE,
    EpochInfo,
    ExecutedTransaction,
    compute_transaction_digest,
)
from walrusd.errors import (
    ChainRefused,
    InsufficientBalance,
    ObjectNotFound,
    TransactionUncertain,
)
from walrusd.units import Address, Mist, format_sui

__all__ = ["Outbox", "OutboxEntry", "Outcome", "Sender", "SqliteOutbox"]

log = logging.getLogger(__name__)

Build = Callable[[Ptb], None]
"""Fills a builder. It may be called more than once and must not do anything else."""

_EPOCH_AGE = 30.0
"""Seconds for which the epoch and its gas price are taken as known."""

_MIN_BUDGET_UNITS = 5_000
"""The least budget, in units of gas: several times the cost of an empty transaction."""


MAX_LOCKED = 16
"""How many locked coins a transaction tries to go around."""

_STALE_S = 15.0
"""Seconds for which a coin may look older to the nodes we read from than to the validators."""


class _Plan:
    """One submission, over all its tries."""

    def __init__(self, build: Build, label: str, key: str | None, budget: int | None) -> None:
        self.build, self.label, self.key, self.budget = build, label, key, budget
        self.coins: tuple[Coin, ...] = ()
        self.refusals = 0
        self.factor = 2
        self.give_up = trio.current_time() + _STALE_S

    def raise_factor(self) -> bool:
        """Allow more gas than before; return whether that is still reasonable."""
        self.factor *= 2
        return self.factor <= 8


@dataclass(frozen=True)
class _Draft:
    """A transaction ready to be signed, and what pays for it."""

    tx_bytes: bytes
    coins: tuple[Coin, ...]
    spent: int


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
        """Take what it needs; nothing is asked of the network yet.

        Args:
            client: the network.
            signer: the key; no other process may use it.
            outbox: where signed transactions are kept.
            aborts: what the abort codes of our contract mean.
            max_budget: the most gas that any transaction may cost, in Mist.
            patience: seconds after which a doubt is reported; it remains in the outbox.
        """
        self._client, self._signer, self._outbox = client, signer, outbox
        self._delivery = Delivery(client, outbox, patience=patience)
        self._aborts = aborts or AbortSentences()
        self._max_budget = max_budget
        self._turn = trio.Lock()
        self._purse: Purse | None = None
        self._epoch: tuple[float, EpochInfo] | None = None
        # The initial version of 0x8; looked up once unless somebody has set it.
        self.random_version: int | None = None
        self._random_sought = False
        self._last_digest: str | None = None
        self._parking = Parking()

    @property
    def address(self) -> Address:
        """Return the address that signs and pays."""
        return self._signer.address

    async def submit(
        self, build: Build, *, label: str, budget: int | None = None
    ) -> ExecutedTransaction:
        """Build, sign and execute a transaction; return it once it has succeeded.

        Args:
            build: fills the builder; may be called again if an object was stale.
            label: what it is for, in the journal.
            budget: the most gas to pay, in Mist; found by simulation if None.

        Raises:
            MoveAborted: if the contract aborts it; fields module, function, abort_code, digest,
                and executed, which is false if the simulation already showed it.
            TransactionFailed: if it is executed without effect for another reason.
            InsufficientBalance: if the address holds too little SUI.
            ChainRefused: if it is not valid and will not be executed.
            TransactionUncertain: if its fate is unknown; ``recover`` or the next call finds out.
        """
        async with self._turn:
            await self._settle_pending()
            return await self._submit(build, label, None, budget)

    async def submit_once(
        self, key: str, build: Build, *, label: str | None = None, budget: int | None = None
    ) -> ExecutedTransaction:
        """Do as ``submit``, unless ``key`` has already succeeded: then return that transaction."""
        async with self._turn:
            await self._settle_pending()
            prior = self._outbox.succeeded(key, self.address)
            if prior is not None:
                return prior
            return await self._submit(build, label or key, key, budget)

    async def find_succeeded(self, key: str) -> ExecutedTransaction | None:
        """Return the transaction that succeeded under ``key``, once no fate is in doubt.

        Raises:
            TransactionUncertain: if one still is.
        """
        async with self._turn:
            await self._settle_pending()
            return self._outbox.succeeded(key, self.address)

    async def recover(self) -> list[ExecutedTransaction]:
        """Settle what an earlier run left in doubt; return what turned out to be executed.

        Raises:
            TransactionUncertain: if a fate cannot be found out yet.
        """
        async with self._turn:
            return await self._settle_pending()

    async def wait_visible(self, digest: str, *, seconds: float = 60.0) -> ExecutedTransaction:
        """Return the transaction once reads and events include it; see ``SuiClient``."""
        return await self._client.wait_visible(digest, seconds=seconds)

    async def balance(self) -> Mist:
        """Return what the address holds, in Mist."""
        return await self._client.balance(self.address)

    # --- one transaction --------------------------------------------------------------------

    async def _submit(
        self, build: Build, label: str, key: str | None, budget: int | None
    ) -> ExecutedTransaction:
        self._parking.check_key(key)
        plan = _Plan(build, label, key, budget)
        while True:
            try:
                draft, executed = await self._try(plan)
            except (ChainRefused, ObjectNotFound) as error:
                await self._look_again(plan, error)
                continue
            if self._purse is not None:
                self._purse.settle(draft.coins, draft.spent, executed)
            if executed.success:
                return executed
            # The contract may have needed more than the simulation showed: the state moved on.
            if budget is None and "INSUFFICIENT_GAS" in executed.error and plan.raise_factor():
                log.info("%s needed more gas than expected", label)
                continue
            raise explain_failure(executed, self._aborts, executed=True)

    async def _look_again(self, plan: "_Plan", error: ChainRefused | ObjectNotFound) -> None:
        """Prepare another try, or raise the error: perhaps coins or epoch were not as we thought.

        Raises:
            WalrusdError: if another try cannot help.
        """
        refusal = classify(error)
        plan.refusals += 1
        now = trio.current_time()
        ours = any(coin.ref.id in error.message for coin in plan.coins)
        patient = ours and refusal is Refusal.STALE and now < plan.give_up
        if refusal is Refusal.LOCKED and ours and plan.refusals <= MAX_LOCKED:
            until = (await self._client.epoch()).number + 1
            for coin in plan.coins:
                if coin.ref.id in error.message:
                    self._parking.lock(coin.ref.id, until)
        elif not patient and plan.refusals > 1:
            raise explain(error) from error
        log.info("%s was refused: %s", plan.label, error)
        self._forget()
        if plan.refusals > 1:
            # What we read may trail what the validators know.
            await trio.sleep(min(0.25 * 2**plan.refusals, 4.0))

    async def _try(self, plan: "_Plan") -> tuple[_Draft, ExecutedTransaction]:
        draft = await self._draft(plan)
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
            self._forget()
            raise self._parking.add(entry, parked) from parked
        self._last_digest = executed.digest
        return draft, executed

    async def _draft(self, plan: "_Plan") -> _Draft:
        ptb = Ptb(random_version=await self._seek_random())
        plan.build(ptb)
        self._parking.check_inputs(ptb)
        epoch = await self._epoch_info()
        budget = plan.budget
        if budget is None:
            budget = await self._estimate(ptb, epoch, plan)
        coins = await self._coins(budget + ptb.spent_from_gas, ptb)
        plan.coins = tuple(coins)
        tx_bytes = self._build(ptb, coins, budget, epoch)
        return _Draft(tx_bytes, tuple(coins), ptb.spent_from_gas)

    def _build(self, ptb: Ptb, coins: Sequence[Coin], budget: int, epoch: EpochInfo) -> bytes:
        return ptb.build(
            self.address,
            [coin.ref for coin in coins],
            budget=budget,
            price=epoch.reference_gas_price,
            expiration_epoch=epoch.number + 1,
        )

    async def _estimate(self, ptb: Ptb, epoch: EpochInfo, plan: "_Plan") -> int:
        """Return a generous budget: what is not used is not paid.

        Raises:
            MoveAborted: if the simulation aborts; nothing was paid.
        """
        least = _MIN_BUDGET_UNITS * epoch.reference_gas_price
        coins = await self._coins(least + ptb.spent_from_gas, ptb)
        purse = await self._known_purse()
        limit = min(self._max_budget, purse.available(ptb.object_ids) - ptb.spent_from_gas)
        coins = purse.choose(limit + ptb.spent_from_gas, ptb.object_ids)
        plan.coins = tuple(coins)
        simulation = await self._client.simulate(self._build(ptb, coins, limit, epoch))
        outcome = simulation.outcome
        if not outcome.success:
            if "INSUFFICIENT_GAS" in outcome.error and limit < self._max_budget:
                raise self._too_poor(limit + ptb.spent_from_gas + 1, limit)
            raise explain_failure(outcome, self._aborts, executed=False)
        likely = outcome.gas_used.computation + outcome.gas_used.storage
        return min(max(plan.factor * likely, least), limit)

    # --- what is known of the network -------------------------------------------------------

    async def _settle_pending(self) -> list[ExecutedTransaction]:
        settled = []
        for entry in self._outbox.pending(self.address):
            due = self._parking.due_epoch(entry.digest)
            if due is None or (due and (await self._epoch_info()).number < due):
                continue
            try:
                settled.append(await self._delivery.send(entry, doubt=True))
                self._last_digest = entry.digest
            except ChainRefused as error:
                log.warning("%s", error)
            except Parked as parked:
                log.warning("%s", self._parking.add(entry, parked))
                self._forget()
                continue
            self._parking.discard(entry.digest)
            self._forget()
        return settled

    def _forget(self) -> None:
        self._purse = self._epoch = None

    async def _seek_random(self) -> int | None:
        if self.random_version is None and not self._random_sought:
            found = (await self._client.get_objects([RANDOM_ID])).get(RANDOM_ID)
            self._random_sought = True
            self.random_version = None if found is None else found.initial_shared_version
        return self.random_version

    async def _epoch_info(self) -> EpochInfo:
        now = trio.current_time()
        if self._epoch is None or now - self._epoch[0] > _EPOCH_AGE:
            self._epoch = now, await self._client.epoch()
        return self._epoch[1]

    async def _known_purse(self) -> Purse:
        if self._purse is None:
            if self._last_digest is not None:
                # Reads may trail what we have just done and show coins that are already spent.
                try:
                    await self._client.wait_visible(self._last_digest, seconds=10)
                except TransactionUncertain as error:
                    log.info("%s", error)
                self._last_digest = None
            owned = await self._client.list_owned(self.address, SUI_COIN_TYPE)
            reserved = self._parking.reserved((await self._epoch_info()).number)
            free = [item for item in owned if item.id not in reserved]
            self._purse = Purse(self.address, map(Coin.read, free))
        return self._purse

    async def _coins(self, amount: int, ptb: Ptb) -> list[Coin]:
        """Return coins that hold ``amount``; asks the network again before it gives up."""
        known = self._purse is not None
        purse = await self._known_purse()
        if known and purse.available(ptb.object_ids) < amount:
            self._purse = None
            purse = await self._known_purse()
        available = purse.available(ptb.object_ids)
        if available < amount:
            raise self._too_poor(amount, available)
        return purse.choose(amount, ptb.object_ids)

    def _too_poor(self, needed: int, available: int) -> InsufficientBalance:
        text = f"{self.address} holds {format_sui(available)} in coins; {format_sui(needed)} needed"
        if self._parking:
            text += " (coins that another transaction claims are not counted)"
        return InsufficientBalance(
            text,
            address=self.address,
            available=available,
            needed=needed,
        )
