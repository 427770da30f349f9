"""Endpoints that are no Walrus services, or lack a route, and endpoints that keep us waiting."""

import json

import httpx
import pytest
import trio

from walrusd.errors import BlobNotFound, StorageUnreachable, StoreRefused
from walrusd.storage.http import EndpointPool
from walrusd.storage.walrus import WalrusStore

from .conftest import QUICK, SHARDS

DATA = bytes(range(256)) * 8
REASON = {
    "error": {
        "details": [
            {"@type": "ErrorInfo", "domain": "daemon.walrus.space", "reason": "BLOB_NOT_FOUND"}
        ]
    }
}


class Web:
    """A web server that answers everything with one status."""

    def __init__(self, status, body=b""):
        self.status, self.body, self.asked = status, body, 0

    def transport(self):
        def answer(request):
            self.asked += 1
            return httpx.Response(self.status, stream=httpx.ByteStream(self.body))

        return httpx.MockTransport(answer)


@pytest.fixture
def open_mixed(endpoints, tmp_path, connection):
    """Make a store over stand-ins and over other web servers, by name."""

    def build(aggregators, publishers=(), **web):
        def make(url):
            name = httpx.URL(url).host
            return web[name].transport() if name in web else endpoints.transport(url)

        return WalrusStore(
            [f"http://{name}" for name in aggregators],
            [f"http://{name}" for name in publishers],
            SHARDS,
            tmp_path / "cache-mixed",
            connection,
            policy=QUICK,
            make_transport=make,
        )

    return build


@pytest.fixture
async def blob(endpoints, open_store):
    endpoints.add("good")
    async with open_store(publishers=["good"]) as store:
        return (await store.put(DATA)).blob_id


@pytest.mark.parametrize("status", [404, 405, 501])
async def test_a_service_without_the_route_is_passed_over(open_mixed, blob, status):
    async with open_mixed(["web", "good"], web=Web(status, b"<html>")) as store:
        assert await store.get(blob, 5000) == DATA


@pytest.mark.parametrize("status", [404, 405, 501])
async def test_it_does_not_say_that_the_blob_is_not_there(open_mixed, endpoints, blob, status):
    """The one endpoint that could tell is down: then nothing is known of the blob."""
    web = Web(status, b"<html>")
    async with open_mixed(["web", "down"], web=web, down=Web(503)) as store:
        with pytest.raises(StorageUnreachable):
            await store.get(blob, 5000)
    assert web.asked == 1  # it is not asked again


@pytest.mark.parametrize("other", [{}, {"down": Web(503)}, {"web": Web(404)}])
async def test_walrus_saying_so_is_believed(open_mixed, blob, other):
    async with open_mixed(
        ["walrus", *other], walrus=Web(404, json.dumps(REASON).encode()), **other
    ) as store:
        with pytest.raises(BlobNotFound):
            await store.get(blob, 5000)


async def test_404_of_everybody_is_believed_with_a_hint(open_mixed, blob):
    async with open_mixed(["web", "two"], web=Web(404), two=Web(404, b"no")) as store:
        with pytest.raises(BlobNotFound) as caught:
            await store.get(blob, 5000)
    assert "no Walrus services" in caught.value.hint


@pytest.mark.parametrize("status", [404, 405, 501])
async def test_a_publisher_without_the_route_is_refused_at_once(
    open_mixed, endpoints, connection, status
):
    endpoints.add("good")
    web = Web(status)
    async with open_mixed([], ["web", "good"], web=web) as store:
        assert (await store.put(DATA)).size == len(DATA)
    alone = Web(status)
    async with open_mixed([], ["web"], web=alone) as store:
        with pytest.raises(StoreRefused):
            await store.put(bytes(9))
    assert alone.asked == 1


# --- callers with less patience than the pool has -------------------------------------------------


class Silent(httpx.AsyncBaseTransport):
    async def handle_async_request(self, request):
        await trio.sleep_forever()


class Stalling(httpx.AsyncBaseTransport):
    class Body(httpx.AsyncByteStream):
        async def __aiter__(self):
            yield b"x"
            await trio.sleep_forever()

    async def handle_async_request(self, request):
        return httpx.Response(200, stream=self.Body())


@pytest.mark.parametrize("transport", [Silent, Stalling])
async def test_an_endpoint_that_kept_a_caller_waiting_comes_last(autojump_clock, transport):
    def make(url):
        if "slow" in url:
            return transport()
        return httpx.MockTransport(lambda _: httpx.Response(200, stream=httpx.ByteStream(b"x")))

    pool = EndpointPool(["http://slow", "http://quick"], make_transport=make)
    assert [e.url for e in pool.ranked()] == ["http://slow", "http://quick"]
    with trio.move_on_after(2) as scope:
        await pool.request(pool.ranked()[0], "GET", "/", max_bytes=10)
    assert scope.cancelled_caught
    assert [e.url for e in pool.ranked()] == ["http://quick", "http://slow"]
    await pool.aclose()


async def test_all_connections_are_closed_when_cancelled(open_mixed):
    closed = []

    class Slow(httpx.MockTransport):
        async def aclose(self):
            await trio.sleep(0.001)
            closed.append(self)

    store = open_mixed(["a", "b"], ["c"])
    for pool in store._pools:
        for endpoint in pool.ranked():
            endpoint.client._transport = Slow(None)
    with trio.CancelScope() as scope:
        scope.cancel()
        await store.aclose()
    assert len(closed) == 3
