"""The ASGI application of the simulated Walrus network."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from walrusd.devnet.walrus.aggregating import Aggregating
from walrusd.devnet.walrus.faults import Faults
from walrusd.devnet.walrus.network import Network
from walrusd.devnet.walrus.node import StorageNode
from walrusd.devnet.walrus.publishing import Publishing
from walrusd.devnet.walrus.store import BlobStore

SHARDS = 100
"""A tenth of the real network's: a small blob costs 10 ms instead of 600."""
MAX_BODY = 10240 << 10
"""Bytes; the default of `walrus publisher`, so that what works here works there."""
MAX_QUILT = 100 << 20


def create_walrus_app(
    directory: Path,
    shards: int = SHARDS,
    *,
    epoch: Callable[[], int],
    max_body: int = MAX_BODY,
    max_quilt: int = MAX_QUILT,
    faults: Faults | None = None,
) -> Starlette:
    """Return a Walrus publisher, aggregator and storage node in one, keeping its state on disk.

    ``epoch`` gives the current Walrus epoch. The app runs on trio only (hypercorn's trio worker).
    ``app.state.store`` is the ``BlobStore``, ``app.state.faults`` the ``Faults`` in force. The
    app's shutdown closes the store; a caller that may be cancelled before, or that runs the app
    without its lifespan, must close it.

    Raises:
        ValueError: if ``directory`` holds a network with another number of shards.
        OSError: if it cannot be written.
    """
    store = BlobStore(directory, shards, epoch)
    network = Network(store, faults or Faults(), max_body, max_quilt)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        try:
            yield
        finally:
            store.close()

    # A node's routes are deeper than the aggregator's {blob_id}, so the order does not matter.
    routes = [
        Route("/status", _read_liveness),
        *Publishing(network).routes(),
        *StorageNode(network).routes(),
        *Aggregating(network).routes(),
    ]
    app = Starlette(routes=routes, lifespan=lifespan)
    app.state.store = store
    app.state.faults = network.faults
    return app


async def _read_liveness(_: Request) -> Response:
    return PlainTextResponse("OK")
