"""Files as lists of chunks: the manifest, its canonical encoding, and its digest.

A manifest is canonical JSON (sorted keys, no spaces, ASCII)::

    {"chunk_size", "chunks": [{"blob_id", "leaves", "sha256", "size"}…],
     "leaf_size", "sha256", "shards", "size", "version": 1}

Blob ids are base64url, digests hexadecimal SHA-256; every chunk but the last has ``chunk_size``
bytes and every leaf but a chunk's last ``leaf_size``. The manifest's digest,
``H(MANIFEST ‖ encoding)``, is what the contract anchors: it binds every byte of the file.
"""

import hashlib
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from walrusd.crypto.tags import Tag, hash_tagged
from walrusd.errors import ContentMismatch, MalformedData, WalrusdError
from walrusd.settings.model import DEFAULT_CHUNK
from walrusd.storage.blobid import format_blob_id, parse_blob_id
from walrusd.units import BlobId, Digest

VERSION = 1
CHUNK_SIZE = DEFAULT_CHUNK
LEAF_SIZE = 4 << 20
MAX_LEAF_SIZE = 64 << 20
"""Bytes. Leaves are fetched whole and held in memory."""
MAX_MANIFEST = 10 << 20
"""Bytes; at the default sizes enough for files of 240 GiB."""
_WIDEST = (1 << 63) - 1


@dataclass(frozen=True)
class Chunk:
    """One blob of a file: ``sha256`` over its bytes, ``leaves`` over each ``leaf_size`` of them."""

    blob_id: BlobId
    size: int
    sha256: bytes
    leaves: tuple[bytes, ...]


@dataclass(frozen=True)
class Manifest:
    """A file of ``size`` bytes as chunks on a network of ``shards`` shards."""

    size: int
    sha256: bytes
    shards: int
    chunk_size: int
    leaf_size: int
    chunks: tuple[Chunk, ...]

    def encode(self) -> bytes:
        """Return the canonical encoding."""
        value = {
            "version": VERSION,
            "size": self.size,
            "sha256": self.sha256.hex(),
            "shards": self.shards,
            "chunk_size": self.chunk_size,
            "leaf_size": self.leaf_size,
            "chunks": [
                {
                    "blob_id": format_blob_id(chunk.blob_id),
                    "size": chunk.size,
                    "sha256": chunk.sha256.hex(),
                    "leaves": [leaf.hex() for leaf in chunk.leaves],
                }
                for chunk in self.chunks
            ],
        }
        return json.dumps(value, sort_keys=True, separators=(",", ":")).encode("ascii")

    def digest(self) -> Digest:
        """Return ``H(MANIFEST ‖ encoding)``."""
        return compute_manifest_digest(self.encode())

    def offsets(self) -> list[int]:
        """Return where each chunk begins in the file."""
        return [index * self.chunk_size for index in range(len(self.chunks))]


def compute_manifest_digest(encoding: bytes) -> Digest:
    """Return ``H(MANIFEST ‖ encoding)``."""
    return Digest(hash_tagged(Tag.MANIFEST, encoding))


def compute_manifest_size(size: int, chunk_size: int, leaf_size: int) -> int:
    """Return the most bytes that the manifest of a file of ``size`` bytes can have."""
    blank = Manifest(_WIDEST, bytes(32), _WIDEST, chunk_size, leaf_size, ()).encode()
    count, last = divmod(size, chunk_size)
    sizes = [(count, chunk_size), (1 if last else 0, last)]
    return len(blank) + sum(n * _compute_entry_size(part, leaf_size) for n, part in sizes)


def _compute_entry_size(size: int, leaf_size: int) -> int:
    """The bytes of one chunk in a manifest, with the comma after it."""
    leaves = -(-size // leaf_size)
    chunk = Chunk(BlobId(0), size, bytes(32), ())
    empty = Manifest(0, bytes(32), 0, 1, 1, ())
    entry = len(Manifest(0, bytes(32), 0, 1, 1, (chunk,)).encode()) - len(empty.encode())
    return entry + leaves * len('"",') + leaves * 64


def compute_leaf_size(chunk_size: int) -> int:
    """Return the largest leaf size up to ``LEAF_SIZE`` that divides a chunk of whole MiB."""
    return math.gcd(chunk_size, LEAF_SIZE)


def choose_sizes(chunk_size: int, leaf_size: int, limit: int) -> tuple[int, int]:
    """Return the sizes of chunks and leaves for blobs of at most ``limit`` bytes.

    The chunk becomes the largest multiple of the leaf that fits; a leaf is never larger.
    """
    if chunk_size <= limit:
        return chunk_size, leaf_size
    leaf_size = min(leaf_size, limit)
    return limit // leaf_size * leaf_size, leaf_size


def compute_leaves(data: bytes, leaf_size: int) -> tuple[bytes, ...]:
    """Return the SHA-256 of each ``leaf_size`` bytes of ``data``."""
    view = memoryview(data)
    return tuple(
        hashlib.sha256(view[start : start + leaf_size]).digest()
        for start in range(0, len(data), leaf_size)
    )


def compute_sha256(data: bytes) -> bytes:
    """Return the SHA-256 of ``data``."""
    return hashlib.sha256(data).digest()


def verify_content(manifest: Manifest, read: Callable[[int, int], bytes]) -> None:
    """Check the digests of chunks and file; ``read(offset, length)`` returns the file's bytes.

    The leaves alone bind every byte; this detects a manifest that contradicts itself.

    Raises:
        ContentMismatch: if a digest is not that of the bytes.
    """
    whole = hashlib.sha256()
    for chunk, offset in zip(manifest.chunks, manifest.offsets(), strict=True):
        part = hashlib.sha256()
        for start in range(0, chunk.size, manifest.leaf_size):
            data = read(offset + start, min(manifest.leaf_size, chunk.size - start))
            part.update(data)
            whole.update(data)
        if part.digest() != chunk.sha256:
            raise ContentMismatch("the manifest contradicts itself about a chunk")
    if whole.digest() != manifest.sha256:
        raise ContentMismatch("the manifest contradicts itself about the file")


def parse_manifest(encoding: bytes) -> Manifest:
    """Return the manifest in ``encoding``.

    Raises:
        MalformedData: if it is not canonical, or its sizes do not add up.
    """
    if len(encoding) > MAX_MANIFEST:
        raise MalformedData(f"a manifest must have at most {MAX_MANIFEST} bytes")
    try:
        value = json.loads(encoding)
        manifest = Manifest(
            size=_count(value["size"]),
            sha256=_digest(value["sha256"]),
            shards=_count(value["shards"]),
            chunk_size=_count(value["chunk_size"]),
            leaf_size=_count(value["leaf_size"]),
            chunks=tuple(_parse_chunk(chunk) for chunk in value["chunks"]),
        )
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise MalformedData("a manifest lacks a field, or one is malformed") from error
    _check_sizes(manifest)
    # This rejects unknown keys, other versions and other spacing.
    if manifest.encode() != encoding:
        raise MalformedData("a manifest is not in its canonical encoding")
    return manifest


def _parse_chunk(value: dict[str, Any]) -> Chunk:
    text = value["blob_id"]
    if not isinstance(text, str):
        raise TypeError("not a blob id")
    try:
        blob_id = parse_blob_id(text)
    except WalrusdError as error:
        raise ValueError("blob_id") from error
    return Chunk(
        blob_id,
        _count(value["size"]),
        _digest(value["sha256"]),
        tuple(_digest(leaf) for leaf in value["leaves"]),
    )


def _check_sizes(manifest: Manifest) -> None:
    if (
        manifest.leaf_size < 1
        or manifest.chunk_size % manifest.leaf_size
        or not manifest.chunk_size
    ):
        raise MalformedData("a manifest's chunk size must be a multiple of its leaf size")
    if manifest.leaf_size > MAX_LEAF_SIZE:
        raise MalformedData(f"a leaf of a manifest must have at most {MAX_LEAF_SIZE:,} bytes")
    expected = -(-manifest.size // manifest.chunk_size)
    if len(manifest.chunks) != expected:
        raise MalformedData(f"a manifest has {len(manifest.chunks)} chunks instead of {expected}")
    for chunk, offset in zip(manifest.chunks, manifest.offsets(), strict=True):
        if chunk.size != min(manifest.chunk_size, manifest.size - offset):
            raise MalformedData("a chunk of a manifest has the wrong size")
        if len(chunk.leaves) != -(-chunk.size // manifest.leaf_size):
            raise MalformedData("a chunk of a manifest has the wrong number of leaves")


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _WIDEST:
        raise ValueError("not a count")
    return value


def _digest(value: object) -> bytes:
    if not isinstance(value, str) or len(value) != 64:
        raise ValueError("not a digest")
    return bytes.fromhex(value)
