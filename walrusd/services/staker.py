"""Stake on tasks by the owner's policy, once a dataset key is granted."""

from walrusd.chain.layouts import objects as ob
from walrusd.core.lifecycle import KeyScope, RequestState, TaskPhase
from walrusd.core.policy import Decision, Offer, PolicyRules, Standing, decide
from walrusd.crypto.envelope import dataset_key_info, derive_public_key, open_key
from walrusd.crypto.stream import verify_key_check
from walrusd.errors import WalrusdError, WorldFault
from walrusd.services.aggregates import AggregateChecker
from walrusd.services.facts import read_tasks
from walrusd.services.fetcher import Fetcher
from walrusd.services.service import Service
from walrusd.services.tools import Tools
from walrusd.training.plan import check_plan_for_rows
from walrusd.units import Mist, address_bytes

DAY_MS = 24 * 3600 * 1000
REQUEST_LIFETIME_MS = 7 * DAY_MS
NO_PARENT = "0x" + "0" * 64


class Staker(Service):
    """The contributor's first service: decide, ask for the key, stake."""

    name = "staker"

    def __init__(self, tools: Tools, fetcher: Fetcher, checker: AggregateChecker) -> None:
        super().__init__(tools)
        self._fetcher = fetcher
        self._checker = checker

    async def reconcile(self) -> None:
        """Look at every task that still takes contributors."""
        for task in await read_tasks(self.tools):
            if task.phase == TaskPhase.JOINING and not self._joined(task):

                async def consider(task: ob.Task = task) -> None:
                    await self._consider(task)

                await self.attempt(task.id, consider)

    def _joined(self, task: ob.Task) -> bool:
        return any(entry.contributor == self.tools.address for entry in task.entries)

    async def estimate(self, task: ob.Task) -> Decision:
        """Apply the policy to a task, without acting."""
        tools = self.tools
        terms = task.terms
        parent_ok = task.parent == NO_PARENT or await self._parent_holds(task.parent)
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
            balance=await tools.contract.balance(tools.address),
            staked_today=self._staked_today(except_task=task.id),
            open_tasks=await self._open_tasks(),
        )
        return decide(self._rules(), offer, standing)

    async def _parent_holds(self, parent: str) -> bool:
        try:
            await self._checker.verify(await self.tools.contract.task(parent))
        except WorldFault:
            raise
        except WalrusdError:
            return False
        return True

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
        since = self.tools.clock.now_ms() - DAY_MS
        stakes = self.tools.records.items("stakes")
        return sum(
            stake["amount"]
            for task, stake in stakes.items()
            if stake["at_ms"] >= since and task != except_task
        )

    async def _open_tasks(self) -> int:
        busy = {TaskPhase.JOINING, TaskPhase.TRAINING, TaskPhase.OPENING, TaskPhase.VERIFYING}
        return sum(
            task.phase in busy and self._joined(task) for task in await read_tasks(self.tools)
        )

    async def _consider(self, task: ob.Task) -> None:
        override = self.tools.records.get("stake_override", task.id)
        decision = await self.estimate(task)
        go = decision.join if override is None else override == "join"
        reason = decision.reason if override is None else f"the owner said: {override}"
        self._journal_once(task, "join" if go else "decline", reason, decision)
        dataset = decision.dataset or task.datasets[0].dataset
        if go:
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
        version = dataset.versions[ref.number - 1]
        _manifest, plan = await self._fetcher.plan_of(task)
        check_plan_for_rows(plan, version.rows)
        await self._fetcher.weights_of(task)
        request = await self._own_request(task, ref)
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
            verify_key_check(dek, version.row_root, version.key_check)
            await self._stake(task, request)

    async def _own_request(self, task: ob.Task, ref: ob.DatasetRef) -> ob.KeyRequest | None:
        for known in self.tools.chain_log.known("request", parent=ref.dataset):
            request = await self.tools.contract.request(known.id)
            if (
                request.requester == self.tools.address
                and request.task == task.id
                and request.number == ref.number
            ):
                return request
        return None

    async def _stake(self, task: ob.Task, request: ob.KeyRequest) -> None:
        tools, stake = self.tools, Mist(task.terms.stake)
        payload = f"{task.id}:{request.dataset}:{request.number}:{stake}".encode()
        with tools.database.transaction():
            tools.protection.begin(f"join:{task.id}", payload)
            tools.records.put("stakes", task.id, {"amount": stake, "at_ms": tools.clock.now_ms()})
            tools.records.put("dataset_request", task.id, request.id)
            tools.journal.record(
                task.id,
                self.name,
                "staked",
                "the key is granted",
                stake=stake,
                dataset=request.dataset,
            )
        await tools.contract.join(task.id, dataset=request.dataset, request=request.id, stake=stake)
        tools.protection.done(f"join:{task.id}")


async def open_granted_key(tools: Tools, request: ob.KeyRequest) -> bytes:
    """Return the dataset key of a granted request of ours.

    Raises:
        DecryptionFailed: if the owner sealed it wrongly; nothing is staked on such a grant.
    """
    market = await tools.contract.market()
    info = dataset_key_info(
        market.chain_id,
        address_bytes(market.package),
        address_bytes(request.dataset),
        request.number,
        address_bytes(request.owner),
        address_bytes(request.requester),
    )
    return open_key(tools.keys.encryption_key, request.envelope, info)
