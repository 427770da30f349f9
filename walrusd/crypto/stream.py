"""Files encrypted with AES-256-GCM in segments, byte-compatible with Tink's AES256_GCM_HKDF_1MB.

``file = 0x28 ‖ salt(32) ‖ prefix(7) ‖ segment_0 ‖ segment_1 …``; the file's own key is
``HKDF-SHA256(key, salt, info=aad)``; segment ``i`` is encrypted under the nonce
``prefix ‖ u32 big-endian i ‖ (1 if last else 0)``. An encrypted segment has 1 MiB, the first 40
bytes less, the last one what is left. Cutting, reordering, or repeating segments breaks a tag
(Hoang, Reyhanitabar, Rogaway and Vizár, 2015).

Output written before the last tag is verified is authentic but may be cut short: write to a
temporary file and rename it when ``decrypt_stream`` has returned.
"""

import os
from enum import IntEnum
from io import BytesIO
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from walrusd.crypto.fileobjects import read_up_to, write_all
from walrusd.crypto.kdf import KEY_BYTES, derive_key
from walrusd.crypto.tags import Tag
from walrusd.errors import DecryptionFailed

SEGMENT_BYTES = 1 << 20
TAG_BYTES = 16
HEADER_BYTES = 40
MAX_SEGMENTS = 1 << 32

_SALT_BYTES = 32
_FIRST_CAPACITY = SEGMENT_BYTES - HEADER_BYTES - TAG_BYTES
_CAPACITY = SEGMENT_BYTES - TAG_BYTES


class StreamKind(IntEnum):
    """What an encrypted stream holds; part of its associated data."""

    DATASET = 1
    COST = 2
    OPENING = 3
    MODEL = 4


def stream_aad(kind: int, chain_id: bytes, package: bytes, object_id: bytes) -> bytes:
    """Return the associated data of a stream: ``STREAM ‖ u8 kind ‖ chain ‖ package ‖ object``.

    Raises:
        ValueError: if an identifier does not have 32 bytes.
    """
    if any(len(part) != 32 for part in (chain_id, package, object_id)):
        raise ValueError("each identifier in associated data has 32 bytes")
    return Tag.STREAM.text + bytes([kind]) + chain_id + package + object_id


def compute_key_check(dek: bytes, salt: bytes) -> bytes:
    """Return ``HKDF-SHA256(dek, salt, info = KEYCOMMIT)``, 32 bytes: it commits to a key.

    AES-GCM alone does not commit to its key: a ciphertext can be made that two keys open.
    """
    return derive_key(dek, salt, Tag.KEYCOMMIT.text)


def verify_key_check(dek: bytes, salt: bytes, expected: bytes) -> None:
    """Check that ``dek`` is the key that ``expected`` commits to.

    Raises:
        DecryptionFailed: if it is another key.
    """
    if len(dek) != KEY_BYTES or compute_key_check(dek, salt) != expected:
        raise DecryptionFailed("the key is not the committed one")


def compute_ciphertext_size(plaintext_size: int) -> int:
    """Return the size of the encrypted file for ``plaintext_size`` bytes, both in bytes."""
    return HEADER_BYTES + plaintext_size + TAG_BYTES * _count_segments(plaintext_size)


def _count_segments(plaintext_size: int) -> int:
    return 1 + max(0, -(-(plaintext_size - _FIRST_CAPACITY) // _CAPACITY))


class StreamLayout:
    """The offsets of the segments of an encrypted file of ``ciphertext_size`` bytes.

    Raises:
        DecryptionFailed: if no encrypted file has that size.
    """

    def __init__(self, ciphertext_size: int) -> None:
        self.ciphertext_size = ciphertext_size
        self.segments = max(1, -(-ciphertext_size // SEGMENT_BYTES))
        self.plaintext_size = ciphertext_size - HEADER_BYTES - TAG_BYTES * self.segments
        if (
            self.plaintext_size < 0
            or compute_ciphertext_size(self.plaintext_size) != ciphertext_size
            or self.segments > MAX_SEGMENTS
        ):
            raise DecryptionFailed(f"no encrypted file has {ciphertext_size} bytes")

    def span(self, index: int) -> tuple[int, int]:
        """Return ``(offset, length)`` of encrypted segment ``index`` in the file, in bytes.

        Raises:
            IndexError: if there is no such segment.
        """
        if not 0 <= index < self.segments:
            raise IndexError(index)
        start = max(HEADER_BYTES, index * SEGMENT_BYTES)
        return start, min((index + 1) * SEGMENT_BYTES, self.ciphertext_size) - start

    def plaintext_start(self, index: int) -> int:
        """Return the offset of segment ``index`` in the plaintext."""
        return 0 if index == 0 else _FIRST_CAPACITY + (index - 1) * _CAPACITY

    def segment_at(self, offset: int) -> int:
        """Return the segment that holds plaintext byte ``offset``."""
        if offset < _FIRST_CAPACITY:
            return 0
        return 1 + (offset - _FIRST_CAPACITY) // _CAPACITY


class SegmentOpener:
    """Decrypts single segments in any order, for readers that fetch ranges of a file.

    ``header`` is the first 40 bytes of the file, ``ciphertext_size`` its whole size in bytes.

    Raises:
        DecryptionFailed: if the header or the size is not that of an encrypted file.
        ValueError: if the key does not have 32 bytes.
    """

    def __init__(self, header: bytes, ciphertext_size: int, key: bytes, aad: bytes) -> None:
        self.layout = StreamLayout(ciphertext_size)
        self._aead, self._prefix = _open_header(header, key, aad)

    def open_segment(self, index: int, sealed: bytes) -> bytes:
        """Return the plaintext of segment ``index`` from its encrypted bytes.

        Raises:
            DecryptionFailed: if they are not the authentic bytes of that segment.
        """
        last = index == self.layout.segments - 1
        return _open_segment(self._aead, self._prefix, index, last, sealed)


class StreamReader:
    """Random access to the plaintext of an encrypted file object that can seek.

    Decrypting the last segment at once authenticates the length of the file.

    Raises:
        DecryptionFailed: if the file is damaged or cut short, or the key or the associated data do
            not match.
        ValueError: if the key does not have 32 bytes.
    """

    def __init__(self, source: BinaryIO, key: bytes, aad: bytes) -> None:
        self._source = source
        size = source.seek(0, os.SEEK_END)
        source.seek(0)
        self._opener = SegmentOpener(_read_exactly(source, HEADER_BYTES), size, key, aad)
        self._layout = self._opener.layout
        self._index, self._plaintext = -1, b""
        self._load(self._layout.segments - 1)

    @property
    def size(self) -> int:
        """The number of plaintext bytes."""
        return self._layout.plaintext_size

    def _load(self, index: int) -> bytes:
        if index != self._index:
            offset, length = self._layout.span(index)
            self._source.seek(offset)
            sealed = _read_exactly(self._source, length)
            self._plaintext = self._opener.open_segment(index, sealed)
            self._index = index
        return self._plaintext

    def read_at(self, offset: int, count: int) -> bytes:
        """Return exactly ``count`` plaintext bytes from ``offset``.

        Raises:
            ValueError: if they do not all lie within the plaintext.
            DecryptionFailed: if a segment is damaged.
        """
        if offset < 0 or count < 0 or offset + count > self.size:
            raise ValueError(f"bytes {offset}..{offset + count} are outside 0..{self.size}")
        pieces = bytearray()
        while len(pieces) < count:
            position = offset + len(pieces)
            index = self._layout.segment_at(position)
            start = position - self._layout.plaintext_start(index)
            pieces += self._load(index)[start : start + count - len(pieces)]
        return bytes(pieces)


def encrypt_stream(source: BinaryIO, target: BinaryIO, key: bytes, aad: bytes) -> int:
    """Encrypt ``source`` to its end into ``target``; return the number of bytes written.

    Raises:
        ValueError: if the key does not have 32 bytes, or the plaintext is too long.
    """
    salt, prefix = os.urandom(_SALT_BYTES), os.urandom(HEADER_BYTES - 1 - _SALT_BYTES)
    aead = _derive_aead(key, salt, aad)
    write_all(target, bytes([HEADER_BYTES]) + salt + prefix)
    written, index = HEADER_BYTES, 0
    segment = read_up_to(source, _FIRST_CAPACITY)
    while True:
        # Reading ahead tells whether this segment is the last.
        following = read_up_to(source, _CAPACITY)
        if following and index + 1 == MAX_SEGMENTS:
            raise ValueError("the plaintext is too long for one stream")
        sealed = aead.encrypt(_nonce(prefix, index, not following), segment, None)
        write_all(target, sealed)
        written += len(sealed)
        if not following:
            return written
        segment, index = following, index + 1


def decrypt_stream(source: BinaryIO, target: BinaryIO, key: bytes, aad: bytes) -> int:
    """Decrypt ``source`` to its end into ``target``; return the number of bytes written.

    Raises:
        DecryptionFailed: if the file is damaged, cut short, or extended, or the key or the
            associated data are not those it was made with.
        ValueError: if the key does not have 32 bytes.
    """
    aead, prefix = _open_header(read_up_to(source, HEADER_BYTES), key, aad)
    written, index = 0, 0
    sealed = read_up_to(source, SEGMENT_BYTES - HEADER_BYTES)
    while True:
        following = read_up_to(source, SEGMENT_BYTES)
        plaintext = _open_segment(aead, prefix, index, not following, sealed)
        write_all(target, plaintext)
        written += len(plaintext)
        if not following:
            return written
        sealed, index = following, index + 1


def encrypt_bytes(plaintext: bytes, key: bytes, aad: bytes) -> bytes:
    """Return ``plaintext`` as an encrypted file.

    Raises:
        ValueError: as ``encrypt_stream``.
    """
    target = BytesIO()
    encrypt_stream(BytesIO(plaintext), target, key, aad)
    return target.getvalue()


def decrypt_bytes(ciphertext: bytes, key: bytes, aad: bytes) -> bytes:
    """Return the plaintext of an encrypted file.

    Raises:
        DecryptionFailed, ValueError: as ``decrypt_stream``.
    """
    target = BytesIO()
    decrypt_stream(BytesIO(ciphertext), target, key, aad)
    return target.getvalue()


def _derive_aead(key: bytes, salt: bytes, aad: bytes) -> AESGCM:
    if len(key) != KEY_BYTES:
        raise ValueError(f"a stream key has {KEY_BYTES} bytes, not {len(key)}")
    return AESGCM(derive_key(key, salt, aad))


def _nonce(prefix: bytes, index: int, last: bool) -> bytes:
    return prefix + index.to_bytes(4, "big") + bytes([last])


def _open_header(header: bytes, key: bytes, aad: bytes) -> tuple[AESGCM, bytes]:
    if len(header) != HEADER_BYTES or header[0] != HEADER_BYTES:
        raise DecryptionFailed("the header is not that of an encrypted file")
    return _derive_aead(key, header[1 : 1 + _SALT_BYTES], aad), header[1 + _SALT_BYTES :]


def _open_segment(aead: AESGCM, prefix: bytes, index: int, last: bool, sealed: bytes) -> bytes:
    if index >= MAX_SEGMENTS:
        raise DecryptionFailed("the encrypted file has too many segments")
    try:
        return aead.decrypt(_nonce(prefix, index, last), sealed, None)
    except InvalidTag as error:
        raise DecryptionFailed(
            f"segment {index} of the encrypted file cannot be decrypted",
            hint="the file is damaged or cut short, or the key is not the one it was made with",
        ) from error


def _read_exactly(source: BinaryIO, count: int) -> bytes:
    data = read_up_to(source, count)
    if len(data) != count:
        raise DecryptionFailed("the encrypted file is cut short")
    return data
