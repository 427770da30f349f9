"""By default, a devnet accepts uploads of the same size as public publishers."""

import http.client
import json

import httpx
import pytest
import trio

from tests.support.guards import GUARD_S
from walrusd.devnet.app import DevnetOptions, serve_devnet
from walrusd.devnet.walrus import MAX_BODY
from walrusd.settings.load import settings_from_document
from walrusd.settings.network import read_network

MIB = 1 << 20


def announce(url: str, size: int) -> int:
    """Return a publisher's response to an upload of ``size`` bytes, before it is sent."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=GUARD_S)
    try:
        connection.putrequest("PUT", "/v1/blobs")
        connection.putheader("content-length", str(size))
        connection.endheaders()
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.parametrize(("given", "limit"), [({}, 10 * MIB), ({"walrus_max_body": MIB}, MIB)])
async def test_a_devnet_says_what_its_publisher_takes(tmp_path, given, limit) -> None:
    async with trio.open_nursery() as nursery:
        options = DevnetOptions(tmp_path / "net", accounts=1, endpoints=2, **given)
        info = await nursery.start(serve_devnet, options)
        assert await trio.to_thread.run_sync(announce, info.walrus_url, limit + 1) == 413
        async with httpx.AsyncClient(base_url=info.walrus_url, trust_env=False) as client:
            answer = await client.put("/v1/blobs", content=bytes(limit))
            assert answer.status_code == 200
        nursery.cancel_scope.cancel()
    path = tmp_path / "network.json"
    path.write_text(info.to_json())
    document = read_network(str(path))
    document |= {
        "daemon": {"data_dir": "d", "socket": "s", "roles": ["publisher"]},
        "keys": {"keystore": "k"},
    }
    settings = settings_from_document(document, tmp_path / "walrusd.toml")
    assert settings.walrus.max_blob_bytes == limit
    assert settings.walrus.chunk_bytes == min(8 * MIB, limit)
    assert settings.sui.urls == tuple(info.sui_urls)
    assert len(info.sui_urls) == 2


def test_a_network_file_of_an_older_devnet_is_read(tmp_path) -> None:
    keys = ("sui_url", "walrus_url", "chain_id", "package_id", "market_id", "pool_id")
    path = tmp_path / "network.json"
    path.write_text(json.dumps(dict.fromkeys(keys, "http://x")))
    document = read_network(str(path))
    assert document["sui"]["urls"] == ["http://x"]
    assert "max_blob_bytes" not in document["walrus"]
    assert MAX_BODY == 10 * MIB
