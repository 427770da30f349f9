"""The keys of an opening: one for each label, and from it one for each piece.

Sealing is deterministic, so that an interrupted opening made again is the same bytes: the head of a
stream, which elsewhere is random, is a pseudorandom function of key and plaintext. Two plaintexts
under one piece's key so never share a nonce (the construction of Rogaway and Shrimpton, 2006).
"""

from dataclasses import dataclass
from typing import Self

from walrusd.core.pieces.names import PieceName
from walrusd.crypto.envelopes.contexts import Label
from walrusd.crypto.envelopes.openings import OpeningSecret
from walrusd.crypto.kdf import derive_key
from walrusd.crypto.stream import RANDOM_HEAD_BYTES
from walrusd.crypto.tags import Tag, u64

SECTION_KIND = 0
"""The kind that stands for a section of the manifest where the key of a piece is derived."""


@dataclass(frozen=True)
class OpeningKeys:
    """The keys of an opening that a reader holds, 32 bytes each.

    A seat holds that of the work, and finds that of the update in the manifest; the publisher holds
    only that of the update. ``update_value`` is the point that the latter follows from, 48 bytes,
    with which a seat seals it to the publisher; it is empty where it is unknown.
    """

    work: bytes | None
    update: bytes | None
    update_value: bytes = b""

    def update_alone(self) -> Self:
        """Return the key of the update alone, with which nothing else can be read."""
        return type(self)(None, self.update, self.update_value)

    def find(self, label: Label) -> bytes | None:
        """Return the key with a label, if it is here."""
        return self.work if label is Label.WORK else self.update


def make_opening_keys(secret: OpeningSecret) -> OpeningKeys:
    """Return all keys of the opening that its maker, who knows ``secret``, seals pieces under."""
    work, update = (secret.compute_value(label) for label in (Label.WORK, Label.UPDATE))
    return OpeningKeys(work.derive_key(), update.derive_key(), update.value)


def derive_piece_key(label_key: bytes, kind: int, index: int) -> bytes:
    """Return ``HKDF(label_key, info = PIECE ‖ u8 kind ‖ u64 index)``, 32 bytes."""
    return derive_key(label_key, b"", Tag.PIECE.text + bytes([kind]) + u64(index))


def derive_stream_head(piece_key: bytes, digest: bytes) -> bytes:
    """Return salt and nonce prefix of a piece's stream: ``HKDF(key, SHA-256(plain), SEALING)``."""
    return derive_key(piece_key, digest, Tag.SEALING.text, RANDOM_HEAD_BYTES)


def make_piece_aad(opening_aad: bytes, kind: int, index: int) -> bytes:
    """Return the associated data of a piece: the opening's ``‖ u8 kind ‖ u64 index``."""
    return opening_aad + bytes([kind]) + u64(index)


def derive_sealing(name: PieceName, keys: OpeningKeys, opening_aad: bytes) -> tuple[bytes, bytes]:
    """Return the key of a piece's stream and its associated data; the label's key must be here."""
    kind, index = name.kind, name.index
    label_key = keys.find(kind.label)
    assert label_key is not None, "the keys are complete for this label"
    return derive_piece_key(label_key, kind, index), make_piece_aad(opening_aad, kind, index)
