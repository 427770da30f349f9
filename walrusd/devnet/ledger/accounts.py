"""Derives everything random of a devnet from one seed: keys, chain id, package id, randomness."""

import base64
import hashlib
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from walrusd.chain.values.pysui_parts import keypair_from_keystring
from walrusd.devnet.move.objects import blake2b256
from walrusd.units import address_from_bytes

_ED25519 = b"\0"
_INTENT = b"\0\0\0"


@dataclass(frozen=True)
class Seed:
    """The 32-byte seed that a devnet's directory keeps."""

    raw: bytes

    @classmethod
    def from_number(cls, number: int) -> "Seed":
        """Return the seed that ``--seed`` names."""
        return cls(hashlib.blake2b(b"walrusd devnet %d" % number, digest_size=32).digest())

    def derive(self, label: str, context: bytes = b"") -> bytes:
        """Return 32 bytes for one purpose."""
        state = hashlib.blake2b(key=self.raw, digest_size=32)
        state.update(len(label).to_bytes(1, "little") + label.encode() + context)
        return state.digest()


@dataclass(frozen=True)
class Account:
    """A devnet key. It is not secret: everyone who can reach the devnet may read it."""

    secret: bytes

    @property
    def public_key(self) -> bytes:
        """The 32-byte Ed25519 public key."""
        return Ed25519PrivateKey.from_private_bytes(self.secret).public_key().public_bytes_raw()

    @property
    def address(self) -> str:
        """``blake2b256(flag ‖ public key)``."""
        return address_from_bytes(blake2b256(_ED25519 + self.public_key))

    @property
    def exported(self) -> str:
        """The key as ``suiprivkey1…``."""
        text = base64.b64encode(_ED25519 + self.secret).decode()
        return str(keypair_from_keystring(text).to_bech32())

    def sign(self, transaction: bytes) -> bytes:
        """Sign transaction bytes: ``flag ‖ signature ‖ public key``."""
        message = blake2b256(_INTENT + transaction)
        signature = Ed25519PrivateKey.from_private_bytes(self.secret).sign(message)
        return _ED25519 + signature + self.public_key


def derive_accounts(seed: Seed, count: int) -> list[Account]:
    """Return the prefunded accounts."""
    return [Account(seed.derive("account", n.to_bytes(4, "little"))) for n in range(count)]


def derive_faucet(seed: Seed) -> Account:
    """Return the account that holds the faucet's coins."""
    return Account(seed.derive("faucet"))
