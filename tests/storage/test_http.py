"""Servers that break the rules of HTTP, on real sockets."""

import gzip
from contextlib import asynccontextmanager
from functools import partial

import httpx
import pytest
import trio

from tests.support.clocks import movable_time, pass_time_in_silence
from walrusd.storage.classify import AnswerKind, classify_answer
from walrusd.storage.exchange import EndpointFailure
from walrusd.storage.http import EndpointPool, RetryPolicy

from .conftest import QUICK

PACKED = gzip.compress(bytes(100_000))


@asynccontextmanager
async def speaking(*parts):
    """A server that answers every request with parts: bytes, or silence in time-outs of ours."""

    async def handle(stream):
        try:
            await stream.receive_some()
            for part in parts:
                if isinstance(part, bytes):
                    await stream.send_all(part)
                else:
                    await pass_time_in_silence(part * QUICK.read_timeout)
        except trio.BrokenResourceError:
            return

    async with trio.open_nursery() as nursery:
        (listener,) = await nursery.start(partial(trio.serve_tcp, handle, 0, host="127.0.0.1"))
        port = listener.socket.getsockname()[1]
        pool = EndpointPool([f"http://127.0.0.1:{port}"], QUICK)
        yield pool
        await pool.aclose()
        nursery.cancel_scope.cancel()


async def ask(pool, max_bytes=1000):
    (endpoint,) = pool.ranked()
    return await pool.request(endpoint, "GET", "/v1/blobs/x", max_bytes=max_bytes)


HEAD = b"HTTP/1.1 200 OK\r\n"


@movable_time
@pytest.mark.parametrize(
    ("parts", "outcome"),
    [
        ([], AnswerKind.INTERRUPTED),
        ([b"garbage\r\n\r\n"], AnswerKind.INTERRUPTED),
        ([HEAD + b"content-length: 10\r\n\r\nhalf"], AnswerKind.INTERRUPTED),
        ([HEAD + b"content-length: 10\r\n\r\nhalf", 5], AnswerKind.INTERRUPTED),
        ([5], AnswerKind.INTERRUPTED),
        ([HEAD + b"content-length: 1001\r\n\r\n", 5], AnswerKind.OVERSIZE),
        ([HEAD + b"\r\n" + bytes(900), 0.1, bytes(900), 5], AnswerKind.OVERSIZE),
        ([HEAD + b"transfer-encoding: chunked\r\n\r\nzz\r\n"], AnswerKind.INTERRUPTED),
        ([b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:9/\r\n\r\n"], AnswerKind.BAD_REQUEST),
        ([b"HTTP/1.1 500 No\r\ncontent-length: 10\r\n\r\nhalf", 5], AnswerKind.UNAVAILABLE),
        ([b"HTTP/1.1 404 No\r\n\r\n" + bytes(200_000), 5], AnswerKind.NOT_FOUND),
    ],
)
async def test_broken_answers(parts, outcome):
    async with speaking(*parts) as pool:
        with pytest.raises(EndpointFailure) as caught:
            await ask(pool)
    assert caught.value.outcome is outcome


@movable_time
async def test_endless_trickle_ends():
    async with speaking(HEAD + b"\r\n", *([b"x", 0.5] * 90)) as pool:
        with pytest.raises(EndpointFailure) as caught:
            await ask(pool)
    assert caught.value.outcome is AnswerKind.INTERRUPTED


@movable_time
async def test_compressed_bodies_stay_as_they_are():
    head = HEAD + b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(PACKED)
    async with speaking(head + PACKED) as pool:
        assert (await ask(pool)).body == PACKED


@movable_time
async def test_abandoned_answer_leaves_the_endpoint_usable():
    async with speaking(HEAD + b"content-length: 4\r\n\r\nab", 0.1, b"cd") as pool:
        (endpoint,) = pool.ranked()
        async with pool.stream(endpoint, "GET", "/", max_bytes=10) as (status, chunks):
            assert status == 200
            assert await anext(chunks) == b"ab"
        assert (await ask(pool)).body == b"abcd"


def error(domain: str, reason: str) -> bytes:
    return b'{"error": {"details": [{"@type": "ErrorInfo", "domain": "%s", "reason": "%s"}]}}' % (
        domain.encode(),
        reason.encode(),
    )


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (200, b"", AnswerKind.OK),
        (206, b"", AnswerKind.OK),
        (400, b"text", AnswerKind.BAD_REQUEST),
        (416, b"", AnswerKind.BAD_REQUEST),
        (401, b"", AnswerKind.AUTH_REJECTED),
        (403, error("daemon.walrus.space", "BLOB_TOO_LARGE"), AnswerKind.TOO_LARGE),
        (403, b"forbidden", AnswerKind.AUTH_REJECTED),
        (404, b"", AnswerKind.NOT_FOUND),
        (413, b"length limit exceeded", AnswerKind.TOO_LARGE),
        (429, b"slow down", AnswerKind.OVERLOADED),
        (429, error("auth.publisher.walrus.space", "TOKEN_ALREADY_USED"), AnswerKind.AUTH_REJECTED),
        (451, b"", AnswerKind.BLOCKED),
        (500, b"", AnswerKind.UNAVAILABLE),
        (503, error("daemon.walrus.space", "BLOB_UNAVAILABLE"), AnswerKind.UNAVAILABLE),
        (504, error("daemon.walrus.space", "INSUFFICIENT_CONFIRMATIONS"), AnswerKind.UNAVAILABLE),
        (504, error("auth.publisher.walrus.space", "EXPIRED_SIGNATURE"), AnswerKind.AUTH_REJECTED),
        (500, b'{"error": []}', AnswerKind.UNAVAILABLE),
        (500, b"[" * 100_000, AnswerKind.UNAVAILABLE),
    ],
)
def test_table_of_answers(status, body, outcome):
    assert classify_answer(status, body) is outcome


class _Endless(httpx.AsyncByteStream):
    """A body that sends a piece and then nothing; closing it takes a moment."""

    def __init__(self):
        self.waits, self.closed = trio.Event(), False

    async def __aiter__(self):
        yield b"piece"
        self.waits.set()
        await trio.sleep_forever()

    async def aclose(self):
        await trio.lowlevel.checkpoint()
        self.closed = True


async def test_a_cancelled_request_closes_its_response():
    body = _Endless()
    transport = httpx.MockTransport(lambda _request: httpx.Response(200, stream=body))
    pool = EndpointPool(["http://one"], QUICK, lambda _url: transport)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask, pool)
        await body.waits.wait()
        nursery.cancel_scope.cancel()
    assert body.closed
    await pool.aclose()


async def test_connecting_has_a_limit_of_its_own():
    policy = RetryPolicy(connect_timeout=3, read_timeout=7)
    pool = EndpointPool(["http://one"], policy)
    (endpoint,) = pool.ranked()
    assert endpoint.client.timeout == httpx.Timeout(7, connect=3)
    assert not endpoint.client.follow_redirects
    await pool.aclose()


@pytest.mark.parametrize(
    ("url", "trusts"),
    [("http://127.0.0.1:1", False), ("http://localhost", False), ("http://walrus.space", True)],
)
async def test_a_proxy_is_not_asked_for_what_is_on_this_machine(url, trusts):
    pool = EndpointPool([url], QUICK)
    (endpoint,) = pool.ranked()
    assert endpoint.client.trust_env is trusts
    await pool.aclose()


def test_a_delay_is_random_and_bounded():
    policy = RetryPolicy(base_delay=1, max_delay=3)
    for round_, most in ((0, 1), (1, 2), (2, 3), (9, 3)):
        delays = [policy.delay(round_) for _ in range(200)]
        assert min(delays) >= 0
        assert most / 2 < max(delays) <= most  # wrong once in 2**200
