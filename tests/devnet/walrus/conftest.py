"""The simulated Walrus network behind a real socket on loopback."""

from contextlib import asynccontextmanager

import httpx
import pytest
import trio
from hypercorn.config import Config
from hypercorn.trio import serve

from tests.support.guards import GUARD_S
from walrusd.devnet.walrus import create_walrus_app

SHARDS = 10


class SetEpoch:
    """An epoch to advance by hand."""

    now = 1

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def epoch() -> SetEpoch:
    return SetEpoch()


@asynccontextmanager
async def serving(app):
    config = Config()
    config.bind = ["127.0.0.1:0"]
    config.accesslog = config.errorlog = None
    config.graceful_timeout = 0.1
    stop = trio.Event()
    async with trio.open_nursery() as nursery:
        (url,) = await nursery.start(
            lambda **kw: serve(app, config, shutdown_trigger=stop.wait, **kw)
        )
        # A connection kept open is closed by the server in the end, maybe while we send.
        limits = httpx.Limits(max_keepalive_connections=0)
        async with httpx.AsyncClient(
            base_url=url, trust_env=False, timeout=GUARD_S, limits=limits
        ) as client:
            yield client
        stop.set()


@pytest.fixture
async def client(tmp_path, epoch):
    """A client of a fresh network; ``client.store`` and ``client.faults`` look inside."""
    app = create_walrus_app(tmp_path, SHARDS, epoch=epoch, max_body=100_000, max_quilt=100_000)
    async with serving(app) as client:
        client.store = app.state.store
        client.faults = app.state.faults
        yield client
