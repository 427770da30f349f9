"""Digests and ids as Sui computes them: Blake2b-256 over a domain separator and BCS bytes."""

import hashlib

import base58

from walrusd.errors import MalformedData


def compute_transaction_digest(tx_bytes: bytes) -> str:
    """Return the base58 digest of BCS-encoded transaction data.

    Blake2b-256 over ``TransactionData::`` and the bytes, as Sui hashes signable structures.
    """
    hashed = hashlib.blake2b(b"TransactionData::" + tx_bytes, digest_size=32).digest()
    return str(base58.b58encode(hashed), "ascii")


def decode_digest(text: str) -> bytes:
    """Return the 32 bytes of a base58 digest, such as a chain identifier.

    Raises:
        MalformedData: if ``text`` is not one.
    """
    try:
        raw = bytes(base58.b58decode(text))
    except ValueError as error:
        raise MalformedData(f"not a base58 digest: {text!r}") from error
    if len(raw) != 32:
        raise MalformedData(f"a digest has 32 bytes, {text!r} has {len(raw)}")
    return raw
