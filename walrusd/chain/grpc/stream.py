"""The client's side of one call in progress."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, Self, TypeVar

import h2.events
import h2.exceptions
import trio

from walrusd.chain.grpc.connection import Connection
from walrusd.chain.grpc.inbox import close_inbox, open_inbox
from walrusd.chain.grpc.wire import (
    Framer,
    GRPCError,
    Message,
    Status,
    decode_message,
    encode_frame,
    headers_of,
    status_from_headers,
)

SILENT_S = 10.0
"""Seconds of silence after which a call that gets no answer retires its connection."""

Request = TypeVar("Request", bound=Message)
Reply = TypeVar("Reply", bound=Message)


@dataclass(frozen=True)
class GrpcMethod(Generic[Request, Reply]):
    """One remote procedure: ``/package.Service/Method`` and its message types."""

    route: str
    request: type[Request]
    reply: type[Reply]


@contextmanager
def expire_at(
    until: float, subject: str, status: Status = Status.DEADLINE_EXCEEDED
) -> Iterator[None]:
    """Raise ``status`` at ``until``, in trio's time; never keep this open across a ``yield``."""
    with trio.move_on_at(until) as scope:
        yield
    if scope.cancelled_caught:
        raise GRPCError(status, f"{subject}: no answer in time")


class ClientStream(Generic[Request, Reply]):
    """One call in progress. Iterate it, or call ``recv_message`` until it returns None."""

    def __init__(
        self,
        connection: Connection,
        stream_id: int,
        method: GrpcMethod[Request, Reply],
        until: float,
        *,
        unary: bool,
    ) -> None:
        self.finished = False
        self._connection, self._stream_id, self._method = connection, stream_id, method
        self._until, self._unary = until, unary
        self._queue = open_inbox(connection, stream_id)
        self._framer = Framer()
        self._ready: list[bytes] = []
        self._succeeded = self._answered = False

    async def send_message(self, message: Request, *, end: bool = False) -> None:
        """Send a request message; ``end`` marks it as the last.

        Raises:
            GRPCError: on a lost connection or an expired deadline.
        """
        with expire_at(self._until, self._method.route):
            try:
                await self._connection.send_data(self._stream_id, encode_frame(message), end=end)
            except h2.exceptions.ProtocolError:
                # The server ended the call before it read everything. recv_message finds its
                # reason in the inbox.
                return

    async def recv_message(self) -> Reply | None:
        """Return the next reply, or None after the last.

        A unary reply is returned only once the server's OK has arrived.

        Raises:
            GRPCError: the status of the call, a lost connection, an expired deadline.
        """
        while not self.finished and (self._unary or not self._ready):
            with expire_at(self._until, self._method.route):
                self._take(await self._queue.receive())
        if self._ready:
            return decode_message(self._method.reply, self._ready.pop(0))
        return None

    def _take(self, event: Any) -> None:
        if event is None:
            self.finished = True
            raise GRPCError(Status.UNAVAILABLE, "connection lost")
        self._answered = True
        if isinstance(event, h2.events.DataReceived):
            self._connection.acknowledge(event)
            self._ready += self._framer.feed(event.data or b"")
        elif isinstance(event, h2.events.ResponseReceived | h2.events.TrailersReceived):
            outcome = status_from_headers(headers_of(event))
            if isinstance(outcome, GRPCError):
                self.finished = True
                raise outcome
            self._succeeded = self._succeeded or outcome is Status.OK
        elif isinstance(event, h2.events.StreamEnded):
            self.finished = True
            if not self._succeeded:
                raise GRPCError(Status.UNKNOWN, "the call ended without a gRPC status")
        elif isinstance(event, h2.events.StreamReset):
            self.finished = True
            if not self._succeeded:
                raise GRPCError(Status.UNAVAILABLE, f"reset by the server: {event.error_code!r}")

    def close(self) -> None:
        """Reset the call if it has not ended, and forget it.

        If its timeout passed without a single frame of an answer, the connection is retired and
        the next call opens a new one: behind a load balancer, this one may lead to a server that
        is gone. The same holds if the call is cancelled while the connection has long been silent.
        """
        connection = self._connection
        if not self.finished and not connection.closed.is_set():
            connection.reset(self._stream_id)
        close_inbox(connection, self._stream_id, self._queue)
        expired = trio.current_time() >= self._until or connection.silence >= SILENT_S
        if connection.draining or (expired and not self._answered):
            connection.retire()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Reply:
        message = await self.recv_message()
        if message is None:
            raise StopAsyncIteration
        return message
