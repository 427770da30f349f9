"""Prepares a transaction for signing: finds the gas budget and the coins that pay it.

Epoch, gas price and coins are cached between transactions, so that most transactions need no
read. A caller that finds the cache outdated calls ``forget``.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import trio

from walrusd.chain.nodes.client import SuiClient
from walrusd.chain.send.failures import AbortSentences, explain_failure
from walrusd.chain.send.gas import Coin, Purse
from walrusd.chain.send.parked import ParkedTransactions
from walrusd.chain.send.ptb import Ptb
from walrusd.chain.values.types import RANDOM_ID, SUI_COIN_TYPE, EpochInfo, ExecutedTransaction
from walrusd.errors import InsufficientBalance, TransactionUncertain
from walrusd.units import Address, Mist, format_sui

log = logging.getLogger(__name__)

Build = Callable[[Ptb], None]
"""Fills a builder. It may be called more than once, so it must have no other effect."""

_EPOCH_AGE = 30.0
"""Seconds for which the epoch and its gas price are cached."""

_MIN_BUDGET_UNITS = 5_000
"""The least budget, in units of gas: several times the cost of an empty transaction."""

_STALE_S = 15.0
"""Seconds for which full nodes may show an older version of a coin than the validators have."""


class SendingPlan:
    """One transaction to be sent, over all its attempts."""

    def __init__(self, build: Build, label: str, key: str | None, budget: int | None) -> None:
        self.build, self.label, self.key, self.budget = build, label, key, budget
        self.coins: tuple[Coin, ...] = ()
        self.refusals = self.cancelled = 0
        self.factor = 2
        self.give_up = trio.current_time() + _STALE_S

    def raise_factor(self) -> bool:
        """Double the gas budget; return whether it is still reasonable."""
        self.factor *= 2
        return self.factor <= 8


@dataclass(frozen=True)
class Draft:
    """A transaction ready to be signed, and what pays for it."""

    tx_bytes: bytes
    coins: tuple[Coin, ...]
    spent: int


class Drafter:
    """Drafts for one address; used by one task at a time."""

    def __init__(
        self,
        client: SuiClient,
        address: Address,
        parked: ParkedTransactions,
        aborts: AbortSentences,
        max_budget: Mist,
    ) -> None:
        self._client, self._address = client, address
        self._parked, self._aborts, self._max_budget = parked, aborts, max_budget
        self._purse: Purse | None = None
        self._epoch: tuple[float, EpochInfo] | None = None
        # The initial version of 0x8; read once unless it was set.
        self.random_version: int | None = None
        self._random_was_read = False
        self._last_digest: str | None = None

    async def draft(self, plan: SendingPlan) -> Draft:
        """Return the transaction of a plan, for the network's state as far as it is known.

        Raises:
            MoveAborted, TransactionFailed: if the simulation fails; nothing was paid.
            InsufficientBalance: if the address holds too little.
            TransactionUncertain: if the plan needs an object that a parked transaction claims.
        """
        ptb = Ptb(random_version=await self._find_random_version())
        plan.build(ptb)
        self._parked.check_inputs(ptb)
        epoch = await self.epoch()
        budget = plan.budget
        if budget is None:
            budget = await self._estimate(ptb, epoch, plan)
        coins = await self._coins(budget + ptb.spent_from_gas, ptb)
        plan.coins = tuple(coins)
        tx_bytes = self._build(ptb, coins, budget, epoch)
        return Draft(tx_bytes, tuple(coins), ptb.spent_from_gas)

    def note_executed(self, digest: str) -> None:
        """Record a transaction of ours that reads may not include yet."""
        self._last_digest = digest

    def settle(self, draft: Draft, executed: ExecutedTransaction) -> None:
        """Update the coins from the effects of the transaction that they paid for."""
        if self._purse is not None:
            self._purse.settle(draft.coins, draft.spent, executed)

    def forget(self) -> None:
        """Drop the cache; the next draft reads from the network."""
        self._purse = self._epoch = None

    async def epoch(self) -> EpochInfo:
        """Return the epoch, at most ``_EPOCH_AGE`` seconds old."""
        now = trio.current_time()
        if self._epoch is None or now - self._epoch[0] > _EPOCH_AGE:
            self._epoch = now, await self._client.epoch()
        return self._epoch[1]

    def _build(self, ptb: Ptb, coins: Sequence[Coin], budget: int, epoch: EpochInfo) -> bytes:
        return ptb.build(
            self._address,
            [coin.ref for coin in coins],
            budget=budget,
            price=epoch.reference_gas_price,
            expiration_epoch=epoch.number + 1,
        )

    async def _estimate(self, ptb: Ptb, epoch: EpochInfo, plan: SendingPlan) -> int:
        """Return a generous gas budget, in Mist; what is not used is not paid.

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
                raise self._insufficient(limit + ptb.spent_from_gas + 1, limit)
            raise explain_failure(outcome, self._aborts, executed=False)
        likely = outcome.gas_used.computation + outcome.gas_used.storage
        return min(max(plan.factor * likely, least), limit)

    async def _find_random_version(self) -> int | None:
        if self.random_version is None and not self._random_was_read:
            found = (await self._client.get_objects([RANDOM_ID])).get(RANDOM_ID)
            self._random_was_read = True
            self.random_version = None if found is None else found.initial_shared_version
        return self.random_version

    async def _known_purse(self) -> Purse:
        if self._purse is None:
            if self._last_digest is not None:
                # Reads may lag behind our last transaction and show coins that it has spent.
                try:
                    await self._client.wait_visible(self._last_digest, seconds=10)
                except TransactionUncertain as error:
                    log.info("%s", error)
            owned = await self._client.list_owned(self._address, SUI_COIN_TYPE)
            reserved = self._parked.reserved((await self.epoch()).number)
            free = [item for item in owned if item.id not in reserved]
            self._purse = Purse(self._address, map(Coin.read, free))
            # Only now: a read that failed or was cancelled has not included it.
            self._last_digest = None
        return self._purse

    async def _coins(self, amount: int, ptb: Ptb) -> list[Coin]:
        """Return coins that hold ``amount``; reads them again before it fails."""
        known = self._purse is not None
        purse = await self._known_purse()
        if known and purse.available(ptb.object_ids) < amount:
            self._purse = None
            purse = await self._known_purse()
        available = purse.available(ptb.object_ids)
        if available < amount:
            raise self._insufficient(amount, available)
        return purse.choose(amount, ptb.object_ids)

    def _insufficient(self, needed: int, available: int) -> InsufficientBalance:
        text = (
            f"{self._address} holds {format_sui(available)} in coins; {format_sui(needed)} needed"
        )
        if self._parked:
            text += " (coins that another transaction claims are not counted)"
        return InsufficientBalance(
            text,
            address=self._address,
            available=available,
            needed=needed,
        )
