"""Train what we have staked on. The arithmetic runs in a child process; this waits for it."""

from pathlib import Path
from typing import Any

from walrusd.core.lifecycle import SubmissionState, TaskPhase
from walrusd.services.facts import Case, read_cases
from walrusd.services.fetcher import Fetcher
from walrusd.services.service import Service
from walrusd.services.staker import open_granted_key
from walrusd.services.tools import Tools
from walrusd.training.jobs import Limits, RowsFile, TrainJob


class Trainer(Service):
    """Runs one training job at a time and leaves its result as a work item for the committer."""

    name = "trainer"

    def __init__(self, tools: Tools, fetcher: Fetcher) -> None:
        super().__init__(tools)
        self._fetcher = fetcher

    async def reconcile(self) -> None:
        """Train every submission of ours that is not committed yet."""
        for case in await read_cases(self.tools):
            if (
                case.submission.contributor == self.tools.address
                and case.submission.state == SubmissionState.JOINED
                and case.task.phase == TaskPhase.TRAINING
                and self.tools.work.get("trained", case.submission.id) is None
            ):

                async def train(case: Case = case) -> None:
                    await self._train(case)

                await self.attempt(case.submission.id, train)

    async def _train(self, case: Case) -> None:
        tools, submission = self.tools, case.submission
        _manifest, plan = await self._fetcher.plan_of(case.task)
        dek = await submission_dataset_key(tools, case)
        rows = await self._fetcher.dataset_of(submission, dek, plan.dataset.row_bytes)
        workdir = tools.work_dir / submission.id
        workdir.mkdir(mode=0o700, parents=True, exist_ok=True)
        job = TrainJob(
            plan=str(await self._fetcher.plan_file(case.task)),
            workdir=str(workdir),
            weights=str(await self._fetcher.weights_of(case.task)),
            rows=RowsFile(str(rows)),
            ctx=case.ctx,
            seed=case.seed,
            committee=case.task.terms.committee,
            limits=Limits(threads=max(1, tools.settings.daemon.threads)),
        )
        tools.journal.record(submission.id, self.name, "training", "joining has closed")

        async def on_line(kind: str, payload: dict[str, Any]) -> None:
            tools.broadcast.publish("training", submission=submission.id, line=kind, **payload)
            if kind == "progress":
                tools.records.put("progress", submission.id, payload)

        result = await tools.training.run(job, on_line)
        with tools.database.transaction():
            tools.work.put("trained", submission.id, result)
            tools.journal.record(
                submission.id,
                self.name,
                "trained",
                f"all {plan.segments} segments are done",
                loss=result["loss"],
                trace_root=result["trace_root"],
            )
        tools.bell.ring()


async def submission_dataset_key(tools: Tools, case: Case) -> bytes:
    """Return the dataset key that was granted to us for a task."""
    request_id = tools.records.get("dataset_request", case.task.id)
    if request_id is None:
        request_id = await _find_request(tools, case)
    return await open_granted_key(tools, await tools.contract.request(request_id))


async def _find_request(tools: Tools, case: Case) -> str:
    """Find the granted request on the chain, for a daemon that lost its local state."""
    for known in tools.chain_log.known("request", parent=case.submission.dataset, with_ended=True):
        request = await tools.contract.request(known.id)
        if request.requester == tools.address and request.task == case.task.id:
            return known.id
    raise AssertionError("we joined without a key request")


def job_path(tools: Tools, submission_id: str, name: str) -> Path:
    """Return the path of a file of a submission's job."""
    return tools.work_dir / submission_id / name
