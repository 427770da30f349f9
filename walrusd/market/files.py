"""Files of our own: read in a thread, written whole or not at all, readable by nobody else."""

import os
from pathlib import Path

import trio

from walrusd.crypto.stream import decrypt_stream, encrypt_stream
from walrusd.engine.tools import Reading
from walrusd.files import new_file, write_atomically


def rows_path(tools: Reading, row_root: bytes) -> Path:
    """Return where the decrypted rows of a dataset lie while they are needed."""
    return tools.data_dir / "datasets" / f"{row_root.hex()}.rows"


async def read_file(path: str | Path) -> bytes:
    """Return a file's bytes, read in a thread."""
    return await trio.to_thread.run_sync(Path(path).read_bytes)


def write_privately(path: Path, data: bytes) -> None:
    """Write a file of mode 0600, whole or not at all."""
    write_atomically(path, data)


def encrypt_file(plain: Path, sealed: Path, key: bytes, aad: bytes) -> None:
    """Encrypt a file into a stream, of mode 0600 too."""
    with plain.open("rb") as source, new_file(sealed) as target:
        encrypt_stream(source, target, key, aad)
        target.flush()
        os.fsync(target.fileno())


def decrypt_file(sealed: Path, plain: Path, key: bytes, aad: bytes) -> None:
    """Decrypt a stream into a file of mode 0600. Raises DecryptionFailed if it does not hold."""
    with sealed.open("rb") as source, new_file(plain) as target:
        decrypt_stream(source, target, key, aad)
        target.flush()
        os.fsync(target.fileno())
