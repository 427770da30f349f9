"""Calls, streams, cancellation and reconnection over in-memory streams."""

import datetime as dt
import ssl
import struct
from contextlib import suppress
from functools import partial
from types import SimpleNamespace

import h2.config
import h2.connection
import h2.events
import pytest
import trio
import trio.testing
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from walrusd.chain.grpc import (
    Cardinality,
    GRPCError,
    KeepAlive,
    NodeUrl,
    Status,
    open_channel,
    serve_connection,
)
from walrusd.chain.grpc.wire import Framer, encode_frame, encode_timeout, headers_of

from .wiretools import Raw, handler, method, switchboard

ECHO, TICKS, STUCK, FAIL, BUG, FLOOD = (
    method(n) for n in ("Echo", "Ticks", "Stuck", "Fail", "Bug", "Flood")
)


class Handlers:
    """Handlers that remember how many of them are running."""

    def __init__(self):
        self.open = 0
        self.sent = 0
        self.table = {
            ECHO.route: handler(self.echo),
            TICKS.route: handler(self.ticks, streaming=True),
            FLOOD.route: handler(self.flood, streaming=True),
            STUCK.route: handler(self.stuck),
            FAIL.route: handler(self.fail, streaming=True),
            BUG.route: handler(self.bug),
        }

    async def echo(self, request):
        await trio.lowlevel.checkpoint()
        return Raw(request)

    async def ticks(self, request):
        self.open += 1
        try:
            n = 0
            while True:
                yield Raw(b"%d" % n)
                n += 1
                await trio.sleep(0.01)
        finally:
            self.open -= 1

    async def flood(self, request):
        while True:
            yield Raw(bytes(100_000))
            self.sent += 1

    async def stuck(self, request):
        self.open += 1
        try:
            await trio.sleep_forever()
        finally:
            self.open -= 1

    async def fail(self, request):
        yield Raw(b"one")
        yield Raw(b"two")
        raise GRPCError(Status.RESOURCE_EXHAUSTED, "ünsicher 100 %\n")

    async def bug(self, request):
        raise ZeroDivisionError("secret detail")


async def test_large_and_small_messages_come_back_unchanged(autojump_clock):
    handlers = Handlers()
    async with switchboard(handlers.table) as (channel, _):
        for size in (0, 1, 65_535, 3_000_000):
            assert await channel.unary(ECHO, Raw(b"x" * size)) == b"x" * size


async def test_two_hundred_concurrent_calls_share_one_connection(autojump_clock):
    handlers, got = Handlers(), []

    async def call(n):
        got.append(int(await channel.unary(ECHO, Raw(b"%d" % n))))

    async with switchboard(handlers.table) as (channel, board):
        async with trio.open_nursery() as nursery:
            for n in range(200):
                nursery.start_soon(call, n)
        assert sorted(got) == list(range(200))
        assert len(board.streams) == 1


async def test_status_arrives_after_the_messages_before_it(autojump_clock):
    handlers, got = Handlers(), []
    async with switchboard(handlers.table) as (channel, _), channel.stream(FAIL, Raw()) as stream:
        with pytest.raises(GRPCError) as caught:  # noqa: PT012 - any message may raise
            async for message in stream:
                got.append(bytes(message))  # noqa: PERF401 - what came first must be kept
    assert got == [b"one", b"two"]
    assert caught.value.status is Status.RESOURCE_EXHAUSTED
    assert caught.value.message == "ünsicher 100 %\n"


async def test_unknown_routes_and_handler_bugs_have_different_statuses(autojump_clock, caplog):
    handlers = Handlers()
    async with switchboard(handlers.table) as (channel, _):
        with pytest.raises(GRPCError) as unknown:
            await channel.unary(method("Nowhere"), Raw())
        assert unknown.value.status is Status.UNIMPLEMENTED
        with pytest.raises(GRPCError) as bug:
            await channel.unary(BUG, Raw())
        assert bug.value.status is Status.INTERNAL
        assert "secret" not in bug.value.message
        assert await channel.unary(ECHO, Raw(b"alive")) == b"alive"


async def test_undecodable_messages_are_internal_errors_on_both_sides(autojump_clock):
    async def bad(request):
        return Raw(b"undecodable")

    handlers = Handlers()
    handlers.table[BUG.route] = handler(bad)
    async with switchboard(handlers.table) as (channel, _):
        for target, body in ((BUG, b""), (ECHO, b"undecodable")):
            with pytest.raises(GRPCError) as caught:
                await channel.unary(target, Raw(body))
            assert caught.value.status is Status.INTERNAL


async def test_cancelling_a_call_stops_its_handler(autojump_clock):
    handlers = Handlers()
    async with switchboard(handlers.table) as (channel, board):
        with trio.move_on_after(1):
            await channel.unary(STUCK, Raw(), seconds=None)
        await trio.sleep(0.1)
        assert handlers.open == 0
        assert len(board.streams) == 1
        assert await channel.unary(ECHO, Raw(b"x")) == b"x"


async def test_a_deadline_ends_the_call_and_its_handler(autojump_clock):
    handlers = Handlers()
    async with switchboard(handlers.table) as (channel, _):
        start = trio.current_time()
        with pytest.raises(GRPCError) as caught:
            await channel.unary(STUCK, Raw(), seconds=5)
        assert caught.value.status is Status.DEADLINE_EXCEEDED
        assert trio.current_time() - start == pytest.approx(5)
        await trio.sleep(0.1)
        assert handlers.open == 0


async def test_leaving_a_stream_stops_its_handler(autojump_clock):
    handlers = Handlers()
    async with switchboard(handlers.table) as (channel, _):
        async with channel.stream(TICKS, Raw()) as stream:
            async for message in stream:
                if message == b"5":
                    break
        await trio.sleep(0.1)
        assert handlers.open == 0


async def test_a_generated_stub_may_be_left_half_read(autojump_clock):
    """The stubs nest async generators: no cancel scope may be open where they are suspended."""

    async def stub(channel):
        async with channel.request(TICKS.route, Cardinality.UNARY_STREAM, Raw, Raw) as stream:
            await stream.send_message(Raw(), end=True)
            async for message in stream:
                yield message

    handlers = Handlers()
    async with switchboard(handlers.table) as (channel, _):
        generator = stub(channel)
        with trio.move_on_after(5) as scope:
            async for message in generator:
                if message == b"3":
                    break
        assert not scope.cancelled_caught
        await trio.sleep(1)  # another scope came and went while the generator was suspended
        await generator.aclose()
        await trio.sleep(0.1)
        assert handlers.open == 0


async def test_a_lost_connection_fails_its_calls_and_the_next_call_reconnects(autojump_clock):
    handlers, failures = Handlers(), []

    async def call(target):
        try:
            await channel.unary(target, Raw(), seconds=None)
        except GRPCError as error:
            failures.append(error.status)

    async def read():
        try:
            async with channel.stream(TICKS, Raw()) as stream:
                async for _ in stream:
                    pass
        except GRPCError as error:
            failures.append(error.status)

    async with switchboard(handlers.table) as (channel, board):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(call, STUCK)
            nursery.start_soon(read)
            await trio.sleep(1)
            await board.cut()
        assert failures == [Status.UNAVAILABLE] * 2
        board.refuse = True
        with pytest.raises(GRPCError) as caught:
            await channel.unary(ECHO, Raw())
        assert caught.value.status is Status.UNAVAILABLE
        board.refuse = False
        assert await channel.unary(ECHO, Raw(b"back")) == b"back"
        assert len(board.streams) == 2


async def test_back_pressure_bounds_what_a_slow_reader_is_sent(autojump_clock):
    handlers = Handlers()
    async with switchboard(handlers.table) as (channel, _), channel.stream(FLOOD, Raw()) as stream:
        await stream.recv_message()
        await trio.sleep(60)
        first = handlers.sent
        assert first * 100_000 < 9 << 20
        for _ in range(200):
            await stream.recv_message()
        assert handlers.sent > first + 100


async def test_random_cancellation_leaks_no_window_and_no_inbox(autojump_clock):
    handlers = Handlers()
    async with switchboard(handlers.table) as (channel, board):
        outcomes = {"done": 0, "cancelled": 0}

        async def slow_echo(request):
            await trio.sleep(0.001 * (len(request) % 7))
            return Raw(request)

        handlers.table[ECHO.route] = handler(slow_echo)

        async def call(n):
            with trio.move_on_after(0.001 * (n % 11) + 0.0005):
                reply = await channel.unary(ECHO, Raw(bytes(n * 997 % 50_000)), seconds=None)
                assert len(reply) == n * 997 % 50_000
                outcomes["done"] += 1
                return
            outcomes["cancelled"] += 1

        await channel.unary(ECHO, Raw())
        async with trio.open_nursery() as nursery:
            for n in range(200):
                nursery.start_soon(call, n)
        await trio.sleep(1)
        connection = channel._connection
        manager = connection.h2._inbound_flow_control_window_manager
        assert manager.max_window_size == manager.current_window_size + manager._bytes_processed
        assert not connection.inbox
        assert len(board.streams) == 1
        assert min(outcomes.values()) > 20


async def test_callers_wait_for_a_free_stream(autojump_clock):
    handlers = Handlers()
    async with switchboard(handlers.table) as (channel, _):
        await channel.unary(ECHO, Raw())
        settings = channel._connection.h2.remote_settings
        settings[3] = 5  # MAX_CONCURRENT_STREAMS
        settings.acknowledge()
        got = []

        async def call(n):
            got.append(await channel.unary(ECHO, Raw(b"%d" % n)))

        async with trio.open_nursery() as nursery:
            for n in range(50):
                nursery.start_soon(call, n)
        assert len(got) == 50


async def test_our_window_is_announced_before_the_first_stream(autojump_clock):
    ours, theirs = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve_connection, theirs, {})
        peer = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
        peer.initiate_connection()
        await ours.send_all(peer.data_to_send())
        peer.receive_data(bytes(await ours.receive_some()))
        assert peer.remote_settings.initial_window_size == 4 << 20
        assert peer.outbound_flow_control_window > 4 << 20
        nursery.cancel_scope.cancel()


class BareServer:
    """A raw h2 server under the test's control."""

    def __init__(self, stream):
        self.stream = stream
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        self.h2.initiate_connection()

    async def flush(self):
        if data := self.h2.data_to_send():
            await self.stream.send_all(data)

    async def until(self, kind):
        await self.flush()
        while True:
            for event in self.h2.receive_data(bytes(await self.stream.receive_some())):
                if isinstance(event, kind):
                    await self.flush()
                    return event
            await self.flush()

    async def answer(self, stream_id, body, trailers=((b"grpc-status", b"0"),)):
        self.h2.send_headers(stream_id, [(":status", "200"), ("content-type", "application/grpc")])
        self.h2.send_data(stream_id, encode_frame(Raw(body)))
        self.h2.send_headers(stream_id, list(trailers), end_stream=True)
        await self.flush()


async def with_peer(script, *, keepalive=None):
    """Run ``script(channel, peers)`` with a raw server behind every connection."""
    peers = []

    async def connect():
        await trio.lowlevel.checkpoint()
        ours, theirs = trio.testing.memory_stream_pair()
        peer = BareServer(theirs)
        await peer.flush()
        peers.append(peer)
        return ours

    async with open_channel("http://peer", connect=connect, keepalive=keepalive) as channel:
        await script(channel, peers)


async def test_a_polite_goaway_lets_the_open_call_finish(autojump_clock):
    async def script(channel, peers):
        replies = []

        async def call(body):
            replies.append(await channel.unary(ECHO, Raw(body)))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(call, b"first")
            await trio.sleep(0.1)
            event = await peers[0].until(h2.events.StreamEnded)
            peers[0].h2.close_connection()
            peers[0].h2.state_machine.state = h2.connection.ConnectionState.SERVER_OPEN
            await peers[0].flush()
            await trio.sleep(0.1)
            nursery.start_soon(call, b"second")
            await trio.sleep(0.1)
            assert len(peers) == 2
            await peers[0].answer(event.stream_id, b"one")
            event = await peers[1].until(h2.events.StreamEnded)
            await peers[1].answer(event.stream_id, b"two")
        assert replies == [b"one", b"two"]

    await with_peer(script)


async def test_a_call_that_ends_without_a_status_has_failed(autojump_clock):
    async def script(channel, peers):
        async def serve():
            await trio.sleep(0.1)
            event = await peers[0].until(h2.events.StreamEnded)
            await peers[0].answer(event.stream_id, b"half", trailers=[(b"other", b"x")])

        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve)
            with pytest.raises(GRPCError) as caught:
                await channel.unary(ECHO, Raw())
            assert caught.value.status is Status.UNKNOWN

    await with_peer(script)


async def test_a_refusing_proxy_is_named_by_its_http_status(autojump_clock):
    async def script(channel, peers):
        async def serve():
            await trio.sleep(0.1)
            event = await peers[0].until(h2.events.StreamEnded)
            peers[0].h2.send_headers(event.stream_id, [(":status", "503")], end_stream=True)
            await peers[0].flush()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve)
            with pytest.raises(GRPCError, match="503") as caught:
                await channel.unary(ECHO, Raw())
            assert caught.value.status is Status.UNAVAILABLE

    await with_peer(script)


async def test_a_server_that_rejects_early_is_heard(autojump_clock):
    """The request is larger than the window; the server answers and resets without reading it."""

    async def script(channel, peers):
        async def serve():
            await trio.sleep(0.1)
            event = await peers[0].until(h2.events.RequestReceived)
            peers[0].h2.send_headers(
                event.stream_id,
                [(":status", "200"), ("grpc-status", "8"), ("grpc-message", "too%20big")],
                end_stream=True,
            )
            peers[0].h2.reset_stream(event.stream_id, 0)
            await peers[0].flush()
            while True:
                await peers[0].until(h2.events.WindowUpdated)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve)
            with pytest.raises(GRPCError, match="too big") as caught:
                await channel.unary(ECHO, Raw(bytes(1_000_000)))
            assert caught.value.status is Status.RESOURCE_EXHAUSTED
            nursery.cancel_scope.cancel()

    await with_peer(script)


async def test_the_watchdog_ends_a_silent_connection_but_not_a_quiet_one(autojump_clock):
    async def script(channel, peers):
        async def answer_pings_for_a_while():
            await trio.sleep(0.1)
            with trio.move_on_after(300):
                await peers[0].until(h2.events.ConnectionTerminated)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(answer_pings_for_a_while)
            start = trio.current_time()
            with pytest.raises(GRPCError) as caught:
                await channel.unary(STUCK, Raw(), seconds=None)
            assert caught.value.status is Status.UNAVAILABLE
            assert 300 < trio.current_time() - start < 345
            nursery.cancel_scope.cancel()

    await with_peer(script, keepalive=KeepAlive(30, 10))


async def test_a_peer_that_never_speaks_http2_is_unreachable(autojump_clock):
    async def connect():
        await trio.lowlevel.checkpoint()
        ours, theirs = trio.testing.memory_stream_pair()
        kept.append(theirs)
        return ours

    kept = []
    async with open_channel("http://mute", connect=connect) as channel:
        for n in (1, 2):
            with pytest.raises(GRPCError) as caught:
                await channel.unary(ECHO, Raw(), seconds=None)
            assert caught.value.status is Status.UNAVAILABLE
            assert len(kept) == n


async def test_garbage_ends_only_its_own_connection(autojump_clock):
    ours, theirs = trio.testing.memory_stream_pair()
    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve_connection, theirs, {})
            await ours.send_all(b"GET / HTTP/1.1\r\n\r\n" * 10)


async def test_it_works_over_tcp():
    handlers = Handlers()
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(
            trio.serve_tcp, lambda s: serve_connection(s, handlers.table), 0
        )
        port = listeners[0].socket.getsockname()[1]
        async with open_channel(f"http://127.0.0.1:{port}") as channel:
            assert await channel.unary(ECHO, Raw(b"tcp")) == b"tcp"
        nursery.cancel_scope.cancel()


def _tls_contexts(tmp_path):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
        .not_valid_after(dt.datetime(2090, 1, 1, tzinfo=dt.UTC))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = tmp_path / "both.pem"
    pem.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pem)
    server.set_alpn_protocols(["h2"])
    return server, ssl.create_default_context(cafile=str(pem))


async def test_it_works_over_tls_and_refuses_unknown_certificates(tmp_path):
    handlers = Handlers()
    theirs, ours = _tls_contexts(tmp_path)

    async def serve(stream):
        with suppress(trio.BrokenResourceError):  # a client that refuses our certificate
            await serve_connection(stream, handlers.table)

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(
            partial(trio.serve_ssl_over_tcp, serve, 0, theirs, host="127.0.0.1")
        )
        url = f"https://localhost:{listeners[0].transport_listener.socket.getsockname()[1]}"
        async with open_channel(url, tls=ours) as channel:
            assert await channel.unary(ECHO, Raw(b"tls")) == b"tls"
        async with open_channel(url) as channel:
            with pytest.raises(GRPCError, match="certificate") as caught:
                await channel.unary(ECHO, Raw())
            assert caught.value.status is Status.UNAVAILABLE
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:9000", ("127.0.0.1", 9000, False)),
        ("https://fullnode.example", ("fullnode.example", 443, True)),
        ("http://node/", ("node", 80, False)),
        ("https://[::1]:7", ("::1", 7, True)),
    ],
)
def test_endpoints(url, expected):
    endpoint = NodeUrl.parse(url)
    assert (endpoint.host, endpoint.port, endpoint.tls) == expected


@pytest.mark.parametrize(
    "url", ["127.0.0.1:9000", "ftp://x", "https://", "http://x/path", "http://u:geheim@x", ""]
)
def test_other_urls_are_refused_without_telling_secrets(url):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the message is checked below
        NodeUrl.parse(url)
    assert "geheim" not in str(caught.value)


@given(st.lists(st.binary(max_size=50)), st.integers(1, 20))
def test_framing_survives_any_cut(messages, step):
    data = b"".join(encode_frame(Raw(m)) for m in messages)
    framer, got = Framer(), []
    for at in range(0, len(data), step):
        got += framer.feed(data[at : at + step])
    assert got == messages


def test_compressed_and_oversized_messages_are_refused():
    for header in (b"\x01\0\0\0\0", struct.pack(">BI", 0, 1 << 31)):
        with pytest.raises(GRPCError):
            list(Framer().feed(header))


@given(st.floats(0, 1e12))
def test_a_deadline_is_at_most_eight_digits(seconds):
    text = encode_timeout(seconds)
    assert text[:-1].isdigit()
    assert len(text) <= 9


def test_headers_may_be_text_or_any_bytes():
    event = SimpleNamespace(headers=[(b"a", b"\xff"), ("b", "c")])
    assert headers_of(event) == {"a": "\ufffd", "b": "c"}
