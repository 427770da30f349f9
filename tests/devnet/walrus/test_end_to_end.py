"""The store and the simulated network together, over real sockets."""

import os
import sqlite3

import pytest

from walrusd.devnet.walrus import create_walrus_app
from walrusd.storage.walrus import WalrusStore

from .conftest import serving

LARGE = 64 << 20
"""Bytes that one's own publisher may be configured to accept."""


@pytest.mark.slow
async def test_files_over_sockets(tmp_path, epoch):
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(os.urandom(21 << 20))
    app = create_walrus_app(tmp_path / "network", epoch=epoch, max_body=LARGE)
    connection = sqlite3.connect(":memory:")
    async with serving(app) as client:
        url = str(client.base_url)
        async with WalrusStore(
            [url],
            [url],
            100,
            tmp_path / "cache",
            connection,
            nodes=[url],
            chunk_size=12 << 20,
            max_blob=LARGE,
        ) as store:
            stored = await store.put_file(source)
            await store.get_file(stored.blob_id, stored.digest, target, max_bytes=1 << 30)
            assert target.read_bytes() == source.read_bytes()
            blob = await store.put(source)
            for reader in (store, WalrusStore([url], [], 100, tmp_path / "other", connection)):
                (tmp_path / "single").unlink(missing_ok=True)
                await reader.download(blob.blob_id, tmp_path / "single", 1 << 30)
                assert (tmp_path / "single").read_bytes() == source.read_bytes()
            await reader.aclose()
    connection.close()
