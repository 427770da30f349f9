"""Training in a child process, the only one of the daemon that needs torch."""

import json
import sys
from typing import Any

import trio

from walrusd.engine.tools import OnLine
from walrusd.runtime.child import Limits as ChildLimits
from walrusd.runtime.child import run_child
from walrusd.training.run.jobs import Job, ReplayJob, SelftestJob, TrainJob, job_to_json
from walrusd.training.run.threads import WAITING

REPLAYS_AT_ONCE = 2
"""One for committee seats and one for juries: each of the two services replays one at a time."""


class ChildTraining:
    """Runs jobs in ``python -m walrusd.training.process.child``, a few at a time.

    Trainings wait for trainings only. A replay must end within its window, or stake is lost, so it
    never waits for a training that may take hours.
    """

    def __init__(self) -> None:
        self._limiters = {
            TrainJob.kind: trio.CapacityLimiter(1),
            ReplayJob.kind: trio.CapacityLimiter(REPLAYS_AT_ONCE),
            # Short, and asked for with a time limit: it must not wait for an aggregation.
            SelftestJob.kind: trio.CapacityLimiter(1),
        }
        self._others = trio.CapacityLimiter(1)

    async def run(self, job: Job, on_line: OnLine) -> dict[str, Any]:
        """Run one job; others wait their turn. Raises as ``run_child``."""
        segments: list[dict[str, Any]] = []

        async def pass_on(line: dict[str, Any]) -> None:
            for kind, payload in line.items():
                if kind == "segment" and isinstance(job, ReplayJob):
                    segments.append(payload)
                await on_line(kind, payload)

        async with self._limiters.get(job.kind, self._others):
            result = await run_child(
                [sys.executable, "-m", "walrusd.training.process.child"],
                json.loads(job_to_json(job)),
                on_line=pass_on,
                env=WAITING,
                limits=ChildLimits(),
            )
        return {**result, "segments": segments} if isinstance(job, ReplayJob) else result
