"""Seal and store an opening piece by piece.

The same pieces under the same keys give the same blobs: whoever was interrupted begins again, and
the ledger of uploads knows what is stored and paid already.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import trio

from walrusd.core.pieces.keys import OpeningKeys, derive_sealing, derive_stream_head
from walrusd.core.pieces.manifest import (
    SHARED_BLOB_BYTES,
    Extent,
    ListedPiece,
    OpeningManifest,
    compute_opening_digest,
    seal_manifest,
)
from walrusd.core.pieces.names import PieceName
from walrusd.core.sizes import MAX_OPENING_MANIFEST, SMALLEST_CUT
from walrusd.crypto.envelopes.contexts import Label
from walrusd.crypto.stream import SEGMENT_BYTES, encrypt_stream
from walrusd.crypto.vfile.vfile import Source
from walrusd.engine.tools import Tools
from walrusd.errors import BlobOverLimit, LocalFault
from walrusd.files import new_file
from walrusd.settings.model import WalrusSettings
from walrusd.storage.geometry import compute_max_blob_size
from walrusd.storage.ledger import StoredBlob
from walrusd.storage.spans import FileSpan
from walrusd.units import BlobId

_ANY_EPOCH = 1
"""The blobs of an opening are like no others: one that the ledger knows was stored for it."""


def compute_cut(walrus: WalrusSettings) -> int:
    """Return the most bytes of one blob of an opening: a chunk, or what the way in takes."""
    limit = min(walrus.chunk_bytes, walrus.max_blob_bytes, compute_max_blob_size(walrus.shards))
    return max(limit, SMALLEST_CUT)


@dataclass(frozen=True)
class StoredOpening:
    """A stored opening: the blob and digest of its manifest, and every blob of its pieces."""

    blob: BlobId
    digest: bytes
    pieces: tuple[BlobId, ...]


class OpeningWriter:
    """Seals pieces, in ascending order of their names, and stores them.

    Holds at most one shared blob of each label in memory; a large piece goes through ``folder``.
    """

    def __init__(self, tools: Tools, folder: Path, keys: OpeningKeys, aad: bytes, cut: int) -> None:
        """``aad`` is the associated data of the opening; blobs have at most ``cut`` bytes."""
        assert keys.work is not None
        assert keys.update is not None
        self._tools, self._folder, self._aad, self._cut = tools, folder, aad, cut
        self._keys, self._work, self._update = keys, keys.work, keys.update
        self._update_secret = keys.update + keys.update_value
        self._shared = {label: _Shared(min(cut, SHARED_BLOB_BYTES)) for label in Label}
        self._listed: list[ListedPiece] = []

    async def add(self, name: PieceName, source: Source) -> None:
        """Seal one piece, and store it unless it waits for others that share its blob.

        Raises:
            LocalFault: if its file changes meanwhile.
            StoreRefused, StorageUnreachable, BlobOverLimit, OSError: as ``WalrusStore.put``.
        """
        key, aad = derive_sealing(name, self._keys, self._aad)
        path = self._folder / f"{name.text}.sealing"
        try:
            sealed = await trio.to_thread.run_sync(_seal, name, source, path, key, aad)
            if sealed.sealed_size <= SMALLEST_CUT:
                shared = self._shared[name.kind.label]
                if not shared.takes(sealed.sealed_size):
                    await self._flush(shared)
                shared.add(sealed, await trio.Path(path).read_bytes())
                return
            extents = []
            for start in range(0, sealed.sealed_size, self._cut):
                length = min(self._cut, sealed.sealed_size - start)
                stored = await self._put(FileSpan(path, start, length))
                extents.append(Extent(stored.blob_id, 0, length))
            self._listed.append(sealed.list_in(extents))
        finally:
            path.unlink(missing_ok=True)

    async def finish(self) -> StoredOpening:
        """Store what is left and the manifest. Errors as ``add``."""
        for label in Label:
            await self._flush(self._shared[label])
        pieces = tuple(sorted(self._listed, key=lambda piece: piece.name))
        manifest = OpeningManifest(pieces, update_secret=self._update_secret)
        sealed = await trio.to_thread.run_sync(
            seal_manifest, manifest, self._work, self._update, self._aad
        )
        if len(sealed) > MAX_OPENING_MANIFEST:
            raise BlobOverLimit(
                f"the manifest of the opening has {len(sealed):,} bytes; readers take "
                f"{MAX_OPENING_MANIFEST:,}",
                hint="raise walrus.max_blob_bytes and walrus.chunk_bytes, if the publishers take "
                "more",
            )
        stored = await self._put(sealed)
        digest = compute_opening_digest(sealed)
        return StoredOpening(stored.blob_id, digest, tuple(manifest.measure_blobs()))

    async def _flush(self, shared: "_Shared") -> None:
        if shared.data:
            stored = await self._put(bytes(shared.data))
            self._listed += shared.list_in(stored.blob_id)

    async def _put(self, data: bytes | FileSpan) -> StoredBlob:
        return await self._tools.store.put(
            data,
            epochs=self._tools.settings.walrus.epochs,
            min_end_epoch=_ANY_EPOCH,
            try_anyway=True,
        )


@dataclass(frozen=True)
class _Sealed:
    """A sealed piece that is in no blob yet; sizes in bytes."""

    name: PieceName
    size: int
    digest: bytes
    sealed_size: int
    sealed_digest: bytes

    def list_in(self, extents: list[Extent]) -> ListedPiece:
        return ListedPiece(self.name, self.size, self.digest, self.sealed_digest, tuple(extents))


class _Shared:
    """A blob that small pieces share, while it grows to at most ``most`` bytes."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.data = bytearray()
        self._pieces: list[tuple[int, _Sealed]] = []

    def takes(self, size: int) -> bool:
        return len(self.data) + size <= self._most

    def add(self, piece: _Sealed, sealed: bytes) -> None:
        self._pieces.append((len(self.data), piece))
        self.data += sealed

    def list_in(self, blob: BlobId) -> list[ListedPiece]:
        """Return the pieces, now that the blob has an id, and begin another blob."""
        listed = [
            piece.list_in([Extent(blob, offset, piece.sealed_size)])
            for offset, piece in self._pieces
        ]
        self.data, self._pieces = bytearray(), []
        return listed


class _Hashing:
    """Passes reads or writes of a file on, and hashes what passes."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size = 0
        self._state = hashlib.sha256()

    def _note(self, data: bytes | memoryview) -> None:
        self._state.update(data)
        self.size += len(data)

    def read(self, count: int, /) -> bytes:
        data = self._file.read(count)
        self._note(data)
        return data

    def write(self, data: bytes | memoryview, /) -> int:
        written = self._file.write(data)
        self._note(memoryview(data)[:written])
        return written

    def digest(self) -> bytes:
        return self._state.digest()


def _seal(name: PieceName, source: Source, path: Path, key: bytes, aad: bytes) -> _Sealed:
    """Seal a piece into ``path``. Blocks.

    Raises:
        LocalFault: if its bytes are not the same when they are read the second time.
    """
    with source() as plain:
        first = _Hashing(plain)
        while first.read(SEGMENT_BYTES):
            pass
    digest = first.digest()
    head = derive_stream_head(key, digest)
    with source() as plain, new_file(path) as file:
        reading, writing = _Hashing(plain), _Hashing(file)
        encrypt_stream(reading, writing, key, aad, head)
    if reading.digest() != digest:
        raise LocalFault(f"the piece {name.text} of the opening changed while it was sealed")
    return _Sealed(name, reading.size, digest, writing.size, writing.digest())
