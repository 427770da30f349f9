"""Stake on tasks by the owner's policy, once a dataset key is granted.

Nothing is staked before everything that the work takes is at hand and proven: the plan, initial
weights with the task's state root, and the dataset. What is found out later costs a penalty.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property, partial

import trio

from walrusd.chain.layouts import objects as ob
from walrusd.chain.refusals import NOT_EXECUTED
from walrusd.core.disk import DiskShape
from walrusd.core.lifecycle import KeyScope, RequestState, TaskPhase
from walrusd.core.policy import Decision, Offer, PolicyRules, RuleVerdict, Standing, decide
from walrusd.core.sizes import Storage
from walrusd.crypto.envelope import derive_public_key
from walrusd.errors import MalformedData, ObjectNotFound
from walrusd.services.aggregates import AggregateChecker
from walrusd.services.bound import Bound, BoundReader, has_joined
from walrusd.services.disk import DiskShapes, compute_reserved
from walrusd.services.facts import read_tasks, read_version
from walrusd.services.fetcher import Fetcher
from walrusd.services.grants import OwnRequests, open_granted_key
from walrusd.services.readiness import Readiness
from walrusd.services.service import Service
from walrusd.services.storage_meter import StorageMeter
from walrusd.services.tools import Tools
from walrusd.state.protection import Begun
from walrusd.training.plan import Plan, check_plan_for_rows
from walrusd.units import Mist

REQUEST_LIFETIME_MS = 7 * 24 * 3600 * 1000
NO_PARENT = "0x" + "0" * 64
BALANCE_AGE_S = 1.0
"""How long one answer serves a look at many tasks; another service may spend meanwhile."""

TASKS_AT_ONCE = 100
"""After so many tasks the other services get their turn."""

PLANS_AT_ONCE = 8
"""A stranger's task may name a blob that nobody has, or that comes drop by drop."""

NO_FILES = DiskShape(0, 0, 0, 0, 0)

MODELS_AT_ONCE = 2
"""Each lies in memory several times over while it is checked."""


@dataclass
class _Declined:
    """A refusal that is yet to be journalled."""

    task: str
    reason: str
    decision: Decision


class _Part(StrEnum):
    """What of a task comes from Walrus and is fetched while other tasks are looked at."""

    PLAN = ":plan"
    PARENT = ":parent"
    WEIGHTS = ":weights"
    ROWS = ":rows"


class _Look:
    """What one look reads once: all tasks, what is bound, and what the owner has said."""

    def __init__(
        self, tasks: list[ob.Task], bound: Bound, overrides: dict[str, str] | None = None
    ) -> None:
        self.tasks = tasks
        self.bound = bound
        self.overrides = overrides or {}
        self.declined: list[_Declined] = []
        self.reserved: tuple[frozenset[str], int] | None = None
        """Tasks in progress, and the bytes of disk that they will still take."""


class Staker(Service):
    """The contributor's first service: decide, ask for the key, stake."""

    name = "staker"

    def __init__(
        self,
        tools: Tools,
        fetcher: Fetcher,
        checker: AggregateChecker,
        readiness: Readiness | None = None,
    ) -> None:
        """Take the collaborators; without ``readiness`` the machine is not looked at."""
        super().__init__(tools)
        self._fetcher = fetcher
        self._checker = checker
        self._readiness = readiness
        self._meter = StorageMeter(tools, fetcher)
        self._shapes = DiskShapes(tools, fetcher)
        self._bound = BoundReader(tools)
        self._requests = OwnRequests(tools)
        self._held: tuple[float, Mist] | None = None
        self._told: dict[str, list[str] | None] = {}
        self._fetched: dict[tuple[str, _Part], bool] = {}
        self._turns = {
            part: trio.CapacityLimiter(PLANS_AT_ONCE if part == _Part.PLAN else MODELS_AT_ONCE)
            for part in _Part
        }

    async def reconcile(self) -> None:
        """Look at every task that still takes contributors, one after the other.

        In turn, because each decision depends on what the ones before it have bound. What one of
        them makes us fetch keeps no other waiting.
        """
        tasks = await read_tasks(self.tools)
        overrides = self.tools.records.items("stake_override")
        look = _Look(tasks, self._bound.read(tasks), overrides)
        self._requests.begin_look()
        open_to_us = [
            task
            for task in tasks
            if task.phase == TaskPhase.JOINING and not has_joined(task, self.tools.address)
        ]
        self._told = {t.id: self._told[t.id] for t in open_to_us if t.id in self._told}
        names = {task.id for task in open_to_us}
        self._fetched = {key: found for key, found in self._fetched.items() if key[0] in names}
        try:
            for number, task in enumerate(open_to_us, start=1):

                async def consider(task: ob.Task = task) -> None:
                    await self._consider(task, look)

                await self.attempt(task.id, consider)
                if number % TASKS_AT_ONCE == 0:
                    await trio.lowlevel.checkpoint()
        finally:
            self._journal_declined(look)

    async def estimate(
        self, task: ob.Task, held: Mist | None = None, *, storage: Storage | str | None = None
    ) -> Decision:
        """Apply the policy to a task, without acting; ``held`` is our balance if it is known.

        ``storage`` is what ``measure`` gave, or why it is unknown, if that was asked before.

        Raises:
            WalrusdError: as ``measure``.
        """
        if held is None:
            held = await self.tools.contract.balance(self.tools.address)
        tasks = await read_tasks(self.tools)
        look = _Look(tasks, self._bound.read(tasks))
        # A person is told what this machine lacks, whatever else speaks against the task.
        decision = await self._judge(task, look, held, storage=storage, thorough=True)
        assert decision is not None, "only what is fetched ahead leaves a decision open"
        return decision

    async def measure(self, task: ob.Task) -> Storage:
        """Return what contributing to a task makes us store. Errors as ``StorageMeter.measure``."""
        return await self._meter.measure(task, choose_dataset(task, self._rules.allow_datasets))

    async def _judge(
        self,
        task: ob.Task,
        look: _Look,
        held: Mist,
        *,
        override: str | None = None,
        storage: Storage | str | None = None,
        thorough: bool = False,
        ahead: bool = False,
    ) -> Decision | None:
        """Apply the policy, what is cheap to find out first.

        This machine, the sizes of what must be stored, and then the parent's aggregate are looked
        at only if nothing else speaks against the task, or nothing that binds where the owner says
        "join": the aggregate may be large, and naming it costs a stranger nothing. If ``thorough``,
        this machine is looked at in any case. If ``ahead``, what must be fetched is fetched in the
        background, and there is no decision until it is there.
        """

        def goes(decision: Decision) -> bool:
            return decision.join or (override == "join" and not decision.binding_refusals)

        decide_with = partial(self._decide, task, look.bound, held)
        decision = decide_with(storage=storage)
        if not goes(decision) and not thorough:
            return decision
        if ahead:
            if self._readiness is not None:
                # Where nothing can be read a plan cannot be had either: that is to be told first.
                machine = await self._readiness.judge_task(NO_FILES)
                decision = decide_with(machine=machine, storage=storage)
                if not goes(decision):
                    return decision
            if not await self._fetch(task, _Part.PLAN, partial(self._fetch_plan, task)):
                return None
        machine = await self._judge_machine(task, look)
        decision = decide_with(machine=machine, storage=storage)
        if goes(decision) and storage is None:
            storage = await self.measure(task)
            decision = decide_with(machine=machine, storage=storage)
        if not goes(decision) or task.parent == NO_PARENT:
            return decision
        if ahead:
            holds = await self._fetch(task, _Part.PARENT, partial(self._parent_holds, task))
            if holds is None:
                return None
            if not holds:
                self._fetched.pop((task.id, _Part.PARENT))  # it may be recorded later
        else:
            holds = await self._parent_holds(task)
        return decide_with(machine=machine, storage=storage, parent_ok=holds)

    async def _fetch(
        self, task: ob.Task, part: _Part, work: Callable[[], Awaitable[bool]]
    ) -> bool | None:
        """Do ``work`` for a task in the background; return what it gave, None until it is done.

        A failure is noted, and tried again, for this part of this task alone.
        """
        key = task.id, part

        async def fetch() -> None:
            async with self._turns[part]:
                self._fetched[key] = await work()
            if not self._turns[part].statistics().tasks_waiting:
                self.tools.bell.ring()  # once for many; the next look comes soon anyway

        if key not in self._fetched:
            await self.undertake(task.id, fetch, part=part)
        return self._fetched.get(key)

    async def _has_weights(self, task: ob.Task) -> bool:
        """Return whether a task's weights are here and proven; if not, they are fetched."""

        async def ready() -> bool:
            await self._fetcher.ready_weights(task)
            return True

        if not await self._fetch(task, _Part.WEIGHTS, ready):
            return False
        return await ready()  # they may have gone since

    async def _has_rows(
        self, task: ob.Task, version: ob.DatasetVersion, dek: bytes, plan: Plan
    ) -> bool:
        """Return whether a dataset's rows are here and proven; if not, they are fetched."""

        async def ready() -> bool:
            await self._fetcher.ready_rows(version, dek, plan)
            return True

        if not await self._fetch(task, _Part.ROWS, ready):
            return False
        return await ready()

    async def _fetch_plan(self, task: ob.Task) -> bool:
        """Read the plan, for everything that is measured by it."""
        await self._fetcher.plan_of(task)
        await self._shapes.find(task)
        await self.measure(task)
        return True

    async def _judge_machine(self, task: ob.Task, look: _Look) -> tuple[RuleVerdict, ...]:
        """Return the verdicts on this machine, with the disk that other tasks will still take."""
        if self._readiness is None:
            return ()
        others = frozenset(look.bound.open_tasks - {task.id})
        if look.reserved is None or look.reserved[0] != others:
            in_progress = [other for other in look.tasks if other.id in others]
            look.reserved = others, compute_reserved(self.tools, in_progress)
        shape = await self._shapes.find(task)
        return await self._readiness.judge_task(shape, reserved=look.reserved[1])

    def _decide(
        self,
        task: ob.Task,
        bound: Bound,
        held: Mist,
        *,
        machine: tuple[RuleVerdict, ...] = (),
        storage: Storage | str | None = None,
        parent_ok: bool = True,
    ) -> Decision:
        terms = task.terms
        offer = Offer(
            task=task.id,
            publisher=task.publisher,
            reward=terms.reward,
            stake=terms.stake,
            state_bytes=terms.state_bytes,
            segment_work=terms.segment_work,
            datasets=tuple(d.dataset for d in task.datasets),
            places_left=terms.max_submissions - len(task.entries),
            parent_ok=parent_ok,
            storage=storage,
        )
        standing = Standing(
            address=self.tools.address,
            balance=held,
            staked_today=bound.staked_besides(task.id),
            open_tasks=bound.open_besides(task.id),
            machine=machine,
        )
        return decide(self._rules, offer, standing)

    async def _read_balance(self) -> Mist:
        """Return what we hold; one answer serves all tasks of a look, until something is sent."""
        now = trio.current_time()
        if self._held is None or now - self._held[0] > BALANCE_AGE_S:
            self._held = now, await self.tools.contract.balance(self.tools.address)
        return self._held[1]

    async def _parent_holds(self, task: ob.Task) -> bool:
        try:
            return await self._checker.holds(await self.tools.contract.task(task.parent))
        except ObjectNotFound:
            return False

    @cached_property
    def _rules(self) -> PolicyRules:
        policy = self.tools.settings.policy
        return PolicyRules(
            enabled=policy.enabled,
            max_stake_per_task=policy.max_stake_per_task,
            max_stake_per_day=policy.max_stake_per_day,
            min_reward=policy.min_reward,
            min_balance=policy.min_balance,
            max_open_tasks=policy.max_open_tasks,
            max_state_bytes=policy.max_state_bytes,
            max_segment_work=policy.max_segment_work,
            allow_publishers=frozenset(policy.allow_publishers),
            deny_publishers=frozenset(policy.deny_publishers),
            allow_datasets=frozenset(policy.allow_datasets),
        )

    async def _consider(self, task: ob.Task, look: _Look) -> None:
        override = look.overrides.get(task.id)
        held = await self._read_balance()
        decision = await self._judge(task, look, held, override=override, ahead=True)
        if decision is None:
            return
        go, reason = decision.join, decision.reason
        if override is not None:
            refusals = decision.binding_refusals
            go = override == "join" and not refusals
            reason = " ".join([f"The owner said: {override}.", *refusals])
        if not go:
            look.declined.append(_Declined(task.id, reason, decision))
            return
        if self._is_news(task.id, "join", reason):
            self._journal(task.id, "join", reason, decision)
            self._told[task.id] = ["join", reason]
        dataset = decision.dataset or task.datasets[0].dataset
        self._held = None
        await self._pursue(task, next(d for d in task.datasets if d.dataset == dataset), look.bound)

    def _journal_declined(self, look: _Look) -> None:
        """Write a look's refusals in one transaction: nothing was done that they must precede."""
        fresh = [d for d in look.declined if self._is_news(d.task, "decline", d.reason)]
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

    async def _pursue(self, task: ob.Task, ref: ob.DatasetRef, bound: Bound) -> None:
        """Take the next step towards joining: check the plan, ask for the key, stake."""
        tools = self.tools
        request = await self._requests.find(task.id, ref.dataset, ref.number)
        if request is not None and request.state != RequestState.GRANTED:
            if request.state == RequestState.REQUESTED:
                await self._has_weights(task)
            return
        dataset = await tools.contract.dataset(ref.dataset)
        _manifest, plan = await self._fetcher.plan_of(task)
        version = read_version(dataset, ref.number)
        check_dataset_for_plan(plan, version)
        if not await self._has_weights(task):
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
            if not await self._has_rows(task, version, dek, plan):
                return
            try:
                await self._stake(task, request)
            finally:
                bound.note(task.id, tools.records.get("stakes", task.id))

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
                task.id, dataset=request.dataset, request=request.id, stake=stake
            )
        except NOT_EXECUTED:
            # Certainly not joined: the amount is free again, and so is the choice of a dataset.
            with tools.database.transaction():
                tools.protection.forget(action)
                tools.records.delete("stakes", task.id)
            raise
        tools.protection.done(action)


def choose_dataset(task: ob.Task, allowed: frozenset[str]) -> ob.DatasetRef:
    """Return the dataset to work on: the first that the policy allows, or else the first."""
    usable = [ref for ref in task.datasets if not allowed or ref.dataset in allowed]
    return (usable or task.datasets)[0]


def check_dataset_for_plan(plan: Plan, version: ob.DatasetVersion) -> None:
    """Check that a plan can be carried out on a dataset, as far as the listing tells.

    Raises:
        MalformedData: if its rows have another width.
        PlanRefused: if it has too few rows for the batches.
    """
    expected = plan.dataset.row_bytes
    if version.row_bytes != expected:
        raise MalformedData(
            f"the dataset's rows have {version.row_bytes} bytes, the plan's {expected}"
        )
    check_plan_for_rows(plan, version.rows)
