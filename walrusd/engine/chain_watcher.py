"""Follow the market's events and wake the services.

Events and the cursor are saved in one transaction, so each event has its effect exactly once. The
effects are small: the event is logged, the objects it names become known, cached copies of them are
dropped. Services decide what to do from the objects themselves.
"""

from collections.abc import Sequence
from typing import Any

import structlog
import trio

from walrusd.chain.follow.follower import Cursor, Follower
from walrusd.chain.layouts import events as ev
from walrusd.chain.values.bcs import Layout
from walrusd.chain.values.types import ChainEvent
from walrusd.engine.tools import Tools
from walrusd.errors import MalformedData
from walrusd.state.chain_log import LoggedEvent
from walrusd.state.stores import KeyValue

_OF_LOTS = (
    ev.LotDrawn,
    ev.LotFailed,
    ev.CommitteeSeated,
    ev.JuryDrawn,
    ev.JurySeated,
    ev.SubmissionEnded,
)
"""Events that change whether a pool's lot is free, or its seats' duties, and do not name it."""

_SUBJECTS = ("submission", "request", "task", "dataset", "object", "pool", "market")


def read_cursor(records: KeyValue) -> Cursor:
    """Return how far the chain's events have been read."""
    saved = records.get("chain", "cursor")
    return Cursor() if saved is None else Cursor.from_json(saved)


def subject_of(event: Layout) -> str:
    """Return the id of the object that an event is about."""
    for name in _SUBJECTS:
        if (value := getattr(event, name, None)) is not None:
            return str(value)
    raise MalformedData(f"event {type(event).__name__} names no object")


class ChainWatcher:
    """Reads events; the only writer of the chain log."""

    name = "chain_watcher"

    def __init__(self, tools: Tools, follower: Follower) -> None:
        self._tools = tools
        self._follower = follower
        self._log = structlog.get_logger(service=self.name)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Follow until cancelled."""
        task_status.started()
        await self._follower.run(self._handle)

    async def _handle(self, batch: Sequence[ChainEvent], cursor: Cursor) -> None:
        tools = self._tools
        fresh: list[tuple[LoggedEvent, Layout]] = []
        with tools.database.transaction():
            for raw in batch:
                remembered = self._remember(raw)
                if remembered is not None:
                    fresh.append(remembered)
            tools.records.put("chain", "cursor", cursor.to_json())
        for logged, event in fresh:
            for name in _SUBJECTS:
                if (value := getattr(event, name, None)) is not None:
                    tools.contract.forget(str(value))
            if isinstance(event, _OF_LOTS):
                for pool in tools.contract.pool_ids:
                    tools.contract.forget(pool)
            tools.broadcast.publish(
                logged.name,
                subject=logged.subject,
                checkpoint=logged.checkpoint,
                event=event.to_json(),
            )
        if fresh:
            tools.wakeup.wake()

    def _remember(self, raw: ChainEvent) -> tuple[LoggedEvent, Layout] | None:
        name = raw.type.rsplit("::", 1)[-1]
        layout = ev.EVENTS.get(name)
        if layout is None or raw.type != self._tools.contract.type_name(layout):
            # A newer package version may emit what this daemon does not know.
            self._log.info("unknown_event", type=raw.type)
            return None
        event = layout.from_bcs(raw.contents)
        logged = LoggedEvent(
            checkpoint=raw.checkpoint,
            transaction=raw.transaction_index,
            position=raw.event_index,
            digest=raw.transaction,
            name=name,
            subject=subject_of(event),
            body=raw.contents,
        )
        if not self._tools.chain_log.append(logged):
            return None
        self._note_objects(event)
        return logged, event

    def _note_objects(self, event: Any) -> None:
        note, me = self._tools.chain_log.note, self._tools.address
        match event:
            case ev.TaskOpened():
                note("task", event.task)
            case ev.SubmissionJoined():
                note("submission", event.submission, event.task)
            case ev.DatasetListed():
                note("dataset", event.dataset)
            case ev.KeyRequested() if me in {event.owner, event.requester}:
                # Requests of others do not concern us, and anyone can make thousands.
                note("request", event.request, event.dataset)
            case _:
                pass
