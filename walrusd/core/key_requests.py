"""Whether a requested key could still be used.

The contract lets an owner grant any request that has not expired. But a key is useful only for
joining one task, once, while it takes contributors; later it would be given away for nothing.
"""

from dataclasses import dataclass

from walrusd.core.lifecycle import TaskPhase, is_over, takes_contributors
from walrusd.units import Millis, format_instant


@dataclass(frozen=True)
class AskedTask:
    """The task that a request names, as far as the request depends on it.

    ``approves``: it trains on the requested version of the dataset. ``has_joined``: the requester
    is one of its contributors. ``has_ended``: the requester's work has ended. ``uses_another``: the
    requester works with another dataset or version than the requested one.
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
"""The task of a request that names none, which owner and requester settle between them."""


def find_closing_reason(task: AskedTask | None, expires_ms: Millis, now_ms: Millis) -> str | None:
    """Return, as a sentence, why a granted key could no longer be used; None if it could be.

    ``task`` is None if the task that the request names does not exist.
    """
    if now_ms >= expires_ms:
        return f"the request expired on {format_instant(expires_ms)}"
    if task is None:
        return "its task does not exist"
    if is_over(task.phase):
        return f"the task has been {_name(task)} since {format_instant(task.phase_ms)}"
    if not task.approves:
        return "the task does not train on this version of the dataset"
    if task.has_joined and task.uses_another:
        return "the requester has joined the task with another dataset, and can join it only once"
    if task.has_joined and task.has_ended:
        return "the requester's work on the task has ended"
    why = _find_joining_obstacle(task, now_ms)
    if why is None and task.places_left <= 0 and not task.has_joined:
        why = "the task is full"
    # The contract grants keys of a task only while it takes contributors, even to one that joined.
    if why is None or task.has_joined:
        return why
    return f"{why}, and the requester has not joined"


def _find_joining_obstacle(task: AskedTask, now_ms: Millis) -> str | None:
    if not takes_contributors(task.phase):
        return f"the task has been {_name(task)} since {format_instant(task.phase_ms)}"
    over_ms = task.phase_ms + task.join_ms
    if now_ms >= over_ms:
        return f"joining closed on {format_instant(over_ms)}"
    return None


def _name(task: AskedTask) -> str:
    return task.phase.name.lower()
