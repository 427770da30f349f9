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
from collections.abc import Iterator
from enum import IntEnum
from io import BytesIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from walrusd.crypto.fileobjects import Readable, Writable, read_up_to, write_all
from walrusd.crypto.kdf import KEY_BYTES, derive_key
from walrusd.crypto.tags import Tag
from walrusd.errors import DecryptionFailed

SEGMENT_BYTES = 1 << 20
TAG_BYTES = 16
HEADER_BYTES = 40
MAX_SEGMENTS = 1 << 32

_SALT_BYTES = 32
RANDOM_HEAD_BYTES = HEADER_BYTES - 1
"""Salt and nonce prefix: random, or derived from key and plaintext."""

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


def encrypt_stream(
    source: Readable, target: Writable, key: bytes, aad: bytes, head: bytes | None = None
) -> int:
    """Encrypt ``source`` to its end into ``target``; return the number of bytes written.

    ``head``, 39 bytes, is the salt and the nonce prefix if they are not to be random. Two
    plaintexts must never have the same head under one key.

    Raises:
        ValueError: if the key or the head has another length, or the plaintext is too long.
    """
    head = os.urandom(RANDOM_HEAD_BYTES) if head is None else head
    if len(head) != RANDOM_HEAD_BYTES:
        raise ValueError(f"salt and prefix have {RANDOM_HEAD_BYTES} bytes, not {len(head)}")
    salt, prefix = head[:_SALT_BYTES], head[_SALT_BYTES:]
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


def decrypt_stream(source: Readable, target: Writable, key: bytes, aad: bytes) -> int:
    """Decrypt ``source`` to its end into ``target``; return the number of bytes written.

    Raises:
        DecryptionFailed: if the file is damaged, cut short, or extended, or the key or the
            associated data are not those it was made with.
        ValueError: if the key does not have 32 bytes.
    """
    written = 0
    for plaintext in iterate_plaintext(source, key, aad):
        write_all(target, plaintext)
        written += len(plaintext)
    return written


def iterate_plaintext(source: Readable, key: bytes, aad: bytes) -> Iterator[bytes]:
    """Decrypt ``source`` to its end, a segment at a time. Errors as ``decrypt_stream``."""
    aead, prefix = _open_header(read_up_to(source, HEADER_BYTES), key, aad)
    index = 0
    sealed = read_up_to(source, SEGMENT_BYTES - HEADER_BYTES)
    while True:
        following = read_up_to(source, SEGMENT_BYTES)
        yield _open_segment(aead, prefix, index, not following, sealed)
        if not following:
            return
        sealed, index = following, index + 1


def encrypt_bytes(plaintext: bytes, key: bytes, aad: bytes, head: bytes | None = None) -> bytes:
    """Return ``plaintext`` as an encrypted file.

    Raises:
        ValueError: as ``encrypt_stream``.
    """
    target = BytesIO()
    encrypt_stream(BytesIO(plaintext), target, key, aad, head)
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
