"""One HTTP exchange with one endpoint: bounded in time and size, with one kind of failure."""

from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from types import TracebackType

import httpx
import trio

from walrusd.storage.classify import (
    AnswerKind,
    classify_answer,
    describe_answer,
    gives_reason,
    is_page,
)

ERROR_BODY_LIMIT = 64 << 10


class EndpointFailure(Exception):
    """Raised when one request to one endpoint failed. Never leaves ``walrusd.storage``.

    ``vague``: the refusal has no form that only Walrus uses, so it may come from another service.
    ``status`` is that of a refusal, and ``page`` whether it is a web page, which no Walrus service
    sends.
    """

    def __init__(self, outcome: AnswerKind, endpoint: str, detail: str) -> None:
        super().__init__(f"{endpoint}: {detail}")
        self.outcome = outcome
        self.vague = self.page = False
        self.status: int | None = None


@dataclass
class Endpoint:
    """One service and its record."""

    url: str
    client: httpx.AsyncClient
    failures: int = 0
    quarantined_until: float = -1.0
    refused_size: int = 0
    refused_until: float = -1.0
    """The smallest body that it refused as too large, and until when that counts as its limit:
    its operator may raise it."""
    latency: float = 0.3
    """Seconds until an answer, smoothed."""

    def record_success(self, seconds: float) -> None:
        """Record that a request took ``seconds``."""
        self.failures = 0
        self.latency = 0.7 * self.latency + 0.3 * seconds

    def record_too_large(self, size: int, seconds: float) -> None:
        """Send no body of ``size`` bytes or more for ``seconds``."""
        self.refused_size = size if self.takes(size) else min(size, self.refused_size)
        self.refused_until = trio.current_time() + seconds

    def takes(self, size: int) -> bool:
        """Return whether a body of ``size`` bytes is below its limit, as far as that is known."""
        return size < self.refused_size or trio.current_time() >= self.refused_until

    def record_wait(self, seconds: float) -> None:
        """Record that a caller waited for ``seconds`` and then gave up."""
        self.latency = max(self.latency, seconds)


class Exchange:
    """One request and its response: a context manager that returns status and body chunks.

    Raises ``EndpointFailure`` for any status but 200 and 206, on entry and while reading.
    """

    def __init__(
        self, endpoint: Endpoint, request: httpx.Request, max_bytes: int, limit: float
    ) -> None:
        self._endpoint = endpoint
        self._request = request
        self._max_bytes = max_bytes
        self._limit = limit

    async def __aenter__(self) -> tuple[int, AsyncGenerator[bytes, None]]:
        self._started = trio.current_time()
        self._deadline = self._started + self._limit
        try:
            with trio.fail_at(self._deadline):
                response = await self._endpoint.client.send(self._request, stream=True)
        except (httpx.HTTPError, trio.TooSlowError) as error:
            raise self._translate(error) from error
        except trio.Cancelled:
            # Callers with shorter timeouts must not wait for the same silent endpoint each time.
            self._endpoint.record_wait(trio.current_time() - self._started)
            raise
        self._response = response
        # Not decompressed, so a body cannot grow beyond the limit.
        self._chunks = response.aiter_raw()
        try:
            await self._check_answer(response)
        except BaseException:
            await self._close()
            raise
        self._body = self._read(self._chunks)
        return response.status_code, self._body

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._body.aclose()
        await self._close()
        if kind is None:
            self._endpoint.record_success(trio.current_time() - self._started)

    async def _close(self) -> None:
        # The response must be closed even on cancellation.
        with trio.CancelScope(shield=True):
            await _unwind(self._chunks)
            await self._response.aclose()

    async def _check_answer(self, response: httpx.Response) -> None:
        if response.status_code not in (200, 206):
            body = await self._read_error(self._chunks)
            failure = self._fail(
                classify_answer(response.status_code, body),
                describe_answer(response.status_code, body),
            )
            failure.vague, failure.page = not gives_reason(body), is_page(body)
            failure.status = response.status_code
            raise failure
        announced = response.headers.get("content-length", "")
        if announced.isascii() and announced.isdigit() and int(announced) > self._max_bytes:
            raise self._fail(
                AnswerKind.OVERSIZE, f"announces {announced} bytes, {self._max_bytes} are allowed"
            )

    async def _read(self, chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
        total = 0
        while True:
            asked = trio.current_time()
            try:
                with trio.fail_at(self._deadline):
                    chunk = await anext(chunks, None)
            except (httpx.HTTPError, trio.TooSlowError) as error:
                raise self._translate(error) from error
            except trio.Cancelled:
                self._endpoint.record_wait(trio.current_time() - asked)
                raise
            if chunk is None:
                return
            total += len(chunk)
            if total > self._max_bytes:
                raise self._fail(
                    AnswerKind.OVERSIZE, f"sent more than the {self._max_bytes} bytes allowed"
                )
            yield chunk

    async def _read_error(self, chunks: AsyncIterator[bytes]) -> bytes:
        body = bytearray()
        try:
            with trio.fail_at(self._deadline):
                async for chunk in chunks:
                    body += chunk
                    if len(body) >= ERROR_BODY_LIMIT:
                        break
        except (httpx.HTTPError, trio.TooSlowError):
            # The status alone suffices.
            return bytes(body)
        return bytes(body)

    def _translate(self, error: Exception) -> EndpointFailure:
        unsent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
        outcome = AnswerKind.UNREACHABLE if unsent else AnswerKind.INTERRUPTED
        return self._fail(outcome, f"{type(error).__name__} {error}".rstrip())

    def _fail(self, outcome: AnswerKind, detail: str) -> EndpointFailure:
        if outcome.may_pass:
            self._endpoint.failures += 1
        return EndpointFailure(outcome, self._endpoint.url, detail)


async def _unwind(chunks: AsyncIterator[bytes]) -> None:
    """End httpx's nested generators by cancelling their innermost wait.

    Dropping them half-way would leave their clean-up to the garbage collector.
    """
    with trio.CancelScope() as scope:
        scope.cancel()
        try:
            async for _ in chunks:
                pass
        except httpx.HTTPError:
            # The connection is being dropped: its errors no longer matter.
            return
