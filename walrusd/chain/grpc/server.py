"""The gRPC server: serves a table of handlers on one connection."""

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import h2.events
import h2.exceptions
import trio

from walrusd.chain.grpc.connection import Connection, KeepAlive
from walrusd.chain.grpc.inbox import close_inbox, open_inbox
from walrusd.chain.grpc.status_details import Detail
from walrusd.chain.grpc.wire import (
    Framer,
    GRPCError,
    Message,
    Status,
    decode_message,
    encode_frame,
    headers_of,
    status_trailers,
)

log = logging.getLogger(__name__)

_FLUSH = 0.01
"""Seconds for half a frame to be sent before the connection is dropped."""

_RESPONSE = [(":status", "200"), ("content-type", "application/grpc")]


@dataclass(frozen=True)
class Handler:
    """The function that answers one route.

    ``answer`` takes the decoded request. It is a coroutine function that returns the reply, or,
    if ``streaming``, an async generator function that yields replies. It may raise ``GRPCError``.
    """

    request: type[Message]
    answer: Callable[[Any], Awaitable[Message]] | Callable[[Any], AsyncGenerator[Message, None]]
    streaming: bool = False


class HangUpError(Exception):
    """Raised by a handler to end its call, or the connection, without a status.

    Simulates a failing proxy or a power cut; half of ``reply``, if given, is sent before.
    """

    def __init__(self, *, reply: Message | None = None, connection: bool = False) -> None:
        super().__init__("hung up")
        self.reply, self.connection = reply, connection


async def serve_connection(
    stream: trio.abc.Stream,
    table: Mapping[str, Handler],
    *,
    keepalive: KeepAlive | None = None,
) -> None:
    """Answer calls on ``stream`` until the peer leaves; ``table`` maps ``/pkg.Service/Method``."""
    connection = Connection(stream, client=False, keepalive=keepalive)
    async with trio.open_nursery() as nursery:

        def on_request(event: h2.events.RequestReceived) -> None:
            stream_id = event.stream_id
            if stream_id is None:
                return
            queue = open_inbox(connection, stream_id)
            nursery.start_soon(_serve_call, connection, stream_id, headers_of(event), queue, table)

        await connection.run(on_request)
        nursery.cancel_scope.cancel()


async def _serve_call(
    connection: Connection,
    stream_id: int,
    headers: dict[str, str],
    queue: trio.MemoryReceiveChannel[Any],
    table: Mapping[str, Handler],
) -> None:
    call = _Call(connection, stream_id)
    try:
        try:
            body = await _read_request(connection, queue)
            if body is None:
                return
            handler = _find(table, headers.get(":path", ""))
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_cancel_on_reset, queue, nursery.cancel_scope)
                await call.answer(handler, body)
                nursery.cancel_scope.cancel()
        except GRPCError as error:
            call.set_error(error)
        if call.answered:
            call.finish()
    finally:
        close_inbox(connection, stream_id, queue)


def _find(table: Mapping[str, Handler], route: str) -> Handler:
    try:
        return table[route]
    except KeyError:
        raise GRPCError(Status.UNIMPLEMENTED, f"unknown method {route}") from None


async def _read_request(
    connection: Connection, queue: trio.MemoryReceiveChannel[Any]
) -> bytes | None:
    """Return the request message, or None if the client has left."""
    framer = Framer()
    messages: list[bytes] = []
    while True:
        event = await queue.receive()
        if event is None or isinstance(event, h2.events.StreamReset):
            return None
        if isinstance(event, h2.events.DataReceived):
            connection.acknowledge(event)
            messages += framer.feed(event.data or b"")
        elif isinstance(event, h2.events.StreamEnded):
            if len(messages) != 1:
                raise GRPCError(Status.INTERNAL, f"{len(messages)} request messages, not one")
            return messages[0]


async def _cancel_on_reset(queue: trio.MemoryReceiveChannel[Any], scope: trio.CancelScope) -> None:
    while True:
        event = await queue.receive()
        if event is None or isinstance(event, h2.events.StreamReset):
            scope.cancel()
            return


class _Call:
    """The server's side of one stream."""

    def __init__(self, connection: Connection, stream_id: int) -> None:
        self.status, self.text, self.answered = Status.OK, "", True
        self._details: list[Detail] = []
        self._connection, self._stream_id, self._opened = connection, stream_id, False

    async def answer(self, handler: Handler, body: bytes) -> None:
        """Run the handler and send its replies; remember the status it ends with."""
        self.answered = False  # cancelled inside: the client is gone and needs no trailers
        try:
            request = decode_message(handler.request, body)
            if handler.streaming:
                replies = cast("AsyncGenerator[Message, None]", handler.answer(request))
                try:
                    async for reply in replies:
                        await self._send(reply)
                finally:
                    await replies.aclose()
            else:
                await self._send(await cast("Awaitable[Message]", handler.answer(request)))
        except h2.exceptions.ProtocolError:
            return  # h2 forgets a stream that the client has reset
        except HangUpError as hang_up:
            await self._hang_up(hang_up)
            return
        except GRPCError as error:
            self.set_error(error)
        except Exception:
            # A handler's bug must not end the connection for all other calls.
            log.exception("the handler of %s failed", handler.answer)
            self.status, self.text = Status.INTERNAL, "internal error"
        self.answered = True

    def set_error(self, error: GRPCError) -> None:
        """Remember the status that the call ends with."""
        self.status, self.text = error.status, error.message or ""
        self._details = error.details or []

    async def _send(self, reply: Message) -> None:
        await self._send_bytes(encode_frame(reply))

    async def _send_bytes(self, data: bytes) -> None:
        if not self._opened:
            self._connection.h2.send_headers(self._stream_id, _RESPONSE)
            self._opened = True
        await self._connection.send_data(self._stream_id, data, end=False)

    async def _hang_up(self, hang_up: HangUpError) -> None:
        try:
            if hang_up.reply is not None:
                frame = encode_frame(hang_up.reply)
                await self._send_bytes(frame[: len(frame) // 2])
                await trio.sleep(_FLUSH)
        except (GRPCError, h2.exceptions.ProtocolError):
            return  # the client ended the call first
        if hang_up.connection:
            self._connection.abandon()
        else:
            self._connection.reset(self._stream_id)

    def finish(self) -> None:
        """Send the trailers; does nothing if the client or the connection is gone."""
        trailers = status_trailers(self.status, self.text, self._details)
        try:
            self._connection.h2.send_headers(
                self._stream_id,
                trailers if self._opened else [*_RESPONSE, *trailers],
                end_stream=True,
            )
        except h2.exceptions.ProtocolError:
            return
        self._connection.kick()
