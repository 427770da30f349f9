"""Delivering a 32-byte key to one recipient: HPKE (RFC 9180) after a method byte.

Base mode with X25519, HKDF-SHA256, and AES-256-GCM. The key's purpose goes into ``info``, so an
envelope opens for no other purpose; the transaction that posts it authenticates the sender. Numbers
are reserved for other methods (a hybrid KEM, Seal), which wrap the same key.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from walrusd.crypto.kdf import KEY_BYTES
from walrusd.crypto.tags import Tag, u64
from walrusd.errors import DecryptionFailed, EncryptionKeyRefused, MalformedEnvelope

_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_FIELD_PRIME = (1 << 255) - 19

PAYLOAD_BYTES = 32 + KEY_BYTES + 16
"""Bytes of the encapsulated key, the encrypted key and the tag."""


class KeyMethod(IntEnum):
    """How an envelope is encrypted. Only the first method is in use."""

    HPKE_X25519 = 1
    HPKE_HYBRID = 2
    SEAL = 16


@dataclass(frozen=True)
class KeyEnvelope:
    """An encrypted key: ``u8 method ‖ payload``."""

    method: int
    payload: bytes

    def encode(self) -> bytes:
        """Return the bytes that are posted."""
        return bytes([self.method]) + self.payload

    @classmethod
    def decode(cls, raw: bytes) -> Self:
        """Return the envelope in ``raw``.

        Raises:
            MalformedEnvelope: if it is empty, of a method not in use, or of the wrong length.
        """
        if not raw:
            raise MalformedEnvelope("the key envelope is empty")
        if raw[0] != KeyMethod.HPKE_X25519:
            raise MalformedEnvelope(
                f"key envelope method {raw[0]} is not supported",
                hint="the sender may run a newer walrusd",
            )
        if len(raw) != 1 + PAYLOAD_BYTES:
            raise MalformedEnvelope(
                f"the key envelope has {len(raw)} bytes, not {1 + PAYLOAD_BYTES}"
            )
        return cls(raw[0], raw[1:])


def derive_public_key(private_key: bytes) -> bytes:
    """Return the X25519 public key (RFC 7748), 32 bytes, of a 32-byte private key."""
    return X25519PrivateKey.from_private_bytes(private_key).public_key().public_bytes_raw()


def check_public_key(public_key: bytes) -> None:
    """Check that a registered encryption key can receive envelopes.

    Raises:
        EncryptionKeyRefused: if it does not have 32 bytes, is not a reduced field element, or is
            of low order, so that everybody would know the shared secret.
    """
    if len(public_key) != 32 or int.from_bytes(public_key, "little") >= _FIELD_PRIME:
        raise EncryptionKeyRefused(
            "the encryption key is not a number below 2^255-19 in 32 bytes, little-endian"
        )
    try:
        X25519PrivateKey.generate().exchange(X25519PublicKey.from_public_bytes(public_key))
    except ValueError as error:
        raise EncryptionKeyRefused("the encryption key is of low order") from error


def seal_key(public_key: bytes, key: bytes, info: bytes) -> bytes:
    """Return the envelope, 81 bytes, that lets the holder of ``public_key`` read ``key``.

    Raises:
        EncryptionKeyRefused: if the public key is unusable.
        ValueError: if ``key`` does not have 32 bytes.
    """
    if len(key) != KEY_BYTES:
        raise ValueError(f"a key in an envelope has {KEY_BYTES} bytes, not {len(key)}")
    check_public_key(public_key)
    payload = _SUITE.encrypt(key, X25519PublicKey.from_public_bytes(public_key), info)
    return KeyEnvelope(KeyMethod.HPKE_X25519, payload).encode()


def open_key(private_key: bytes, envelope: bytes, info: bytes) -> bytes:
    """Return the key in ``envelope``.

    Raises:
        MalformedEnvelope: if the bytes are not an envelope.
        DecryptionFailed: if it was made for another key or another ``info``.
    """
    sealed = KeyEnvelope.decode(envelope)
    recipient = X25519PrivateKey.from_private_bytes(private_key)
    try:
        return _SUITE.decrypt(sealed.payload, recipient, info)
    except (InvalidTag, ValueError) as error:
        raise DecryptionFailed(
            "the key envelope cannot be decrypted",
            hint="it was made for another encryption key, or for another purpose",
        ) from error


def _check_ids(*ids: bytes) -> None:
    if any(len(identifier) != 32 for identifier in ids):
        raise ValueError("each identifier in an envelope's info has 32 bytes")


def dataset_key_info(  # noqa: PLR0917 - the fields of the info, in their order
    chain_id: bytes,
    package: bytes,
    dataset: bytes,
    version: int,
    owner: bytes,
    requester: bytes,
) -> bytes:
    """Return the ``info`` of a dataset key grant.

    ``DATASET-KEY ‖ chain ‖ package ‖ dataset ‖ u64 version ‖ owner ‖ requester``.

    Raises:
        ValueError: if an identifier does not have 32 bytes.
    """
    _check_ids(chain_id, package, dataset, owner, requester)
    return Tag.DATASET_KEY.text + chain_id + package + dataset + u64(version) + owner + requester
