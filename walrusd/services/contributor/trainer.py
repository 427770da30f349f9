"""Train what we have staked on, in a child process.

The result is a work item for the committer and the opener. If it is lost, with the database or with
the files that it names, training is repeated, which gives the same bits.
"""

from functools import partial
from typing import Any

import trio

from walrusd.chain.layouts import objects as ob
from walrusd.core.duties import Duty, Party
from walrusd.core.seats.eligibility import count_committee
from walrusd.engine.jobs import clear_progress, make_on_line, run_training_job
from walrusd.engine.service import Attempt, Attempts, Service
from walrusd.engine.tools import Tools
from walrusd.errors import DeviceRefused, TrainingFailed
from walrusd.files import make_directory
from walrusd.market.case import Case, read_cases
from walrusd.market.fetch import Fetcher
from walrusd.market.keys import submission_dataset_key
from walrusd.market.results import find_trained
from walrusd.training.run.jobs import TrainJob


class Trainer(Service):
    """Runs training jobs and leaves their results as work items."""

    name = "trainer"

    def __init__(self, tools: Tools, fetcher: Fetcher) -> None:
        super().__init__(tools)
        self._fetcher = fetcher

    async def list_due(self) -> Attempts:
        """Train each of our submissions whose result is needed but missing."""
        for case in await read_cases(self.tools):
            if case.submission.contributor == self.tools.address and self._is_needed(case):
                train = partial(self._train, case)
                yield Attempt(case.submission.id, train, in_background=True)

    def _is_needed(self, case: Case) -> bool:
        due = case.list_duties(Party.CONTRIBUTOR, self.tools.clock.now_ms())
        is_needed = Duty.TRAIN in due or Duty.KEEP_RESULT in due
        return is_needed and find_trained(self.tools, case.submission.id) is None

    async def _train(self, case: Case) -> None:
        tools, submission = self.tools, case.submission
        plan = (await self._fetcher.plan_of(case.task)).plan
        dek = await submission_dataset_key(tools, case)
        rows = await self._fetcher.dataset_of(submission, dek)
        workdir = tools.files.submission(submission.id)
        await trio.to_thread.run_sync(make_directory, workdir)
        files = await self._fetcher.job_files_of(case.task)
        job = TrainJob(
            plan=str(files.plan),
            workdir=str(workdir),
            weights=str(files.weights),
            rows=rows,
            ctx=case.ctx,
            seed=case.seed,
            slots=count_committee(vars(case.task.terms)),
            plan_digest=case.task.plan_digest,
            state_root_0=case.task.state_root_0,
        )
        lost = submission.commitment is not None
        reason = "the result was lost; the same bits are needed" if lost else "joining has closed"
        tools.journal.record_once(submission.id, self.name, "training", reason)
        on_line = make_on_line(tools, "training", submission.id)
        result = await run_training_job(tools, job, on_line)
        if "abort" in result:
            # From the last checkpoint on, so this costs at most one segment.
            check_same_abort(result, await run_training_job(tools, job, on_line))
        check_same_as_committed(submission, result)
        with tools.database.transaction():
            tools.work.put("trained", submission.id, result)
            clear_progress(tools, submission.id)
            if "abort" in result:
                tools.journal.record(
                    submission.id,
                    self.name,
                    "aborted",
                    "the plan cannot be carried out, as every replay of its last segment will show",
                    trace_root=result["trace_root"],
                    **result["abort"],
                )
            else:
                tools.journal.record(
                    submission.id,
                    self.name,
                    "trained",
                    f"all {plan.segments} segments are done",
                    loss=result["loss"],
                    trace_root=result["trace_root"],
                )
        tools.wakeup.wake()


def check_same_abort(first: dict[str, Any], second: dict[str, Any]) -> None:
    """Check that a plan aborts at the same place twice before we claim so on the chain.

    Raises:
        TrainingFailed: if it does not, because then this machine errs.
    """
    if first["trace_root"] != second["trace_root"] or first["abort"] != second.get("abort"):
        raise TrainingFailed(
            "the plan could not be carried out, but a second run ended differently",
            hint="check this machine's memory; walrusd blames the plan only if both runs agree",
        )


def check_same_as_committed(submission: ob.Submission, result: dict[str, Any]) -> None:
    """Check that repeated work is the committed work, if any was committed.

    Raises:
        DeviceRefused: if it is not, because every seat would refuse its opening.
    """
    commitment = submission.commitment
    if commitment is not None and commitment.trace_root.hex() != result["trace_root"]:
        raise DeviceRefused(
            "training again did not give the committed trace",
            hint="this machine computes differently from the one that committed; use that one",
        )
