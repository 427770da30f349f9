"""Stake on tasks by the owner's policy, once a dataset key is granted.

Nothing is staked before everything that the work needs is here and verified: the plan, the initial
weights against the task's state root, and the dataset. Defects found later cost a penalty.
"""

from dataclasses import dataclass

import trio

from walrusd.chain.layouts import objects as ob
from walrusd.chain.send.refusals import NOT_EXECUTED
from walrusd.core.lifecycle import KeyScope, is_granted, is_unanswered, takes_contributors
from walrusd.core.policy import Decision
from walrusd.core.protocol import PROGRAM_ROOT
from walrusd.core.sizes import Storage
from walrusd.crypto.envelope import derive_public_key
from walrusd.engine.readiness import Readiness
from walrusd.engine.service import Service
from walrusd.engine.tools import Tools
from walrusd.market.aggregate import AggregateChecker
from walrusd.market.case import read_tasks, read_version
from walrusd.market.fetch import Fetcher
from walrusd.market.keys import OwnRequests, open_granted_key
from walrusd.market.verified import check_dataset_for_plan
from walrusd.services.contributor.assessor import Assessor, Snapshot
from walrusd.services.contributor.background import Background
from walrusd.services.contributor.exposure import Exposure, ExposureReader, has_joined
from walrusd.state.protection import Begun
from walrusd.units import Mist

REQUEST_LIFETIME_MS = 7 * 24 * 3600 * 1000
BALANCE_AGE_S = 1.0
"""How long one balance serves decisions about many tasks; another service may spend meanwhile."""

TASKS_AT_ONCE = 100
"""After so many tasks the other services get their turn."""


@dataclass
class _Declined:
    """A refusal that is yet to be journalled."""

    task: str
    reason: str
    decision: Decision


class _Round(Snapshot):
    """What one reconciliation reads once, with the owner's overrides, and what it declines."""

    def __init__(self, tasks: list[ob.Task], exposure: Exposure, overrides: dict[str, str]) -> None:
        super().__init__(tasks, exposure)
        self.overrides = overrides
        self.declined: list[_Declined] = []


class Staker(Service):
    """The contributor's first service: decides, requests the key, stakes."""

    name = "staker"

    def __init__(
        self,
        tools: Tools,
        fetcher: Fetcher,
        checker: AggregateChecker,
        readiness: Readiness | None = None,
    ) -> None:
        """Take the collaborators; without ``readiness`` the machine is not checked."""
        super().__init__(tools)
        self._fetcher = fetcher
        self._background = Background(self, fetcher)
        self._assessor = Assessor(tools, fetcher, checker, readiness, self._background)
        self._exposure = ExposureReader(tools)
        self._requests = OwnRequests(tools)
        self._held: tuple[float, Mist] | None = None
        self._told: dict[str, list[str] | None] = {}

    async def reconcile(self) -> None:
        """Decide about every task that still takes contributors, one after the other.

        In turn, because each decision depends on the stakes of the ones before. Fetches run in the
        background and delay no other task.
        """
        tasks = await read_tasks(self.tools)
        overrides = self.tools.records.items("stake_override")
        round_ = _Round(tasks, self._exposure.read(tasks), overrides)
        self._requests.begin_round()
        open_to_us = [
            task
            for task in tasks
            if takes_contributors(task.phase) and not has_joined(task, self.tools.address)
        ]
        self._told = {t.id: self._told[t.id] for t in open_to_us if t.id in self._told}
        self._background.keep_only({task.id for task in open_to_us})
        try:
            for number, task in enumerate(open_to_us, start=1):

                async def consider(task: ob.Task = task) -> None:
                    await self._consider(task, round_)

                await self.attempt(task.id, consider)
                if number % TASKS_AT_ONCE == 0:
                    await trio.lowlevel.checkpoint()
        finally:
            self._journal_declined(round_)

    async def estimate(
        self, task: ob.Task, held: Mist | None = None, *, storage: Storage | str | None = None
    ) -> Decision:
        """Apply the policy to a task, without acting; ``held`` is our balance if it is known.

        ``storage`` is the result of ``measure``, or the reason why it is unknown, if the caller
        has it.

        Raises:
            WalrusdError: as ``measure``.
        """
        if held is None:
            held = await self.tools.contract.balance(self.tools.address)
        tasks = await read_tasks(self.tools)
        snapshot = Snapshot(tasks, self._exposure.read(tasks))
        return await self._assessor.assess(task, snapshot, held, storage=storage)

    async def measure(self, task: ob.Task) -> Storage:
        """Return the parts that a contributor stores. Errors as ``StorageMeter.measure``."""
        return await self._assessor.measure(task)

    async def _read_balance(self) -> Mist:
        """Return our balance; one answer serves many tasks, until something is sent."""
        now = trio.current_time()
        if self._held is None or now - self._held[0] > BALANCE_AGE_S:
            self._held = now, await self.tools.contract.balance(self.tools.address)
        return self._held[1]

    async def _consider(self, task: ob.Task, round_: _Round) -> None:
        override = round_.overrides.get(task.id)
        held = await self._read_balance()
        decision = await self._assessor.assess_ahead(task, round_, held, override=override)
        if decision is None:
            return
        go, reason = decision.join, decision.reason
        if override is not None:
            refusals = decision.binding_refusals
            go = override == "join" and not refusals
            reason = " ".join([f"The owner said: {override}.", *refusals])
        if not go:
            round_.declined.append(_Declined(task.id, reason, decision))
            return
        if self._is_news(task.id, "join", reason):
            self._journal(task.id, "join", reason, decision)
            self._told[task.id] = ["join", reason]
        dataset = decision.dataset or task.datasets[0].dataset
        self._held = None
        await self._pursue(
            task, next(d for d in task.datasets if d.dataset == dataset), round_.exposure
        )

    def _journal_declined(self, round_: _Round) -> None:
        """Write all refusals in one transaction: no action has to wait for them."""
        fresh = [d for d in round_.declined if self._is_news(d.task, "decline", d.reason)]
        if not fresh:
            return
        with self.tools.database.transaction():
            for declined in fresh:
                self._journal(declined.task, "decline", declined.reason, declined.decision)
        self._told |= {declined.task: ["decline", declined.reason] for declined in fresh}

    def _is_news(self, task: str, verdict: str, reason: str) -> bool:
        if task not in self._told:
            self._told[task] = self.tools.records.get("decisions", task)
        return self._told[task] != [verdict, reason]

    def _journal(self, task: str, verdict: str, reason: str, decision: Decision) -> None:
        with self.tools.database.transaction():
            self.tools.records.put("decisions", task, [verdict, reason])
            self.tools.journal.record(
                task,
                self.name,
                verdict,
                reason,
                rules=[[v.rule, v.ok, v.sentence] for v in decision.verdicts],
            )

    async def _pursue(self, task: ob.Task, ref: ob.DatasetRef, exposure: Exposure) -> None:
        """Take the next step towards joining: check the plan, request the key, or stake."""
        tools = self.tools
        request = await self._requests.find(task.id, ref.dataset, ref.number)
        if request is not None and not is_granted(request.state):
            if is_unanswered(request.state):
                await self._background.has_weights(task)
            return
        dataset = await tools.contract.dataset(ref.dataset)
        plan = (await self._fetcher.plan_of(task)).plan
        version = read_version(dataset, ref.number)
        check_dataset_for_plan(plan, version)
        if not await self._background.has_weights(task):
            return
        if request is None:
            await tools.contract.request_key(
                ref.dataset,
                number=ref.number,
                key=derive_public_key(tools.keys.encryption_key),
                scope=KeyScope.TRAIN_AND_VERIFY,
                task=task.id,
                lifetime_ms=REQUEST_LIFETIME_MS,
                once=f"request_key:{task.id}:{ref.dataset}:{ref.number}",
            )
            tools.journal.record(task.id, self.name, "key_requested", "the policy says join")
        else:
            dek = await open_granted_key(tools, request)
            if not await self._background.has_rows(task, version, dek, plan):
                return
            try:
                await self._stake(task, request)
            finally:
                exposure.note(task.id, tools.records.get("stakes", task.id))

    async def _stake(self, task: ob.Task, request: ob.KeyRequest) -> None:
        tools, stake = self.tools, Mist(task.terms.stake)
        action = f"join:{task.id}"
        payload = f"{task.id}:{request.dataset}:{request.number}:{stake}".encode()
        with tools.database.transaction():
            begun = tools.protection.begin(action, payload)
            tools.records.put("stakes", task.id, {"amount": stake, "at_ms": tools.clock.now_ms()})
            if begun is Begun.FRESH:
                tools.journal.record(
                    task.id,
                    self.name,
                    "staked",
                    "the key is granted",
                    stake=stake,
                    dataset=request.dataset,
                )
        try:
            await tools.contract.join(
                task.id,
                dataset=request.dataset,
                request=request.id,
                program_root=PROGRAM_ROOT,
                stake=stake,
            )
        except NOT_EXECUTED:
            # Certainly not joined: the amount is free again, and another dataset may be chosen.
            with tools.database.transaction():
                tools.protection.forget(action)
                tools.records.delete("stakes", task.id)
            raise
        tools.protection.done(action)
