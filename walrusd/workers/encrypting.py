"""Encrypt an update piece by piece, on as many processors as the daemon may use."""

import os
from pathlib import Path

import trio

from walrusd.engine.progress import clear_progress
from walrusd.engine.tools import Tools
from walrusd.files import new_file
from walrusd.workers.paillier import Encryption, encrypt_piece
from walrusd.workers.pieces import run_pieces
from walrusd.workers.pool import run_heavy

PIECE_CIPHERTEXTS = 512
"""About a second of work at 3072 bits: how often progress is told, and what a cancel waits for."""


async def encrypt_update(
    tools: Tools,
    submission: str,
    encryption: Encryption,
    update: bytes,
    *,
    seed: bytes,
    path: Path,
) -> None:
    """Write the ciphertexts of an update, int32 little-endian, to ``path``. Progress is broadcast.

    Cancelling kills the workers. An update of 10⁶ entries takes about 20 s of one processor.
    """
    size = 4 * encryption.packing.slots * PIECE_CIPHERTEXTS
    width = encryption.key.ciphertext_bytes * PIECE_CIPHERTEXTS
    pieces = -(-len(update) // size)

    async def encrypt(number: int) -> None:
        piece = update[number * size : (number + 1) * size]
        start = number * PIECE_CIPHERTEXTS
        data = await run_heavy(encrypt_piece, encryption, piece, seed, start)
        await trio.to_thread.run_sync(_write_at, file.fileno(), data, number * width)

    def report(done: int, pieces: int) -> None:
        told = {"done": done, "pieces": pieces, "entries": len(update) // 4}
        tools.broadcast.publish("encrypt", submission=submission, line="progress", **told)
        tools.records.put("progress", submission, {"encrypting": told})

    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        with new_file(path) as file:
            await run_pieces(pieces, encrypt, report, tools.settings.daemon.threads)
    finally:
        clear_progress(tools, submission)


def _write_at(descriptor: int, data: bytes, offset: int) -> None:
    written = 0
    while written < len(data):
        written += os.pwrite(descriptor, data[written:], offset + written)
