"""Blob ids of the real network, and rows that prove themselves."""

import hashlib

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from walrusd.errors import BlobCorrupt, OurFault
from walrusd.storage import codec
from walrusd.storage.blobid import format_blob_id
from walrusd.storage.codec import RowVerifier, compute_blob_id, compute_encoding
from walrusd.storage.redstuff import encode_metadata
from walrusd.storage.spans import FileSpan

SHARDS = 10


def sample(size: int) -> bytes:
    return hashlib.shake_128(b"s" + size.to_bytes(8, "little")).digest(size)


# Ids that the network's own WebAssembly encoder gives for sample(size) at 1000 shards.
GOLDEN = {
    0: "3GPQL3HZNnFhN_F7l5Aa-X1VOtAKwIsg9zuWk8R81v4",
    1: "FKmOh1ld_rJuEtFhOCCvWGmAqaC-fgmeYSiHly3Alws",
    222_778: "BAuPWjc0yfRPtD6ThXrCkDyvoNU6nAcr0LdiDjICmxY",
    222_779: "2Q4vNij-Jc5KJ8QRpCHb04BdHiA5A8OuvxjOvWp5ezw",
    445_557: "AG5YginHtfipQNM_YEwE5RPp2b83PItW4T7DViWdCyQ",
    1_048_576: "Idl8ujE-ekT0ZOIXmfvRxA0iJlWTKLUZMA7tpQV8wF8",
    5_000_001: "j0_TiKUCvvJYDlaB0Oh7LKorkjJESgd277y91mncBtw",
    32_505_856: "GK1C97h35uiDnBSwPf07Xq9wJuPqyW4nADs_5jqc4GY",
}


@pytest.mark.slow
@pytest.mark.parametrize("size", GOLDEN)
async def test_golden_ids(size):
    assert format_blob_id(await compute_blob_id(sample(size), 1000)) == GOLDEN[size]


async def test_golden_id_of_the_documentation():
    blob_id = await compute_blob_id(b"some other string", 1000)
    assert format_blob_id(blob_id) == "M4hsZGQ1oCktdzegB6HnI6Mi28S2nqOPHxK-W7_4BUk"


async def test_process_and_thread_agree(tmp_path, monkeypatch):
    data = sample(10_000)
    path = tmp_path / "file"
    path.write_bytes(b"before" + data + b"after")
    span = FileSpan(path, 6, len(data))
    expected = await compute_encoding(data, SHARDS)
    assert await compute_encoding(span, SHARDS) == expected
    monkeypatch.setattr(codec, "PROCESS_THRESHOLD", 1)
    assert await compute_encoding(data, SHARDS) == expected
    assert await compute_encoding(span, SHARDS) == expected


@pytest.mark.parametrize("threshold", [1, 1 << 30])
async def test_file_that_shrank(tmp_path, monkeypatch, threshold):
    monkeypatch.setattr(codec, "PROCESS_THRESHOLD", threshold)
    path = tmp_path / "file"
    path.write_bytes(b"short")
    with pytest.raises(OurFault, match="short"):
        await compute_encoding(FileSpan(path, 0, 10), SHARDS)


async def test_blob_too_large_for_the_network(tmp_path):
    with pytest.raises(OurFault, match="does not fit"):
        await compute_encoding(FileSpan(tmp_path / "never read", 0, 1 << 40), SHARDS)


async def test_cancelled_encoding_ends_soon(monkeypatch):
    monkeypatch.setattr(codec, "PROCESS_THRESHOLD", 1)
    with trio.move_on_after(0.05) as scope:
        await compute_encoding(bytes(4 << 20), 500)
    assert scope.cancelled_caught


@given(st.binary(max_size=3000), st.integers(4, 40), st.data())
def test_rows_verify_and_tampered_rows_do_not(data, shards, draw):
    metadata = encode_metadata(data, shards)
    verifier = RowVerifier(codec.blob_id_from_bytes(metadata[:32]), metadata, shards)
    geometry = verifier.geometry
    assert geometry.size == len(data)
    if not data:
        return
    verifier.verify_rows(0, data)
    first = draw.draw(st.integers(0, geometry.filled_rows - 1))
    start, end = geometry.row_span(first, geometry.filled_rows)
    verifier.verify_rows(first, data[start:end])
    place = draw.draw(st.integers(start, end - 1))
    forged = bytearray(data[start:end])
    forged[place - start] ^= 1 << draw.draw(st.integers(0, 7))
    with pytest.raises(BlobCorrupt):
        verifier.verify_rows(first, bytes(forged))


def test_rows_must_be_whole_and_in_place():
    data = sample(2000)
    metadata = encode_metadata(data, SHARDS)
    verifier = RowVerifier(codec.blob_id_from_bytes(metadata[:32]), metadata, SHARDS)
    for first, wrong in [(0, data[:-1]), (0, data + b"\0"), (0, b""), (1, data), (99, data)]:
        with pytest.raises(BlobCorrupt):
            verifier.verify_rows(first, wrong)


def test_metadata_must_belong_to_the_blob():
    one, other = encode_metadata(b"one", SHARDS), encode_metadata(b"other", SHARDS)
    blob_id = codec.blob_id_from_bytes(one[:32])
    for wrong in (other, one[:32] + other[32:], one[:-1], one + b"\0", b"", bytes(5000)):
        with pytest.raises(BlobCorrupt):
            RowVerifier(blob_id, wrong, SHARDS)
    with pytest.raises(BlobCorrupt):
        RowVerifier(blob_id, one, SHARDS + 1)
