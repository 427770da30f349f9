"""The event stream: server-sent events (WHATWG HTML, section 9.2) from the broadcast."""

import json
from typing import Any

import trio
from starlette.types import Receive, Scope, Send

from walrusd.runtime.broadcast import Broadcast, Subscription

KEEPALIVE_S = 15.0
_HEADERS = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store")]


class EventStream:
    """An ASGI response that lasts until the client leaves or the server stops."""

    def __init__(self, broadcast: Broadcast) -> None:
        self._broadcast = broadcast

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Send every event from now on, and a comment after a while without any."""
        with self._broadcast.subscribe() as subscription:
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_cancel_on_disconnect, receive, nursery.cancel_scope)
                await _relay(subscription, send)
                nursery.cancel_scope.cancel()


async def _cancel_on_disconnect(receive: Receive, scope: trio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()


async def _relay(subscription: Subscription, send: Send) -> None:
    # The first bytes confirm the subscription.
    chunk = b": walrusd events\n\n"
    while True:
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
        chunk = b": still here\n\n"
        try:
            with trio.move_on_after(KEEPALIVE_S):
                chunk = encode_event(await anext(subscription))
        except StopAsyncIteration:
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return


def encode_event(event: dict[str, Any]) -> bytes:
    """Return an event in wire form; JSON has no raw line breaks, so it fits one data line."""
    return f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()
