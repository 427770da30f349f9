"""The contributor's exposure: its stakes of the last 24 hours, and its tasks in progress.

A task for which a key is asked is in progress: a request costs gas, and its answer a stake.

It is read once for each reconciliation and updated with every stake made meanwhile, so that no
limit is exceeded and no decision reads everything again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from walrusd.chain.layouts import events as ev
from walrusd.chain.layouts import objects as ob
from walrusd.core.lifecycle import is_granted, is_over, is_unanswered, takes_contributors
from walrusd.engine.tools import Tools
from walrusd.market.keys import OwnRequests
from walrusd.state.chain_log import BEFORE_ALL

DAY_MS = 24 * 3600 * 1000


def has_joined(task: ob.Task, address: str) -> bool:
    """Return whether the chain shows an address among a task's contributors."""
    return any(entry.contributor == address for entry in task.entries)


def is_joining(task: ob.Task, now_ms: int) -> bool:
    """Return whether a task takes contributors, by its phase and by the clock."""
    return takes_contributors(task.phase) and now_ms < task.phase_ms + task.terms.join_ms


@dataclass
class Exposure:
    """The stakes of the last 24 hours, in Mist by task, and the tasks in progress."""

    stakes: dict[str, int] = field(default_factory=dict)
    open_tasks: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._total = sum(self.stakes.values())

    def staked_elsewhere(self, task: str) -> int:
        """Return the Mist staked in the last 24 hours on other tasks."""
        return self._total - self.stakes.get(task, 0)

    def open_elsewhere(self, task: str) -> int:
        """Return how many other tasks are in progress."""
        return len(self.open_tasks) - (task in self.open_tasks)

    def note(self, task: str, record: dict[str, Any] | None) -> None:
        """Take in the result of joining: its record, or None if it certainly failed.

        A join with an unknown result has a record, so it counts.
        """
        self._total -= self.stakes.pop(task, 0)
        self.open_tasks.discard(task)
        if record is not None:
            self.stakes[task] = record["amount"]
            self._total += record["amount"]
            self.open_tasks.add(task)


class ExposureReader:
    """Reads the exposure from the chain, and from our own records of transactions under way.

    The chain's part is right even after a loss of local state.
    """

    def __init__(self, tools: Tools, requests: OwnRequests) -> None:
        """Take the requests too, which whoever uses the exposure lists anew each round."""
        self._tools = tools
        self._requests = requests
        self._joins: dict[str, ev.SubmissionJoined] = {}
        self._read_up_to = BEFORE_ALL

    async def read(self, tasks: Sequence[ob.Task]) -> Exposure:
        """Return the exposure, given all tasks."""
        tools = self._tools
        since = tools.clock.now_ms() - DAY_MS
        records: dict[str, dict[str, Any]] = tools.records.items("stakes")
        self._read_joins(since)
        stakes = {task: r["amount"] for task, r in records.items() if r["at_ms"] >= since}
        stakes |= {task: join.stake for task, join in self._joins.items()}
        found = self._find_open(tasks, {*records, *self._joins})
        return Exposure(stakes, found | await self._find_asked(tasks))

    def _read_joins(self, since: int) -> None:
        """Decode our new events, and drop those older than a day."""
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

        A task that we tried to join counts before the chain shows us in it, until its joining has
        closed without us; so does one that cannot be read now.
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

    async def _find_asked(self, tasks: Sequence[ob.Task]) -> set[str]:
        """Return the tasks that take contributors for which we wait for a key, or have one to use.

        One that we have is not used as long as the policy declines its task. A request that the
        chain does not show yet counts too.
        """
        now_ms = self._tools.clock.now_ms()
        joining = {task.id for task in tasks if is_joining(task, now_ms)}
        known = await self._requests.list_for(joining)
        found = {task for task, requests in known.items() if self._may_join_by(requests, now_ms)}
        sent = self._tools.records.items("asked")
        return found | {task for task in sent if task in joining and task not in known}

    def _may_join_by(self, requests: Sequence[ob.KeyRequest], now_ms: int) -> bool:
        if any(is_unanswered(r.state) and now_ms < r.expires_ms for r in requests):
            return True
        decided = self._tools.records.get("decisions", requests[0].task)
        is_wanted = decided is not None and decided[0] == "join"
        return is_wanted and any(is_granted(r.state) for r in requests)
