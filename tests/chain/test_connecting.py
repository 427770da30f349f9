"""Connections that never become ready, or freeze later, are closed, whichever call is cancelled."""

import ssl
from collections.abc import Sequence
from contextlib import asynccontextmanager

import h2.config
import h2.connection
import h2.settings
import pytest
import trio
import trio.abc
import trio.testing

from walrusd.chain.grpc import (
    GRPCError,
    KeepAlive,
    NodeUrl,
    Status,
    channel,
    open_channel,
    serve_connection,
)
from walrusd.chain.grpc.endpoint import dialler
from walrusd.chain.nodes import client as sui_client
from walrusd.chain.nodes import endpoints as sui_endpoints
from walrusd.chain.nodes.connect import open_client
from walrusd.storage.http import RetryPolicy

from .fakenode import FakeNode
from .wiretools import Raw, cancelled_at, handler, method

ECHO = method("Echo")


async def echo(request):
    await trio.lowlevel.checkpoint()
    return Raw(request)


TABLE = {ECHO.route: handler(echo)}


class Frozen(trio.abc.Stream):
    """A stream whose server the test can freeze; it never thaws."""

    def __init__(self, stream):
        self.stream, self.frozen = stream, False

    async def receive_some(self, max_bytes=None):
        data = await self.stream.receive_some(max_bytes)
        if self.frozen:
            await trio.sleep_forever()
        return data

    async def send_all(self, data):
        if self.frozen:
            await trio.sleep_forever()
        await self.stream.send_all(data)

    async def wait_send_all_might_not_block(self):
        await self.stream.wait_send_all_might_not_block()

    async def aclose(self):
        await self.stream.aclose()


class Server:
    """Treats the first dials as ``modes`` say; later ones succeed."""

    def __init__(self, nursery: trio.Nursery, modes: Sequence[str], table=TABLE) -> None:
        self.nursery, self.modes, self.table = nursery, list(modes), table
        self.dials = 0
        self.ours: list[trio.abc.Stream] = []
        self.kept: list[trio.abc.Stream] = []
        self.links: list[Frozen] = []

    async def connect(self):
        mode = self.modes[self.dials] if self.dials < len(self.modes) else "good"
        self.dials += 1
        await trio.lowlevel.checkpoint()
        if mode == "hang":
            await trio.sleep_forever()
        if mode == "refuse":
            raise ConnectionRefusedError("nobody listens")
        ours, theirs = trio.testing.memory_stream_pair()
        try:
            await self.answer(mode, theirs)
        except trio.Cancelled:
            await trio.aclose_forcefully(ours)
            raise
        self.ours.append(ours)
        return ours

    async def answer(self, mode: str, theirs) -> None:
        self.kept.append(theirs)
        if mode == "good":
            self.links.append(Frozen(theirs))
            self.nursery.start_soon(serve_connection, self.links[-1], self.table)
        elif mode == "close":
            await theirs.aclose()
        elif mode in ("settings", "full", "goodbye"):
            peer = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
            if mode == "full":
                limit = {h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: 0}
                peer.local_settings = h2.settings.Settings(client=False, initial_values=limit)
            peer.initiate_connection()
            if mode == "goodbye":
                peer.close_connection()
            await theirs.send_all(peer.data_to_send())

    def count_open(self) -> int:
        return sum(not stream.receive_stream._closed for stream in self.ours)


@asynccontextmanager
async def serving(*modes: str, keepalive: KeepAlive | None = None, table=TABLE):
    async with trio.open_nursery() as nursery:
        server = Server(nursery, modes, table)
        async with open_channel("http://node", connect=server.connect, keepalive=keepalive) as ours:
            yield ours, server
        nursery.cancel_scope.cancel()


BAD = ["hang", "refuse", "silent", "close", "goodbye", "settings", "full"]


@pytest.mark.parametrize("mode", BAD)
@pytest.mark.parametrize("keepalive", [None, KeepAlive()])
@pytest.mark.parametrize("seconds", [15, 3])
async def test_the_call_after_a_failed_one_succeeds(autojump_clock, mode, keepalive, seconds):
    async with serving(mode, keepalive=keepalive) as (ours, server):
        start = trio.current_time()
        with pytest.raises(GRPCError) as caught:
            await ours.unary(ECHO, Raw(), seconds=seconds)
        assert caught.value.status in (Status.UNAVAILABLE, Status.DEADLINE_EXCEEDED)
        assert trio.current_time() - start <= seconds
        assert await ours.unary(ECHO, Raw(b"x"), seconds=1) == b"x"
        assert server.dials == 2
        await trio.testing.wait_all_tasks_blocked()
        assert server.count_open() == 1


@pytest.mark.parametrize("mode", ["hang", "refuse", "silent", "close", "full", "good"])
async def test_a_call_may_be_cancelled_at_every_step(autojump_clock, mode):
    """The server recovers while a call is cancelled at each of its steps."""
    cancelled = 0
    for step in range(1, 15):
        async with serving(mode) as (ours, server):
            cancelled += await cancelled_at(
                step, lambda ours=ours: ours.unary(ECHO, Raw(), seconds=15)
            )
            assert await ours.unary(ECHO, Raw(b"x"), seconds=1) == b"x"
            await trio.testing.wait_all_tasks_blocked()
            assert server.count_open() == 1
            assert ours._opening is None
    assert cancelled


@pytest.mark.parametrize("mode", ["hang", "silent", "full"])
async def test_calls_that_wait_for_the_same_connection_fail_together(autojump_clock, mode):
    outcomes = []

    async def call():
        try:
            outcomes.append(await ours.unary(ECHO, Raw(b"x"), seconds=20))
        except GRPCError as error:
            outcomes.append(error.status)

    async with serving(mode) as (ours, server):
        async with trio.open_nursery() as nursery:
            for _ in range(10):
                nursery.start_soon(call)
        assert trio.current_time() == pytest.approx(channel.CONNECT_TIMEOUT)
        assert outcomes == [Status.UNAVAILABLE] * 10
        async with trio.open_nursery() as nursery:
            for _ in range(10):
                nursery.start_soon(call)
        assert outcomes[10:] == [b"x"] * 10
        assert server.dials == 2


@pytest.mark.parametrize("mode", ["hang", "silent", "full"])
async def test_waiting_calls_continue_when_the_opening_one_is_cancelled(autojump_clock, mode):
    async def impatient():
        with trio.move_on_after(1):
            await ours.unary(ECHO, Raw(), seconds=None)

    async with serving(mode) as (ours, server), trio.open_nursery() as nursery:
        nursery.start_soon(impatient)
        await trio.sleep(0.5)
        assert await ours.unary(ECHO, Raw(b"x"), seconds=15) == b"x"
        assert trio.current_time() == pytest.approx(1)
        assert server.dials == 2


async def test_one_url_is_well_again_within_two_calls(autojump_clock):
    node = FakeNode()
    async with trio.open_nursery() as nursery:
        server = Server(nursery, ["silent"], node.table())
        async with open_client(["http://node"], connect=lambda _: server.connect) as client:
            assert (await client.epoch()).number == 5  # within one call: its second round
            assert trio.current_time() < 10
        nursery.cancel_scope.cancel()


# --- connections that freeze later ----------------------------------------------------------------


@pytest.mark.parametrize("keepalive", [None, KeepAlive()])
@pytest.mark.parametrize("pause", [0.0, 1.0, 100.0])
async def test_a_connection_that_freezes_while_idle_is_left(autojump_clock, keepalive, pause):
    async with serving(keepalive=keepalive) as (ours, server):
        await ours.unary(ECHO, Raw())
        await trio.sleep(pause)
        server.links[0].frozen = True
        with pytest.raises(GRPCError):
            await ours.unary(ECHO, Raw(), seconds=15)
        assert await ours.unary(ECHO, Raw(b"x"), seconds=1) == b"x"
        await trio.testing.wait_all_tasks_blocked()
        assert server.count_open() == 1


async def test_an_idle_connection_that_froze_is_found_out_before_its_call_ends(autojump_clock):
    async with serving(keepalive=KeepAlive()) as (ours, server):
        await ours.unary(ECHO, Raw())
        await trio.sleep(100)
        server.links[0].frozen = True
        with pytest.raises(GRPCError) as caught:
            await ours.unary(ECHO, Raw(), seconds=15)
        assert caught.value.status is Status.UNAVAILABLE
        assert trio.current_time() == pytest.approx(112)


async def test_calls_that_their_callers_cancel_do_not_hide_a_frozen_connection(autojump_clock):
    """Between such calls none is open, although one was never answered."""
    async with serving(keepalive=KeepAlive()) as (ours, server):
        await ours.unary(ECHO, Raw())
        server.links[0].frozen = True
        for _ in range(8):
            with trio.move_on_after(1):
                await ours.unary(ECHO, Raw(), seconds=None)
            await trio.sleep(4)
        await trio.sleep(1)
        assert await ours.unary(ECHO, Raw(b"x"), seconds=1) == b"x"


async def test_callers_that_cancel_their_calls_do_not_keep_a_silent_connection(autojump_clock):
    """Also without a watchdog."""
    async with serving() as (ours, server):
        await ours.unary(ECHO, Raw())
        server.links[0].frozen = True
        for _ in range(12):
            with trio.move_on_after(1):
                await ours.unary(ECHO, Raw(), seconds=None)
        assert await ours.unary(ECHO, Raw(b"x"), seconds=1) == b"x"
        assert server.dials == 2


async def test_an_idle_connection_is_left_in_peace(autojump_clock):
    async with serving(keepalive=KeepAlive()) as (ours, server):
        for _ in range(5):
            assert await ours.unary(ECHO, Raw(b"x"), seconds=1) == b"x"
            await trio.sleep(1000)
        assert server.dials == 1


async def test_open_calls_survive_that_another_got_no_answer(autojump_clock):
    async def ticks(request):
        for n in range(100):
            yield Raw(b"%d" % n)
            await trio.sleep(1)

    async def stuck(request):
        await trio.sleep_forever()

    slow, rows = method("Slow"), method("Rows")
    table = {**TABLE, slow.route: handler(stuck), rows.route: handler(ticks, streaming=True)}
    got = []

    async def read():
        async with ours.stream(rows, Raw()) as stream:
            async for message in stream:
                got.append(bytes(message))  # noqa: PERF401 - what came before an error must be kept

    async with serving(table=table) as (ours, server):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(read)
            with pytest.raises(GRPCError):
                await ours.unary(slow, Raw(), seconds=5)
            assert await ours.unary(ECHO, Raw(b"x"), seconds=1) == b"x"
        assert len(got) == 100
        assert server.dials == 2
        await trio.testing.wait_all_tasks_blocked()
        assert server.count_open() == 1


# --- TCP and TLS ----------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_listener_that_never_speaks_is_given_up_and_closed(monkeypatch, scheme):
    """It accepts, but neither completes the handshake nor sends SETTINGS."""
    monkeypatch.setattr(channel, "CONNECT_TIMEOUT", 0.2)
    ended = trio.Event()

    async def mute(stream):
        while await stream.receive_some():
            pass
        ended.set()

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(trio.serve_tcp, mute, 0)
        url = f"{scheme}://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
        async with open_channel(url, connect=dialler(NodeUrl.parse(url), _no_checks())) as ours:
            with pytest.raises(GRPCError) as caught:
                await ours.unary(ECHO, Raw(), seconds=60)
            assert caught.value.status is Status.UNAVAILABLE
            await ended.wait()
        nursery.cancel_scope.cancel()


def _no_checks() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


# --- the order of times ---------------------------------------------------------------------------


def test_inner_times_are_shorter_than_outer_ones():
    keepalive = KeepAlive()
    connect = channel.CONNECT_TIMEOUT
    assert connect < sui_endpoints.PROBE_S <= sui_endpoints.HELLO_S < sui_client.CALL_S
    assert sui_client.CALL_S < sui_client.LIST_S <= sui_client.EXECUTE_S
    # A call on an idle connection that froze fails early enough to be made again.
    assert keepalive.grace + keepalive.patience < sui_endpoints.HELLO_S
    # A long call on one that freezes under it is ended by the watchdog, not by its own deadline.
    assert keepalive.interval + keepalive.patience < sui_client.LIST_S
    # A stream that is not accepted in time is left to its caller, who waits longer than that.
    assert sui_endpoints.FIRST_FRAME_S < sui_client.LIST_S
    # Storage: connecting, waiting for a byte, storing.
    policy = RetryPolicy()
    assert policy.connect_timeout < policy.read_timeout < policy.put_timeout


async def test_the_reason_of_a_failed_connection_is_reported() -> None:
    # Port 9 of loopback: nothing listens there.
    async with open_channel("http://127.0.0.1:9") as channel:
        with pytest.raises(GRPCError, match=r"(?i)connection refused") as caught:
            await channel.unary(ECHO, Raw(b""), seconds=5)
    assert "exception" not in caught.value.message
