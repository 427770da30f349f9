"""The daemon as its owner commands it: the implementation behind every RPC method."""

from typing import Any

import trio

import walrusd
from walrusd.chain.layouts import objects as ob
from walrusd.control.costs import read_costs
from walrusd.control.history import Explainer
from walrusd.control.purposes import read_purposes
from walrusd.control.views import show_decision, show_request, show_submission, show_task
from walrusd.core.lifecycle import RequestState, TaskPhase, is_aggregated, takes_contributors
from walrusd.core.sizes import Storage
from walrusd.engine.readiness import Readiness
from walrusd.engine.supervisor import Supervisor
from walrusd.engine.tools import Tools
from walrusd.errors import (
    BadRequest,
    ChainRefused,
    NotAllowed,
    ObjectNotFound,
    PeerFault,
    WorldFault,
    WrongNetwork,
)
from walrusd.market.aggregate import AggregateChecker
from walrusd.market.case import read_tasks
from walrusd.market.fetch import Fetcher
from walrusd.market.ids import Ids, read_id
from walrusd.market.limits import show_parts
from walrusd.services.committee.registrar import register_seat
from walrusd.services.contributor.staker import Staker
from walrusd.services.data_owner.key_grantor import KeyGrantor
from walrusd.services.data_owner.listings import Listings
from walrusd.services.publisher.estimate import make_rules, show_economics
from walrusd.services.publisher.publisher import Publisher
from walrusd.services.upkeep.claimer import credit_of
from walrusd.settings.amounts import parse_amount
from walrusd.settings.model import Role

__all__ = ["DaemonApi", "read_id"]  # the latter is imported from here by others

Result = dict[str, Any]


class DaemonApi:
    """Implements ``rpc.api.Api`` with the services."""

    def __init__(self, tools: Tools, supervisor: Supervisor) -> None:
        self._tools = tools
        self._supervisor = supervisor
        self._ids = Ids(tools)
        self.fetcher = Fetcher(tools)
        self.checker = AggregateChecker(tools, self.fetcher)
        self.readiness = Readiness(tools)
        self.staker = Staker(tools, self.fetcher, self.checker, self.readiness)
        self.publisher = Publisher(tools, self.fetcher, self.checker)
        self.key_grantor = KeyGrantor(tools)
        self.datasets = Listings(tools, self.fetcher)
        self.explainer = Explainer(tools)

    def _need(self, role: Role) -> None:
        if not self._tools.settings.has_role(role):
            raise NotAllowed(
                f"this daemon does not have the role {role.value}",
                hint=f"add it to daemon.roles in {self._tools.settings.path}",
            )

    # --- daemon -------------------------------------------------------------------------------

    async def status(self) -> Result:
        """Return who this daemon is, its network, its balance, what it cannot do, its services."""
        tools = self._tools
        sui = tools.settings.sui
        return {
            "version": walrusd.__version__,
            "state": "running",
            "address": tools.address,
            "roles": sorted(role.value for role in tools.settings.daemon.roles),
            "balance_mist": await self._balance(),
            "chain_id": sui.chain_id,
            "package_id": sui.package_id,
            "market_id": sui.market_id,
            "chain_time_ms": tools.clock.now_ms(),
            "cursor": tools.records.get("chain", "cursor"),
            "healthy": self._supervisor.is_healthy,
            "cannot": [fault.to_json() for fault in self.readiness.faults],
            "services": [health.to_json() for health in self._supervisor.healths],
            "troubles": [trouble for find in tools.troubles.values() for trouble in find()],
            "progress": tools.records.items("progress"),
        }

    async def _balance(self) -> int | None:
        """Return the balance, or None while no node tells: the rest of the status still helps."""
        try:
            return await self._tools.contract.balance(self._tools.address)
        except (WorldFault, ChainRefused, WrongNetwork):
            return None

    async def why(self, subject: str) -> Result:
        """Return what was decided about an id, what the chain says, and what it meant for us."""
        return self.explainer.explain(self._ids.read_subject(subject))

    # --- tasks --------------------------------------------------------------------------------

    async def task_publish(self, params: dict[str, Any]) -> Result:
        """Store model and plan, open a task."""
        self._need(Role.PUBLISHER)
        return await self.publisher.publish(self._ids.complete(params))

    async def task_list(self) -> Result:
        """Return every task that is still of interest."""
        tasks = await read_tasks(self._tools)
        return {"tasks": [show_task(task, self._tools.address) for task in tasks]}

    async def task_show(self, task: str) -> Result:
        """Return a task, its submissions, and this daemon's part in it."""
        found = await self._task(task)
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
            verified = await self.fetcher.plan_of(task)
        except (PeerFault, WorldFault) as error:
            return {"title": None, "plan": None, "plan_error": error.message}
        return {"title": verified.manifest.title, "plan": verified.plan.to_json()}

    async def task_estimate(self, task: str) -> Result:
        """Return the policy's arithmetic for a task, and its yes or no with reasons."""
        found = await self._task(task)
        market = await self._tools.contract.market()
        rules = make_rules(found.terms, market.params.accuser_share_bps)
        economics = await trio.to_thread.run_sync(show_economics, rules)
        storage = await self._measure(found)
        decision = await self.staker.estimate(found, storage=storage)
        parts = [] if isinstance(storage, str) else show_parts(storage)
        return {**show_decision(found, decision, economics), "parts": parts}

    async def _measure(self, task: ob.Task) -> Storage | str:
        """Return what contributing to a task makes us store, or why that is unknown."""
        try:
            return await self.staker.measure(task)
        except (PeerFault, WorldFault, ObjectNotFound) as error:
            return error.message

    async def task_join(self, task: str) -> Result:
        """Stake on a task even if the policy declines; limits of balance still hold."""
        self._need(Role.CONTRIBUTOR)
        found = await self._task(task)
        if any(entry.contributor == self._tools.address for entry in found.entries):
            raise NotAllowed("the stake on this task is bound already")
        if not takes_contributors(found.phase):
            phase = TaskPhase(found.phase).name.lower()
            raise NotAllowed(f"the task takes no contributors any more, it is {phase}")
        return await self._override(found.id, "join")

    async def task_leave(self, task: str) -> Result:
        """Do not stake on a task. A stake that is bound already stays bound."""
        self._need(Role.CONTRIBUTOR)
        found = await self._task(task)
        if any(entry.contributor == self._tools.address for entry in found.entries):
            raise NotAllowed(
                "the stake on this task is bound already",
                hint=f"not committing costs {found.terms.lapse_penalty} Mist of it",
            )
        return await self._override(task, "leave")

    async def _override(self, task: str, verdict: str) -> Result:
        found = await self._task(task)
        with self._tools.database.transaction():
            self._tools.records.put("stake_override", found.id, verdict)
            self._tools.journal.record(found.id, "owner", verdict, "the owner said so")
        self._tools.wakeup.wake()
        return {"task": found.id, "override": verdict}

    async def task_aggregate(self, task: str) -> Result:
        """Verify the published aggregate of a task on this machine."""
        found = await self._task(task)
        if not is_aggregated(found.phase):
            phase = TaskPhase(found.phase).name.lower()
            raise NotAllowed(f"the task has no aggregate, it is {phase}")
        verified = await self.checker.verify(found)
        return {
            "task": found.id,
            "verified": True,
            "root": verified.aggregate.root.hex(),
            "submissions": list(verified.submissions),
            "total_weight": verified.total_weight,
            "model": self._tools.records.get("models", found.id),
        }

    async def task_costs(self, task: str) -> Result:
        """Return what each submission's training cost, step by step where that is open to us."""
        found = await self._task(task)
        return {"task": found.id, "costs": await read_costs(self._tools, self.fetcher, found)}

    async def _task(self, task: str) -> ob.Task:
        return await self._tools.contract.task(self._ids.read(task, "task"))

    # --- datasets and keys ----------------------------------------------------------------------

    async def dataset_add(
        self,
        path: str,
        title: str,
        description: str,
        schema: dict[str, Any] | None = None,
        *,
        raw: bool | None = None,
    ) -> Result:
        """Encrypt, store and list a dataset."""
        self._need(Role.DATASET_OWNER)
        # An object that is not given comes as an empty one: a container needs no schema.
        return await self.datasets.add(path, title, description, schema or None, raw=raw)

    async def dataset_list(self, *, mine: bool) -> Result:
        """Return every known dataset."""
        found = await self.datasets.all()
        return {"datasets": [d for d in found if d["mine"] or not mine]}

    async def dataset_show(self, dataset: str) -> Result:
        """Return a dataset's listing."""
        return await self.datasets.describe(
            await self._tools.contract.dataset(self._ids.read(dataset, "dataset"))
        )

    async def dataset_search(self, text: str) -> Result:
        """Return datasets whose title or description contains every word."""
        words = text.lower().split()
        found = await self.datasets.all()
        texts = [f"{d['title']}\n{d.get('description') or ''}".lower() for d in found]
        return {
            "datasets": [
                d for d, t in zip(found, texts, strict=True) if all(word in t for word in words)
            ]
        }

    async def keys_pending(self) -> Result:
        """Return key requests that wait for this owner."""
        return await self._show_requests(await self.key_grantor.pending())

    async def keys_list(self) -> Result:
        """Return all key requests to and by this daemon."""
        return await self._show_requests(await self.key_grantor.requests(with_ended=True))

    async def _show_requests(self, requests: list[ob.KeyRequest]) -> Result:
        """Return requests with what they are about, and why a dead one is dead."""
        closed = await self.key_grantor.find_closed(requests)
        about = await read_purposes(self._tools, requests)
        return {
            "requests": [
                {
                    **show_request(request, self._tools.address),
                    **about[request.id],
                    "closed": closed.get(request.id),
                }
                for request in requests
            ]
        }

    async def keys_approve(self, request: str) -> Result:
        """Grant a key request."""
        self._need(Role.DATASET_OWNER)
        return {
            **await self.key_grantor.approve(
                self._ids.read(request, "request"), "the owner approved it"
            ),
            "state": RequestState.GRANTED.name.lower(),
        }

    async def keys_deny(self, request: str, reason: str) -> Result:
        """Refuse a key request."""
        self._need(Role.DATASET_OWNER)
        return {
            **await self.key_grantor.deny(self._ids.read(request, "request"), reason),
            "state": RequestState.DENIED.name.lower(),
        }

    # --- node -----------------------------------------------------------------------------------

    async def node_register(self, params: dict[str, Any]) -> Result:
        """Take a seat in the verifier pool."""
        self._need(Role.VERIFIER)
        verifier = self._tools.settings.verifier
        try:
            stake = parse_amount(params.get("stake", verifier.stake))
            min_fee = parse_amount(params.get("min_fee", verifier.min_fee))
        except ValueError as error:
            raise BadRequest(str(error), hint="amounts are text such as 1.5 SUI") from error
        await self.readiness.check_seat()
        return await register_seat(self._tools, stake=stake, min_fee=min_fee)

    async def _submissions(self) -> list[ob.Submission]:
        known = self._tools.chain_log.known("submission")
        found = await self._tools.contract.read_many(ob.Submission, [k.id for k in known])
        return list(found.values())

    async def node_balance(self) -> Result:
        """Return the address, its balance, and claimable credits."""
        tools = self._tools
        lists = [sub.credits for sub in await self._submissions()]
        lists += [task.credits for task in await read_tasks(tools)]
        claimable = sum(credit_of(entries, tools.address) for entries in lists)
        return {
            "address": tools.address,
            "balance_mist": await tools.contract.balance(tools.address),
            "claimable_mist": claimable,
        }

    async def node_stake(self) -> Result:
        """Return the verifier seat's stake and all stakes bound in tasks."""
        tools = self._tools
        bound = {
            submission.id: submission.stake
            for submission in await self._submissions()
            if submission.contributor == tools.address and submission.stake
        }
        found = await tools.contract.verifier_cap(tools.address)
        seat: Result | None = None
        if found is not None:
            index = found[1].index
            held = (await tools.contract.pool()).seats[index]
            seat = {
                "index": index,
                "stake_mist": held.stake,
                "min_fee_mist": held.min_fee,
                "in_use": held.in_use,
                "exiting": bool(held.exiting_at_ms),
            }
        return {"address": tools.address, "seat": seat, "bound_mist": bound}

    async def node_exit(self) -> Result:
        """Begin to leave the verifier pool."""
        executed = await self._tools.contract.exit_seat()
        return {"digest": executed.digest}

    async def node_withdraw(self) -> Result:
        """Take back the seat's stake after unbonding."""
        executed = await self._tools.contract.withdraw_seat()
        return {"digest": executed.digest}
