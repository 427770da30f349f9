"""Apply the owner's policy to a task: gather what its rules ask for, the cheapest facts first."""

from functools import cached_property, partial

from walrusd.chain.layouts import objects as ob
from walrusd.core.disk import DiskShape
from walrusd.core.policy import Decision, Offer, PolicyRules, RuleVerdict, Standing, decide
from walrusd.core.protocol import PROGRAM_ROOT
from walrusd.core.sizes import Storage
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

        decide_with = partial(self._decide, task, snapshot.exposure, held)
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
        decide_with = partial(
            decide_with,
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
            pool_ok=is_in_our_pools(self._tools, task),
            program_ok=task.program_root == PROGRAM_ROOT,
            places_left=terms.max_submissions - len(task.entries),
            parent_ok=parent_ok,
            storage=storage,
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
