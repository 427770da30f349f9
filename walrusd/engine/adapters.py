"""The outside world as the settings name it, opened in one way by daemon and administration."""

from contextlib import AbstractAsyncContextManager

from walrusd.chain.nodes.client import SuiClient
from walrusd.chain.nodes.connect import open_client
from walrusd.chain.send.failures import AbortSentences
from walrusd.chain.send.outbox import SqliteOutbox
from walrusd.chain.send.transactions import Sender
from walrusd.engine.local_state import LocalState
from walrusd.settings.model import Settings, SuiSettings
from walrusd.storage.manifest import compute_leaf_size
from walrusd.storage.walrus import WalrusStore
from walrusd.units import Mist


def open_chain(sui: SuiSettings) -> AbstractAsyncContextManager[SuiClient]:
    """Open the chain's endpoints; nothing is asked of them yet."""
    return open_client(sui.urls, chain_id=sui.chain_id, archive_urls=sui.archive_urls)


def make_sender(
    client: SuiClient,
    state: LocalState,
    *,
    aborts: AbortSentences,
    max_budget: Mist,
    outbox: SqliteOutbox | None = None,
) -> Sender:
    """Return what signs and sends for this daemon's address.

    ``max_budget`` bounds the gas of one transaction; ``outbox`` is the database's if not given.
    """
    outbox = SqliteOutbox(state.database.connection) if outbox is None else outbox
    return Sender(client, state.signer, outbox, aborts=aborts, max_budget=max_budget)


def open_store(settings: Settings, state: LocalState) -> AbstractAsyncContextManager[WalrusStore]:
    """Open the blobs of Walrus, with the data directory as their cache."""
    walrus = settings.walrus
    return WalrusStore(
        walrus.aggregators,
        walrus.publishers,
        walrus.shards,
        settings.daemon.data_dir / "blobs",
        state.database.connection,
        nodes=walrus.nodes,
        owner=state.signer.address,
        chunk_size=walrus.chunk_bytes,
        leaf_size=compute_leaf_size(walrus.chunk_bytes),
        max_blob=walrus.max_blob_bytes,
    )
