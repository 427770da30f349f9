"""What of a running job may be told: how far it is, never what a vote is proved with."""

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


def clear_progress(tools: Tools, submission: str) -> None:
    """Forget how far a job was: it has ended."""
    tools.records.delete("progress", submission)
