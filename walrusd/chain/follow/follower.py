"""Follows the events of our package: in ledger order, without gaps or repeats.

ListEvents is the only source of events. SubscribeEvents only wakes the follower to list again;
without it the follower polls. The caller stores the cursor together with the effects of its events
in one database transaction, so each event takes effect exactly once.
"""

import logging
import random
from collections.abc import Awaitable, Callable, Sequence

import trio

from walrusd.chain.follow.cursor import Cursor
from walrusd.chain.follow.event_page import EventPage
from walrusd.chain.follow.history import HistoryChecker, Source
from walrusd.chain.nodes.client import SuiClient
from walrusd.chain.nodes.endpoints import Endpoints
from walrusd.chain.nodes.wire import EVENT_FIELDS
from walrusd.chain.values.pysui_parts import pb, protobuf
from walrusd.chain.values.types import ChainEvent
from walrusd.errors import ChainRefused, ChainUnreachable, MethodMissing, WrongNetwork
from walrusd.units import normalize_address

__all__ = ["Cursor", "Follower"]

log = logging.getLogger(__name__)

Handle = Callable[[Sequence[ChainEvent], Cursor], Awaitable[None]]

PAGE = 200
"""The most events of one request."""

SAVE_EVERY = 1000
"""How many checkpoints without events pass before their cursor is handed over."""

_PATIENCE = 10
"""How often in a row each node may refuse to list events before the follower fails."""

_RESUBSCRIBE_S = 300.0
"""Seconds after which a node without subscriptions is tried again."""


class Follower:
    """Hands over the events whose types the given packages define.

    An event type belongs to the package version that introduced it, so ``packages`` lists every
    version. (Filtering by emitting module would miss calls made through other contracts.)
    """

    def __init__(
        self,
        client: SuiClient,
        packages: Sequence[str],
        cursor: Cursor,
        *,
        poll: float = 10.0,
        idle: float = 60.0,
    ) -> None:
        """Start after ``cursor``; ``poll`` and ``idle`` in seconds.

        Args:
            client: the network.
            packages: every package id that defines event types of interest.
            cursor: where to continue.
            poll: how often to list events while the subscription is silent.
            idle: after how much silence the subscription is considered broken.
        """
        self.cursor = cursor
        self._client = client
        self._filter = pb.EventFilter(terms=[_defined_in(package) for package in packages])
        self._poll, self._idle = poll, idle
        self._saved = cursor.checkpoint
        self._tip = -1
        self._refusals = 0
        self._woken = trio.Event()
        self._progress = trio.Event()
        self._at_tip = False
        self._packages = [normalize_address(package) for package in packages]
        self._history = HistoryChecker(client, self._packages)
        self._from_archive = False
        self._moved = 0.0

    async def wait_caught_up(self) -> None:
        """Return once the follower has reached the end of the ledger for the first time."""
        while not self._at_tip:
            await self._progress.wait()

    async def run(self, handle: Handle) -> None:
        """Call ``handle(events, cursor)`` for every batch, until cancelled.

        ``handle`` stores ``cursor`` and the effects of ``events`` together. An error that it raises
        ends the follower; a new one continues from the stored cursor.

        Raises:
            ChainRefused: if every node keeps refusing to list events.
            HistoryPruned: if no node and no archive has what comes after the cursor.
            WrongNetwork: if every node that answers serves another chain.
        """
        self._moved = trio.current_time()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._listen)
            delay = 0.5
            while True:
                woken, before = self._woken, self.cursor.position
                try:
                    await self._drain(handle)
                except (ChainUnreachable, ChainRefused) as error:
                    log.info("ListEvents: %s", error)
                    self._count_refusal(error)
                    delay = 0.5 if self.cursor.position != before else delay
                    await trio.sleep(_jittered(delay))
                    delay = min(2 * delay, 30)
                    continue
                delay = 0.5
                await self._leave_stale_node()
                # The index of ListEvents may lag behind the subscription.
                behind = self.cursor.checkpoint < self._tip
                with trio.move_on_after(0.25 if behind else self._poll):
                    await woken.wait()

    def _count_refusal(self, error: ChainUnreachable | ChainRefused) -> None:
        if isinstance(error, ChainUnreachable):
            return
        self._refusals += 1
        if self._refusals >= _PATIENCE * len(self._client.endpoints):
            raise error
        if error.fields.get("status") == "OUT_OF_RANGE":
            self._history.recheck()
        if isinstance(error, MethodMissing):
            return  # every node was asked
        if self.cursor.token is not None:
            # This node does not know the token: resume by checkpoint, and skip by position.
            self.cursor = self.cursor.without_token()
        else:
            endpoints = self._endpoints()
            endpoints.fail(endpoints.current)

    def _endpoints(self) -> Endpoints:
        archives = self._client.archives
        if self._from_archive and archives is not None:
            return archives.endpoints
        return self._client.endpoints

    async def _leave_stale_node(self) -> None:
        """Prefer another node if this one shows nothing new although others do."""
        now = trio.current_time()
        if len(self._client.endpoints) > 1 and now - self._moved > self._idle / 2:
            self._moved = now
            await self._client.endpoints.leave_stale()

    async def _drain(self, handle: Handle) -> None:
        """Read to the end of the ledger."""
        more = True
        while more:
            page = EventPage(self.cursor)
            failure: ChainUnreachable | ChainRefused | None = None
            source: Source | None = None
            try:
                source = await self._find_source()
                page = EventPage(self.cursor)
                async with source.client.list_events(self._request(source)) as stream:
                    self._history.check_node(stream.node)
                    while (frame := await stream.receive()) is not None:
                        page.add(frame)
                page.finish(source)
            except (ChainUnreachable, ChainRefused) as error:
                # What came before the error counts. Otherwise a node that fails now and then could
                # stop all progress.
                failure = error
            await self._advance(page, handle)
            if failure is not None:
                if source is not None and source.is_archive:
                    self._history.note_failure(failure)
                raise failure
            self._refusals = 0
            more = page.more or self._from_archive
        self._at_tip = True
        self._notify()

    async def _find_source(self) -> Source:
        source = await self._history.find_source(self.cursor.checkpoint + 1)
        if source.is_archive is not self._from_archive:
            # A token is valid only at its own source.
            self.cursor = self.cursor.without_token()
            self._from_archive = source.is_archive
            where = "an archive" if source.is_archive else "the nodes"
            log.info("reading events from checkpoint %s on from %s", source.start, where)
        return source

    async def _advance(self, page: EventPage, handle: Handle) -> None:
        if page.cursor == self.cursor:
            return
        if page.events or page.cursor.checkpoint - self._saved >= SAVE_EVERY:
            # After a restart, the archive may not be needed any more.
            known = page.cursor.without_token() if self._from_archive else page.cursor
            await handle(page.events, known)
            self._saved = page.cursor.checkpoint
        if page.cursor.checkpoint > self.cursor.checkpoint or page.events:
            self._moved = trio.current_time()
            self._history.note_progress()
        self.cursor = page.cursor
        self._notify()

    def _request(self, source: Source) -> pb.ListEventsRequest:
        token = self.cursor.token
        return pb.ListEventsRequest(
            read_mask=protobuf.FieldMask(EVENT_FIELDS),
            filter=self._filter,
            start_checkpoint=source.start if token is None else None,
            end_checkpoint=source.end,
            options=pb.QueryOptions(limit=PAGE, after=token),
        )

    def _wake(self) -> None:
        self._woken.set()
        self._woken = trio.Event()

    def _notify(self) -> None:
        self._progress.set()
        self._progress = trio.Event()

    async def _listen(self) -> None:
        """Wake the follower whenever the subscription shows an event."""
        delay = 0.5
        while True:
            request = pb.SubscribeEventsRequest(
                read_mask=protobuf.FieldMask(["checkpoint"]), filter=self._filter
            )
            try:
                async with self._client.subscribe_events(request) as stream:
                    while True:
                        frame = None
                        with trio.move_on_after(self._idle):
                            frame = await stream.receive()
                        if frame is None:
                            break  # it ended, or has been silent for too long
                        delay = 0.5
                        self._note_frame(frame)
            except ChainRefused as error:
                log.warning("no SubscribeEvents (%s); polling every %s s", error, self._poll)
                await trio.sleep(_RESUBSCRIBE_S)  # this node may be updated by then
                continue
            except WrongNetwork as error:
                log.info("SubscribeEvents: %s", error)  # ListEvents raises it
            except ChainUnreachable as error:
                log.info("SubscribeEvents: %s", error)
            self._wake()
            await trio.sleep(_jittered(delay))
            delay = min(2 * delay, 30)

    def _note_frame(self, frame: pb.SubscribeEventsResponse) -> None:
        if frame.event is not None:
            self._tip = max(self._tip, frame.event.checkpoint or 0)
            self._wake()
        elif self._tip < 0 and frame.watermark and frame.watermark.checkpoint is not None:
            self._tip = frame.watermark.checkpoint
            self._wake()


def _defined_in(package: str) -> pb.EventTerm:
    by_type = pb.EventTypeFilter(event_type=normalize_address(package))
    return pb.EventTerm(literals=[pb.EventLiteral(event_type=by_type)])


def _jittered(delay: float) -> float:
    return delay * random.uniform(0.5, 1.5)  # noqa: S311 - only jitter
