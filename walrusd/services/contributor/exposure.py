"""What this contributor has bound: the stakes of the last day, and the tasks in progress.

Read once a look, and kept right while the look binds more, so that no limit is ever exceeded and
no decision reads what the ones before it have read already.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from walrusd.chain.layouts import events as ev
from walrusd.chain.layouts import objects as ob
from walrusd.core.lifecycle import is_over, takes_contributors
from walrusd.engine.tools import Tools
from walrusd.state.chain_log import BEFORE_ALL

DAY_MS = 24 * 3600 * 1000


def has_joined(task: ob.Task, address: str) -> bool:
    """Return whether the chain shows an address among a task's contributors."""
    return any(entry.contributor == address for entry in task.entries)


@dataclass
class Exposure:
    """Amounts in Mist by task, of those staked in the last 24 hours; and tasks in progress."""

    stakes: dict[str, int] = field(default_factory=dict)
    open_tasks: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._total = sum(self.stakes.values())

    def staked_besides(self, task: str) -> int:
        """Return what was staked today on other tasks."""
        return self._total - self.stakes.get(task, 0)

    def open_besides(self, task: str) -> int:
        """Return how many other tasks are in progress."""
        return len(self.open_tasks) - (task in self.open_tasks)

    def note(self, task: str, record: dict[str, Any] | None) -> None:
        """Take up what became of a try to join: its record, or None if it certainly failed.

        A join of which nothing is known yet has its record and counts.
        """
        self._total -= self.stakes.pop(task, 0)
        self.open_tasks.discard(task)
        if record is not None:
            self.stakes[task] = record["amount"]
            self._total += record["amount"]
            self.open_tasks.add(task)


class ExposureReader:
    """Reads what is bound: by the chain's word, and by our own records of what is under way.

    The chain counts also after a loss of local state.
    """

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._joins: dict[str, ev.SubmissionJoined] = {}
        self._read_up_to = BEFORE_ALL

    def read(self, tasks: Sequence[ob.Task]) -> Exposure:
        """Return what is bound, given the tasks of a look."""
        tools = self._tools
        since = tools.clock.now_ms() - DAY_MS
        records: dict[str, dict[str, Any]] = tools.records.items("stakes")
        self._read_joins(since)
        stakes = {task: r["amount"] for task, r in records.items() if r["at_ms"] >= since}
        stakes |= {task: join.stake for task, join in self._joins.items()}
        return Exposure(stakes, self._find_open(tasks, {*records, *self._joins}))

    def _read_joins(self, since: int) -> None:
        """Decode the events of ours that are new; those older than a day count no more."""
        tools = self._tools
        for logged in tools.chain_log.events_by(
            "SubmissionJoined", tools.address, after=self._read_up_to
        ):
            event = ev.SubmissionJoined.from_bcs(logged.body)
            self._joins[event.task] = event
            self._read_up_to = logged.place
        self._joins = {t: event for t, event in self._joins.items() if event.at_ms >= since}

    def _find_open(self, tasks: Sequence[ob.Task], tried: set[str]) -> set[str]:
        """Return the tasks in progress.

        One that we have tried to join counts before the chain shows us there, until its joining
        has closed without us; so does one that cannot be read now.
        """
        address = self._tools.address
        found = {
            task.id
            for task in tasks
            if not is_over(task.phase)
            and (has_joined(task, address) or (takes_contributors(task.phase) and task.id in tried))
        }
        unseen = tried - {task.id for task in tasks}
        if unseen:
            found |= unseen & {known.id for known in self._tools.chain_log.known("task")}
        return found
