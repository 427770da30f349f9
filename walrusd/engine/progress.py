"""How far a job is, for whoever listens and for ``status``: never what a vote is proved with."""

from collections.abc import Callable
from typing import Any

from walrusd.engine.tools import OnLine, Tools

SHOWN = ("segment", "step", "steps", "loss", "rate", "eta_seconds")
"""A finished segment also has its work chain: whoever knows that could attest without a replay."""


def make_on_line(tools: Tools, job: str, submission: str) -> OnLine:
    """Return what passes the lines of a submission's job on to whoever listens."""

    async def on_line(kind: str, payload: dict[str, Any]) -> None:
        shown = {name: payload[name] for name in SHOWN if name in payload}
        tools.broadcast.publish(job, submission=submission, line=kind, **shown)
        if kind == "progress":
            tools.records.put("progress", submission, shown)

    return on_line


def make_encryption_report(
    tools: Tools, submission: str, entries: int
) -> Callable[[int, int], None]:
    """Return what passes on how many pieces of an update of ``entries`` numbers are encrypted."""

    def report(done: int, pieces: int) -> None:
        shown = {"done": done, "pieces": pieces, "entries": entries}
        tools.broadcast.publish("encrypt", submission=submission, line="progress", **shown)
        tools.records.put("progress", submission, {"encrypting": shown})

    return report


def clear_progress(tools: Tools, submission: str) -> None:
    """Forget how far a job was: it has ended."""
    tools.records.delete("progress", submission)
