"""The publisher's service: open tasks on request, aggregate, reclaim the rest."""

from functools import partial
from typing import Any

from walrusd.chain.layouts import objects as ob
from walrusd.core.aggregate import Aggregate
from walrusd.core.duties import Duty, Party
from walrusd.core.lifecycle import (
    TaskPhase,
    is_accepted,
    may_be_aggregated,
    takes_contributors,
)
from walrusd.engine.jobs import run_training_job
from walrusd.engine.service import Attempt, Attempts, Service
from walrusd.engine.tools import Tools
from walrusd.errors import NotAllowed
from walrusd.files import write_atomically
from walrusd.market.aggregate import AggregateChecker, find_part_bits, read_accepted
from walrusd.market.case import Case, list_duties_about, read_cases, read_tasks
from walrusd.market.fetch import Fetcher
from walrusd.services.publisher.aggregator import Aggregator
from walrusd.services.publisher.publication import Publication
from walrusd.state.protection import Begun
from walrusd.training.run.jobs import AggregateJob
from walrusd.units import address_bytes


class Publisher(Service):
    """Opens tasks on request; aggregates and reclaims by itself."""

    name = "publisher"

    def __init__(self, tools: Tools, fetcher: Fetcher, checker: AggregateChecker) -> None:
        super().__init__(tools)
        self._fetcher = fetcher
        self._checker = checker
        self._publication = Publication(tools, self.name)
        self._aggregator = Aggregator(tools, fetcher, self.name)
        self._kept: set[str] = set()

    async def publish(self, params: dict[str, Any]) -> dict[str, Any]:
        """Open a task. Parameters and errors as for :meth:`Publication.publish`."""
        return await self._publication.publish(params)

    async def preview(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return what publishing would cost. As for :meth:`Publication.preview`."""
        return await self._publication.preview(params)

    async def cancel(self, task: ob.Task) -> dict[str, Any]:
        """Give up our task before joining closes. Costs the cancel fee for each who has joined.

        Raises:
            NotAllowed: if it is another's task, or joining has closed.
        """
        tools = self.tools
        if task.publisher != tools.address:
            raise NotAllowed("the task is another publisher's")
        if not takes_contributors(task.phase):
            raise NotAllowed(
                f"the task cannot be cancelled any more: it is {TaskPhase(task.phase).name.lower()}"
            )
        joined = len(task.entries)
        reason = f"the owner said so; {joined} had joined"
        tools.journal.record_once(task.id, self.name, "cancelled", reason)
        executed = await tools.contract.cancel_task(task.id)
        tools.wakeup.wake()
        fees = joined * task.terms.cancel_fee
        return {"task": task.id, "digest": executed.digest, "joined": joined, "cost_mist": fees}

    async def list_due(self) -> Attempts:
        """Aggregate settled tasks, reclaim their unspent funds, and keep what was accepted."""
        for case in await read_cases(self.tools):
            if case.task.publisher == self.tools.address and self._must_keep(case):
                keep = partial(self._keep, case)
                yield Attempt(case.submission.id, keep, part=":keep", in_background=True)
        for task in await read_tasks(self.tools):
            if task.publisher == self.tools.address:
                yield Attempt(task.id, partial(self._finish, task), in_background=True)

    def _must_keep(self, case: Case) -> bool:
        is_needed = case.task.aggregate is None and may_be_aggregated(case.task.phase)
        return (
            is_needed
            and is_accepted(case.submission.state)
            and case.submission.id not in self._kept
        )

    async def _keep(self, case: Case) -> None:
        """Fetch what the sum will need: blobs may be gone when the last submission is judged."""
        if await self._aggregator.keep(case):
            self._kept.add(case.submission.id)

    async def _finish(self, task: ob.Task) -> None:
        due = list_duties_about(task, Party.PUBLISHER)
        if Duty.RECLAIM in due:
            # Before the aggregate, which may wait for a key that never comes.
            await self.tools.contract.reclaim(task.id)
            self.tools.journal.record(
                task.id, self.name, "reclaimed", "the task has ended and did not spend this"
            )
        if Duty.AGGREGATE in due:
            await self._aggregate(task)
        elif Duty.APPLY in due:
            await self._apply(task)

    async def _aggregate(self, task: ob.Task) -> None:
        tools = self.tools
        accepted = await read_accepted(tools, task)
        summed = await self._aggregator.sum(task, accepted)
        if summed is None:
            reason = f"fewer than {task.terms.k_min} accepted submissions can be read"
            tools.journal.record_once(task.id, self.name, "no sum", reason)
            return
        aggregate = Aggregate(
            summed.vector,
            summed.openings,
            tuple((address_bytes(sub.id), sub.weight) for sub in summed.parts),
            tuple((address_bytes(sub.id), value) for sub, value in summed.left_out),
        )
        epochs = tools.settings.walrus.epochs
        stored = await tools.store.put(aggregate.to_bytes(), epochs=epochs, try_anyway=True)
        with tools.database.transaction():
            begun = tools.protection.begin(f"aggregate:{task.id}", aggregate.root)
            if begun is Begun.FRESH:
                tools.journal.record(
                    task.id,
                    self.name,
                    "aggregated",
                    f"{len(accepted)} submissions were accepted, {len(summed.parts)} can be read",
                    root=aggregate.root.hex(),
                )
        await tools.contract.record_aggregate(
            task.id,
            parts=find_part_bits(task, summed.parts),
            root=aggregate.root,
            blindings_root=aggregate.openings_root,
            blob=stored.blob_id,
        )
        tools.protection.done(f"aggregate:{task.id}")

    async def _apply(self, task: ob.Task) -> None:
        """Make the new model once: the old weights plus the weighted mean of the updates."""
        tools = self.tools
        if tools.records.get("models", task.id) is not None:
            return
        verified = await self._checker.verify(task)
        workdir = tools.files.work / "aggregate" / task.id
        workdir.mkdir(mode=0o700, parents=True, exist_ok=True)
        sum_path = workdir / "sum.bin"
        write_atomically(sum_path, verified.aggregate.vector)
        files = await self._fetcher.job_files_of(task)
        result = await run_training_job(
            tools,
            AggregateJob(
                plan=str(files.plan),
                workdir=str(workdir),
                weights=str(files.weights),
                weighted_sum=str(sum_path),
                total_weight=verified.total_weight,
            ),
        )
        tools.records.put("models", task.id, result)
        tools.broadcast.publish("model", task=task.id, **result)
