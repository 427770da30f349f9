"""Hands events to subscribers without ever waiting for them.

A slow subscriber loses its *oldest* events and is told how many, so that it can read the state
again. Only events that may be lost go through here: chain events have a cursor, and decisions a
journal.
"""

from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import trio

DEFAULT_BUFFER = 256


class Subscription:
    """An async iterator of events; after a loss ``{"type": "dropped", "count": n}`` comes first."""

    def __init__(self, buffer: int) -> None:
        self._events: deque[dict[str, Any]] = deque()
        self._buffer = buffer
        self._arrived = trio.Event()
        self._closed = False
        self.dropped = 0
        """Events lost and not yet reported."""

    def push_nowait(self, event: dict[str, Any]) -> None:
        """Add an event, dropping the oldest one when the buffer is full."""
        if len(self._events) == self._buffer:
            self._events.popleft()
            self.dropped += 1
        self._events.append(event)
        self._arrived.set()

    def close(self) -> None:
        """End the iteration after the buffered events."""
        self._closed = True
        self._arrived.set()

    def __aiter__(self) -> AsyncIterator[dict[str, Any]]:
        return self

    async def __anext__(self) -> dict[str, Any]:
        """Return the next event, waiting for one. Cancelled: no event is lost."""
        while not self._events:
            if self._closed:
                raise StopAsyncIteration
            self._arrived = trio.Event()
            await self._arrived.wait()
        await trio.lowlevel.checkpoint_if_cancelled()
        if self.dropped:
            count, self.dropped = self.dropped, 0
            return {"type": "dropped", "count": count}
        return self._events.popleft()


class Broadcast:
    """One source of events, any number of subscribers."""

    def __init__(self) -> None:
        self._subscriptions: set[Subscription] = set()
        self._closed = False

    def publish(self, kind: str, **fields: Any) -> None:
        """Send ``{"type": kind, **fields}`` to every subscriber. Never waits, never fails."""
        event = {"type": kind, **fields}
        for subscription in self._subscriptions:
            subscription.push_nowait(event)

    def close(self) -> None:
        """End every subscription, also later ones: the daemon stops."""
        self._closed = True
        for subscription in self._subscriptions:
            subscription.close()

    @contextmanager
    def subscribe(self, buffer: int = DEFAULT_BUFFER) -> Iterator[Subscription]:
        """Subscribe until the end of the block."""
        subscription = Subscription(buffer)
        if self._closed:
            subscription.close()
        self._subscriptions.add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)
