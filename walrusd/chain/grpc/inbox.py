"""The queue of the events of one stream."""

from math import inf
from typing import Any

import h2.events
import trio

from walrusd.chain.grpc.connection import Connection, Event


def open_inbox(connection: Connection, stream_id: int) -> trio.MemoryReceiveChannel[Event | None]:
    """Return a queue of the events of one stream; None means that the connection was lost.

    The queue is unbounded because flow control bounds the DATA in it.
    """
    send, receive = trio.open_memory_channel[Any](inf)

    def sink(event: Event | None) -> None:
        try:
            send.send_nowait(event)
        except trio.BrokenResourceError:
            if isinstance(event, h2.events.DataReceived):
                connection.acknowledge(event)

    connection.inbox[stream_id] = sink
    connection.note_begun()
    return receive


def close_inbox(
    connection: Connection, stream_id: int, queue: trio.MemoryReceiveChannel[Event | None]
) -> None:
    """Forget a stream and return the credit of its unread DATA to the connection's window."""
    connection.forget(stream_id)
    while True:
        try:
            event = queue.receive_nowait()
        except (trio.WouldBlock, trio.EndOfChannel):
            break
        if isinstance(event, h2.events.DataReceived):
            connection.acknowledge(event)
    queue.close()
