"""Reading through services that fail, lie, or are not there."""

import errno
import os

import pytest

from tests.support.clocks import movable_time, pass_time_once
from walrusd.errors import (
    BlobCorrupt,
    BlobNotFound,
    BlobTooLarge,
    ConfigError,
    StorageUnreachable,
)
from walrusd.storage.blobid import format_blob_id
from walrusd.storage.cache import BlobCache
from walrusd.storage.geometry import Geometry
from walrusd.storage.http import EndpointPool
from walrusd.storage.reader import BlobReader
from walrusd.units import BlobId

from .conftest import QUICK, SHARDS

DATA = os.urandom(5000)

# With metadata from a node rows are checked; without, the blob is encoded again.
WAYS = pytest.mark.parametrize("nodes", [(), ("good",)], ids=["encode", "rows"])


@pytest.fixture
async def stored(endpoints, open_store):
    """One honest endpoint, one for tests to spoil, and a blob on both."""
    endpoints.add("good")
    endpoints.add("bad")
    async with open_store(publishers=["good"]) as store:
        blob = await store.put(DATA)
    endpoints.requests.clear()
    return blob.blob_id


@WAYS
async def test_put_and_get(open_store, stored, nodes):
    async with open_store(["good"], nodes=nodes) as store:
        assert await store.get(stored, 5000) == DATA


@WAYS
@pytest.mark.parametrize("size", [0, 1, 100])
async def test_small_and_empty_blobs(endpoints, open_store, tmp_path, nodes, size):
    endpoints.add("good")
    async with open_store(["good"], ["good"], nodes) as writer:
        blob = await writer.put(bytes(size))
    async with open_store(["good"], nodes=nodes) as store:
        assert await store.get(blob.blob_id, 100) == bytes(size)
        await store.download(blob.blob_id, tmp_path / "out", 100)
    assert (tmp_path / "out").read_bytes() == bytes(size)


@WAYS
@pytest.mark.parametrize("fault", ["corrupt_reads", "short_reads", "long_reads"])
async def test_liar_is_caught_and_passed_over(endpoints, open_store, stored, nodes, fault):
    setattr(endpoints.faults["bad"], fault, 99)
    async with open_store(["bad", "good"], nodes=nodes) as store:
        assert await store.get(stored, 5000 + (fault == "long_reads")) == DATA
    assert endpoints.asked(format_blob_id(stored)) == ["bad", "good"]


@WAYS
async def test_only_liars_fails_closed(endpoints, open_store, stored, nodes):
    endpoints.faults["bad"].corrupt_reads = 99
    async with open_store(["bad"], nodes=nodes) as store:
        with pytest.raises(BlobCorrupt, match="bad"):
            await store.get(stored, 5000)
        # It is not asked again for the same blob, and nothing wrong was kept.
        assert endpoints.count("GET", format_blob_id(stored)) == 1
        endpoints.faults["bad"].corrupt_reads = 0
        assert await store.get(stored, 5000) == DATA


@WAYS
async def test_liar_spoils_no_download(endpoints, open_store, stored, nodes, tmp_path):
    endpoints.faults["bad"].corrupt_reads = 99
    async with open_store(["bad"], nodes=nodes) as store:
        with pytest.raises(BlobCorrupt):
            await store.download(stored, tmp_path / "out", 5000)
    assert not (tmp_path / "out").exists()
    async with open_store(["bad", "good"], nodes=nodes) as store:
        await store.download(stored, tmp_path / "out", 5000)
    assert (tmp_path / "out").read_bytes() == DATA
    assert [path.name for path in tmp_path.glob(".*")] == []


async def test_forged_metadata_falls_back_to_encoding(endpoints, open_store, stored):
    endpoints.faults["bad"].corrupt_metadata = 99
    async with open_store(["good"], nodes=["bad"]) as store:
        assert await store.get(stored, 5000) == DATA


async def test_failover_past_a_dead_endpoint(endpoints, open_store, stored):
    # Port 9 of loopback: nothing listens there.
    async with open_store(["127.0.0.1:9", "good"]) as store:
        assert await store.get(stored, 5000) == DATA


async def test_nobody_answers(open_store):
    async with open_store(["127.0.0.1:9"], ["127.0.0.1:9"]) as store:
        with pytest.raises(StorageUnreachable, match=r"127\.0\.0\.1:9"):
            await store.get(BlobId(1), 10)
        with pytest.raises(StorageUnreachable, match=r"127\.0\.0\.1:9"):
            await store.put(b"data")


async def test_no_endpoint_at_all(open_store):
    async with open_store() as store:
        with pytest.raises(StorageUnreachable, match="configured"):
            await store.get(BlobId(1), 10)
        with pytest.raises(StorageUnreachable, match="configured"):
            await store.put(b"data")


async def test_passing_failures_are_outlasted(endpoints, open_store, stored):
    endpoints.faults["good"].read_statuses = [429, 503, 500, 504, 502]
    async with open_store(["good"]) as store:
        assert await store.get(stored, 5000) == DATA


async def test_lasting_failure_ends(endpoints, open_store, stored):
    endpoints.faults["good"].read_statuses = [503] * 99
    async with open_store(["good"]) as store:
        with pytest.raises(StorageUnreachable, match="503"):
            await store.get(stored, 5000)
    assert len(endpoints.requests) == QUICK.rounds


async def test_unknown_blob(endpoints, open_store, stored):
    async with open_store(["good", "bad"]) as store:
        with pytest.raises(BlobNotFound):
            await store.get(BlobId(stored ^ 1), 5000)
    assert len(endpoints.requests) == 2


async def test_expired_blob(endpoints, open_store, stored):
    endpoints.epoch = 6
    async with open_store(["good"]) as store:
        with pytest.raises(BlobNotFound):
            await store.get(stored, 5000)


async def test_new_blob_may_take_a_moment(endpoints, open_store):
    endpoints.add("good")
    async with open_store(["good"], ["good"], cache_capacity=0) as store:
        blob = await store.put(DATA)
        endpoints.faults["good"].unspread_reads = 3
        assert await store.get(blob.blob_id, 5000) == DATA


@WAYS
async def test_too_large(endpoints, open_store, stored, nodes, tmp_path):
    async with open_store(["good", "bad"], nodes=nodes) as store:
        with pytest.raises(BlobTooLarge):
            await store.get(stored, 4999)
        with pytest.raises(BlobTooLarge):
            await store.download(stored, tmp_path / "out", 4999)
    assert list(tmp_path.glob("*out*")) == []


async def test_endpoints_must_agree_that_a_blob_is_too_large(endpoints, open_store, stored):
    async with open_store(["good", "bad"]) as store:
        with pytest.raises(BlobTooLarge) as caught:
            await store.get(stored, 4999)
        assert caught.value.fields["agreed"]
    endpoints.faults["bad"].long_reads = 99
    endpoints.faults["good"].read_statuses = [503] * 99
    async with open_store(["good", "bad"]) as store:
        with pytest.raises(BlobTooLarge) as caught:
            await store.get(stored, 5000)
        assert not caught.value.fields["agreed"]


async def test_a_longer_answer_than_the_proven_size_is_the_endpoints_fault(
    endpoints, open_store, stored, tmp_path
):
    endpoints.faults["bad"].long_reads = 99
    async with open_store(["bad"], nodes=["good"]) as store:
        # Were it taken for a blob that is too large, its owner would seem to withhold it.
        with pytest.raises(BlobCorrupt, match="bad"):
            await store.get(stored, 9999)
        with pytest.raises(BlobCorrupt, match="bad"):
            await store.download(stored, tmp_path / "out", 9999)


async def test_blocked_here_is_read_there(endpoints, open_store, stored):
    endpoints.faults["bad"].read_statuses = [451]
    async with open_store(["bad", "good"]) as store:
        assert await store.get(stored, 5000) == DATA


@movable_time
async def test_slow_source_is_given_up(endpoints, open_store, stored, nursery):
    endpoints.faults["bad"].read_delay = 1e9
    endpoints.requests.clear()
    async with open_store(["bad", "good"]) as store:

        def asked():
            return any(name == "bad" for name, _, _ in endpoints.requests)

        # 5000 bytes get a twelfth of a second on top.
        nursery.start_soon(pass_time_once, asked, QUICK.read_timeout + 1)
        assert await store.get(stored, 5000) == DATA
    assert asked()


async def test_cached_blob_needs_no_network(endpoints, open_store, stored):
    async with open_store(["good"]) as store:
        await store.get(stored, 5000)
        endpoints.requests.clear()
        assert await store.get(stored, 5000) == DATA
    assert endpoints.requests == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EIO])
async def test_a_cache_that_the_disk_refuses_is_done_without(
    open_store, stored, monkeypatch, number
):
    def fail(*_arguments):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(BlobCache, "get", fail)
    monkeypatch.setattr(BlobCache, "put", fail)
    async with open_store(["good"], ["good"]) as store:
        assert await store.get(stored, 5000) == DATA
        # Stored and paid: it must not look as if it were not.
        blob = await store.put(b"new")
        assert await store.get(blob.blob_id, 5000) == b"new"


@pytest.mark.parametrize("url", ["ftp://host", "host:80", "http://", "http://a:b", ""])
def test_urls_are_checked(url):
    with pytest.raises(ConfigError):
        EndpointPool([url])


async def test_download_resumes_what_was_verified(endpoints, stored, tmp_path):
    part = tmp_path / f".out.{format_blob_id(stored)[:16]}.part"
    part.write_bytes(DATA[:2500] + bytes(2500))
    pool = EndpointPool(["http://good"], QUICK, endpoints.transport)
    row = Geometry(5000, SHARDS).row_size
    await BlobReader(pool, pool, SHARDS, piece_size=1).download(
        stored, tmp_path / "out", max_bytes=5000
    )
    await pool.aclose()
    assert (tmp_path / "out").read_bytes() == DATA
    assert not part.exists()
    # Each row is a piece; those that lie wholly in the first half were there already.
    assert len(endpoints.asked(format_blob_id(stored))) == -(-5000 // row) - 2500 // row
