"""HKDF-SHA256 (RFC 5869), which derives every key except those from passphrases."""

import hashlib
import hmac

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32


def derive_key(secret: bytes, salt: bytes, info: bytes, length: int = KEY_BYTES) -> bytes:
    """Return ``HKDF-SHA256(ikm=secret, salt, info)``, ``length`` bytes; the salt may be empty."""
    return HKDF(hashes.SHA256(), length, salt or None, info).derive(secret)


class KeyDeriver:
    """Many 32-byte keys from one secret: HKDF with the extraction done once.

    ``derive(info)`` equals ``derive_key(secret, salt, info)``. One output block (RFC 5869, section
    2.3) is a single HMAC, so a key per dataset row is cheap.
    """

    def __init__(self, secret: bytes, salt: bytes = b"") -> None:
        self._extracted = hmac.digest(salt or bytes(hashlib.sha256().digest_size), secret, "sha256")

    def derive(self, info: bytes) -> bytes:
        """Return the 32-byte key for ``info``."""
        return hmac.digest(self._extracted, info + b"\x01", "sha256")
