"""Blob ids and row verification, without blocking the event loop.

An encoding of 8 MiB or more runs in its own process: it can be killed, and its memory (about 5.7
times the blob) is released. Smaller ones, and row checks, run in threads; the encoder releases the
interpreter lock.

Rows are verified against the blob id: the id is a hash over the sliver hashes in the metadata, and
each row's hash is a Merkle root over symbols that begin with the row itself. That binds every byte
and the length. It does not prove that the writer encoded the *padding* and the parity honestly:
only a full re-encoding shows that, and no byte of the content depends on it.
"""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import trio

from walrusd.errors import BlobCorrupt, EncoderFailed, FileTruncated
from walrusd.storage import redstuff
from walrusd.storage.blobid import blob_id_from_bytes, format_blob_id
from walrusd.storage.geometry import Geometry, check_blob_size
from walrusd.storage.spans import FileSpan
from walrusd.units import BlobId

PROCESS_THRESHOLD = 8 << 20
"""Bytes from which on an encoding runs in its own process."""

_threads = trio.CapacityLimiter(2)


@dataclass(frozen=True)
class Encoding:
    """The result of encoding a blob: its id, its size in bytes, and ``BlobMetadataWithId``."""

    blob_id: BlobId
    size: int
    metadata: bytes


async def compute_encoding(source: bytes | Path | FileSpan, shards: int) -> Encoding:
    """Encode a blob for ``shards`` shards and return its id and metadata.

    Cancelling kills an encoder process; of a smaller blob, it waits for the thread.

    Raises:
        BlobOverLimit: if the blob is too large for the network.
        FileTruncated: if the file is too short.
        OSError: if the file cannot be read.
        EncoderFailed: if the encoder failed, or its process died.
    """
    if isinstance(source, Path):
        source = await FileSpan.of(source)
    size = len(source) if isinstance(source, bytes) else source.length
    check_blob_size(size, shards)
    if size >= PROCESS_THRESHOLD:
        metadata = await _encode_in_process(source, shards)
    else:
        metadata = await trio.to_thread.run_sync(_encode_here, source, shards, limiter=_threads)
    return Encoding(blob_id_from_bytes(metadata[: redstuff.BLOB_ID_LENGTH]), size, metadata)


async def compute_blob_id(source: bytes | Path | FileSpan, shards: int) -> BlobId:
    """Return the blob id that Walrus gives ``source`` on a network of ``shards`` shards.

    Raises:
        BlobOverLimit, FileTruncated, OSError, EncoderFailed: as ``compute_encoding``.
    """
    return (await compute_encoding(source, shards)).blob_id


def _encode_here(source: bytes | FileSpan, shards: int) -> bytes:
    data = source.read() if isinstance(source, FileSpan) else source
    try:
        return redstuff.encode_metadata(data, shards)
    except redstuff.RedStuffError as error:
        raise EncoderFailed(f"the blob encoder failed: {error}") from error


async def _encode_in_process(source: bytes | FileSpan, shards: int) -> bytes:
    command = [sys.executable, "-I", redstuff.__file__, str(shards)]
    given = b""
    if isinstance(source, FileSpan):
        command += [str(source.path.absolute()), str(source.offset), str(source.length)]
    else:
        given = source
    done = await trio.run_process(
        command, stdin=given, capture_stdout=True, stderr=subprocess.DEVNULL, check=False
    )
    if done.returncode == redstuff.SHORT_INPUT:
        raise FileTruncated("the file became shorter while it was being encoded")
    if done.returncode != 0 or len(done.stdout) <= redstuff.BLOB_ID_LENGTH:
        raise EncoderFailed(f"the blob encoder ended with status {done.returncode}")
    return done.stdout


class RowVerifier:
    """Checks rows of one blob against its metadata, which was verified against the blob id."""

    def __init__(self, blob_id: BlobId, metadata: bytes, shards: int) -> None:
        """Verify ``metadata`` (``BlobMetadataWithId``, as a storage node sends it).

        Raises:
            BlobCorrupt: if it is malformed or belongs to another blob.
        """
        try:
            self._handle = redstuff.MetadataHandle(metadata, shards)
        except redstuff.RedStuffError as error:
            raise BlobCorrupt(f"the blob's metadata is inconsistent: {error}") from error
        if blob_id_from_bytes(self._handle.raw_blob_id) != blob_id:
            raise BlobCorrupt(f"the metadata is not that of blob {format_blob_id(blob_id)}")
        self.blob_id = blob_id
        self.geometry = Geometry(self._handle.size, shards)

    def verify_rows(self, first: int, data: bytes) -> None:
        """Check consecutive whole rows from row ``first`` on; the blob's last may be short.

        Raises:
            BlobCorrupt: if a row is not the blob's, or the bytes do not end on a row.
        """
        width = self.geometry.row_size
        count = -(-len(data) // width)
        start, end = self.geometry.row_span(first, first + count)
        if not data or end - start != len(data):
            raise BlobCorrupt(f"{len(data)} bytes are not whole rows from row {first} on")
        for index in range(count):
            row = data[index * width : (index + 1) * width].ljust(width, b"\0")
            try:
                self._handle.verify_primary(self._sliver(first + index, row))
            except redstuff.RedStuffError as error:
                raise BlobCorrupt(
                    f"row {first + index} is not that of blob {format_blob_id(self.blob_id)}"
                ) from error

    def _sliver(self, index: int, row: bytes) -> bytes:
        """BCS of a primary sliver: ``uleb(len) ‖ row ‖ symbol size u16 ‖ index u16``."""
        size = self.geometry.symbol_size
        return _uleb(len(row)) + row + size.to_bytes(2, "little") + index.to_bytes(2, "little")


async def verify_rows_in_thread(verifier: RowVerifier, first: int, data: bytes) -> None:
    """Run ``verifier.verify_rows`` in a thread."""
    await trio.to_thread.run_sync(verifier.verify_rows, first, data, limiter=_threads)


def _uleb(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
