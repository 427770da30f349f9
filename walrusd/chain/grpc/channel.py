"""The gRPC client: a channel that connects on first use and reconnects after a loss.

``Channel.request`` has the shape that betterproto2's generated stubs call, but streams should use
``Channel.stream`` directly: the stubs nest async generators, and breaking out of one leaves the
inner generator to the garbage collector.
"""

import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractContextManager, asynccontextmanager
from math import inf

import h2.exceptions
import trio

from walrusd.chain.grpc.connection import Connection, KeepAlive
from walrusd.chain.grpc.endpoint import Connect, NodeUrl, dialler
from walrusd.chain.grpc.stream import ClientStream, GrpcMethod, Reply, Request, expire_at
from walrusd.chain.grpc.wire import Cardinality, GRPCError, Status, encode_timeout
from walrusd.runtime.groups import first_leaf

_STREAMED_REPLIES = (Cardinality.UNARY_STREAM, Cardinality.STREAM_STREAM)
CONNECT_TIMEOUT = 8.0
"""Seconds for the TCP connection, the TLS handshake and the peer's first SETTINGS together.

Shorter than any call's timeout, so that a call on a dead connection has time for a second one.
"""


class _Opening:
    """One attempt to connect, which several calls may wait for."""

    def __init__(self) -> None:
        self.done = trio.Event()
        self.failure: GRPCError | None = None


class Channel:
    """Calls to one server over one connection, which is reopened when it is lost."""

    def __init__(
        self,
        connect: Connect,
        endpoint: NodeUrl,
        nursery: trio.Nursery,
        *,
        metadata: Mapping[str, str] | None = None,
        keepalive: KeepAlive | None = None,
    ) -> None:
        self.endpoint = endpoint
        self._connect, self._nursery, self._keepalive = connect, nursery, keepalive
        self._metadata = dict(metadata or {})
        self._connection: Connection | None = None
        self._opening: _Opening | None = None

    async def _connected(self) -> Connection:
        """Return a usable connection, opened by this call or by a concurrent one."""
        while True:
            connection = self._connection
            if connection is not None and connection.usable:
                return connection
            if self._opening is None:
                return await self._open()
            # A failure fails every waiting call; only a later call dials again. If the opening
            # call was cancelled it left no failure, and one of the waiting calls opens instead.
            opening = self._opening
            await opening.done.wait()
            if opening.failure is not None:
                raise GRPCError(opening.failure.status, opening.failure.message)

    async def _open(self) -> Connection:
        opening = self._opening = _Opening()
        connection: Connection | None = None
        try:
            with self._patience():
                stream = await self._dial()
                connection = Connection(stream, client=True, keepalive=self._keepalive)
                await self._get_ready(connection)
                self._connection = connection
        except GRPCError as error:
            opening.failure = error
            raise
        else:
            return connection
        finally:
            # Also on cancellation: a connection that did not become ready is closed.
            if connection is not None and self._connection is not connection:
                connection.abandon()
            self._opening = None
            opening.done.set()

    async def _get_ready(self, connection: Connection) -> None:
        await self._nursery.start(connection.run)
        await connection.until(connection.can_open_stream)
        if connection.draining:
            raise GRPCError(Status.UNAVAILABLE, "the server closes new connections")

    async def _dial(self) -> trio.abc.Stream:
        try:
            return await self._connect()
        except (OSError, trio.BrokenResourceError, trio.ClosedResourceError) as error:
            # trio wraps the reason of a failed handshake or of attempts at several addresses.
            reason = first_leaf(error.__cause__ or error)
            raise GRPCError(
                Status.UNAVAILABLE, f"cannot connect to {self.endpoint.authority}: {reason}"
            ) from error

    def _patience(self) -> AbstractContextManager[None]:
        until = trio.current_time() + CONNECT_TIMEOUT
        return expire_at(until, f"connect to {self.endpoint.authority}", Status.UNAVAILABLE)

    async def _with_room(self) -> Connection:
        """Return a connection on which a stream can be opened now."""
        while True:
            connection = await self._connected()
            try:
                await connection.until(connection.can_open_stream)
            finally:
                if not connection.inbox and not connection.can_open_stream():
                    connection.retire()  # no call is open here that could end and make room
            if not connection.draining:  # GOAWAY may arrive while we wait
                return connection

    @asynccontextmanager
    async def request(
        self,
        route: str,
        cardinality: Cardinality,
        request_type: type[Request],
        reply_type: type[Reply],
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - the shape that generated stubs call
        deadline: None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> AsyncIterator[ClientStream[Request, Reply]]:
        """Open a call to ``route``; ``timeout`` in seconds covers the whole call.

        Cancelling resets the stream; the connection stays open for other calls.

        Raises:
            GRPCError: if the connection cannot be made in time.
        """
        # No cancel scope and no nursery may be open across this yield: generated stream stubs
        # suspend here inside async generators. The deadline is applied in each receive instead.
        del deadline
        until = inf if timeout is None else trio.current_time() + timeout
        with expire_at(until, route):
            connection = await self._with_room()
        stream_id = self._start(connection, route, timeout, metadata)
        stream = ClientStream(
            connection,
            stream_id,
            GrpcMethod(route, request_type, reply_type),
            until,
            unary=cardinality not in _STREAMED_REPLIES,
        )
        try:
            yield stream
        finally:
            stream.close()

    def _start(
        self,
        connection: Connection,
        route: str,
        seconds: float | None,
        metadata: Mapping[str, str] | None,
    ) -> int:
        headers = [
            (":method", "POST"),
            (":scheme", "https" if self.endpoint.tls else "http"),
            (":path", route),
            (":authority", self.endpoint.authority),
            ("te", "trailers"),
            ("content-type", "application/grpc"),
            ("user-agent", "walrusd"),
        ]
        if seconds is not None:
            headers.append(("grpc-timeout", encode_timeout(seconds)))
        headers += [*self._metadata.items(), *(metadata or {}).items()]
        try:
            stream_id = connection.h2.get_next_available_stream_id()
            connection.h2.send_headers(stream_id, headers)
        except h2.exceptions.ProtocolError as error:
            connection.retire()  # out of stream ids, or otherwise spent
            raise GRPCError(Status.UNAVAILABLE, f"cannot open a stream: {error}") from error
        connection.expect_answer()
        return stream_id

    async def unary(
        self,
        method: GrpcMethod[Request, Reply],
        request: Request,
        *,
        seconds: float | None = 30.0,
        metadata: Mapping[str, str] | None = None,
    ) -> Reply:
        """Return the reply of the unary ``method``; ``seconds`` covers the whole call.

        Cancelling resets the stream; the server may still have acted on the request.

        Raises:
            GRPCError: with the status of the call.
        """
        async with self.request(
            method.route,
            Cardinality.UNARY_UNARY,
            method.request,
            method.reply,
            timeout=seconds,
            metadata=metadata,
        ) as stream:
            await stream.send_message(request, end=True)
            reply = await stream.recv_message()
        if reply is None:
            raise GRPCError(Status.INTERNAL, f"{method.route}: no reply")
        return reply

    @asynccontextmanager
    async def stream(
        self,
        method: GrpcMethod[Request, Reply],
        request: Request,
        *,
        seconds: float | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> AsyncIterator[ClientStream[Request, Reply]]:
        """Open a server-streaming call and send its one request.

        Raises:
            GRPCError: with the status of the call, also while iterating.
        """
        async with self.request(
            method.route,
            Cardinality.UNARY_STREAM,
            method.request,
            method.reply,
            timeout=seconds,
            metadata=metadata,
        ) as stream:
            await stream.send_message(request, end=True)
            yield stream


def channel_to(
    url: str,
    nursery: trio.Nursery,
    *,
    connect: Connect | None = None,
    tls: ssl.SSLContext | None = None,
    metadata: Mapping[str, str] | None = None,
    keepalive: KeepAlive | None = None,
) -> Channel:
    """Return a channel whose connection lives in ``nursery``; see ``open_channel``."""
    endpoint = NodeUrl.parse(url)
    return Channel(
        connect or dialler(endpoint, tls),
        endpoint,
        nursery,
        metadata=metadata,
        keepalive=keepalive,
    )


@asynccontextmanager
async def open_channel(
    url: str,
    *,
    connect: Connect | None = None,
    tls: ssl.SSLContext | None = None,
    metadata: Mapping[str, str] | None = None,
    keepalive: KeepAlive | None = None,
) -> AsyncIterator[Channel]:
    """Yield a channel to ``url``; nothing is connected before the first call.

    Args:
        url: ``http://host[:port]`` or ``https://host[:port]``.
        connect: replaces TCP and TLS, for instance by an in-memory stream.
        tls: certificate policy; the system's by default.
        metadata: headers sent with every call.
        keepalive: when to suspect a silent connection; never by default.

    Raises:
        ValueError: if ``url`` is not a node URL.
    """
    async with trio.open_nursery() as nursery:
        yield channel_to(
            url, nursery, connect=connect, tls=tls, metadata=metadata, keepalive=keepalive
        )
        nursery.cancel_scope.cancel()
