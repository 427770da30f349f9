"""Training in a child process: the only place where this daemon's work needs torch."""

import json
import sys
from typing import Any

import trio

from walrusd.runtime.child import Limits as ChildLimits
from walrusd.runtime.child import run_child
from walrusd.services.tools import OnLine
from walrusd.training.jobs import Job, job_to_json


class ChildTraining:
    """Runs jobs in ``python -m walrusd.training.child``, a few at a time."""

    def __init__(self, *, at_once: int = 1) -> None:
        self._limiter = trio.CapacityLimiter(at_once)

    async def run(self, job: Job, on_line: OnLine) -> dict[str, Any]:
        """Run one job; others wait their turn. Errors as ``run_child``."""

        async def pass_on(line: dict[str, Any]) -> None:
            for kind, payload in line.items():
                await on_line(kind, payload)

        async with self._limiter:
            return await run_child(
                [sys.executable, "-m", "walrusd.training.child"],
                json.loads(job_to_json(job)),
                on_line=pass_on,
                limits=ChildLimits(),
            )
