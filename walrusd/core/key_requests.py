"""Whether a key that somebody asks for could still be used.

The contract grants any request that has not expired. But a key lets its holder join one task, once,
while the task takes contributors; afterwards a grant would give the key away for nothing.
"""

from dataclasses import dataclass

from walrusd.core.lifecycle import TaskPhase, is_over, takes_contributors
from walrusd.units import Millis, format_instant


@dataclass(frozen=True)
class AskedTask:
    """The task that a request names, as far as the request depends on it.

    ``approves``: it trains on the version of the dataset that was asked for. ``has_joined`` and
    ``has_ended``: the requester is one of its contributors; and that work has ended.
    ``uses_another``: that work is done with another dataset, or another version, than the one that
    was asked for.
    """

    phase: TaskPhase
    phase_ms: Millis
    join_ms: Millis
    places_left: int
    approves: bool
    has_joined: bool
    has_ended: bool
    uses_another: bool = False


NO_TASK = AskedTask(
    phase=TaskPhase.JOINING,
    phase_ms=Millis(0),
    join_ms=Millis(1 << 64),
    places_left=1,
    approves=True,
    has_joined=False,
    has_ended=False,
)
"""Stands for the task of a request that names none: it is between owner and requester."""


def find_why_closed(task: AskedTask | None, expires_ms: Millis, now_ms: Millis) -> str | None:
    """Return why a request cannot lead to anything any more, as a sentence; None if it can.

    ``task`` is None if the task that the request names does not exist.
    """
    if now_ms >= expires_ms:
        return f"the request has expired on {format_instant(expires_ms)}"
    if task is None:
        return "the task that it names does not exist"
    if is_over(task.phase):
        return f"the task is {task.phase.name.lower()} since {format_instant(task.phase_ms)}"
    if not task.approves:
        return "the task does not train on this version of the dataset"
    if task.has_joined and task.uses_another:
        return "the requester has joined the task with another dataset, and can join it only once"
    if task.has_joined:
        # Who has lost its own key may have to ask again while it works.
        return "the requester's work on the task has ended" if task.has_ended else None
    why = _find_why_nobody_joins(task, now_ms)
    return None if why is None else f"{why}, and the requester has not joined"


def _find_why_nobody_joins(task: AskedTask, now_ms: Millis) -> str | None:
    if not takes_contributors(task.phase):
        return f"the task is {task.phase.name.lower()} since {format_instant(task.phase_ms)}"
    over_ms = task.phase_ms + task.join_ms
    if now_ms >= over_ms:
        return f"joining is over since {format_instant(over_ms)}"
    return "the task is full" if task.places_left <= 0 else None
