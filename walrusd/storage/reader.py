"""Reads blobs; every byte is verified against the blob id."""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TypeVar

import trio

from walrusd.errors import BlobCorrupt, BlobTooLarge, WalrusdError
from walrusd.runtime.groups import collapsed
from walrusd.storage.blobid import format_blob_id
from walrusd.storage.classify import AnswerKind
from walrusd.storage.codec import RowVerifier, compute_blob_id, verify_rows_in_thread
from walrusd.storage.exchange import Endpoint, EndpointFailure
from walrusd.storage.failover import ask_in_turn
from walrusd.storage.geometry import compute_max_blob_size
from walrusd.storage.http import EndpointPool
from walrusd.storage.part_file import PartFile
from walrusd.storage.rows import PIECE_SIZE, Piece, cut_by_rows
from walrusd.storage.spans import FileSpan
from walrusd.units import BlobId

T = TypeVar("T")

WORKERS = 4
METADATA_OVERHEAD = 64
"""Bytes of ``BlobMetadataWithId`` besides two 33-byte hashes per shard, rounded up."""


class BlobReader:
    """Reads through ``aggregators``; ``nodes`` serve the metadata that makes verification cheap."""

    def __init__(
        self,
        aggregators: EndpointPool,
        nodes: EndpointPool,
        shards: int,
        is_recent: Callable[[BlobId], bool] = lambda _: False,
        piece_size: int = PIECE_SIZE,
    ) -> None:
        self._piece_size = piece_size
        self._aggregators = aggregators
        self._nodes = nodes
        self._shards = shards
        self._is_recent = is_recent
        self._checks = trio.CapacityLimiter(2)

    async def read_blob(self, blob_id: BlobId, *, max_bytes: int) -> bytes:
        """Return the verified content of a blob.

        Raises:
            BlobTooLarge: if it has more than ``max_bytes`` bytes.
            BlobCorrupt, BlobNotFound, StorageUnreachable: as ``ask_in_turn``.
        """
        max_bytes = min(max_bytes, compute_max_blob_size(self._shards))
        verifier = await self._find_verifier(blob_id, max_bytes)

        async def attempt(endpoint: Endpoint) -> bytes:
            path = f"/v1/blobs/{format_blob_id(blob_id)}"
            if verifier is None:
                reply = await self._aggregators.request(endpoint, "GET", path, max_bytes=max_bytes)
                await self._verify_by_encoding(blob_id, reply.body)
                return reply.body
            size = verifier.geometry.size
            try:
                reply = await self._aggregators.request(endpoint, "GET", path, max_bytes=size)
            except EndpointFailure as failure:
                if failure.outcome is AnswerKind.OVERSIZE:
                    # The blob's size is proven: the endpoint is wrong, the blob is not too large.
                    raise BlobCorrupt(f"more than the blob's {size} bytes") from failure
                raise
            await _verify_whole(verifier, reply.body)
            return reply.body

        return await self._ask(blob_id, attempt)

    async def download(self, blob_id: BlobId, path: Path, *, max_bytes: int) -> None:
        """Write the verified content of a blob to ``path`` atomically; resumes an earlier download.

        Only one download to a path at a time. Cancelled, what was verified is kept for the next.

        Raises:
            BlobTooLarge: if it has more than ``max_bytes`` bytes.
            BlobCorrupt, BlobNotFound, StorageUnreachable: as ``ask_in_turn``.
            OSError: if the file cannot be written.
        """
        max_bytes = min(max_bytes, compute_max_blob_size(self._shards))
        verifier = await self._find_verifier(blob_id, max_bytes)
        if verifier is None:
            await self._ask(blob_id, lambda e: self._download_whole(e, blob_id, path, max_bytes))
        else:
            pieces = cut_by_rows(verifier, self._piece_size)
            tag = format_blob_id(blob_id)[:16]
            await self.assemble(pieces, path, tag, verifier.geometry.size)

    async def assemble(
        self,
        pieces: Sequence[Piece],
        path: Path,
        tag: str,
        size: int,
        final_check: Callable[[Callable[[int, int], bytes]], None] = lambda _: None,
    ) -> None:
        """Fetch ``pieces`` concurrently into ``path``; resumes from what was verified before.

        ``tag`` names the content, so that only a part of the same content is resumed.
        ``final_check`` receives ``read(offset, length)`` before the file is renamed.

        Raises:
            BlobCorrupt, BlobNotFound, StorageUnreachable: as ``ask_in_turn``.
            OSError: if the file cannot be written.
        """
        part = await trio.to_thread.run_sync(PartFile, path, tag, size)
        failures: list[WalrusdError | OSError] = []
        queue = iter(pieces)
        try:
            with collapsed():
                async with trio.open_nursery() as nursery:

                    async def work() -> None:
                        # The queue is shared: each piece is taken by one worker.
                        for piece in queue:
                            try:
                                await self._place(piece, part)
                            except (WalrusdError, OSError) as error:
                                failures.append(error)
                                nursery.cancel_scope.cancel()
                                return

                    for _ in range(WORKERS):
                        nursery.start_soon(work)
            if failures:
                raise failures[0]
            await trio.to_thread.run_sync(final_check, part.read)
            await trio.to_thread.run_sync(part.finish)
        finally:
            part.close()

    async def _place(self, piece: Piece, part: PartFile) -> None:
        if part.resumed:
            there = await trio.to_thread.run_sync(part.read, piece.file_offset, piece.length)
            if await self._holds(piece, there):
                return
        data = await self._fetch(piece)
        await trio.to_thread.run_sync(part.write, piece.file_offset, data)

    async def _holds(self, piece: Piece, data: bytes) -> bool:
        try:
            await trio.to_thread.run_sync(piece.verify, data, limiter=self._checks)
        except BlobCorrupt:
            return False
        return True

    async def _fetch(self, piece: Piece) -> bytes:
        first, last = piece.blob_offset, piece.blob_offset + piece.length - 1

        async def attempt(endpoint: Endpoint) -> bytes:
            try:
                reply = await self._aggregators.request(
                    endpoint,
                    "GET",
                    f"/v1/blobs/{format_blob_id(piece.blob_id)}",
                    headers={"range": f"bytes={first}-{last}"},
                    max_bytes=piece.length,
                )
            except EndpointFailure as failure:
                if failure.outcome is AnswerKind.OVERSIZE:
                    raise BlobCorrupt("the answer is longer than the range") from failure
                raise
            if len(reply.body) != piece.length:
                raise EndpointFailure(
                    AnswerKind.INTERRUPTED, endpoint.url, "the answer is too short"
                )
            await trio.to_thread.run_sync(piece.verify, reply.body, limiter=self._checks)
            return reply.body

        return await self._ask(piece.blob_id, attempt)

    async def _download_whole(
        self, endpoint: Endpoint, blob_id: BlobId, path: Path, max_bytes: int
    ) -> None:
        """Read and verify a blob as a whole, which needs no metadata; discard it if it is wrong."""
        tag = format_blob_id(blob_id)[:16] + ".whole"
        part = await trio.to_thread.run_sync(PartFile, path, tag, 0)
        try:
            offset = 0
            async with self._aggregators.stream(
                endpoint, "GET", f"/v1/blobs/{format_blob_id(blob_id)}", max_bytes=max_bytes
            ) as (_, chunks):
                async for chunk in chunks:
                    await trio.to_thread.run_sync(part.write, offset, chunk)
                    offset += len(chunk)
            await self._verify_by_encoding(blob_id, FileSpan(part.part, 0, offset))
            await trio.to_thread.run_sync(part.finish)
        except BaseException:
            part.discard()
            raise

    async def _verify_by_encoding(self, blob_id: BlobId, content: bytes | FileSpan) -> None:
        if await compute_blob_id(content, self._shards) != blob_id:
            raise BlobCorrupt(f"the bytes are not those of blob {format_blob_id(blob_id)}")

    async def _find_verifier(self, blob_id: BlobId, max_bytes: int) -> RowVerifier | None:
        """Return a verifier if a storage node serves the metadata, else None.

        Raises:
            BlobTooLarge: if the metadata proves that the blob is larger than allowed.
        """
        if not self._nodes:
            return None

        async def attempt(endpoint: Endpoint) -> RowVerifier:
            reply = await self._nodes.request(
                endpoint,
                "GET",
                f"/v1/blobs/{format_blob_id(blob_id)}/metadata",
                max_bytes=66 * self._shards + METADATA_OVERHEAD,
            )
            return RowVerifier(blob_id, reply.body, self._shards)

        try:
            verifier = await ask_in_turn(self._nodes, attempt, what="metadata", rounds=1)
        except WalrusdError:
            # If the nodes fail, the aggregators may still deliver.
            return None
        if verifier.geometry.size > max_bytes:
            raise BlobTooLarge(
                f"blob {format_blob_id(blob_id)} has {verifier.geometry.size} bytes, "
                f"{max_bytes} are allowed"
            )
        return verifier

    async def _ask(self, blob_id: BlobId, attempt: Callable[[Endpoint], Awaitable[T]]) -> T:
        return await ask_in_turn(
            self._aggregators,
            attempt,
            what=f"cannot read blob {format_blob_id(blob_id)}",
            may_appear=self._is_recent(blob_id),
        )


async def _verify_whole(verifier: RowVerifier, data: bytes) -> None:
    if len(data) != verifier.geometry.size:
        raise BlobCorrupt(f"{len(data)} bytes, but the blob has {verifier.geometry.size}")
    if data:
        await verify_rows_in_thread(verifier, 0, data)
