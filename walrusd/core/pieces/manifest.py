"""The manifest of an opening: which pieces there are, and which blobs hold them.

It has two sections, each sealed under the key of its label: seats read both, the publisher only
that of the update. What the chain names is the SHA-256 of the sealed manifest.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Any

from walrusd.core.pieces.keys import (
    SECTION_KIND,
    OpeningKeys,
    derive_piece_key,
    derive_stream_head,
    make_piece_aad,
)
from walrusd.core.pieces.names import PieceKind, PieceName
from walrusd.crypto.cbor import decode_canonical, encode_canonical
from walrusd.crypto.envelopes.contexts import Label
from walrusd.crypto.stream import compute_ciphertext_size, decrypt_bytes, encrypt_bytes
from walrusd.errors import DecryptionFailed, MalformedData
from walrusd.units import BlobId

VERSION = 1
SHARED_BLOB_BYTES = 4 << 20
"""The largest blob that may hold more than one piece, so that no reader fetches much in vain."""
UPDATE_SECRET_BYTES = 80
"""The update's key, and the point of G1 that it follows from."""
_BLOB_BYTES = 32
_HASH = 32
_WIDEST = (1 << 63) - 1


@dataclass(frozen=True)
class Extent:
    """``length`` bytes of a blob, from ``offset`` on."""

    blob: BlobId
    offset: int
    length: int

    @property
    def end(self) -> int:
        """The offset after the last byte."""
        return self.offset + self.length


@dataclass(frozen=True)
class ListedPiece:
    """One piece: the length and SHA-256 of its plaintext, and the sealed bytes with theirs."""

    name: PieceName
    size: int
    digest: bytes
    sealed_digest: bytes
    extents: tuple[Extent, ...]


@dataclass(frozen=True)
class OpeningManifest:
    """The pieces of an opening that its reader can open, in ascending order of their names.

    ``update_secret`` is what a seat opens the update's section with: its key, and the value that
    the seat seals to the publisher if the contributor does not. The publisher does not see it.
    """

    pieces: tuple[ListedPiece, ...]
    update_secret: bytes = b""

    def find(self, name: PieceName) -> ListedPiece | None:
        """Return a piece, or None if the opening lacks it."""
        return next((piece for piece in self.pieces if piece.name == name), None)

    def measure_blobs(self) -> dict[BlobId, int]:
        """Return every blob that holds pieces, with its length in bytes."""
        ends: dict[BlobId, int] = {}
        for extent in chain.from_iterable(piece.extents for piece in self.pieces):
            ends[extent.blob] = max(ends.get(extent.blob, 0), extent.end)
        return ends


def compute_opening_digest(sealed: bytes) -> bytes:
    """Return the digest of a sealed manifest that the chain names: its SHA-256."""
    return hashlib.sha256(sealed).digest()


# --- writing ------------------------------------------------------------------------------------


def seal_manifest(manifest: OpeningManifest, work: bytes, update: bytes, aad: bytes) -> bytes:
    """Seal a manifest under the keys of both labels.

    ``aad`` is the associated data of the opening. The same input gives the same bytes.
    """
    sections = {
        Label.WORK: {0: VERSION, 1: manifest.update_secret, 2: _entries(manifest, Label.WORK)},
        Label.UPDATE: {0: VERSION, 2: _entries(manifest, Label.UPDATE)},
    }
    keys = OpeningKeys(work, update)
    sealed = {
        int(label): _seal_section(encode_canonical(section), keys, label, aad)
        for label, section in sections.items()
    }
    return encode_canonical({0: VERSION, **sealed})


def _entries(manifest: OpeningManifest, label: Label) -> list[list[Any]]:
    return [_encode_piece(piece) for piece in manifest.pieces if piece.name.kind.label is label]


def _encode_piece(piece: ListedPiece) -> list[Any]:
    kind, index = piece.name.kind, piece.name.index
    extents = [
        [extent.blob.to_bytes(_BLOB_BYTES, "little"), extent.offset, extent.length]
        for extent in piece.extents
    ]
    label = int(kind.label)
    return [int(kind), index, label, piece.size, piece.digest, piece.sealed_digest, extents]


def _seal_section(plain: bytes, keys: OpeningKeys, label: Label, aad: bytes) -> bytes:
    label_key = keys.find(label)
    assert label_key is not None
    key = derive_piece_key(label_key, SECTION_KIND, label)
    head = derive_stream_head(key, hashlib.sha256(plain).digest())
    return encrypt_bytes(plain, key, make_piece_aad(aad, SECTION_KIND, label), head)


# --- reading ------------------------------------------------------------------------------------


def open_manifest(sealed: bytes, keys: OpeningKeys, aad: bytes) -> OpeningManifest:
    """Return what the holder of ``keys`` can read of a sealed manifest.

    Raises:
        DecryptionFailed: if a key is not the one that its section is sealed under.
        MalformedData: if it is not a manifest, or hands its seats another key of the update than
            the reader has.
    """
    try:
        return _open_manifest(sealed, keys, aad)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise MalformedData("the opening's manifest does not have the layout of version 1") from (
            error
        )


def _find_update_key(keys: OpeningKeys, secret: bytes) -> bytes:
    """Return the key of the update from what the manifest hands to the seats.

    Raises:
        MalformedData: if it is no key, or another one than the reader has.
    """
    key = secret[:_HASH]
    if len(secret) != UPDATE_SECRET_BYTES or keys.update not in (None, key):
        raise MalformedData("the opening's manifest hands its seats another key of the update")
    return key


def complete_keys(keys: OpeningKeys, manifest: OpeningManifest) -> OpeningKeys:
    """Return a reader's keys, with that of the update if only the manifest has it.

    Raises:
        MalformedData: if it is no key.
    """
    if keys.update is not None:
        return keys
    secret = manifest.update_secret
    return OpeningKeys(keys.work, _find_update_key(keys, secret), secret[_HASH:])


def _open_manifest(sealed: bytes, keys: OpeningKeys, aad: bytes) -> OpeningManifest:
    outer = _map(decode_canonical(sealed), {0, *Label})
    secret, pieces, update = b"", list[ListedPiece](), keys.update
    if keys.work is not None:
        section = _open_section(outer, keys.work, Label.WORK, aad)
        secret = _sized(_map(section, {0, 1, 2})[1], at_most=UPDATE_SECRET_BYTES)
        pieces += _parse_pieces(section[2], Label.WORK)
        update = _find_update_key(keys, secret)
    if update is None:
        raise DecryptionFailed("no key of this opening is here")
    section = _map(_open_section(outer, update, Label.UPDATE, aad), {0, 2})
    pieces += _parse_pieces(section[2], Label.UPDATE)
    return OpeningManifest(tuple(pieces), secret)


def _open_section(outer: dict[int, Any], label_key: bytes, label: Label, aad: bytes) -> Any:
    key = derive_piece_key(label_key, SECTION_KIND, label)
    aad = make_piece_aad(aad, SECTION_KIND, label)
    return decode_canonical(decrypt_bytes(_sized(outer[label]), key, aad))


def _map(value: Any, fields: set[int]) -> dict[int, Any]:
    if not isinstance(value, dict) or set(value) != fields or value[0] != VERSION:
        raise ValueError("unknown version or fields")
    return value


def _sized(value: Any, *, exactly: int | None = None, at_most: int | None = None) -> bytes:
    if not isinstance(value, bytes):
        raise ValueError("a byte string has another type")  # noqa: TRY004  # all become MalformedData
    if exactly not in (None, len(value)) or (at_most is not None and len(value) > at_most):
        raise ValueError("a byte string has another length")
    return value


def _count(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= _WIDEST:
        raise ValueError("a count is a natural number")
    return value


def _parse_pieces(entries: Any, label: Label) -> list[ListedPiece]:
    if not isinstance(entries, list):
        raise ValueError("a list has another type")  # noqa: TRY004  # as above
    pieces = [_parse_piece(entry, label) for entry in entries]
    if any(after.name <= before.name for before, after in pairwise(pieces)):
        raise ValueError("the pieces are not in ascending order")
    _check_blobs(pieces)
    return pieces


def _parse_piece(entry: Any, label: Label) -> ListedPiece:
    kind, index, labelled, size, digest, sealed_digest, extents = entry
    name = PieceName(PieceKind(_count(kind)), _count(index))
    if not name.kind.label == label == _count(labelled):
        raise ValueError("a piece is sealed under the key of another label")
    if name.kind.is_of_segment != (name.index > 0):
        raise ValueError("a piece has another index")
    piece = ListedPiece(
        name,
        _count(size),
        _sized(digest, exactly=_HASH),
        _sized(sealed_digest, exactly=_HASH),
        tuple(_parse_extent(extent) for extent in extents),
    )
    if sum(extent.length for extent in piece.extents) != compute_ciphertext_size(piece.size):
        raise ValueError("a piece has another size than the blobs that hold it")
    return piece


def _parse_extent(value: Any) -> Extent:
    blob, offset, length = value
    raw = _sized(blob, exactly=_BLOB_BYTES)
    if not _count(length):
        raise ValueError("a part of a piece is empty")
    return Extent(BlobId(int.from_bytes(raw, "little")), _count(offset), length)


def _check_blobs(pieces: Sequence[ListedPiece]) -> None:
    """Check that the parts of pieces lie in their blobs one after the other, without a gap.

    So a blob is exactly as long as its pieces say, and nothing is fetched that nobody reads.
    """
    ends: dict[BlobId, int] = {}
    owners: dict[BlobId, set[PieceName]] = {}
    for piece in pieces:
        for extent in piece.extents:
            if extent.offset != ends.get(extent.blob, 0):
                raise ValueError("the parts in a blob overlap or leave a gap")
            ends[extent.blob] = extent.end
            owners.setdefault(extent.blob, set()).add(piece.name)
    if any(len(owners[blob]) > 1 and end > SHARED_BLOB_BYTES for blob, end in ends.items()):
        raise ValueError("a large blob holds more than one piece")
