"""The progress of a job, for listeners and for ``status``; never a vote's proof."""

from collections.abc import Callable
from typing import Any

from walrusd.engine.tools import OnLine, Tools

SHOWN = ("segment", "step", "steps", "loss", "rate", "eta_seconds")
"""A finished segment also has its work chain: with that, one could attest without a replay."""


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
