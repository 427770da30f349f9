"""Delivering a 32-byte key to one recipient: HPKE (RFC 9180) behind a method byte.

Base mode with X25519, HKDF-SHA256, and AES-256-GCM. What the key is for goes into ``info``, so an
envelope opens in no other place; the sender is authenticated by the transaction that posts it.
Other methods (a hybrid KEM, Seal) have their numbers reserved and wrap the same key.
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
"""Encapsulated key, sealed key, tag."""


class KeyMethod(IntEnum):
    """How an envelope is sealed. Only the first is in use."""

    HPKE_X25519 = 1
    HPKE_HYBRID = 2
    SEAL = 16


@dataclass(frozen=True)
class KeyEnvelope:
    """A sealed key: ``u8 method ‖ payload``."""

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
            raise MalformedEnvelope("a key envelope is empty")
        if raw[0] != KeyMethod.HPKE_X25519:
            raise MalformedEnvelope(
                f"key envelope method {raw[0]} is not supported",
                hint="the sender may run a newer walrusd",
            )
        if len(raw) != 1 + PAYLOAD_BYTES:
            raise MalformedEnvelope(f"a key envelope has {1 + PAYLOAD_BYTES} bytes, not {len(raw)}")
        return cls(raw[0], raw[1:])


def derive_public_key(private_key: bytes) -> bytes:
    """Return the X25519 public key, 32 bytes, of a 32-byte private key."""
    return X25519PrivateKey.from_private_bytes(private_key).public_key().public_bytes_raw()


def check_public_key(public_key: bytes) -> None:
    """Check that a registered encryption key can receive envelopes.

    Raises:
        EncryptionKeyRefused: if it does not have 32 bytes, is not a reduced field element, or is
            of low order, so that everybody would know the shared secret.
    """
    if len(public_key) != 32 or int.from_bytes(public_key, "little") >= _FIELD_PRIME:
        raise EncryptionKeyRefused("an encryption key is 32 bytes below 2^255-19, little-endian")
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
        MalformedEnvelope: if the envelope is not one.
        DecryptionFailed: if it was sealed for another key or another ``info``.
    """
    sealed = KeyEnvelope.decode(envelope)
    recipient = X25519PrivateKey.from_private_bytes(private_key)
    try:
        return _SUITE.decrypt(sealed.payload, recipient, info)
    except (InvalidTag, ValueError) as error:
        raise DecryptionFailed(
            "the key envelope does not open",
            hint="it was sealed for another encryption key, or for another purpose",
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
    """
    _check_ids(chain_id, package, dataset, owner, requester)
    return Tag.DATASET_KEY.text + chain_id + package + dataset + u64(version) + owner + requester


def opening_key_info(chain_id: bytes, package: bytes, submission: bytes, recipient: bytes) -> bytes:
    """Return the ``info`` of an opening's key: ``OPENING-KEY ‖ chain ‖ package ‖ submission ‖ to``.

    ``recipient`` is the address that the envelope is for.
    """
    _check_ids(chain_id, package, submission, recipient)
    return Tag.OPENING_KEY.text + chain_id + package + submission + recipient
