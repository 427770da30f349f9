"""The daemon's interface to Walrus: stores and reads blobs and files, verified and cached."""

import hashlib
import logging
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

import trio

from walrusd.errors import BlobOverLimit, BlobTooLarge, ContentMismatch
from walrusd.settings.model import DEFAULT_MAX_BLOB
from walrusd.storage.blobid import format_blob_id
from walrusd.storage.cache import BlobCache
from walrusd.storage.geometry import compute_max_blob_size
from walrusd.storage.http import EndpointPool, RetryPolicy, TransportFactory
from walrusd.storage.ledger import StoredBlob, UploadLedger
from walrusd.storage.manifest import (
    CHUNK_SIZE,
    LEAF_SIZE,
    MAX_MANIFEST,
    Chunk,
    Manifest,
    choose_sizes,
    compute_leaves,
    compute_manifest_digest,
    compute_manifest_size,
    compute_sha256,
    parse_manifest,
    verify_content,
)
from walrusd.storage.probe import READ, STORE, find_silence
from walrusd.storage.publisher import DEFAULT_EPOCHS, BlobPublisher
from walrusd.storage.reader import BlobReader
from walrusd.storage.receipt import BlobStatus
from walrusd.storage.rows import cut_by_leaves
from walrusd.storage.spans import FileSpan
from walrusd.units import Address, BlobId

log = logging.getLogger(__name__)

CACHE_CAPACITY = 4 << 30
PROPAGATION_SECONDS = 60.0
"""Seconds after storing in which a "not found" may be outdated."""

CLOSE_S = 2.0
"""The most seconds to close the connections."""


@dataclass(frozen=True)
class StoredFile:
    """A stored file: its manifest, the manifest's own blob, and the earliest end of any part."""

    manifest: Manifest
    manifest_blob: StoredBlob
    end_epoch: int

    @property
    def blob_id(self) -> BlobId:
        """The blob id of the manifest."""
        return self.manifest_blob.blob_id

    @property
    def digest(self) -> bytes:
        """The digest to anchor, 32 bytes."""
        return self.manifest.digest()


class WalrusStore:
    """The adapter to one Walrus network. Use it as an async context manager, or close it."""

    def __init__(
        self,
        aggregators: Sequence[str],
        publishers: Sequence[str],
        shards: int,
        cache_dir: Path,
        connection: sqlite3.Connection,
        *,
        nodes: Sequence[str] = (),
        owner: Address | None = None,
        cache_capacity: int = CACHE_CAPACITY,
        chunk_size: int = CHUNK_SIZE,
        leaf_size: int = LEAF_SIZE,
        max_blob: int | None = None,
        policy: RetryPolicy | None = None,
        make_transport: TransportFactory | None = None,
    ) -> None:
        """Set up without any request.

        ``nodes`` are storage nodes (or a devnet, which serves their API): they make verification
        cheap and tell whether an interrupted upload arrived. ``owner`` receives the Blob objects.
        ``connection`` holds the upload ledger and must belong to the event loop's thread.

        ``max_blob`` is the most bytes that the publishers accept in one blob: by default the limit
        of public ones, or a chunk if that is larger. Chunks are reduced to it, and to what fits
        ``shards`` shards.

        Raises:
            ConfigError: if a URL is not one.
            ValueError: if ``chunk_size`` is not a multiple of ``leaf_size``.
        """
        if leaf_size < 1 or chunk_size < leaf_size or chunk_size % leaf_size:
            raise ValueError("the chunk size is a multiple of the leaf size")
        if max_blob is None:
            max_blob = max(DEFAULT_MAX_BLOB, chunk_size)
        self.shards = shards
        self.max_blob = min(max_blob, compute_max_blob_size(shards))
        self._chunk_size, self._leaf_size = choose_sizes(chunk_size, leaf_size, self.max_blob)
        self._pools = [
            EndpointPool(urls, policy, make_transport) for urls in (aggregators, publishers, nodes)
        ]
        aggregator_pool, publisher_pool, node_pool = self._pools
        self._recent: dict[BlobId, float] = {}
        self._reader = BlobReader(aggregator_pool, node_pool, shards, self._is_recent)
        ledger = UploadLedger(connection)
        self._publisher = BlobPublisher(
            publisher_pool, node_pool, shards, ledger, owner, max_blob=max_blob
        )
        self._cache = BlobCache(cache_dir, cache_capacity)
        self._cache_turn = trio.CapacityLimiter(1)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close all connections, also when cancelled."""
        with trio.move_on_after(CLOSE_S, shield=True):
            for pool in self._pools:
                await pool.aclose()

    async def find_publisher_trouble(self) -> str | None:
        """Return why no publisher would store for us now; None if one would. Costs nothing."""
        return await find_silence(self._pools[1], STORE)

    async def find_aggregator_trouble(self) -> str | None:
        """Return why no aggregator would serve us now; None if one would."""
        return await find_silence(self._pools[0], READ)

    async def put(
        self,
        data: bytes | Path | FileSpan,
        *,
        epochs: int = DEFAULT_EPOCHS,
        permanent: bool = True,
        min_end_epoch: int | None = None,
        try_anyway: bool = False,
    ) -> StoredBlob:
        """Store one blob. Arguments and errors as ``BlobPublisher.put_blob``."""
        stored = await self._publisher.put_blob(
            data,
            epochs=epochs,
            permanent=permanent,
            min_end_epoch=min_end_epoch,
            try_anyway=try_anyway,
        )
        self._note_recent(stored.blob_id)
        if isinstance(data, bytes):
            await self._cache_blob(stored.blob_id, data)
        return stored

    async def get(self, blob_id: BlobId, max_bytes: int) -> bytes:
        """Return one verified blob, from the cache if it is there.

        Raises:
            BlobTooLarge, BlobCorrupt, BlobNotFound, StorageUnreachable: as
                ``BlobReader.read_blob``.
        """
        cached = await self._find_cached(blob_id)
        if cached is not None and len(cached) <= max_bytes:
            return cached
        data = await self._reader.read_blob(blob_id, max_bytes=max_bytes)
        await self._cache_blob(blob_id, data)
        return data

    async def download(self, blob_id: BlobId, path: Path, max_bytes: int) -> None:
        """Write one verified blob to ``path``. Errors as ``BlobReader.download``."""
        await self._reader.download(blob_id, path, max_bytes=max_bytes)

    async def find_status(self, blob_id: BlobId) -> BlobStatus | None:
        """Return what a storage node says about a blob; errors as ``BlobPublisher.find_status``."""
        return await self._publisher.find_status(blob_id)

    async def put_file(
        self,
        path: Path,
        *,
        epochs: int = DEFAULT_EPOCHS,
        min_end_epoch: int | None = None,
    ) -> StoredFile:
        """Store a file as chunks and a manifest, all permanent.

        Each chunk is read once, so the manifest is consistent even if the file changes.

        Raises:
            BlobOverLimit: if the manifest would be too large; then nothing is stored.
            StoreRefused, StorageUnreachable, OurFault, OSError: as ``BlobPublisher.put_blob``.
        """
        span = await FileSpan.of(path)
        self._check_manifest_size(span.length)
        whole = hashlib.sha256()
        chunks, ends = [], []
        for offset in range(0, span.length, self._chunk_size):
            length = min(self._chunk_size, span.length - offset)
            data = await trio.to_thread.run_sync(FileSpan(path, offset, length).read)
            await trio.to_thread.run_sync(whole.update, data)
            leaves = await trio.to_thread.run_sync(compute_leaves, data, self._leaf_size)
            digest = await trio.to_thread.run_sync(compute_sha256, data)
            stored = await self._publisher.put_blob(
                data, epochs=epochs, min_end_epoch=min_end_epoch
            )
            self._note_recent(stored.blob_id)
            chunks.append(Chunk(stored.blob_id, length, digest, leaves))
            ends.append(stored.end_epoch)
        manifest = Manifest(
            span.length,
            whole.digest(),
            self.shards,
            self._chunk_size,
            self._leaf_size,
            tuple(chunks),
        )
        blob = await self.put(manifest.encode(), epochs=epochs, min_end_epoch=min_end_epoch)
        return StoredFile(manifest, blob, min([blob.end_epoch, *ends]))

    def _check_manifest_size(self, size: int) -> None:
        needed = compute_manifest_size(size, self._chunk_size, self._leaf_size)
        limit = min(self.max_blob, MAX_MANIFEST)
        if needed > limit:
            raise BlobOverLimit(
                f"the manifest of a file of {size:,} bytes needs {needed:,} bytes, in chunks of "
                f"{self._chunk_size:,}; {limit:,} are possible",
                hint="raise walrus.chunk_bytes, if the publishers take more, or split the file",
                size=needed,
                limit=limit,
            )

    async def get_manifest(self, blob_id: BlobId, expected_digest: bytes) -> Manifest:
        """Return the manifest in ``blob_id``, whose digest must be the one anchored.

        Raises:
            ContentMismatch: if the blob is intact but not the manifest expected.
            MalformedData: if it is not a manifest.
            BlobCorrupt, BlobTooLarge, BlobNotFound, StorageUnreachable: as ``get``.
        """
        encoding = await self.get(blob_id, MAX_MANIFEST)
        if compute_manifest_digest(encoding) != expected_digest:
            raise ContentMismatch(
                f"blob {format_blob_id(blob_id)} is not the manifest that was announced"
            )
        return parse_manifest(encoding)

    async def get_file(
        self, blob_id: BlobId, expected_digest: bytes, path: Path, *, max_bytes: int
    ) -> Manifest:
        """Fetch the file whose manifest is in ``blob_id`` to ``path``; return the manifest.

        Chunks are fetched leaf by leaf from all aggregators; each leaf is verified against the
        manifest and so against ``expected_digest``. Resumes from what was verified before, and
        writes ``path`` atomically.

        Raises:
            BlobTooLarge: if the file has more than ``max_bytes`` bytes.
            ContentMismatch: if the file is not the one that its manifest describes.
            BlobCorrupt, MalformedData, BlobNotFound, StorageUnreachable: as ``get_manifest``.
            OSError: if the file cannot be written.
        """
        manifest = await self.get_manifest(blob_id, expected_digest)
        if manifest.size > max_bytes:
            raise BlobTooLarge(f"the file has {manifest.size} bytes, {max_bytes} are allowed")
        pieces = [
            piece
            for chunk, offset in zip(manifest.chunks, manifest.offsets(), strict=True)
            for piece in cut_by_leaves(
                chunk.blob_id, chunk.size, manifest.leaf_size, chunk.leaves, offset
            )
        ]
        await self._reader.assemble(
            pieces,
            path,
            expected_digest.hex()[:16],
            manifest.size,
            final_check=partial(verify_content, manifest),
        )
        return manifest

    async def _find_cached(self, blob_id: BlobId) -> bytes | None:
        try:
            return await trio.to_thread.run_sync(self._cache.get, blob_id, limiter=self._cache_turn)
        except OSError as error:
            log.warning("cannot read the cached blob %s: %s", format_blob_id(blob_id), error)
            return None

    async def _cache_blob(self, blob_id: BlobId, data: bytes) -> None:
        """Cache a blob; a failure is only logged."""
        try:
            await trio.to_thread.run_sync(self._cache.put, blob_id, data, limiter=self._cache_turn)
        except OSError as error:
            log.warning("cannot cache the blob %s: %s", format_blob_id(blob_id), error)

    def _note_recent(self, blob_id: BlobId) -> None:
        now = trio.current_time()
        self._recent = {b: t for b, t in self._recent.items() if now - t < PROPAGATION_SECONDS}
        self._recent[blob_id] = now

    def _is_recent(self, blob_id: BlobId) -> bool:
        stored_at = self._recent.get(blob_id)
        return stored_at is not None and trio.current_time() - stored_at < PROPAGATION_SECONDS
