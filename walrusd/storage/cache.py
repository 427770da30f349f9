"""A directory of verified blobs; when it is full, the least recently used are deleted.

Each file is named by its blob id and holds a SHA-256 and the content, so that a file that was
corrupted on the disk is detected and ignored.
"""

import hashlib
import os
from pathlib import Path

from walrusd.files import open_atomically, remove_parts
from walrusd.storage.blobid import format_blob_id
from walrusd.units import BlobId

_DIGEST_LENGTH = 32


class BlobCache:
    """Keeps at most ``capacity`` bytes under ``directory``. All methods block."""

    def __init__(self, directory: Path, capacity: int) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        remove_parts(directory)
        self._directory = directory
        self._capacity = capacity

    def get(self, blob_id: BlobId) -> bytes | None:
        """Return a blob's content if it is cached and intact."""
        path = self._path(blob_id)
        try:
            raw = path.read_bytes()
        except FileNotFoundError:
            return None
        digest, data = raw[:_DIGEST_LENGTH], raw[_DIGEST_LENGTH:]
        if hashlib.sha256(data).digest() != digest:
            path.unlink(missing_ok=True)
            return None
        os.utime(path)
        return data

    def put(self, blob_id: BlobId, data: bytes) -> None:
        """Cache verified content, unless it is larger than the whole cache.

        Raises:
            OSError: if the disk is full or the directory gone.
        """
        needed = len(data) + _DIGEST_LENGTH
        if needed > self._capacity:
            return
        path = self._path(blob_id)
        self._make_room(needed, keep=path)
        with open_atomically(path) as file:
            file.write(hashlib.sha256(data).digest())
            file.write(data)

    def _path(self, blob_id: BlobId) -> Path:
        return self._directory / format_blob_id(blob_id)

    def _make_room(self, needed: int, keep: Path) -> None:
        entries = []
        for path in self._directory.iterdir():
            if path != keep:
                status = path.stat()
                entries.append((status.st_mtime_ns, path.name, status.st_size, path))
        total = sum(size for _, _, size, _ in entries)
        for _, _, size, path in sorted(entries):
            if total + needed <= self._capacity:
                return
            path.unlink(missing_ok=True)
            total -= size
