"""Run jobs of the training process, and tell how far they are.

That is for whoever listens and for ``status``: never what a vote is proved with.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

from walrusd.engine.tools import OnLine, Tools
from walrusd.training.run.jobs import BenchmarkJob, Job
from walrusd.training.run.threads import count_threads

SHOWN = ("segment", "step", "steps", "loss", "rate", "eta_seconds")
"""A finished segment also has its work chain: with that, one could attest without a replay."""


async def ignore_progress(_kind: str, _payload: dict[str, Any]) -> None:
    """Drop the progress of a job that takes a moment."""


async def run_training_job(
    tools: Tools, job: Job, on_line: OnLine = ignore_progress
) -> dict[str, Any]:
    """Run a job with as many threads as the owner allows. Raises as ``TrainingBackend.run``."""
    threads = count_threads(tools.settings.daemon.threads)
    limits = dataclasses.replace(job.limits, threads=threads)
    return await tools.training.run(dataclasses.replace(job, limits=limits), on_line)


async def time_machine(tools: Tools) -> int:
    """Return the segment work a second that this machine does: some seconds of real segments.

    Raises:
        TrainingFailed, DeviceRefused: if it cannot train at all.
    """
    return int((await run_training_job(tools, BenchmarkJob()))["rate"])


def make_on_line(tools: Tools, job: str, submission: str) -> OnLine:
    """Return a callback that passes the lines of a submission's job to listeners."""

    async def on_line(kind: str, payload: dict[str, Any]) -> None:
        shown = {name: payload[name] for name in SHOWN if name in payload}
        tools.broadcast.publish(job, submission=submission, line=kind, **shown)
        if kind == "progress":
            tools.records.put("progress", submission, shown)

    return on_line


def make_encryption_report(
    tools: Tools, submission: str, entries: int
) -> Callable[[int, int], None]:
    """Return a callback that reports the encryption of an update of ``entries`` numbers."""

    def report(done: int, pieces: int) -> None:
        shown = {"done": done, "pieces": pieces, "entries": entries}
        tools.broadcast.publish("encrypt", submission=submission, line="progress", **shown)
        tools.records.put("progress", submission, {"encrypting": shown})

    return report


def clear_progress(tools: Tools, submission: str) -> None:
    """Forget the progress of a job that has ended."""
    tools.records.delete("progress", submission)
