"""What one blob may have, and what becomes of more."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from walrusd.errors import BlobOverLimit, MalformedData, PeerFault, StoreRefused
from walrusd.storage import walrus
from walrusd.storage.blobid import format_blob_id
from walrusd.storage.manifest import (
    CHUNK_SIZE,
    LEAF_SIZE,
    Chunk,
    Manifest,
    choose_sizes,
    compute_manifest_size,
    parse_manifest,
)
from walrusd.storage.receipt import parse_receipt
from walrusd.units import BlobId

PUBLIC_LIMIT = 10240 << 10
"""What `walrus publisher` takes by default."""
MIB = 1 << 20


async def test_a_public_publisher_takes_files_by_default(endpoints, open_store, tmp_path):
    endpoints.add("public", shards=100, max_body=PUBLIC_LIMIT)
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(os.urandom(12 * MIB))
    async with open_store(["public"], ["public"], ["public"], shards=100) as store:
        stored = await store.put_file(source)
        assert [chunk.size for chunk in stored.manifest.chunks] == [8 * MIB, 4 * MIB]
        await store.get_file(stored.blob_id, stored.digest, target, max_bytes=12 * MIB)
    assert target.read_bytes() == source.read_bytes()


async def test_a_single_blob_over_the_publishers_limit_is_not_sent(endpoints, open_store, tmp_path):
    endpoints.add("public", shards=100, max_body=PUBLIC_LIMIT)
    path = tmp_path / "file"
    path.write_bytes(bytes(12 * MIB))
    async with open_store(publishers=["public"], shards=100) as store:
        for source in (bytes(PUBLIC_LIMIT + 1), path):
            with pytest.raises(BlobOverLimit, match="10,485,760") as caught:
                await store.put(source)
            assert caught.value.code == "storage.over_limit"
            assert "walrus.max_blob_bytes" in caught.value.hint
            assert not isinstance(caught.value, PeerFault)
    assert caught.value.fields == {"size": 12 * MIB, "limit": PUBLIC_LIMIT}
    assert not endpoints.count("PUT")


async def test_what_is_owed_is_sent_to_a_publisher_that_takes_it(endpoints, open_store):
    """Settings may be older than a stake, or tighter than they need be: a stake is not lost so."""
    endpoints.add("large")
    endpoints.add("small", max_body=1000)
    data = bytes(2000)
    async with open_store(
        publishers=["large"], max_blob=1000, chunk_size=1000, leaf_size=1000
    ) as s:
        with pytest.raises(BlobOverLimit, match=r"walrus\.max_blob_bytes"):
            await s.put(data)
        await s.put(data, try_anyway=True)
        with pytest.raises(BlobOverLimit, match="does not fit 10 shards"):
            await s.put(bytes(2 * MIB), try_anyway=True)
    async with open_store(
        publishers=["small"], max_blob=1000, chunk_size=1000, leaf_size=1000
    ) as s:
        with pytest.raises(BlobOverLimit, match="413"):
            await s.put(data, try_anyway=True)


async def test_a_blob_over_the_networks_limit_is_named_as_such(endpoints, open_store):
    endpoints.add("one")
    async with open_store(publishers=["one"]) as store:
        with pytest.raises(BlobOverLimit, match="does not fit 10 shards") as caught:
            await store.put(bytes(2 * MIB))
    assert caught.value.fields == {"size": 2 * MIB, "limit": store.max_blob}
    assert not endpoints.count("PUT")


async def test_a_file_is_cut_into_what_a_small_network_takes(endpoints, open_store, tmp_path):
    endpoints.add("one")
    source = tmp_path / "source"
    source.write_bytes(bytes(2 * MIB))
    async with open_store(publishers=["one"]) as store:
        stored = await store.put_file(source)
    assert [chunk.size for chunk in stored.manifest.chunks] == [
        store.max_blob,
        2 * MIB - store.max_blob,
    ]


async def test_a_refusal_by_size_at_run_time_is_typed(endpoints, open_store):
    for name in ("small", "smaller"):
        endpoints.add(name, max_body=1000)
    async with open_store(publishers=["small", "smaller"]) as store:
        for _ in range(2):
            with pytest.raises(BlobOverLimit, match=r"413|too large"):
                await store.put(bytes(2000))
    assert endpoints.count("PUT") == 2
    endpoints.add("poor")
    endpoints.faults["poor"].store_errors = 1
    async with open_store(publishers=["small", "poor"]) as store:
        with pytest.raises(StoreRefused) as caught:
            await store.put(bytes(2000))
    assert caught.value.code == "storage.refused"


async def test_a_larger_publisher_that_is_down_may_come_back(endpoints, open_store):
    endpoints.add("small", max_body=1000)
    endpoints.add("large")
    endpoints.faults["large"].store_statuses.extend([503] * 3)
    async with open_store(publishers=["small", "large"]) as store:
        with pytest.raises(StoreRefused) as caught:
            await store.put(bytes(2000))
        assert caught.value.code == "storage.refused"
        await store.put(bytes(2000))


def test_an_encoder_that_refuses_by_size_is_typed():
    body = b'{"error":{"blobId":null,"errorMsg":"the data is too large to be encoded/decoded"}}'
    with pytest.raises(BlobOverLimit, match="too large"):
        parse_receipt(body, BlobId(1), 7, permanent=True)


async def test_a_manifest_that_nobody_could_store_is_refused_first(
    endpoints, open_store, tmp_path, monkeypatch
):
    endpoints.add("one")
    source = tmp_path / "source"
    source.write_bytes(bytes(100_000))
    monkeypatch.setattr(walrus, "MAX_MANIFEST", 10_000)
    async with open_store(publishers=["one"], chunk_size=1000, leaf_size=1000) as store:
        with pytest.raises(BlobOverLimit, match=r"the manifest of a file of 100,000 bytes"):
            await store.put_file(source)
    assert not endpoints.count("PUT")


async def test_files_in_other_chunks_are_read(endpoints, open_store, tmp_path):
    endpoints.add("one")
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(os.urandom(10_500))
    async with open_store(publishers=["one"], chunk_size=6000, leaf_size=2000) as store:
        stored = await store.put_file(source)
    async with open_store(["one"]) as store:
        await store.get_file(stored.blob_id, stored.digest, target, max_bytes=10_500)
    assert target.read_bytes() == source.read_bytes()


def _make_manifest(size: int, chunk_size: int, leaf_size: int) -> Manifest:
    starts = range(0, size, chunk_size)
    sizes = [min(chunk_size, size - start) for start in starts]
    chunks = tuple(
        Chunk(BlobId(0), part, bytes(32), (bytes(32),) * -(-part // leaf_size)) for part in sizes
    )
    return Manifest(size, bytes(32), 1000, chunk_size, leaf_size, chunks)


@pytest.mark.parametrize("chunk_size", [4 * MIB, CHUNK_SIZE, 64 * MIB, 1 << 30])
def test_manifests_of_any_chunk_size_are_read(chunk_size):
    manifest = _make_manifest(3 * chunk_size + 5, chunk_size, LEAF_SIZE)
    assert parse_manifest(manifest.encode()) == manifest


def test_a_leaf_that_would_fill_the_memory_is_refused():
    manifest = _make_manifest(1 << 30, 1 << 30, 1 << 30)
    with pytest.raises(MalformedData, match="leaf"):
        parse_manifest(manifest.encode())


@given(st.integers(0, 1 << 20), st.integers(1, 40), st.integers(256, 4096))
def test_the_size_of_a_manifest_is_known_before(size, leaves, leaf_size):
    manifest = _make_manifest(size, leaves * leaf_size, leaf_size)
    bound = compute_manifest_size(size, leaves * leaf_size, leaf_size)
    assert 0 <= bound - len(manifest.encode()) <= 64


@given(st.integers(1, 1 << 30), st.integers(1, 100), st.integers(1, 1 << 24))
def test_chosen_chunks_fit_and_are_whole_leaves(limit, leaves, leaf_size):
    chunk, leaf = choose_sizes(leaves * leaf_size, leaf_size, limit)
    assert 1 <= leaf <= chunk <= limit
    assert chunk % leaf == 0
    assert leaf == leaf_size or leaf_size > limit
    assert chunk == leaves * leaf_size or chunk + leaf > limit


def test_blob_ids_are_of_one_length():
    assert len(format_blob_id(BlobId(0))) == len(format_blob_id(BlobId((1 << 256) - 1)))
