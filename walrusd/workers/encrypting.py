"""Encrypt an update piece by piece, on as many processors as the daemon may use."""

import os
from pathlib import Path

import trio

from walrusd.workers.paillier import Encryption, encrypt_piece
from walrusd.workers.pieces import Report, run_pieces
from walrusd.workers.pool import run_heavy

PIECE_CIPHERTEXTS = 512
"""About a second of work at 3072 bits: how often progress is reported, and what a cancel waits
for."""


async def encrypt_update(
    encryption: Encryption,
    update: bytes,
    *,
    seed: bytes,
    path: Path,
    report: Report,
    threads: int,
) -> None:
    """Write the ciphertexts of an update, int32 little-endian, to ``path``.

    ``threads`` pieces at once; 0 is one per core. Cancelling kills the workers and removes the
    file. An update of 10⁶ entries takes about 20 s of one processor.
    """
    size = 4 * encryption.packing.slots * PIECE_CIPHERTEXTS
    width = encryption.key.ciphertext_bytes * PIECE_CIPHERTEXTS
    pieces = -(-len(update) // size)

    async def encrypt(number: int) -> None:
        piece = update[number * size : (number + 1) * size]
        start = number * PIECE_CIPHERTEXTS
        data = await run_heavy(encrypt_piece, encryption, piece, seed, start)
        await trio.to_thread.run_sync(_write_at, descriptor, data, number * width)

    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        await run_pieces(pieces, encrypt, report, threads)
    except BaseException:
        os.unlink(path)  # noqa: PTH108  # at once, as it also follows a cancellation
        raise
    finally:
        os.close(descriptor)


def _write_at(descriptor: int, data: bytes, offset: int) -> None:
    written = 0
    while written < len(data):
        written += os.pwrite(descriptor, data[written:], offset + written)
