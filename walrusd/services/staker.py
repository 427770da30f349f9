"""Stake on tasks by the owner's policy, once a dataset key is granted.

Nothing is staked before everything that the work takes is at hand and proven: the plan, initial
weights with the task's state root, and the dataset. What is found out later costs a penalty.
"""

import mmap
from pathlib import Path

import trio

from walrusd.chain.layouts import events as ev
from walrusd.chain.layouts import objects as ob
from walrusd.chain.refusals import NOT_EXECUTED
from walrusd.core.lifecycle import KeyScope, RequestState, TaskPhase
from walrusd.core.policy import Decision, Offer, PolicyRules, Standing, decide
from walrusd.crypto.envelope import derive_public_key
from walrusd.errors import MalformedData, ObjectNotFound
from walrusd.services.aggregates import AggregateChecker
from walrusd.services.facts import read_tasks
from walrusd.services.fetcher import Fetcher
from walrusd.services.grants import find_request, open_granted_key
from walrusd.services.service import Service
from walrusd.services.tools import Tools
from walrusd.state.protection import Begun
from walrusd.training.data import check_rows
from walrusd.training.dataspec import DataSchema
from walrusd.training.plan import Plan, check_plan_for_rows
from walrusd.units import Mist

DAY_MS = 24 * 3600 * 1000
REQUEST_LIFETIME_MS = 7 * DAY_MS
NO_PARENT = "0x" + "0" * 64
BALANCE_AGE_S = 1.0
"""How long one answer serves a look at many tasks; another service may spend meanwhile."""


class Staker(Service):
    """The contributor's first service: decide, ask for the key, stake."""

    name = "staker"

    def __init__(self, tools: Tools, fetcher: Fetcher, checker: AggregateChecker) -> None:
        super().__init__(tools)
        self._fetcher = fetcher
        self._checker = checker
        self._held: tuple[float, Mist] | None = None

    async def reconcile(self) -> None:
        """Look at every task that still takes contributors, one after the other.

        In turn, because each decision depends on what the ones before it have bound.
        """
        tasks = await read_tasks(self.tools)
        for task in tasks:
            if task.phase == TaskPhase.JOINING and not self._joined(task):

                async def consider(task: ob.Task = task) -> None:
                    await self._consider(task)

                await self.attempt(task.id, consider)

    def _joined(self, task: ob.Task) -> bool:
        return any(entry.contributor == self.tools.address for entry in task.entries)

    async def estimate(self, task: ob.Task, held: Mist | None = None) -> Decision:
        """Apply the policy to a task, without acting; ``held`` is our balance if it is known.

        The parent's aggregate is looked at last, and only if nothing else speaks against the task:
        it may be large, and naming a parent costs a stranger nothing.
        """
        if held is None:
            held = await self.tools.contract.balance(self.tools.address)
        decision = await self._decide(task, held, parent_ok=True)
        if decision.join and task.parent != NO_PARENT and not await self._parent_holds(task):
            decision = await self._decide(task, held, parent_ok=False)
        return decision

    async def _decide(self, task: ob.Task, held: Mist, *, parent_ok: bool) -> Decision:
        tools = self.tools
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
        )
        standing = Standing(
            address=tools.address,
            balance=held,
            staked_today=self._staked_today(except_task=task.id),
            open_tasks=await self._open_tasks(),
        )
        return decide(self._rules(), offer, standing)

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

    def _staked_today(self, except_task: str) -> int:
        """Return what was staked in the last 24 hours: by the chain's word, and what is under way.

        The chain counts also after a loss of local state.
        """
        tools = self.tools
        since = tools.clock.now_ms() - DAY_MS
        stakes = {
            task: stake["amount"]
            for task, stake in tools.records.items("stakes").items()
            if stake["at_ms"] >= since
        }
        for logged in tools.chain_log.events("SubmissionJoined"):
            event = ev.SubmissionJoined.from_bcs(logged.body)
            if event.contributor == tools.address and event.at_ms >= since:
                stakes[event.task] = event.stake
        return sum(amount for task, amount in stakes.items() if task != except_task)

    async def _open_tasks(self) -> int:
        busy = {TaskPhase.JOINING, TaskPhase.TRAINING, TaskPhase.OPENING, TaskPhase.VERIFYING}
        return sum(
            task.phase in busy and self._joined(task) for task in await read_tasks(self.tools)
        )

    async def _consider(self, task: ob.Task) -> None:
        override = self.tools.records.get("stake_override", task.id)
        decision = await self.estimate(task, await self._read_balance())
        go, reason = decision.join, decision.reason
        if override is not None:
            refusals = decision.binding_refusals
            go = override == "join" and not refusals
            reason = " ".join([f"The owner said: {override}.", *refusals])
        self._journal_once(task, "join" if go else "decline", reason, decision)
        if go:
            dataset = decision.dataset or task.datasets[0].dataset
            self._held = None
            await self._pursue(task, next(d for d in task.datasets if d.dataset == dataset))

    def _journal_once(self, task: ob.Task, verdict: str, reason: str, decision: Decision) -> None:
        before = self.tools.records.get("decisions", task.id)
        if before == [verdict, reason]:
            return
        with self.tools.database.transaction():
            self.tools.records.put("decisions", task.id, [verdict, reason])
            self.tools.journal.record(
                task.id,
                self.name,
                verdict,
                reason,
                rules=[[v.rule, v.ok, v.sentence] for v in decision.verdicts],
            )

    async def _pursue(self, task: ob.Task, ref: ob.DatasetRef) -> None:
        """Take the next step towards joining: check the plan, ask for the key, stake."""
        tools = self.tools
        dataset = await tools.contract.dataset(ref.dataset)
        _manifest, plan = await self._fetcher.plan_of(task)
        version = read_version(dataset, ref.number)
        check_dataset_for_plan(plan, version)
        await self._fetcher.initial_weights(task)
        request = await find_request(tools, task.id, ref.dataset, ref.number)
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
        elif request.state == RequestState.GRANTED:
            dek = await open_granted_key(tools, request)
            rows = await self._fetcher.rows_of(version, dek)
            await trio.to_thread.run_sync(check_labels, rows, plan.dataset)
            await self._stake(task, request)

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


def read_version(dataset: ob.Dataset, number: int) -> ob.DatasetVersion:
    """Return a version of a dataset.

    Raises:
        MalformedData: if there is none; a task may name any number.
    """
    if not 1 <= number <= len(dataset.versions):
        raise MalformedData(f"dataset {dataset.id} has no version {number}")
    return dataset.versions[number - 1]


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


def check_labels(path: Path, schema: DataSchema) -> None:
    """Check every row of a rows file against the plan's schema.

    Raises:
        MalformedData: if one is bad; training would stop there, after the stake is bound.
    """
    with path.open("rb") as file:
        check_rows(schema, memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)))
