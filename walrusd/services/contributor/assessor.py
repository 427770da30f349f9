"""Apply the owner's policy to a task: gather what its rules ask for, the cheapest facts first."""

from functools import cached_property, partial

import trio

from walrusd.chain.layouts import objects as ob
from walrusd.core.disk import DiskShape
from walrusd.core.policy import Decision, Offer, PolicyRules, RuleVerdict, Standing, decide
from walrusd.core.policy_terms import TermLimits, judge_seats, judge_terms, judge_training
from walrusd.core.protocol import PROGRAM_ROOT
from walrusd.core.seats.eligibility import find_seating_refusal
from walrusd.core.sizes import Storage
from walrusd.engine.jobs import time_machine
from walrusd.engine.readiness import Readiness
from walrusd.engine.tools import Tools
from walrusd.errors import ObjectNotFound
from walrusd.market.aggregate import NO_PARENT, AggregateChecker
from walrusd.market.case import is_in_our_pools
from walrusd.market.fetch import Fetcher
from walrusd.services.contributor.background import Background, FetchedPart
from walrusd.services.contributor.disk import DiskShapes, compute_reserved
from walrusd.services.contributor.exposure import Exposure
from walrusd.services.contributor.storage_meter import StorageMeter
from walrusd.units import Mist

NO_FILES = DiskShape(0, 0, 0, 0, 0)


class Snapshot:
    """All tasks and our exposure, read once for decisions about many tasks."""

    def __init__(self, tasks: list[ob.Task], exposure: Exposure) -> None:
        self.tasks = tasks
        self.exposure = exposure
        self.reserved: tuple[frozenset[str], int] | None = None
        """The tasks in progress, and the bytes of disk that they will still take."""
        self.pools: dict[str, ob.VerifierPool] = {}
        """The pools that were read for it."""


class Assessor:
    """Decides by the policy whether to join tasks, without acting."""

    def __init__(
        self,
        tools: Tools,
        fetcher: Fetcher,
        checker: AggregateChecker,
        readiness: Readiness | None,
        background: Background,
    ) -> None:
        """Take the collaborators; without ``readiness`` the machine is not checked."""
        self._tools = tools
        self._fetcher = fetcher
        self._checker = checker
        self._readiness = readiness
        self._background = background
        self._meter = StorageMeter(tools, fetcher)
        self._shapes = DiskShapes(tools, fetcher)
        self._measuring = trio.Lock()

    async def measure(self, task: ob.Task) -> Storage:
        """Return the parts that a contributor stores. Errors as ``StorageMeter.measure``."""
        return await self._meter.measure(task, choose_dataset(task, self._rules.allow_datasets))

    async def assess(
        self,
        task: ob.Task,
        snapshot: Snapshot,
        held: Mist,
        *,
        storage: Storage | str | None = None,
    ) -> Decision:
        """Return the decision about one task, for a person who waits for it.

        This machine is checked even if other rules refuse. ``storage`` is the result of
        ``measure``, or the reason why it is unknown, if the caller has it.

        Raises:
            WalrusdError: as ``measure``.
        """
        decide_with = partial(self._decide, task, snapshot.exposure, held)
        machine = await self._judge_machine(task, snapshot)
        bearing = [*self._judge_terms(task)]
        if is_in_our_pools(self._tools, task):
            bearing.append(await self._judge_seats(task, snapshot))
        rate = self._find_rate() or (await self._measure_rate() if machine else None)
        bearing.append(judge_training(vars(task.terms), rate))
        decide_with = partial(decide_with, terms=tuple(bearing))
        decision = decide_with(machine=machine, storage=storage)
        if decision.join and storage is None:
            storage = await self.measure(task)
            decision = decide_with(machine=machine, storage=storage)
        if decision.join and task.parent != NO_PARENT:
            holds = await self._parent_holds(task)
            decision = decide_with(machine=machine, storage=storage, parent_ok=holds)
        return decision

    async def assess_ahead(
        self, task: ob.Task, snapshot: Snapshot, held: Mist, *, override: str | None = None
    ) -> Decision | None:
        """Return the decision about one task of many; None until everything for it is fetched.

        This machine, then the sizes of what must be stored, then the parent's aggregate are checked
        only if no other rule refuses, or no binding one if the owner says "join": the aggregate may
        be large, and naming it costs a stranger nothing.

        Raises:
            WalrusdError: as ``measure``.
        """

        def may_join(decision: Decision) -> bool:
            return decision.join or (override == "join" and not decision.binding_refusals)

        bearing = self._judge_terms(task)
        decide_with = partial(self._decide, task, snapshot.exposure, held, terms=bearing)
        decision = decide_with()
        if may_join(decision):
            bearing += (await self._judge_seats(task, snapshot),)
            decide_with = partial(decide_with, terms=bearing)
            decision = decide_with()
        if may_join(decision) and self._readiness is not None:
            # If nothing can be read, a plan cannot be fetched either, so check this first.
            decision = decide_with(machine=await self._readiness.judge_task(NO_FILES))
        if not may_join(decision):
            return decision
        if not await self._background.get(
            task.id, FetchedPart.PLAN, partial(self._fetch_plan, task)
        ):
            return None
        if self._readiness is not None:
            rate = self._find_rate()
            if rate is None:
                await self._background.get(task.id, FetchedPart.RATE, self._is_rate_measured)
                return None
            bearing += (judge_training(vars(task.terms), rate),)
        decide_with = partial(
            decide_with,
            terms=bearing,
            machine=await self._judge_machine(task, snapshot),
            storage=await self.measure(task),
        )
        decision = decide_with()
        if not may_join(decision) or task.parent == NO_PARENT:
            return decision
        holds = await self._background.get(
            task.id, FetchedPart.PARENT, partial(self._parent_holds, task)
        )
        if holds is None:
            return None
        if not holds:
            self._background.forget(task.id, FetchedPart.PARENT)  # it may be recorded later
        return decide_with(parent_ok=holds)

    async def _fetch_plan(self, task: ob.Task) -> bool:
        """Fetch the plan, and everything that is measured by it."""
        await self._fetcher.plan_of(task)
        await self._shapes.find(task)
        await self.measure(task)
        return True

    def _judge_terms(self, task: ob.Task) -> tuple[RuleVerdict, ...]:
        return judge_terms(self._limits, vars(task.terms))

    async def _judge_seats(self, task: ob.Task, snapshot: Snapshot) -> RuleVerdict:
        """Return whether the pool could seat us, as far as can be known before joining closes.

        Raises:
            WalrusdError: if the pool or the dataset cannot be read.
        """
        tools = self._tools
        if task.pool not in snapshot.pools:
            snapshot.pools[task.pool] = await tools.contract.pool(task.pool)
        pool = snapshot.pools[task.pool]
        ref = choose_dataset(task, self._rules.allow_datasets)
        owner = (await tools.contract.dataset(ref.dataset)).owner
        refusal = find_seating_refusal(
            pool.seats,
            pool.params,
            vars(task.terms),
            tools.clock.now_ms(),
            opened_ms=task.opened_ms,
            parties={task.publisher, tools.address, owner},
            booked=pool.booked,
            joined=len(task.entries) + 1,
        )
        return judge_seats(refusal)

    def _find_rate(self) -> int | None:
        """Return the segment work a second that we train: the owner's word, or what we measured."""
        given = self._tools.settings.policy.rate
        measured: int | None = self._tools.records.get("machine", "rate")
        return given or measured

    async def _measure_rate(self) -> int:
        """Measure how fast this machine trains, once for all tasks.

        Raises:
            TrainingFailed, DeviceRefused: if it cannot train at all.
        """
        async with self._measuring:
            rate = self._find_rate()
            if rate is None:
                rate = await time_machine(self._tools)
                self._tools.records.put("machine", "rate", rate)
        return rate

    async def _is_rate_measured(self) -> bool:
        return await self._measure_rate() > 0

    async def _judge_machine(self, task: ob.Task, snapshot: Snapshot) -> tuple[RuleVerdict, ...]:
        """Return the verdicts on this machine, counting the disk that other tasks will take."""
        if self._readiness is None:
            return ()
        others = frozenset(snapshot.exposure.open_tasks - {task.id})
        if snapshot.reserved is None or snapshot.reserved[0] != others:
            in_progress = [other for other in snapshot.tasks if other.id in others]
            snapshot.reserved = others, compute_reserved(self._tools, in_progress)
        shape = await self._shapes.find(task)
        return await self._readiness.judge_task(shape, reserved=snapshot.reserved[1])

    def _decide(
        self,
        task: ob.Task,
        exposure: Exposure,
        held: Mist,
        *,
        machine: tuple[RuleVerdict, ...] = (),
        storage: Storage | str | None = None,
        parent_ok: bool = True,
        terms: tuple[RuleVerdict, ...] = (),
    ) -> Decision:
        asked = task.terms
        offer = Offer(
            task=task.id,
            publisher=task.publisher,
            reward=asked.reward,
            stake=asked.stake,
            state_bytes=asked.state_bytes,
            segment_work=asked.segment_work,
            datasets=tuple(d.dataset for d in task.datasets),
            pool_ok=is_in_our_pools(self._tools, task),
            program_ok=task.program_root == PROGRAM_ROOT,
            places_left=asked.max_submissions - len(task.entries),
            parent_ok=parent_ok,
            storage=storage,
            terms=terms,
        )
        standing = Standing(
            address=self._tools.address,
            balance=held,
            staked_today=exposure.staked_elsewhere(task.id),
            open_tasks=exposure.open_elsewhere(task.id),
            machine=machine,
        )
        return decide(self._rules, offer, standing)

    async def _parent_holds(self, task: ob.Task) -> bool:
        try:
            return await self._checker.holds(await self._tools.contract.task(task.parent))
        except ObjectNotFound:
            return False

    @cached_property
    def _limits(self) -> TermLimits:
        policy = self._tools.settings.policy
        return TermLimits(
            max_late_fee_bps=policy.max_late_fee,
            max_lapse_penalty_bps=policy.max_lapse_penalty,
            min_grace_ms=round(policy.min_grace_s * 1000),
            min_substitutes=policy.min_substitutes,
            min_jury=policy.min_jury,
        )

    @cached_property
    def _rules(self) -> PolicyRules:
        policy = self._tools.settings.policy
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


def choose_dataset(task: ob.Task, allowed: frozenset[str]) -> ob.DatasetRef:
    """Return the dataset to work on: the first that the policy allows, otherwise the first."""
    usable = [ref for ref in task.datasets if not allowed or ref.dataset in allowed]
    return (usable or task.datasets)[0]
