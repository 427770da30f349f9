"""Reads an opening as docs/formats/opening.md says; shares no code with walrusd."""

import hashlib
from itertools import pairwise

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

STREAM = b"WALRUSD-V01-STREAM"
SEGMENT = 1 << 20


def hkdf(secret: bytes, salt: bytes, info: bytes, length: int = 32) -> bytes:
    return HKDF(hashes.SHA256(), length, salt or None, info).derive(secret)


def derive_label_key(value: bytes, context: bytes, label: int) -> bytes:
    return hkdf(value, context, b"WALRUSD-V02-LABEL-KEY" + bytes([label]))


def derive_key(label_key: bytes, kind: int, index: int) -> bytes:
    name = bytes([kind]) + index.to_bytes(8, "little")
    return hkdf(label_key, b"", b"WALRUSD-V01-PIECE" + name)


def unseal(sealed: bytes, label_key: bytes, context: bytes, kind: int, index: int) -> bytes:
    """Open a piece, or a section of the manifest (kind 0), and check that its head is derived."""
    assert sealed[0] == 40
    salt, prefix = sealed[1:33], sealed[33:40]
    key = derive_key(label_key, kind, index)
    aad = STREAM + b"\x03" + context + bytes([kind]) + index.to_bytes(8, "little")
    cipher = AESGCM(hkdf(key, salt, aad))
    cuts = [40, *range(SEGMENT, len(sealed), SEGMENT), len(sealed)]
    plain = b""
    for number, (start, end) in enumerate(pairwise(cuts)):
        last = bytes([end == len(sealed)])
        nonce = prefix + number.to_bytes(4, "big") + last
        plain += cipher.decrypt(nonce, sealed[start:end], None)
    head = hkdf(key, hashlib.sha256(plain).digest(), b"WALRUSD-V01-SEALING", 39)
    assert head == salt + prefix
    return plain


def read_pieces(
    sealed: bytes, blobs: dict[bytes, bytes], keys: dict[int, bytes], context: bytes
) -> dict[tuple[int, int], bytes]:
    """Return the plaintext of every piece that the keys open, by kind and index.

    ``keys`` by label: 1 for the work, 2 for the update; that of the work leads to the other.
    """
    outer = cbor2.loads(sealed)
    assert cbor2.dumps(outer, canonical=True) == sealed
    assert outer[0] == 1
    entries, keys = [], dict(keys)
    if 1 in keys:
        section = cbor2.loads(unseal(outer[1], keys[1], context, 0, 1))
        assert section[0] == 1
        keys[2] = section[1][:32]
        assert len(section[1]) == 80
        entries += section[2]
    entries += cbor2.loads(unseal(outer[2], keys[2], context, 0, 2))[2]
    found = {}
    for kind, index, label, size, digest, sealed_digest, extents in entries:
        data = b"".join(blobs[blob][offset : offset + length] for blob, offset, length in extents)
        assert hashlib.sha256(data).digest() == sealed_digest
        plain = unseal(data, keys[label], context, kind, index)
        assert (len(plain), hashlib.sha256(plain).digest()) == (size, digest)
        found[kind, index] = plain
    return found
