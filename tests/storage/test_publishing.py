"""Storing without paying twice."""

import json
import os
import sqlite3

import pytest
import trio

from tests.support.clocks import movable_time, pass_time_in_silence, pass_time_once
from walrusd.errors import MalformedData, StorageUnreachable, StoreRefused
from walrusd.storage.blobid import format_blob_id
from walrusd.storage.http import EndpointPool
from walrusd.storage.ledger import StoredBlob, UploadLedger
from walrusd.storage.receipt import parse_receipt, parse_status
from walrusd.units import BlobId, ObjectId

from .conftest import QUICK

DATA = os.urandom(3000)


@pytest.fixture(autouse=True)
def two_endpoints(endpoints):
    endpoints.add("one")
    endpoints.add("two")


async def test_stored_blob(endpoints, open_store):
    async with open_store(publishers=["one"]) as store:
        blob = await store.put(DATA, epochs=7)
    assert (blob.size, blob.end_epoch) == (3000, 8)
    assert endpoints.store.find_object(blob.object_id).blob_id == blob.blob_id
    assert not endpoints.store.find_object(blob.object_id).deletable


async def test_deletable_blob_with_owner(endpoints, open_store):
    owner = "0x" + "ab" * 32
    async with open_store(publishers=["one"], owner=owner) as store:
        blob = await store.put(DATA, permanent=False)
    assert endpoints.store.find_object(blob.object_id).deletable


async def test_file_is_stored_like_bytes(open_store, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(DATA)
    async with open_store(publishers=["one"]) as store:
        from_file, from_bytes = await store.put(path), await store.put(DATA)
    assert from_file == from_bytes


async def test_second_store_is_free_and_keeps_the_object(endpoints, open_store):
    async with open_store(publishers=["one"]) as store:
        assert await store.put(DATA) == await store.put(DATA)
    assert endpoints.store.count_objects() == 1


async def test_known_lifetime_spares_the_upload(endpoints, open_store):
    async with open_store(publishers=["one"]) as store:
        first = await store.put(DATA, epochs=5)
        assert await store.put(DATA, min_end_epoch=6) == first
        assert endpoints.count("PUT") == 1
        longer = await store.put(DATA, epochs=9, min_end_epoch=7)
    assert longer.end_epoch == 10
    assert endpoints.count("PUT") == 2


async def test_side_by_side_stores_pay_once(endpoints, open_store):
    async with open_store(publishers=["one", "two"]) as store, trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(lambda: store.put(DATA))
    assert endpoints.store.count_objects() == 1


async def test_lost_receipt_is_found_by_asking(endpoints, open_store):
    endpoints.faults["one"].lost_receipts = 1
    async with open_store(publishers=["one", "two"], nodes=["one"]) as store:
        blob = await store.put(DATA)
    assert (blob.end_epoch, blob.object_id) == (6, None)
    assert endpoints.count("PUT") == 1
    assert endpoints.store.count_objects() == 1


@movable_time
async def test_timeout_is_followed_by_asking(endpoints, open_store, nursery):
    endpoints.faults["one"].store_delay = 1e9
    async with open_store(publishers=["one"], nodes=["one"]) as store:
        # It is stored, and no answer comes.
        nursery.start_soon(pass_time_once, endpoints.store.count_objects, QUICK.put_timeout + 1)
        blob = await store.put(DATA)
    assert blob.end_epoch == 6
    assert endpoints.store.count_objects() == 1


async def test_lost_receipt_without_nodes_goes_back_to_the_same_publisher(endpoints, open_store):
    endpoints.faults["one"].lost_receipts = 1
    async with open_store(publishers=["one", "two"]) as store:
        await store.put(DATA)
    assert [name for name, method, _ in endpoints.requests if method == "PUT"] == ["one", "one"]
    assert endpoints.store.count_objects() == 1


async def test_crash_during_upload_is_remembered(endpoints, open_store, connection):
    endpoints.faults["one"].store_delay = 1e9
    async with open_store(publishers=["one"], nodes=["one"]) as store:
        with trio.CancelScope() as crash:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(store.put, DATA)
                while not endpoints.store.count_objects():  # noqa: ASYNC110 - a server's state
                    await trio.sleep(0.005)
                crash.cancel()
    endpoints.faults["one"].store_delay = 0
    async with open_store(publishers=["one"], nodes=["one"]) as store:
        blob = await store.put(DATA)
    assert blob.end_epoch == 6
    assert endpoints.count("PUT") == 1


async def test_failed_stores_are_repeated(endpoints, open_store):
    endpoints.faults["one"].store_statuses = [503, 504]
    async with open_store(publishers=["one"], nodes=["one"]) as store:
        await store.put(DATA)
    assert endpoints.count("PUT") == 3
    assert endpoints.store.count_objects() == 1


async def test_overload_turns_to_the_other_publisher(endpoints, open_store):
    endpoints.faults["one"].store_statuses = [429] * 9
    async with open_store(publishers=["one", "two"], nodes=["one"]) as store:
        await store.put(DATA)
    assert endpoints.count("PUT") == 2


async def test_lasting_failure_ends(endpoints, open_store):
    endpoints.faults["one"].store_statuses = [503] * 99
    async with open_store(publishers=["one"]) as store:
        with pytest.raises(StorageUnreachable, match="503"):
            await store.put(DATA)
    assert endpoints.count("PUT") == 3


async def test_refusal_with_status_200(endpoints, open_store):
    endpoints.faults["one"].store_errors = 9
    async with open_store(publishers=["one"]) as store:
        with pytest.raises(StoreRefused, match="cannot pay") as caught:
            await store.put(DATA)
    assert "fund" in caught.value.hint
    assert endpoints.count("PUT") == 1
    async with open_store(publishers=["one", "two"]) as store:
        await store.put(DATA)


async def test_receipt_for_another_blob_is_not_believed(endpoints, open_store):
    endpoints.faults["one"].foreign_receipts = 9
    async with open_store(publishers=["one"]) as store:
        with pytest.raises(StoreRefused, match="another blob"):
            await store.put(DATA)
    async with open_store(publishers=["one"], nodes=["one"]) as store:
        # It had been stored after all, whatever the publisher said.
        assert (await store.put(DATA)).end_epoch == 6


async def test_size_limit_is_learned(endpoints, open_store):
    endpoints.add("small", max_body=1000)
    async with open_store(publishers=["small"]) as store:
        for _ in range(2):
            with pytest.raises(StoreRefused, match=r"large|413"):
                await store.put(DATA)
        assert endpoints.count("PUT") == 1
        await store.put(DATA[:999])


@movable_time
async def test_a_size_limit_may_be_raised(endpoints, open_store):
    """A refusal is remembered for a while, not until the daemon is started again."""
    endpoints.faults["one"].store_statuses = [413]
    async with open_store(publishers=["one"]) as store:
        with pytest.raises(StoreRefused, match="413"):
            await store.put(DATA)
        await pass_time_in_silence(QUICK.quarantine)
        await store.put(DATA)


async def test_the_smallest_refused_size_counts(autojump_clock):
    pool = EndpointPool(["http://one"], QUICK)
    (endpoint,) = pool.ranked()
    endpoint.record_too_large(10, 60.0)
    endpoint.record_too_large(20, 60.0)
    assert endpoint.takes(9)
    assert not endpoint.takes(10)
    await trio.sleep(60.0)
    assert endpoint.takes(20)
    await pool.aclose()


async def test_nonsense_epochs(open_store):
    async with open_store(publishers=["one"]) as store:
        with pytest.raises(StoreRefused):
            await store.put(DATA, epochs=0)


# --- the ledger -----------------------------------------------------------------------------


def test_ledger_survives_and_keeps_what_it_knows(tmp_path):
    blob_id = BlobId(7)
    path = tmp_path / "state.sqlite3"
    with sqlite3.connect(path) as connection:
        ledger = UploadLedger(connection)
        assert ledger.find(blob_id) is None
        ledger.note_start(blob_id, size=5, permanent=True, publisher="p")
    connection.close()
    connection = sqlite3.connect(path)
    ledger = UploadLedger(connection)
    assert ledger.find(blob_id).stored is None
    ours = StoredBlob(blob_id, 5, 9, ObjectId("0x1"))
    assert ledger.note_stored(ours) == ours
    ledger.note_start(blob_id, size=5, permanent=True, publisher="q")
    assert ledger.find(blob_id).stored is None
    again = ledger.note_stored(StoredBlob(blob_id, 5, 12, None))
    assert again == StoredBlob(blob_id, 5, 12, ObjectId("0x1"))
    assert (ledger.find(blob_id).attempts, ledger.find(blob_id).publisher) == (2, "q")
    connection.close()


# --- what services say ------------------------------------------------------------------------

ID = BlobId(5)
CREATED = {
    "newlyCreated": {
        "blobObject": {
            "id": "0x01",
            "blobId": format_blob_id(ID),
            "size": 3,
            "storage": {"endEpoch": 4},
            "deletable": False,
        }
    }
}


def test_receipt():
    blob = parse_receipt(json.dumps(CREATED).encode(), ID, 3, permanent=True)
    assert blob == StoredBlob(ID, 3, 4, "0x" + "0" * 63 + "1")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b"[" * 100_000,
        b'{"newlyCreated": {}}',
        b'{"newlyCreated": null}',
        b'{"somethingElse": {}}',
        b'{"alreadyCertified": {"blobId": "x", "endEpoch": 4}}',
        json.dumps({"alreadyCertified": {"blobId": format_blob_id(ID), "endEpoch": "4"}}).encode(),
        json.dumps(CREATED).replace('"size": 3', '"size": 4').encode(),
        json.dumps(CREATED).replace("false", "true").encode(),
        json.dumps(CREATED).replace('"0x01"', '"zz"').encode(),
        json.dumps(CREATED).replace('"endEpoch": 4', '"endEpoch": -4').encode(),
        json.dumps({**CREATED, "more": 1}).encode(),
    ],
)
def test_garbled_receipts(body):
    with pytest.raises(MalformedData):
        parse_receipt(body, ID, 3, permanent=True)


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b'{"success": {"data": {}}}', b'{"success": {"data": 3}}', b'{"success": 1}'],
)
def test_garbled_status(body):
    with pytest.raises(MalformedData):
        parse_status(body)
