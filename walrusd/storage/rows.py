"""Splits a blob into pieces that can be fetched and verified alone."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from walrusd.errors import BlobCorrupt
from walrusd.storage.blobid import format_blob_id
from walrusd.storage.codec import RowVerifier
from walrusd.units import BlobId

PIECE_SIZE = 4 << 20
"""About how many bytes one range request covers."""


@dataclass(frozen=True)
class Piece:
    """``length`` bytes of a blob, their offset in the file, and their check."""

    blob_id: BlobId
    blob_offset: int
    file_offset: int
    length: int
    verify: Callable[[bytes], None]
    """Raises ``BlobCorrupt``; may take milliseconds per MiB, so run it in a thread."""


def cut_by_rows(verifier: RowVerifier, piece_size: int) -> list[Piece]:
    """Return the pieces of a whole blob, each of whole rows, checked against its metadata."""
    geometry = verifier.geometry
    per_piece = max(1, piece_size // geometry.row_size)
    pieces = []
    for first in range(0, geometry.filled_rows, per_piece):
        start, end = geometry.row_span(first, first + per_piece)
        check = partial(verifier.verify_rows, first)
        pieces.append(Piece(verifier.blob_id, start, start, end - start, check))
    return pieces


def cut_by_leaves(
    blob_id: BlobId, size: int, leaf_size: int, leaves: tuple[bytes, ...], file_offset: int
) -> list[Piece]:
    """Return the pieces of a chunk whose leaf digests (SHA-256) are known."""
    return [
        Piece(
            blob_id,
            start,
            file_offset + start,
            min(leaf_size, size - start),
            partial(_verify_leaf, blob_id, start, digest),
        )
        for start, digest in zip(range(0, size, leaf_size), leaves, strict=True)
    ]


def _verify_leaf(blob_id: BlobId, start: int, digest: bytes, data: bytes) -> None:
    if hashlib.sha256(data).digest() != digest:
        raise BlobCorrupt(f"bytes from {start} on are not those of blob {format_blob_id(blob_id)}")
