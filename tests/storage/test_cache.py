"""The directory of verified blobs."""

import os

from walrusd.storage.blobid import format_blob_id
from walrusd.storage.cache import BlobCache
from walrusd.units import BlobId

A, B, C = BlobId(1), BlobId(2), BlobId(3)


def age(directory, blob_id, seconds):
    os.utime(directory / format_blob_id(blob_id), (seconds, seconds))


def test_keeps_across_openings(tmp_path):
    BlobCache(tmp_path, 1000).put(A, b"content")
    assert BlobCache(tmp_path, 1000).get(A) == b"content"
    assert BlobCache(tmp_path, 1000).get(B) is None


def test_least_recently_used_goes_first(tmp_path):
    cache = BlobCache(tmp_path, 2 * (32 + 10))
    cache.put(A, bytes(10))
    cache.put(B, bytes(10))
    age(tmp_path, A, 1000)
    age(tmp_path, B, 2000)
    assert cache.get(A) is not None
    cache.put(C, bytes(10))
    assert cache.get(B) is None
    assert cache.get(A) is not None
    assert cache.get(C) is not None


def test_never_above_capacity(tmp_path):
    cache = BlobCache(tmp_path, 500)
    for number in range(50):
        cache.put(BlobId(number), bytes(number * 5))
        assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 500
    cache.put(A, bytes(469))
    assert cache.get(A) is None


def test_rotten_content_is_forgotten(tmp_path):
    cache = BlobCache(tmp_path, 1000)
    cache.put(A, b"content")
    path = tmp_path / format_blob_id(A)
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    assert cache.get(A) is None
    assert not path.exists()
    path.write_bytes(b"")
    assert cache.get(A) is None


def test_leftovers_of_a_crash_are_removed(tmp_path):
    (tmp_path / f".{format_blob_id(A)}.00.part").write_bytes(b"half")
    BlobCache(tmp_path, 1000)
    assert list(tmp_path.iterdir()) == []
