"""An Ed25519 key that signs Sui transactions."""

import hashlib
from typing import Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from walrusd.chain.values.pysui_parts import SignatureScheme, SuiKeyPair
from walrusd.errors import ConfigError
from walrusd.units import Address, address_from_bytes

_FLAG = b"\x00"
_TRANSACTION_INTENT = b"\x00\x00\x00"


def derive_address(public_key: bytes) -> Address:
    """Return the address of an Ed25519 public key: Blake2b-256 of the scheme flag and the key."""
    return address_from_bytes(hashlib.blake2b(_FLAG + public_key, digest_size=32).digest())


def decode_private_key(text: str) -> bytes:
    """Return the 32-byte seed in a ``suiprivkey1…`` string, as Sui wallets export it.

    Raises:
        ConfigError: if ``text`` is malformed or not an Ed25519 key. The error omits it.
    """
    try:
        pair = SuiKeyPair.from_bech32(text.strip())
    except ValueError:
        pair = None  # the library's message may contain the key: drop it
    if pair is None or pair.private_key is None:
        raise ConfigError(
            "not a suiprivkey1… key", hint="export it again with `sui keytool export`"
        )
    if pair.scheme is not SignatureScheme.ED25519:
        raise ConfigError(
            "only Ed25519 keys are supported", hint="create one with `sui keytool generate`"
        )
    return bytes(pair.private_key.key_bytes)


class Signer:
    """Signs for one address. Its ``repr`` shows nothing but the address."""

    def __init__(self, seed: bytes) -> None:
        """Take the 32-byte seed of an Ed25519 key (RFC 8032).

        Raises:
            ConfigError: if ``seed`` does not have 32 bytes.
        """
        if len(seed) != 32:
            raise ConfigError(f"an Ed25519 seed has 32 bytes, not {len(seed)}")
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public_key = self._key.public_key().public_bytes_raw()
        self.address = derive_address(self.public_key)

    @classmethod
    def from_bech32(cls, text: str) -> Self:
        """Return the signer of a ``suiprivkey1…`` string, as Sui wallets export it.

        Raises:
            ConfigError: if ``text`` is malformed or not an Ed25519 key. The error omits it.
        """
        return cls(decode_private_key(text))

    def to_bech32(self) -> str:
        """Return the secret key as ``suiprivkey1…``; for backup only, never for logs."""
        pair = SuiKeyPair.from_pfc_bytes(
            SignatureScheme.ED25519, self.public_key, self._key.private_bytes_raw()
        )
        return str(pair.to_bech32())

    def sign_transaction(self, tx_bytes: bytes) -> bytes:
        """Return ``flag ‖ signature ‖ public key``, 97 bytes, over BCS transaction data."""
        return self._sign(_TRANSACTION_INTENT + tx_bytes)

    def _sign(self, intent_message: bytes) -> bytes:
        hashed = hashlib.blake2b(intent_message, digest_size=32).digest()
        return _FLAG + self._key.sign(hashed) + self.public_key

    def __repr__(self) -> str:
        return f"Signer({self.address})"
