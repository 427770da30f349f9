"""HTTP to Walrus services: endpoints with their record, bounded responses."""

import ipaddress
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import httpx
import trio

from walrusd.errors import ConfigError
from walrusd.storage.exchange import Endpoint, Exchange
from walrusd.storage.spans import FileSpan

SLOWEST_RATE = 64 << 10
"""Bytes per second below which a response is abandoned."""

Transport = httpx.AsyncBaseTransport
TransportFactory = Callable[[str], Transport | None]


@dataclass(frozen=True)
class RetryPolicy:
    """Retries and timeouts, in seconds."""

    rounds: int = 6
    """How often every endpoint is asked."""
    base_delay: float = 0.5
    max_delay: float = 30.0
    connect_timeout: float = 10.0
    read_timeout: float = 30.0
    put_timeout: float = 300.0
    """Storing takes 20 to 75 s on public networks."""
    quarantine: float = 600.0

    def delay(self, round_: int) -> float:
        """Return a fully jittered exponential delay before the next round."""
        ceiling = min(self.max_delay, self.base_delay * 2**round_)
        return random.uniform(0, ceiling)  # noqa: S311  (jitter, not a secret)


@dataclass(frozen=True)
class Reply:
    """A successful response."""

    status: int
    body: bytes


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
            raise ConfigError(f"a Walrus endpoint must start with http:// or https://, not {url!r}")
        policy = self.policy
        return httpx.AsyncClient(
            base_url=url,
            timeout=httpx.Timeout(policy.read_timeout, connect=policy.connect_timeout),
            limits=httpx.Limits(max_connections=16, max_keepalive_connections=8),
            headers={"accept-encoding": "identity", "user-agent": "walrusd"},
            transport=make_transport(url) if make_transport else None,
            # A proxy from the environment cannot reach this machine's loopback.
            trust_env=not _is_loopback(parsed.host),
            follow_redirects=False,
        )

    def __bool__(self) -> bool:
        return bool(self._endpoints)

    def ranked(self) -> list[Endpoint]:
        """Return all endpoints: healthy and fast ones first, quarantined ones last.

        Quarantined endpoints are kept as a last resort, since every byte is verified anyway.
        """
        now = trio.current_time()
        return sorted(
            self._endpoints,
            key=lambda e: (e.quarantined_until > now, e.latency * (1 + e.failures)),
        )

    def quarantine(self, endpoint: Endpoint) -> None:
        """Ask an endpoint that sent provably wrong data only after all others, for a while."""
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
            EndpointFailure: for any status but 200 and 206.
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
    ) -> Exchange:
        """Like ``request``, as a context manager that returns the status and the body's chunks."""
        timeout = self.policy.put_timeout if method == "PUT" else self.policy.read_timeout
        sent = 0
        if content is not None:
            sent = len(content) if isinstance(content, bytes) else content.length
            # Publishers check the size before they read the body.
            headers = {**(headers or {}), "content-length": str(sent)}
        request = endpoint.client.build_request(
            method,
            path,
            params=params,
            headers=headers,
            content=content.chunks() if isinstance(content, FileSpan) else content,
            timeout=httpx.Timeout(timeout, connect=self.policy.connect_timeout),
        )
        return Exchange(endpoint, request, max_bytes, timeout + (max_bytes + sent) / SLOWEST_RATE)

    async def aclose(self) -> None:
        """Close all connections."""
        for endpoint in self._endpoints:
            await endpoint.client.aclose()


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
