"""The client half of gRPC: a channel that connects on first use and again after a loss.

``Channel.request`` has the shape that betterproto2's generated stubs call, but streams should use
``Channel.stream`` directly: the stubs nest async generators, and breaking out of one leaves the
inner generator to the garbage collector.
"""

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from math import inf
from typing import Any, Generic, Self, TypeVar
from urllib.parse import urlsplit

import h2.events
import h2.exceptions
import trio

from walrusd.chain.grpc.connection import (
    Connection,
    KeepAlive,
    close_inbox,
    open_inbox,
)
from walrusd.chain.grpc.wire import (
    Cardinality,
    Framer,
    GRPCError,
    Message,
    Status,
    decode_message,
    encode_frame,
    encode_timeout,
    headers_of,
    status_from_headers,
)

Request = TypeVar("Request", bound=Message)
Reply = TypeVar("Reply", bound=Message)
Connect = Callable[[], Awaitable[trio.abc.Stream]]

_STREAMED_REPLIES = (Cardinality.UNARY_STREAM, Cardinality.STREAM_STREAM)
CONNECT_TIMEOUT = 20.0
"""Seconds for the TCP connection, the TLS handshake and the peer's first SETTINGS."""


@dataclass(frozen=True)
class Method(Generic[Request, Reply]):
    """One remote procedure: ``/package.Service/Method`` and its message types."""

    route: str
    request: type[Request]
    reply: type[Reply]


@dataclass(frozen=True)
class Endpoint:
    """Where a node listens: ``http://`` is plaintext HTTP/2, ``https://`` is TLS."""

    host: str
    port: int
    tls: bool

    @classmethod
    def parse(cls, url: str) -> Self:
        """Return the endpoint of ``url``.

        Raises:
            ValueError: if it is not ``http(s)://host[:port]``.
        """
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"not a node URL: {_without_userinfo(url)!r} (want https://host:port)")
        if parts.path not in {"", "/"} or parts.query or parts.fragment or "@" in parts.netloc:
            raise ValueError(
                f"a node URL is only scheme, host and port: {_without_userinfo(url)!r}"
            )
        tls = parts.scheme == "https"
        return cls(parts.hostname, parts.port or (443 if tls else 80), tls)

    @property
    def authority(self) -> str:
        """Return ``host:port`` as HTTP writes it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def _without_userinfo(url: str) -> str:
    head, at, tail = url.rpartition("@")
    return f"{head.partition('://')[0]}://…@{tail}" if at else url


@contextmanager
def _deadline(
    until: float, subject: str, status: Status = Status.DEADLINE_EXCEEDED
) -> Iterator[None]:
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
        method: Method[Request, Reply],
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
        self._succeeded = False

    async def send_message(self, message: Request, *, end: bool = False) -> None:
        """Send a request message; ``end`` says that it is the last.

        Raises:
            GRPCError: on a lost connection or an expired deadline.
        """
        with _deadline(self._until, self._method.route):
            try:
                await self._connection.send_data(self._stream_id, encode_frame(message), end=end)
            except h2.exceptions.ProtocolError:
                # The server has ended the call before reading everything. Its reason is in the
                # inbox, where recv_message finds it.
                return

    async def recv_message(self) -> Reply | None:
        """Return the next reply, or None after the last.

        A unary reply is returned only once the server's OK has arrived.

        Raises:
            GRPCError: the status of the call, a lost connection, an expired deadline.
        """
        while not self.finished and (self._unary or not self._ready):
            with _deadline(self._until, self._method.route):
                self._take(await self._queue.receive())
        if self._ready:
            return decode_message(self._method.reply, self._ready.pop(0))
        return None

    def _take(self, event: Any) -> None:
        if event is None:
            self.finished = True
            raise GRPCError(Status.UNAVAILABLE, "connection lost")
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
        """Cancel the call if it is not over, and forget it."""
        if not self.finished and not self._connection.closed.is_set():
            self._connection.reset(self._stream_id)
        close_inbox(self._connection, self._stream_id, self._queue)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Reply:
        message = await self.recv_message()
        if message is None:
            raise StopAsyncIteration
        return message


class Channel:
    """Calls to one server over one connection, opened again when it is lost."""

    def __init__(
        self,
        connect: Connect,
        endpoint: Endpoint,
        nursery: trio.Nursery,
        *,
        metadata: Mapping[str, str] | None = None,
        keepalive: KeepAlive | None = None,
    ) -> None:
        self.endpoint = endpoint
        self._connect, self._nursery, self._keepalive = connect, nursery, keepalive
        self._metadata = dict(metadata or {})
        self._connection: Connection | None = None
        self._opening = trio.Lock()

    async def _connected(self) -> Connection:
        async with self._opening:
            connection = self._connection
            if connection is None or not connection.usable:
                stream = await self._dial()
                connection = Connection(stream, client=True, keepalive=self._keepalive)
                self._connection = connection
                await self._nursery.start(connection.run)
            if not connection.ready:
                try:
                    with self._patience():
                        await connection.until(lambda: connection.ready)
                except GRPCError:
                    connection.abandon()
                    raise
            return connection

    async def _dial(self) -> trio.abc.Stream:
        try:
            with self._patience():
                return await self._connect()
        except (OSError, trio.BrokenResourceError, trio.ClosedResourceError) as error:
            # trio hides the reason of a failed TLS handshake in the cause.
            reason = error.__cause__ or error
            raise GRPCError(
                Status.UNAVAILABLE, f"cannot connect to {self.endpoint.authority}: {reason}"
            ) from error
        raise AssertionError("unreachable")

    def _patience(self) -> AbstractContextManager[None]:
        until = trio.current_time() + CONNECT_TIMEOUT
        return _deadline(until, f"connect to {self.endpoint.authority}", Status.UNAVAILABLE)

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
        """Open a call to ``route``; ``timeout`` in seconds covers all of it.

        Raises:
            GRPCError: if the connection cannot be made in time.
        """
        # No cancel scope and no nursery may be open across this yield: generated stream stubs
        # suspend here inside async generators. The deadline is applied in each receive instead.
        del deadline
        until = inf if timeout is None else trio.current_time() + timeout
        with _deadline(until, route):
            connection = await self._connected()
            await connection.until(connection.can_open_stream)
        if connection.draining:
            raise GRPCError(Status.UNAVAILABLE, "the server is closing the connection")
        stream_id = self._start(connection, route, timeout, metadata)
        stream = ClientStream(
            connection,
            stream_id,
            Method(route, request_type, reply_type),
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
            connection.draining = True  # out of stream ids, or a state only a new one can leave
            raise GRPCError(Status.UNAVAILABLE, f"cannot open a stream: {error}") from error
        connection.kick()
        return stream_id

    async def unary(
        self,
        method: Method[Request, Reply],
        request: Request,
        *,
        seconds: float | None = 30.0,
        metadata: Mapping[str, str] | None = None,
    ) -> Reply:
        """Return the one reply of ``method``.

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
        method: Method[Request, Reply],
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


def _tls_context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _dial(endpoint: Endpoint, context: ssl.SSLContext | None) -> Connect:
    async def connect() -> trio.abc.Stream:
        tcp = await trio.open_tcp_stream(endpoint.host, endpoint.port)
        if context is None:
            return tcp
        tls = trio.SSLStream(tcp, context, server_hostname=endpoint.host, https_compatible=True)
        await tls.do_handshake()
        return tls

    return connect


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
    endpoint = Endpoint.parse(url)
    context = None
    if endpoint.tls and connect is None:
        context = tls or _tls_context()
        context.set_alpn_protocols(["h2"])
    return Channel(
        connect or _dial(endpoint, context),
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
