"""HTTP to Walrus services: endpoints with a memory, one request at a time, bounded answers."""

import ipaddress
import random
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType

import httpx
import trio

from walrusd.errors import ConfigError
from walrusd.storage.classify import Outcome, classify_answer, describe_answer
from walrusd.storage.files import FileSpan

ERROR_BODY_LIMIT = 64 << 10
SLOWEST_RATE = 64 << 10
"""Bytes per second below which an answer is given up."""

Transport = httpx.AsyncBaseTransport
TransportFactory = Callable[[str], Transport | None]


class EndpointFailure(Exception):
    """One request to one endpoint did not work. Never leaves ``walrusd.storage``."""

    def __init__(self, outcome: Outcome, endpoint: str, detail: str) -> None:
        super().__init__(f"{endpoint}: {detail}")
        self.outcome = outcome


@dataclass(frozen=True)
class RetryPolicy:
    """How often and how long to try. Times in seconds."""

    rounds: int = 6
    """Times every endpoint may be asked."""
    base_delay: float = 0.5
    max_delay: float = 30.0
    connect_timeout: float = 10.0
    read_timeout: float = 30.0
    put_timeout: float = 300.0
    """Storing takes 20 to 75 s on the real network."""
    quarantine: float = 600.0

    def delay(self, round_: int) -> float:
        """Return a fully jittered exponential delay before the next round."""
        ceiling = min(self.max_delay, self.base_delay * 2**round_)
        return random.uniform(0, ceiling)  # noqa: S311  (jitter, not a secret)


@dataclass(frozen=True)
class Reply:
    """A successful answer."""

    status: int
    body: bytes


@dataclass
class Endpoint:
    """One service and how it has behaved."""

    url: str
    client: httpx.AsyncClient
    failures: int = 0
    quarantined_until: float = -1.0
    size_limit: int | None = None
    """Smallest body that it refused as too large."""
    latency: float = field(default=0.3)

    def record_success(self, seconds: float) -> None:
        """Remember that a request took ``seconds``."""
        self.failures = 0
        self.latency = 0.7 * self.latency + 0.3 * seconds


class EndpointPool:
    """The endpoints of one kind, best first.

    Raises:
        ConfigError: if a URL is not http or https.
    """

    def __init__(
        self,
        urls: Sequence[str],
        policy: RetryPolicy | None = None,
        make_transport: TransportFactory | None = None,
    ) -> None:
        self.policy = policy or RetryPolicy()
        self._endpoints = [
            Endpoint(url, self._open_client(url, make_transport)) for url in dict.fromkeys(urls)
        ]

    def _open_client(self, url: str, make_transport: TransportFactory | None) -> httpx.AsyncClient:
        try:
            parsed = httpx.URL(url)
        except httpx.InvalidURL as error:
            raise ConfigError(f"not a URL: {url!r}") from error
        if parsed.scheme not in ("http", "https") or not parsed.host:
            raise ConfigError(f"a Walrus endpoint starts with http:// or https://, not {url!r}")
        policy = self.policy
        return httpx.AsyncClient(
            base_url=url,
            timeout=httpx.Timeout(policy.read_timeout, connect=policy.connect_timeout),
            limits=httpx.Limits(max_connections=16, max_keepalive_connections=8),
            headers={"accept-encoding": "identity", "user-agent": "walrusd"},
            transport=make_transport(url) if make_transport else None,
            # A proxy of the environment cannot reach this machine's loopback.
            trust_env=not _is_loopback(parsed.host),
            follow_redirects=False,
        )

    def __bool__(self) -> bool:
        return bool(self._endpoints)

    def ranked(self) -> list[Endpoint]:
        """Return all endpoints: healthy and quick ones first, quarantined ones last.

        Quarantined endpoints stay in reach because every byte is verified anyway: with nobody
        else to ask, a doubtful source is better than none.
        """
        now = trio.current_time()
        return sorted(
            self._endpoints,
            key=lambda e: (e.quarantined_until > now, e.latency * (1 + e.failures)),
        )

    def quarantine(self, endpoint: Endpoint) -> None:
        """Put an endpoint that sent provably wrong data behind all others for a while."""
        endpoint.quarantined_until = trio.current_time() + self.policy.quarantine

    async def request(
        self,
        endpoint: Endpoint,
        method: str,
        path: str,
        *,
        max_bytes: int,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | FileSpan | None = None,
    ) -> Reply:
        """Send one request and return its answer, at most ``max_bytes`` long.

        Raises:
            EndpointFailure: for everything but 200 and 206.
        """
        chunks = bytearray()
        async with self.stream(
            endpoint,
            method,
            path,
            max_bytes=max_bytes,
            params=params,
            headers=headers,
            content=content,
        ) as (status, body):
            async for chunk in body:
                chunks += chunk
        return Reply(status, bytes(chunks))

    def stream(
        self,
        endpoint: Endpoint,
        method: str,
        path: str,
        *,
        max_bytes: int,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | FileSpan | None = None,
    ) -> "_Stream":
        """Like ``request``, as a context manager that gives the status and the body's chunks."""
        timeout = self.policy.put_timeout if method == "PUT" else self.policy.read_timeout
        sent = 0
        if content is not None:
            sent = len(content) if isinstance(content, bytes) else content.length
            # Publishers judge the size before they read the body.
            headers = {**(headers or {}), "content-length": str(sent)}
        request = endpoint.client.build_request(
            method,
            path,
            params=params,
            headers=headers,
            content=content.chunks() if isinstance(content, FileSpan) else content,
            timeout=httpx.Timeout(timeout, connect=self.policy.connect_timeout),
        )
        return _Stream(endpoint, request, max_bytes, timeout + (max_bytes + sent) / SLOWEST_RATE)

    async def aclose(self) -> None:
        """Close all connections."""
        for endpoint in self._endpoints:
            await endpoint.client.aclose()


class _Stream:
    """One exchange; turns whatever goes wrong into ``EndpointFailure``."""

    def __init__(
        self, endpoint: Endpoint, request: httpx.Request, max_bytes: int, limit: float
    ) -> None:
        self._endpoint = endpoint
        self._request = request
        self._max_bytes = max_bytes
        self._limit = limit
        self._response: httpx.Response | None = None

    async def __aenter__(self) -> tuple[int, AsyncIterator[bytes]]:
        self._started = trio.current_time()
        self._deadline = self._started + self._limit
        try:
            with trio.fail_at(self._deadline):
                response = await self._endpoint.client.send(self._request, stream=True)
        except (httpx.HTTPError, trio.TooSlowError) as error:
            raise self._translate(error) from error
        self._response = response
        try:
            await self._check_answer(response)
        except BaseException:
            await self._close()
            raise
        return response.status_code, self._read(response)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._close()
        if kind is None:
            self._endpoint.record_success(trio.current_time() - self._started)

    async def _close(self) -> None:
        if self._response is not None:
            # An abandoned answer must be closed even when we are being cancelled.
            with trio.CancelScope(shield=True):
                await self._response.aclose()

    async def _check_answer(self, response: httpx.Response) -> None:
        if response.status_code not in (200, 206):
            body = await self._read_error(response)
            raise self._fail(
                classify_answer(response.status_code, body),
                describe_answer(response.status_code, body),
            )
        announced = response.headers.get("content-length", "")
        if announced.isascii() and announced.isdigit() and int(announced) > self._max_bytes:
            raise self._fail(
                Outcome.OVERSIZE, f"announces {announced} bytes, {self._max_bytes} are allowed"
            )

    async def _read(self, response: httpx.Response) -> AsyncIterator[bytes]:
        total = 0
        chunks = response.aiter_raw()
        while True:
            try:
                with trio.fail_at(self._deadline):
                    chunk = await anext(chunks, None)
            except (httpx.HTTPError, trio.TooSlowError) as error:
                raise self._translate(error) from error
            if chunk is None:
                return
            total += len(chunk)
            if total > self._max_bytes:
                raise self._fail(
                    Outcome.OVERSIZE, f"sent more than the {self._max_bytes} bytes allowed"
                )
            yield chunk

    async def _read_error(self, response: httpx.Response) -> bytes:
        body = bytearray()
        try:
            with trio.fail_at(self._deadline):
                async for chunk in response.aiter_raw():
                    body += chunk
                    if len(body) >= ERROR_BODY_LIMIT:
                        break
        except (httpx.HTTPError, trio.TooSlowError):
            # The status is enough to go by.
            return bytes(body)
        return bytes(body)

    def _translate(self, error: Exception) -> EndpointFailure:
        unsent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
        outcome = Outcome.UNREACHABLE if unsent else Outcome.INTERRUPTED
        return self._fail(outcome, f"{type(error).__name__} {error}".rstrip())

    def _fail(self, outcome: Outcome, detail: str) -> EndpointFailure:
        if outcome.may_pass:
            self._endpoint.failures += 1
        return EndpointFailure(outcome, self._endpoint.url, detail)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
