"""Whole files as chunks and a manifest."""

import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from walrusd.errors import BlobTooLarge, ContentMismatch, MalformedData, StorageUnreachable
from walrusd.storage.manifest import (
    Chunk,
    Manifest,
    compute_leaves,
    compute_manifest_digest,
    compute_sha256,
    parse_manifest,
)
from walrusd.units import BlobId

SIZES = {"chunk_size": 4000, "leaf_size": 1000}


@pytest.fixture(autouse=True)
def two_endpoints(endpoints):
    endpoints.add("one")
    endpoints.add("two")


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "source"
    path.write_bytes(os.urandom(10_500))
    return path


@pytest.mark.parametrize("size", [0, 1, 1000, 4000, 4001, 12_000])
async def test_round_trip(open_store, tmp_path, size):
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(os.urandom(size))
    async with open_store(["one", "two"], ["one"], **SIZES) as store:
        stored = await store.put_file(source)
        manifest = await store.get_file(stored.blob_id, stored.digest, target, max_bytes=size)
    assert target.read_bytes() == source.read_bytes()
    assert manifest == stored.manifest
    assert len(manifest.chunks) == -(-size // 4000)
    assert stored.end_epoch == 6


async def test_another_digest_is_refused(open_store, source, tmp_path):
    async with open_store(["one"], ["one"], **SIZES) as store:
        stored = await store.put_file(source)
        with pytest.raises(ContentMismatch, match="announced"):
            await store.get_file(stored.blob_id, bytes(32), tmp_path / "out", max_bytes=10_500)
        with pytest.raises(BlobTooLarge):
            await store.get_file(stored.blob_id, stored.digest, tmp_path / "out", max_bytes=10_499)
    assert list(tmp_path.glob("*out*")) == []


async def test_corrupt_chunks_come_from_elsewhere(endpoints, open_store, source, tmp_path):
    async with open_store(["one", "two"], ["one"], **SIZES) as store:
        stored = await store.put_file(source)
        endpoints.faults["one"].corrupt_reads = 99
        await store.get_file(stored.blob_id, stored.digest, tmp_path / "out", max_bytes=10_500)
    assert (tmp_path / "out").read_bytes() == source.read_bytes()


async def test_interrupted_fetch_leaves_no_file_and_resumes(
    endpoints, open_store, source, tmp_path
):
    target = tmp_path / "out"
    async with open_store(["one"], ["one"], **SIZES) as store:
        stored = await store.put_file(source)
        # 11 leaves; 6 reads pass, then the service is gone for good.
        endpoints.faults["one"].read_statuses = [0] * 6 + [503] * 999
        with pytest.raises(StorageUnreachable):
            await store.get_file(stored.blob_id, stored.digest, target, max_bytes=10_500)
        assert not target.exists()
        (part,) = tmp_path.glob(".out.*.part")
        # A torn write must not survive the resumption either.
        with part.open("r+b") as file:
            file.write(b"torn")
        endpoints.faults["one"].read_statuses = []
        endpoints.requests.clear()
        await store.get_file(stored.blob_id, stored.digest, target, max_bytes=10_500)
    assert target.read_bytes() == source.read_bytes()
    assert len(endpoints.requests) < 11
    assert list(tmp_path.glob(".out*")) == []


async def test_manifest_that_contradicts_itself(open_store, source, tmp_path):
    async with open_store(["one"], ["one"], **SIZES) as store:
        honest = (await store.put_file(source)).manifest
        forged = Manifest(
            honest.size,
            bytes(32),
            honest.shards,
            honest.chunk_size,
            honest.leaf_size,
            honest.chunks,
        )
        blob = await store.put(forged.encode())
        with pytest.raises(ContentMismatch, match="contradicts"):
            await store.get_file(blob.blob_id, forged.digest(), tmp_path / "out", max_bytes=10_500)
    assert not (tmp_path / "out").exists()


def make_manifest(data: bytes, chunk: int, leaf: int) -> Manifest:
    parts = [data[start : start + chunk] for start in range(0, len(data), chunk)]
    chunks = tuple(
        Chunk(BlobId(i), len(p), compute_sha256(p), compute_leaves(p, leaf))
        for i, p in enumerate(parts)
    )
    return Manifest(len(data), compute_sha256(data), 10, chunk, leaf, chunks)


@given(st.binary(max_size=200), st.integers(1, 4), st.integers(1, 20))
def test_encoding_round_trips(data, leaves, leaf):
    manifest = make_manifest(data, leaf * leaves, leaf)
    assert parse_manifest(manifest.encode()) == manifest
    assert compute_manifest_digest(manifest.encode()) == manifest.digest()


def test_golden_digest():
    assert make_manifest(b"walrus" * 3, 8, 4).digest().hex() == (
        "94be7cdaf2e2d0ad8e336a3f00971ab3ed5f3fe4ef4066e5e6fd375d447abee1"
    )


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"more": 1},
        {"size": 19},
        {"size": -1},
        {"size": True},
        {"leaf_size": 0},
        {"leaf_size": 3},
        {"chunk_size": 0},
        {"chunks": []},
        {"chunks": None},
        {"sha256": "A" * 64},
        {"sha256": "a" * 63},
    ],
)
def test_malformed_manifests(change):
    value = json.loads(make_manifest(b"walrus" * 3, 8, 4).encode()) | change
    with pytest.raises(MalformedData):
        parse_manifest(json.dumps(value, sort_keys=True, separators=(",", ":")).encode())


ODD = [
    None,
    True,
    5,
    -1,
    1.5,
    "",
    "x",
    "0" * 43,
    "0" * 64,
    [],
    [0] * 43,
    [0] * 64,
    {},
    [None],
    [{}],
]


def find_places(value, place=()):
    """Yield the path of every value inside a document."""
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield (*place, key)
            yield from find_places(inner, (*place, key))


def test_a_value_of_any_other_kind_is_a_malformed_manifest():
    """A stranger chose it: whatever it is, it is the stranger's fault and not a bug of ours."""
    encoding = make_manifest(b"walrus" * 3, 8, 4).encode()
    for *outer, last in find_places(json.loads(encoding)):
        for odd in ODD:
            value = json.loads(encoding)
            inner = value
            for key in outer:
                inner = inner[key]
            might_do = type(inner[last]) is type(odd) and odd
            inner[last] = odd
            changed = json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
            try:
                assert parse_manifest(changed).encode() == changed
                assert might_do, (outer, last, odd)
            except MalformedData:
                continue


@given(st.data())
def test_other_spellings_are_refused(data):
    encoding = make_manifest(b"walrus" * 3, 8, 4).encode()
    place = data.draw(st.integers(0, len(encoding)))
    space = data.draw(st.sampled_from([b" ", b"\n", b"0", b"{"]))
    with pytest.raises(MalformedData):
        parse_manifest(encoding[:place] + space + encoding[place:])


@given(st.binary(max_size=60))
def test_noise_is_refused(noise):
    with pytest.raises(MalformedData):
        parse_manifest(noise)
