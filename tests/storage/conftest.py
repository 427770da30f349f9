"""Walrus stand-ins in this process, reached through httpx without a socket."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.support.databases import close_after_test
from tests.support.guards import GUARD_S
from walrusd.devnet.walrus import Faults, create_walrus_app
from walrusd.storage.http import RetryPolicy
from walrusd.storage.walrus import WalrusStore

SHARDS = 10
"""Small networks encode in well under a millisecond."""

QUICK = RetryPolicy(
    base_delay=0.001,
    max_delay=0.002,
    connect_timeout=GUARD_S,
    read_timeout=GUARD_S,
    put_timeout=GUARD_S,
)
"""Tries again soon, and leaves a slow machine its time: where it is up, the clock is moved."""


class Endpoints:
    """Stand-ins by host name; ``state`` says which of them share what they store."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._apps: dict[str, object] = {}
        self.faults: dict[str, Faults] = {}
        self.requests: list[tuple[str, str, str]] = []
        self.epoch = 1

    def add(
        self, name: str, *, state: str = "shared", shards: int = SHARDS, **options: object
    ) -> str:
        self.faults[name] = Faults()
        app = create_walrus_app(
            self._directory / state,
            shards,
            epoch=lambda: self.epoch,
            faults=self.faults[name],
            **options,
        )
        self._apps[name] = app
        close_after_test(app.state.store)
        self.store = app.state.store
        return f"http://{name}"

    def transport(self, url: str) -> httpx.AsyncBaseTransport | None:
        name = httpx.URL(url).host
        if name not in self._apps:
            return None
        return _Recorder(name, httpx.ASGITransport(app=self._apps[name]), self.requests)

    def asked(self, suffix: str) -> list[str]:
        return [name for name, _, path in self.requests if path.endswith(suffix)]

    def count(self, method: str, suffix: str = "") -> int:
        return sum(m == method and path.endswith(suffix) for _, m, path in self.requests)


class _Recorder(httpx.AsyncBaseTransport):
    def __init__(self, name: str, inner: httpx.ASGITransport, log: list) -> None:
        self._name, self._inner, self._log = name, inner, log

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._log.append((self._name, request.method, request.url.path))
        return await self._inner.handle_async_request(request)


@pytest.fixture
def endpoints(tmp_path) -> Endpoints:
    return Endpoints(tmp_path / "network")


@pytest.fixture
def connection():
    connection = sqlite3.connect(":memory:")
    yield connection
    connection.close()


@pytest.fixture
def open_store(endpoints, tmp_path, connection) -> Callable[..., WalrusStore]:
    """Make a store over named endpoints; each call has a cache of its own."""
    made = []

    def build(
        aggregators=(), publishers=(), nodes=(), policy=QUICK, shards=SHARDS, **options
    ) -> WalrusStore:
        made.append(None)
        return WalrusStore(
            [f"http://{name}" for name in aggregators],
            [f"http://{name}" for name in publishers],
            shards,
            tmp_path / f"cache{len(made)}",
            connection,
            nodes=[f"http://{name}" for name in nodes],
            policy=policy,
            make_transport=endpoints.transport,
            **options,
        )

    return build
