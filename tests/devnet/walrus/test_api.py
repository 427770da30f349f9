"""The HTTP API of Walrus 1.56, quirks included, through a real socket."""

import json
import os

import pytest
import trio

from tests.support.guards import GUARD_S
from walrusd.devnet.walrus import create_walrus_app
from walrusd.storage import redstuff
from walrusd.storage.blobid import format_blob_id, parse_blob_id
from walrusd.storage.codec import RowVerifier, compute_blob_id

from .conftest import SHARDS, serving

DATA = os.urandom(5000)


async def put(client, data=DATA, **query):
    reply = await client.put("/v1/blobs", content=data, params=query)
    assert reply.status_code == 200, reply.text
    return reply.json()


async def blob_name(data=DATA):
    return format_blob_id(await compute_blob_id(data, SHARDS))


def reason(reply):
    (detail,) = reply.json()["error"]["details"]
    return detail["reason"]


# --- publisher ----------------------------------------------------------------------------------


async def test_new_blob(client):
    created = (await put(client, epochs=3, permanent="true"))["newlyCreated"]
    blob = created["blobObject"]
    assert blob["blobId"] == await blob_name()
    assert (blob["size"], blob["deletable"], blob["encodingType"]) == (5000, False, "RS2")
    assert (blob["registeredEpoch"], blob["certifiedEpoch"]) == (1, None)
    assert (blob["storage"]["startEpoch"], blob["storage"]["endEpoch"]) == (1, 4)
    assert created["resourceOperation"]["registerFromScratch"]["epochsAhead"] == 3
    assert created["cost"] > 0


async def test_stored_again(client):
    await put(client, epochs=3, permanent="true")
    again = (await put(client, epochs=2, permanent="true"))["alreadyCertified"]
    assert again["endEpoch"] == 4
    assert "newlyCreated" in await put(client, epochs=4, permanent="true")
    assert "newlyCreated" in await put(client, permanent="true", force="true")
    assert client.store.count_objects() == 3


async def test_deletable_by_default_and_paid_each_time(client):
    first, second = await put(client), await put(client)
    assert first["newlyCreated"]["blobObject"]["deletable"]
    assert first["newlyCreated"]["blobObject"]["id"] != second["newlyCreated"]["blobObject"]["id"]


async def test_shared_blob(client):
    created = (await put(client, permanent="true", share="true"))["newlyCreated"]
    reply = await client.get(f"/v1/blobs/by-object-id/{created['sharedBlobObject']}")
    assert reply.content == DATA


@pytest.mark.parametrize(
    "query",
    [
        "cb=1",
        "epochs=x",
        "epochs=-1",
        "epochs=4294967296",
        "permanent=yes",
        "epochs=1&epochs=2",
        "encoding_type=RS1",
        "quilt_version=v2",
        "send_object_to=abc",
        "send_object_to=0x1&share=true",
    ],
)
async def test_bad_queries_are_text(client, query):
    for path in ("/v1/blobs", "/v1/quilts"):
        reply = await client.put(f"{path}?{query}", content=b"x")
        assert reply.status_code == 400
        assert reply.headers["content-type"].startswith("text/plain")
    assert client.store.count_objects() == 0


async def test_all_fields_are_known(client):
    query = {
        "epochs": 2,
        "permanent": "true",
        "force": "false",
        "reuse_resources": "true",
        "send_object_to": "0x12",
        "encoding_type": "RS2",
        "quilt_version": "v1",
        "share": "false",
    }
    del query["share"]
    assert "newlyCreated" in await put(client, **query)


async def test_contradictory_persistence(client):
    reply = await client.put("/v1/blobs?permanent=true&deletable=true", content=b"x")
    assert (reply.status_code, reason(reply)) == (400, "INVALID_BLOB_PERSISTENCE")


async def test_too_many_epochs(client):
    assert (await client.put("/v1/blobs?epochs=54", content=b"x")).status_code == 500


@pytest.mark.parametrize("chunked", [False, True])
async def test_body_limit(client, chunked):
    async def pieces():
        for _ in range(11):
            yield bytes(10_000)

    content = pieces() if chunked else bytes(100_001)
    reply = await client.put("/v1/blobs", content=content)
    assert reply.status_code == 413
    assert not reply.headers["content-type"].startswith("application/json")
    assert list(client.store.spool.iterdir()) == []
    assert "newlyCreated" in await put(client, bytes(100_000))


async def test_aborted_store_leaves_nothing(client):
    async def stalled():
        yield bytes(1000)
        await trio.sleep_forever()

    with trio.move_on_after(0.2):
        await client.put("/v1/blobs", content=stalled(), headers={"content-length": "50000"})
    with trio.fail_after(GUARD_S):
        while list(client.store.spool.iterdir()):  # noqa: ASYNC110  (the file system has no events)
            await trio.sleep(0.01)
    assert client.store.count_objects() == 0
    assert list(client.store.content_path(parse_blob_id("A" * 43)).parent.iterdir()) == []


async def test_error_with_status_200(client):
    client.faults.store_errors = 1
    assert "sufficient balance" in (await put(client))["error"]["errorMsg"]
    assert client.store.count_objects() == 0
    assert list(client.store.spool.iterdir()) == []


async def test_side_by_side_stores(client):
    replies = []

    async def store():
        replies.append(await put(client, permanent="true"))

    async with trio.open_nursery() as nursery:
        for _ in range(4):
            nursery.start_soon(store)
    assert sorted(key for reply in replies for key in reply) == ["alreadyCertified"] * 3 + [
        "newlyCreated"
    ]
    assert (await client.get(f"/v1/blobs/{await blob_name()}")).content == DATA


# --- aggregator ---------------------------------------------------------------------------------


async def test_whole_read(client):
    await put(client)
    name = await blob_name()
    reply = await client.get(f"/v1/blobs/{name}")
    assert (reply.status_code, reply.content) == (200, DATA)
    assert reply.headers["etag"] == name
    assert "content-type" not in reply.headers
    assert "immutable" not in reply.headers["cache-control"]
    for query in ("strict_consistency_check=true", "skip_consistency_check=false"):
        assert (await client.get(f"/v1/blobs/{name}?{query}")).content == DATA
    head = await client.head(f"/v1/blobs/{name}")
    assert (head.status_code, head.headers["content-length"], head.content) == (200, "5000", b"")
    image = await client.get(f"/v1/blobs/{name}", headers={"accept": "image/png"})
    assert image.headers["content-type"] == "image/png"
    stream = await client.get(f"/v1alpha/blobs/{name}/stream")
    assert (stream.content, stream.headers["x-walrus-streaming"]) == (DATA, "true")


async def test_empty_blob(client):
    await put(client, b"")
    name = await blob_name(b"")
    assert (await client.get(f"/v1/blobs/{name}")).content == b""
    assert (
        await client.get(f"/v1/blobs/{name}", headers={"range": "bytes=0-0"})
    ).status_code == 416


@pytest.mark.parametrize(("first", "last"), [(0, 0), (0, 4999), (100, 199), (4999, 4999)])
async def test_ranges(client, first, last):
    await put(client)
    reply = await client.get(
        f"/v1/blobs/{await blob_name()}", headers={"range": f"bytes={first}-{last}"}
    )
    assert (reply.status_code, reply.content) == (206, DATA[first : last + 1])
    assert reply.headers["content-range"] == f"bytes {first}-{last}/5000"


@pytest.mark.parametrize(
    "value",
    ["bytes=5-", "bytes=-5", "bytes=0-5000", "bytes=9-5", "bytes=0-1,3-4", "rows=0-1", "bytes=-"],
)
async def test_ranges_out_of_reach(client, value):
    await put(client)
    reply = await client.get(f"/v1/blobs/{await blob_name()}", headers={"range": value})
    assert (reply.status_code, reason(reply)) == (416, "INVALID_BYTE_RANGE")


async def test_byte_range_route(client):
    await put(client)
    base = f"/v1/blobs/{await blob_name()}/byte-range"
    reply = await client.get(f"{base}?start=10&length=20")
    assert (reply.status_code, reply.content) == (200, DATA[10:30])
    for query in ("start=4990&length=11", "start=0&length=0", "start=1", "start=a&length=1"):
        assert (await client.get(f"{base}?{query}")).status_code == 400


async def test_refused_reads(client):
    await put(client)
    name = await blob_name()
    unknown = await client.get(f"/v1/blobs/{'A' * 43}")
    assert (unknown.status_code, reason(unknown)) == (404, "BLOB_NOT_FOUND")
    for path in (f"/v1/blobs/{name}x", f"/v1/blobs/{name[:-1]}", f"/v1/blobs/{name}?cb=1"):
        reply = await client.get(path)
        assert reply.status_code == 400
        assert reply.headers["content-type"].startswith("text/plain")
    both = await client.get(
        f"/v1/blobs/{name}?strict_consistency_check=true&skip_consistency_check=true"
    )
    assert (both.status_code, reason(both)) == (400, "INVALID_CONSISTENCY_CHECK")
    assert (await client.get("/v1/blobs/by-object-id/0x1")).status_code == 404


async def test_injected_failures(client):
    await put(client)
    client.faults.read_statuses = [429, 503, 0, 451]
    path = f"/v1/blobs/{await blob_name()}"
    statuses = [(await client.get(path)).status_code for _ in range(5)]
    assert statuses == [429, 503, 200, 451, 200]


# --- storage node -------------------------------------------------------------------------------


async def test_metadata_proves_itself(client):
    await put(client)
    name = await blob_name()
    metadata = (await client.get(f"/v1/blobs/{name}/metadata")).content
    RowVerifier(parse_blob_id(name), metadata, SHARDS).verify_rows(0, DATA)


async def test_slivers(client):
    await put(client)
    name = await blob_name()
    expected = redstuff.encode_slivers(DATA, SHARDS)
    for pair in (0, SHARDS - 1):
        for axis, place in (("primary", 0), ("secondary", 1)):
            reply = await client.get(f"/v1/blobs/{name}/slivers/{pair}/{axis}")
            assert reply.content == expected[pair][place]
    assert (await client.get(f"/v1/blobs/{name}/slivers/{SHARDS}/primary")).status_code == 400
    missing = await client.get(f"/v1/blobs/{'A' * 43}/slivers/0/primary")
    assert (missing.status_code, reason(missing)) == (404, "SLIVER_NOT_FOUND")


async def test_status(client):
    path = f"/v1/blobs/{await blob_name()}/status"

    async def status():
        return (await client.get(path)).json()["success"]["data"]

    assert await status() == "nonexistent"
    await put(client)
    assert (await status())["deletable"]["deletableCounts"]["count_deletable_total"] == 1
    await put(client, permanent="true", epochs=5)
    permanent = (await status())["permanent"]
    assert (permanent["endEpoch"], permanent["isCertified"]) == (6, True)
    assert (await client.get("/status")).text == "OK"


# --- quilts -------------------------------------------------------------------------------------


async def test_quilt(client):
    tags = [{"identifier": "b", "tags": {"content-type": "text/plain", "n": 5}}]
    files = {
        "b": ("b", b"\r\n--beta"),
        "a/x": ("a", b"alpha"),
        "_metadata": (None, json.dumps(tags)),
    }
    stored = (await client.put("/v1/quilts", files=files)).json()
    quilt = stored["blobStoreResult"]["newlyCreated"]["blobObject"]["blobId"]
    assert [entry["identifier"] for entry in stored["storedQuiltBlobs"]] == ["a/x", "b"]
    reply = await client.get(f"/v1/blobs/by-quilt-id/{quilt}/b")
    assert (reply.content, reply.headers["content-type"]) == (b"\r\n--beta", "text/plain")
    assert (await client.get(f"/v1/blobs/by-quilt-id/{quilt}/a/x")).content == b"alpha"
    for entry in stored["storedQuiltBlobs"]:
        by_patch = await client.get(f"/v1/blobs/by-quilt-patch-id/{entry['quiltPatchId']}")
        assert by_patch.headers["x-quilt-patch-identifier"] == entry["identifier"]
    listed = (await client.get(f"/v1/quilts/{quilt}/patches")).json()
    assert [entry["patch_id"] for entry in listed] == [
        entry["quiltPatchId"] for entry in stored["storedQuiltBlobs"]
    ]
    assert listed[1]["tags"] == {"content-type": "text/plain", "n": "5"}
    missing = await client.get(f"/v1/blobs/by-quilt-id/{quilt}/c")
    assert (missing.status_code, reason(missing)) == (404, "QUILT_PATCH_NOT_FOUND")
    whole = (await client.get(f"/v1/blobs/{quilt}")).content
    assert await blob_name(whole) == quilt


@pytest.mark.parametrize(
    "options",
    [
        {"content": b"no form"},
        {"content": b"--x\r\n", "headers": {"content-type": "multipart/form-data; boundary=x"}},
        {"files": {"_metadata": (None, "[]")}},
        {"files": {"a": ("a", b"x"), "_metadata": (None, "nonsense")}},
        {"files": [("a", ("a", b"x")), ("a", ("a", b"y"))]},
        {"files": [(f"{i}", ("f", b"x")) for i in range(9)]},
    ],
)
async def test_malformed_quilts(client, options):
    reply = await client.put("/v1/quilts", **options)
    assert (reply.status_code, reason(reply)) == (400, "MALFORMED_REQUEST")
    assert list(client.store.spool.iterdir()) == []


# --- time and restarts --------------------------------------------------------------------------


async def test_expiry(client, epoch):
    created = (await put(client, epochs=2))["newlyCreated"]["blobObject"]
    name = await blob_name()
    epoch.now = 2
    assert (await client.get(f"/v1/blobs/{name}")).status_code == 200
    epoch.now = 3
    for path in (f"/v1/blobs/{name}", f"/v1/blobs/{name}/metadata"):
        assert (await client.get(path)).status_code == 404
    assert (await client.get(f"/v1/blobs/by-object-id/{created['id']}")).status_code == 404
    assert "newlyCreated" in await put(client)


async def test_restart(tmp_path, epoch):
    def make():
        return create_walrus_app(tmp_path, SHARDS, epoch=epoch)

    async with serving(make()) as client:
        created = (await put(client, permanent="true"))["newlyCreated"]["blobObject"]
    # What a kill in the middle of a store leaves behind.
    (tmp_path / "spool" / "half").write_bytes(DATA[:100])
    async with serving(make()) as client:
        reply = await client.get(f"/v1/blobs/by-object-id/{created['id']}")
        assert reply.content == DATA
        assert "alreadyCertified" in await put(client, permanent="true")
    assert list((tmp_path / "spool").iterdir()) == []
    with pytest.raises(ValueError, match="10 shards"):
        create_walrus_app(tmp_path, 11, epoch=epoch)
