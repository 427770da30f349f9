"""Whether Walrus services would serve us, asked for nothing."""

import httpx
import pytest
import trio

from walrusd.devnet.walrus import Faults
from walrusd.storage.http import EndpointPool
from walrusd.storage.probe import READ, STORE, find_silence

from .conftest import QUICK


def _pool(answer, count: int = 1) -> EndpointPool:
    urls = [f"http://host{number}" for number in range(count)]
    return EndpointPool(urls, QUICK, lambda _url: httpx.MockTransport(answer))


class _Nothing(httpx.AsyncByteStream):
    async def __aiter__(self):
        return
        yield b""


class _Body(httpx.AsyncByteStream):
    def __init__(self, body: bytes) -> None:
        self._body = body

    async def __aiter__(self):
        yield self._body


def _answer(status: int) -> httpx.Response:
    return httpx.Response(status, stream=_Nothing())


def _answering(status: int, body: bytes = b""):
    def answer(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(status, stream=_Body(body)) if body else _answer(status)

    return answer


def _refusing_connections(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("refused", request=request)


async def test_services_that_answer_are_good_and_nothing_is_stored(endpoints, open_store) -> None:
    endpoints.add("one")
    async with open_store(["one"], ["one"]) as store:
        assert await store.find_publisher_trouble() is None
        assert await store.find_aggregator_trouble() is None
    assert endpoints.store.count_objects() == 0
    assert ("one", "PUT", "/v1/blobs") in endpoints.requests


@pytest.mark.parametrize("status", [401, 404, 500, 503])
async def test_a_publisher_that_refuses_is_named(status: int) -> None:
    trouble = await find_silence(_pool(_answering(status)), STORE)
    assert trouble is not None
    assert trouble.startswith("http://host0: ")


WALRUS_REFUSAL = b"Failed to deserialize query string: unknown field `probe`"
PAGE = b"<html><head><title>400 The plain HTTP request was sent to HTTPS port</title></head></html>"


async def test_walruss_own_refusal_is_good() -> None:
    assert await find_silence(_pool(_answering(400, WALRUS_REFUSAL)), STORE) is None
    assert await find_silence(_pool(_answering(400, b"Invalid URL: not a blob id")), READ) is None


@pytest.mark.parametrize("status", [301, 302, 307, 308, 402, 407, 410])
@pytest.mark.parametrize("question", [STORE, READ])
async def test_whoever_redirects_or_wants_to_be_paid_serves_nobody(question, status: int) -> None:
    trouble = await find_silence(_pool(_answering(status)), question)
    assert trouble is not None
    assert ("redirects" in trouble) == (status < 400)


@pytest.mark.parametrize("status", [400, 404])
@pytest.mark.parametrize("question", [STORE, READ])
async def test_a_web_page_is_of_no_walrus_service(question, status: int) -> None:
    assert await find_silence(_pool(_answering(status, PAGE)), question) is not None


async def test_a_publisher_that_wants_a_token_would_not_serve_us() -> None:
    body = b"Header of type `authorization` was missing"
    trouble = await find_silence(_pool(_answering(400, body)), STORE)
    assert trouble == "http://host0: authorization rejected"


async def test_a_publisher_that_takes_not_even_nothing_is_named() -> None:
    assert await find_silence(_pool(_answering(413)), STORE) is not None


@pytest.mark.parametrize("question", [STORE, READ])
async def test_one_that_takes_anything_is_no_such_service(question) -> None:
    trouble = await find_silence(_pool(_answering(200)), question)
    assert trouble == "http://host0: it accepts a malformed request"


@pytest.mark.parametrize("question", [STORE, READ])
async def test_a_dead_one_is_named(question) -> None:
    trouble = await find_silence(_pool(_refusing_connections, 2), question)
    assert trouble == "http://host0: unreachable; http://host1: unreachable"


@pytest.mark.parametrize("status", [400, 404, 429])
async def test_an_aggregator_that_answers_is_good(status: int) -> None:
    assert await find_silence(_pool(_answering(status)), READ) is None


async def test_one_good_service_is_enough() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return _answer(400 if request.url.host == "host1" else 503)

    assert await find_silence(_pool(answer, 3), STORE) is None


async def test_without_any_it_is_said() -> None:
    assert await find_silence(_pool(_answering(200), 0), STORE) == "none is configured"


async def test_a_publisher_that_is_out_of_order_is_noticed(endpoints, open_store) -> None:
    endpoints.add("one")
    faults: Faults = endpoints.faults["one"]
    async with open_store(["one"], ["one"]) as store:
        faults.store_statuses = [503]
        assert await store.find_publisher_trouble() == "http://one: unavailable"
        assert await store.find_publisher_trouble() is None


async def test_it_can_be_given_up(endpoints) -> None:
    async def hang(_request: httpx.Request) -> httpx.Response:
        await trio.sleep_forever()
        raise AssertionError

    with trio.move_on_after(0.05) as scope:
        await find_silence(_pool(hang), STORE)
    assert scope.cancelled_caught
