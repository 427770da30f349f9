"""Which publisher is asked next, and when an upload counts as done, open or refused."""

import os

import pytest

from walrusd.errors import BlobOverLimit, StorageUnreachable, StoreRefused
from walrusd.storage.ledger import UploadLedger

DATA = os.urandom(3000)


@pytest.fixture(autouse=True)
def three_endpoints(endpoints):
    for name in ("one", "two", "three"):
        endpoints.add(name)


def sent(endpoints):
    return [name for name, method, _path in endpoints.requests if method == "PUT"]


async def test_a_publisher_with_a_wrong_receipt_comes_last_from_then_on(endpoints, open_store):
    endpoints.faults["one"].foreign_receipts = 1
    async with open_store(publishers=["one", "two"]) as store:
        await store.put(DATA)
        for publisher in store._pools[1].ranked():
            publisher.latency = 0.3  # not because it is slower
        await store.put(DATA[1:])
    assert sent(endpoints) == ["one", "two", "two"]


async def test_what_a_wrong_receipt_hides_is_found_before_it_is_paid_again(endpoints, open_store):
    """The blob was stored; only the receipt was for another."""
    endpoints.faults["one"].foreign_receipts = 1
    async with open_store(publishers=["one", "two"], nodes=["one"]) as store:
        stored = await store.put(DATA)
    assert sent(endpoints) == ["one"]
    assert stored.end_epoch == 6


@pytest.mark.parametrize(("wanted", "puts"), [(5, 1), (6, 1), (7, 2)])
async def test_a_blob_that_lives_long_enough_is_not_sent_again(endpoints, open_store, wanted, puts):
    async with open_store(publishers=["one"]) as store:
        await store.put(DATA, epochs=5)
        await store.put(DATA, epochs=9, min_end_epoch=wanted)
    assert len(sent(endpoints)) == puts


@pytest.mark.parametrize(("wanted", "puts"), [(6, 1), (7, 2)])
async def test_an_interrupted_upload_must_live_long_enough_too(
    endpoints, open_store, connection, wanted, puts
):
    async with open_store(publishers=["one"], nodes=["one"]) as store:
        blob = await store.put(DATA, epochs=5)
        # As if the answer had never come.
        UploadLedger(connection).note_start(
            blob.blob_id, size=3000, permanent=True, publisher="http://one"
        )
        found = await store.put(DATA, epochs=9, min_end_epoch=wanted)
    assert len(sent(endpoints)) == puts
    assert found.end_epoch == (6 if puts == 1 else 10)


async def test_a_deletable_blob_is_not_taken_for_a_permanent_one(endpoints, open_store):
    async with open_store(publishers=["one"], nodes=["one"]) as store:
        await store.put(DATA, permanent=False)
        await store.put(DATA, min_end_epoch=1)
        await store.put(DATA, permanent=False, min_end_epoch=1)
    assert len(sent(endpoints)) == 3


async def test_a_deletable_upload_that_was_lost_is_sent_again(endpoints, open_store):
    """It may be another owner's: only the publisher knows."""
    endpoints.faults["one"].lost_receipts = 1
    async with open_store(publishers=["one"], nodes=["one"]) as store:
        await store.put(DATA, permanent=False)
    assert sent(endpoints) == ["one", "one"]
    assert not any("status" in path for _name, _method, path in endpoints.requests)


async def test_twice_without_an_answer_another_publisher_is_asked(endpoints, open_store):
    endpoints.faults["one"].store_statuses = [503] * 9
    async with open_store(publishers=["one", "two"]) as store:
        await store.put(DATA)
    assert sent(endpoints) == ["one", "one", "two"]


async def test_each_publisher_is_tried_three_times(endpoints, open_store):
    endpoints.faults["one"].store_statuses = [429] * 99
    async with open_store(publishers=["one"]) as store:
        with pytest.raises(StorageUnreachable):
            await store.put(DATA)
    assert sent(endpoints) == ["one"] * 3


async def test_a_publisher_that_refuses_is_not_tried_again(endpoints, open_store):
    endpoints.faults["one"].store_errors = 9
    endpoints.faults["two"].store_statuses = [429] * 99
    async with open_store(publishers=["one", "two"]) as store:
        with pytest.raises(StoreRefused):
            await store.put(DATA)
    assert sent(endpoints).count("one") == 1
    assert sent(endpoints).count("two") == 3


@pytest.mark.parametrize(("size", "goes"), [(1000, True), (1001, False)])
async def test_the_settings_limit_is_the_largest_blob(endpoints, open_store, size, goes):
    async with open_store(
        publishers=["one"], max_blob=1000, chunk_size=1000, leaf_size=1000
    ) as store:
        if goes:
            await store.put(bytes(size))
        else:
            with pytest.raises(BlobOverLimit) as caught:
                await store.put(bytes(size))
            assert caught.value.fields == {"size": size, "limit": 1000}
            await store.put(bytes(size), try_anyway=True)
    assert len(sent(endpoints)) == 1


@pytest.mark.parametrize(("epochs", "goes"), [(-1, False), (0, False), (1, True)])
async def test_a_blob_is_stored_for_an_epoch_or_more(endpoints, open_store, epochs, goes):
    async with open_store(publishers=["one"]) as store:
        if goes:
            assert (await store.put(DATA, epochs=epochs)).end_epoch == 1 + epochs
        else:
            with pytest.raises(StoreRefused):
                await store.put(DATA, epochs=epochs)
    assert len(sent(endpoints)) == goes


async def test_all_must_refuse_a_blob_for_its_size(endpoints, open_store):
    endpoints.faults["one"].store_statuses = [413]
    endpoints.faults["two"].store_errors = 1
    async with open_store(publishers=["one", "two"]) as store:
        with pytest.raises(StoreRefused) as caught:
            await store.put(DATA)
    assert not isinstance(caught.value, BlobOverLimit)
    endpoints.requests.clear()
    endpoints.faults["one"].store_statuses = [413]
    endpoints.faults["three"].store_statuses = [413]
    async with open_store(publishers=["one", "three"]) as store:
        with pytest.raises(BlobOverLimit) as caught:
            await store.put(DATA)
        assert caught.value.fields["size"] == 3000
        # Known from now on: nothing is sent.
        with pytest.raises(BlobOverLimit):
            await store.put(DATA)
    assert sent(endpoints) == ["one", "three"]


async def test_a_file_ends_with_its_shortest_lived_part(endpoints, open_store, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(os.urandom(2000))
    lasting = tmp_path / "lasting"
    lasting.write_bytes(os.urandom(2000))
    async with open_store(publishers=["one"], chunk_size=1000, leaf_size=1000) as store:
        await store.put(lasting.read_bytes()[:1000], epochs=20)
        assert (await store.put_file(lasting, epochs=5)).end_epoch == 6
        endpoints.requests.clear()
        first = await store.put_file(path, epochs=5)
        assert first.end_epoch == 6
        again = await store.put_file(path, epochs=9, min_end_epoch=6)
        assert again.end_epoch == 6
        longer = await store.put_file(path, epochs=9, min_end_epoch=7)
    assert longer.end_epoch == 10
    assert len(sent(endpoints)) == 6
