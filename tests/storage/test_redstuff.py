"""The encoder, by itself and as the program that runs in a process of its own."""

import io
import os
from types import SimpleNamespace

import pytest

from walrusd.storage import redstuff
from walrusd.storage.redstuff import (
    BLOB_ID_LENGTH,
    SHORT_INPUT,
    MetadataHandle,
    RedStuffError,
    encode_metadata,
    encode_slivers,
)

SHARDS = 10
DATA = bytes(range(256)) * 5


def work(monkeypatch, arguments, stdin=b""):
    out = io.BytesIO()
    monkeypatch.setattr(
        redstuff.sys, "stdin", SimpleNamespace(buffer=io.BytesIO(stdin)), raising=False
    )
    monkeypatch.setattr(redstuff.sys, "stdout", SimpleNamespace(buffer=out))
    return redstuff._work([str(argument) for argument in arguments]), out.getvalue()


def test_the_program_encodes_what_it_is_given(monkeypatch):
    assert work(monkeypatch, [SHARDS], DATA) == (0, encode_metadata(DATA, SHARDS))


@pytest.mark.parametrize(("offset", "length"), [(0, len(DATA)), (100, 500), (len(DATA), 0)])
def test_the_program_reads_a_part_of_a_file(monkeypatch, tmp_path, offset, length):
    path = tmp_path / "file"
    path.write_bytes(DATA)
    expected = encode_metadata(DATA[offset : offset + length], SHARDS)
    assert work(monkeypatch, [SHARDS, path, offset, length]) == (0, expected)


def test_a_file_that_became_shorter_is_not_encoded(monkeypatch, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(DATA)
    assert work(monkeypatch, [SHARDS, path, 1, len(DATA)]) == (SHORT_INPUT, b"")


def test_metadata_is_bound_to_its_blob():
    metadata = encode_metadata(DATA, SHARDS)
    handle = MetadataHandle(metadata, SHARDS)
    assert handle.raw_blob_id == metadata[:BLOB_ID_LENGTH]
    assert (handle.size, handle.shards) == (len(DATA), SHARDS)
    for at in (0, BLOB_ID_LENGTH, len(metadata) - 1):
        changed = bytearray(metadata)
        changed[at] ^= 1
        with pytest.raises(RedStuffError):
            MetadataHandle(bytes(changed), SHARDS)
    with pytest.raises(RedStuffError):
        MetadataHandle(metadata[:-1], SHARDS)


def test_a_sliver_is_bound_to_the_metadata():
    slivers = encode_slivers(DATA, SHARDS)
    assert sorted(slivers) == list(range(SHARDS))
    handle = MetadataHandle(encode_metadata(DATA, SHARDS), SHARDS)
    primary, _secondary = slivers[3]
    handle.verify_primary(primary)
    changed = primary[:40] + bytes([primary[40] ^ 1]) + primary[41:]
    other = encode_slivers(os.urandom(len(DATA)), SHARDS)[3][0]
    for wrong in (changed, other, b""):
        with pytest.raises(RedStuffError):
            handle.verify_primary(wrong)


def test_what_cannot_be_encoded_is_named():
    for encode in (encode_metadata, encode_slivers):
        with pytest.raises(RedStuffError) as caught:
            encode(DATA, 0)
        assert caught.value.code
