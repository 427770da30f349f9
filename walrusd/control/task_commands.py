"""Tasks: publish, estimate, join, and check or show the results."""

from typing import Any

import trio

from walrusd.chain.layouts import objects as ob
from walrusd.control.costs import read_costs
from walrusd.control.roles import check_role
from walrusd.control.views import show_decision, show_submission, show_task
from walrusd.core.lifecycle import TaskPhase, is_aggregated, takes_contributors
from walrusd.core.seats.eligibility import take_census
from walrusd.core.sizes import Storage
from walrusd.engine.tools import Tools
from walrusd.errors import NotAllowed, ObjectNotFound, PeerFault, WorldFault
from walrusd.market.aggregate import AggregateChecker
from walrusd.market.case import read_tasks
from walrusd.market.fetch import Fetcher
from walrusd.market.ids import Ids
from walrusd.market.limits import show_parts
from walrusd.services.contributor.staker import Staker
from walrusd.services.publisher.estimate import make_rules, show_economics, show_rings
from walrusd.services.publisher.preview import show_durations
from walrusd.services.publisher.publisher import Publisher
from walrusd.settings.model import Role
from walrusd.units import format_sui

Result = dict[str, Any]


class TaskCommands:
    """The methods ``task.…``."""

    def __init__(  # noqa: PLR0917 - collaborators, named where they are built
        self,
        tools: Tools,
        ids: Ids,
        fetcher: Fetcher,
        checker: AggregateChecker,
        staker: Staker,
        publisher: Publisher,
    ) -> None:
        self._tools = tools
        self._ids = ids
        self._fetcher = fetcher
        self._checker = checker
        self._staker = staker
        self._publisher = publisher

    async def publish(self, params: dict[str, Any]) -> Result:
        """Store model and plan, open a task."""
        check_role(self._tools.settings, Role.PUBLISHER)
        return await self._publisher.publish(self._ids.complete(params))

    async def preview(self, params: dict[str, Any]) -> Result:
        """Return what publishing a task would lock, cost and take; nothing is stored or sent."""
        check_role(self._tools.settings, Role.PUBLISHER)
        return await self._publisher.preview(self._ids.complete(params))

    async def list_all(self) -> Result:
        """Return the tasks that this daemon follows."""
        tasks = await read_tasks(self._tools)
        return {"tasks": [show_task(task, self._tools.address) for task in tasks]}

    async def show(self, task: str) -> Result:
        """Return a task, its submissions, and this daemon's part in it."""
        found = await self._read(task)
        tools = self._tools
        submissions = await tools.contract.read_many(
            ob.Submission, [entry.submission for entry in found.entries]
        )
        return {
            **show_task(found, tools.address),
            **await self._show_plan(found),
            "submissions": [show_submission(sub) for sub in submissions.values()],
            "model": tools.records.get("models", found.id),
            "decision": tools.records.get("decisions", found.id),
        }

    async def _show_plan(self, task: ob.Task) -> Result:
        """Return what the task's manifest says; a broken or unreachable one hides nothing else."""
        try:
            verified = await self._fetcher.plan_of(task)
        except (PeerFault, WorldFault) as error:
            return {"title": None, "plan": None, "plan_error": error.message}
        return {"title": verified.manifest.title, "plan": verified.plan.to_json()}

    async def estimate(self, task: str) -> Result:
        """Return the policy's decision about a task, with its numbers and reasons."""
        tools, found = self._tools, await self._read(task)
        rules = make_rules(found.terms)
        economics = await trio.to_thread.run_sync(show_economics, rules)
        pool = await tools.contract.pool(found.pool)
        census = take_census(
            pool.seats,
            pool.params,
            vars(found.terms),
            tools.clock.now_ms(),
            opened_ms=found.opened_ms,
        )
        rings = await trio.to_thread.run_sync(show_rings, rules, census.fit)
        storage = await self._measure(found)
        decision = await self._staker.estimate(found, storage=storage)
        parts = [] if isinstance(storage, str) else show_parts(storage)
        shown = show_decision(found, decision, economics)
        return {**shown, **show_durations(found.terms), "rings": rings, "parts": parts}

    async def _measure(self, task: ob.Task) -> Storage | str:
        """Return the parts that a contributor to a task stores, or why they are unknown."""
        try:
            return await self._staker.measure(task)
        except (PeerFault, WorldFault, ObjectNotFound) as error:
            return error.message

    async def join(self, task: str) -> Result:
        """Stake on a task even if the policy declines; limits of balance still hold."""
        check_role(self._tools.settings, Role.CONTRIBUTOR)
        found = await self._read(task)
        if any(entry.contributor == self._tools.address for entry in found.entries):
            raise NotAllowed("the stake on this task is bound already")
        if not takes_contributors(found.phase):
            phase = TaskPhase(found.phase).name.lower()
            raise NotAllowed(f"the task no longer takes contributors: it is {phase}")
        return self._override(found, "join")

    async def cancel(self, task: str) -> Result:
        """Give up a task of ours; whoever has joined gets its stake and the cancel fee."""
        check_role(self._tools.settings, Role.PUBLISHER)
        return await self._publisher.cancel(await self._read(task))

    async def leave(self, task: str) -> Result:
        """Do not stake on a task. A stake that is bound already stays bound."""
        check_role(self._tools.settings, Role.CONTRIBUTOR)
        found = await self._read(task)
        if any(entry.contributor == self._tools.address for entry in found.entries):
            penalty = format_sui(found.terms.lapse_penalty)
            raise NotAllowed(
                "the stake on this task is bound already",
                hint=f"leaving without a commitment costs {penalty} of it",
            )
        return self._override(found, "leave")

    def _override(self, task: ob.Task, verdict: str) -> Result:
        with self._tools.database.transaction():
            self._tools.records.put("stake_override", task.id, verdict)
            self._tools.journal.record(task.id, "owner", verdict, "the owner said so")
        self._tools.wakeup.wake()
        return {"task": task.id, "override": verdict}

    async def check_aggregate(self, task: str) -> Result:
        """Verify the published aggregate of a task on this machine."""
        found = await self._read(task)
        if not is_aggregated(found.phase):
            phase = TaskPhase(found.phase).name.lower()
            raise NotAllowed(f"the task has no aggregate: it is {phase}")
        verified = await self._checker.verify(found)
        return {
            "task": found.id,
            "verified": True,
            "root": verified.aggregate.root.hex(),
            "submissions": list(verified.submissions),
            "total_weight": verified.total_weight,
            "model": self._tools.records.get("models", found.id),
        }

    async def show_costs(self, task: str) -> Result:
        """Return the losses of each submission, step by step where we can read them."""
        found = await self._read(task)
        return {"task": found.id, "costs": await read_costs(self._tools, self._fetcher, found)}

    async def _read(self, task: str) -> ob.Task:
        return await self._tools.contract.task(self._ids.read(task, "task"))
