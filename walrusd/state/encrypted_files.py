"""Files and the encrypted streams made of them, both of mode 0600."""

from pathlib import Path

from walrusd.crypto.stream import decrypt_stream, encrypt_stream
from walrusd.files import new_file


def encrypt_file(plain: Path, sealed: Path, key: bytes, aad: bytes) -> None:
    """Encrypt a file into a stream."""
    with plain.open("rb") as source, new_file(sealed, durable=True) as target:
        encrypt_stream(source, target, key, aad)


def decrypt_file(sealed: Path, plain: Path, key: bytes, aad: bytes) -> None:
    """Decrypt a stream into a file.

    Raises:
        DecryptionFailed: if the key or the associated data are not those of the stream.
    """
    with sealed.open("rb") as source, new_file(plain, durable=True) as target:
        decrypt_stream(source, target, key, aad)
