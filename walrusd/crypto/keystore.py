"""All secrets of one daemon in a single encrypted file.

``file = "WALRUSDK" ‖ u8 version ‖ u8 kind ‖ u16 LE header length ‖ header ‖ nonce(12) ‖ sealed``.
The header is canonical CBOR: a salt and, for a passphrase, the Argon2id parameters. The bundle is
canonical CBOR under AES-256-GCM with everything before it as associated data. Its key comes from a
32-byte key-encryption key (HKDF) or from a passphrase (Argon2id, RFC 9106, then HKDF), with a fresh
salt every time, so that no (key, nonce) pair ever repeats.
"""

import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from walrusd.crypto.cbor import decode_canonical, encode_canonical
from walrusd.crypto.kdf import KEY_BYTES, derive_key
from walrusd.crypto.tags import Tag
from walrusd.errors import KeystoreLocked, MalformedData

MAGIC = b"WALRUSDK"
VERSION = 1
_PREAMBLE = struct.Struct("<8sBBH")
_NONCE_BYTES = 12
_SALT_BYTES = 32
_KIND_RAW, _KIND_PASSPHRASE = 1, 2

# Limits of the costs in a file's header, so that a forged one cannot exhaust the machine.
_MAX_MEMORY_KIB = 4 << 20
_MAX_ITERATIONS = 64
_MAX_LANES = 16


@dataclass(frozen=True)
class RawKek:
    """A key-encryption key from a key file or from systemd's credentials directory.

    Raises:
        KeystoreLocked: if it does not have 32 bytes.
    """

    key: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.key) != KEY_BYTES:
            raise KeystoreLocked(
                f"a key-encryption key must have {KEY_BYTES} bytes, not {len(self.key)}",
                hint="make one with: head -c 32 /dev/urandom > FILE",
            )


@dataclass(frozen=True)
class PassphraseKek:
    """A passphrase, stretched with Argon2id. The costs are for writing; a file states its own."""

    passphrase: bytes = field(repr=False)
    memory_kib: int = 256 << 10
    iterations: int = 3
    lanes: int = 1


KekSource = RawKek | PassphraseKek


@dataclass(frozen=True, repr=False)
class KeyBundle:
    """The secrets of a daemon. They are never printed: ``repr`` shows counts alone.

    Raises:
        ValueError: if a key does not have 32 bytes.
    """

    sui_seed: bytes
    """The Ed25519 seed of the Sui address, 32 bytes."""
    encryption_key: bytes
    """The X25519 private key that opens envelopes, 32 bytes."""
    contributor_secret: bytes
    """What row blindings and ciphertext seeds are derived from, 32 bytes."""
    dataset_keys: Mapping[str, bytes] = field(default_factory=dict)
    """Dataset keys by name, 32 bytes each."""
    paillier_primes: tuple[tuple[int, int], ...] = ()
    """The primes ``(p, q)`` of each Paillier key."""

    def __post_init__(self) -> None:
        keys = [self.sui_seed, self.encryption_key, self.contributor_secret]
        if any(len(key) != KEY_BYTES for key in [*keys, *self.dataset_keys.values()]):
            raise ValueError(f"each key of a bundle has {KEY_BYTES} bytes")

    def __repr__(self) -> str:
        return (
            f"KeyBundle(dataset_keys={len(self.dataset_keys)}, "
            f"paillier_primes={len(self.paillier_primes)})"
        )

    @classmethod
    def generate(cls) -> Self:
        """Return a bundle of fresh random keys."""
        return cls(os.urandom(KEY_BYTES), os.urandom(KEY_BYTES), os.urandom(KEY_BYTES))


def seal_keystore(bundle: KeyBundle, kek_source: KekSource) -> bytes:
    """Return the keystore file that only ``kek_source`` opens.

    A passphrase takes the memory and time of its costs, 256 MiB and about a second by default.
    """
    header = _new_header(kek_source)
    kind = _KIND_RAW if isinstance(kek_source, RawKek) else _KIND_PASSPHRASE
    encoded = encode_canonical(header)
    preface = _PREAMBLE.pack(MAGIC, VERSION, kind, len(encoded)) + encoded
    nonce = os.urandom(_NONCE_BYTES)
    aead = AESGCM(_derive_kek(kek_source, header))
    return preface + nonce + aead.encrypt(nonce, _encode_bundle(bundle), preface)


def open_keystore(data: bytes, kek_source: KekSource) -> KeyBundle:
    """Return the bundle in a keystore file.

    Raises:
        KeystoreLocked: if the key or passphrase does not open it, or the file was changed.
        MalformedData: if the bytes are not a keystore of version 1.
    """
    if len(data) < _PREAMBLE.size:
        raise MalformedData("the file is too short for a keystore")
    magic, version, kind, length = _PREAMBLE.unpack_from(data)
    if magic != MAGIC or version != VERSION:
        raise MalformedData("the file is not a keystore of this version")
    expected = _KIND_RAW if isinstance(kek_source, RawKek) else _KIND_PASSPHRASE
    if kind != expected:
        key_file, passphrase = "a key file", "a passphrase"
        right, wrong = (
            (passphrase, key_file) if kind == _KIND_PASSPHRASE else (key_file, passphrase)
        )
        raise KeystoreLocked(
            f"the keystore opens with {right}, not with {wrong}", hint=f"give {right}"
        )
    end = _PREAMBLE.size + length
    header = decode_canonical(data[_PREAMBLE.size : end])
    _check_header(header, kind)
    nonce, sealed = data[end : end + _NONCE_BYTES], data[end + _NONCE_BYTES :]
    if len(nonce) != _NONCE_BYTES:
        raise MalformedData("the keystore is cut short")
    try:
        plaintext = AESGCM(_derive_kek(kek_source, header)).decrypt(nonce, sealed, data[:end])
    except InvalidTag as error:
        raise KeystoreLocked(
            "the keystore cannot be decrypted",
            hint="the key or passphrase is wrong, or the file is damaged",
        ) from error
    return _decode_bundle(plaintext)


def _new_header(kek_source: KekSource) -> dict[str, Any]:
    header: dict[str, Any] = {"salt": os.urandom(_SALT_BYTES)}
    if isinstance(kek_source, PassphraseKek):
        header["argon2id"] = [kek_source.memory_kib, kek_source.iterations, kek_source.lanes]
    return header


def _check_header(header: Any, kind: int) -> None:
    names = {"salt"} if kind == _KIND_RAW else {"salt", "argon2id"}
    if not isinstance(header, dict) or set(header) != names:
        raise MalformedData("the keystore header has unknown or missing fields")
    if not isinstance(header["salt"], bytes) or len(header["salt"]) != _SALT_BYTES:
        raise MalformedData(f"the keystore salt must have {_SALT_BYTES} bytes")
    if kind == _KIND_PASSPHRASE:
        match header["argon2id"]:
            case [int(memory), int(iterations), int(lanes)] if (
                8 * lanes <= memory <= _MAX_MEMORY_KIB
                and 1 <= iterations <= _MAX_ITERATIONS
                and 1 <= lanes <= _MAX_LANES
            ):
                return
            case _:
                raise MalformedData("the keystore's header has impossible cost parameters")


def _derive_kek(kek_source: KekSource, header: dict[str, Any]) -> bytes:
    if isinstance(kek_source, RawKek):
        secret = kek_source.key
    else:
        memory_kib, iterations, lanes = header["argon2id"]
        stretch = Argon2id(
            salt=header["salt"],
            length=KEY_BYTES,
            iterations=iterations,
            lanes=lanes,
            memory_cost=memory_kib,
        )
        secret = stretch.derive(kek_source.passphrase)
    return derive_key(secret, header["salt"], Tag.KEYSTORE.text)


def _encode_bundle(bundle: KeyBundle) -> bytes:
    return encode_canonical(
        {
            "sui_seed": bundle.sui_seed,
            "encryption_key": bundle.encryption_key,
            "contributor_secret": bundle.contributor_secret,
            "dataset_keys": dict(bundle.dataset_keys),
            "paillier_primes": [
                [_encode_integer(p), _encode_integer(q)] for p, q in bundle.paillier_primes
            ],
        }
    )


def _encode_integer(number: int) -> bytes:
    return number.to_bytes(-(-number.bit_length() // 8), "big")


def _decode_bundle(plaintext: bytes) -> KeyBundle:
    fields = decode_canonical(plaintext)
    try:
        return KeyBundle(
            fields["sui_seed"],
            fields["encryption_key"],
            fields["contributor_secret"],
            fields["dataset_keys"],
            tuple(
                (int.from_bytes(p, "big"), int.from_bytes(q, "big"))
                for p, q in fields["paillier_primes"]
            ),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        # The cause could carry key bytes in its text; it is left out on purpose.
        raise MalformedData("the keystore does not hold a key bundle") from None
