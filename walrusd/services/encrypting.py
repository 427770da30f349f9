"""Encrypt an update piece by piece, on as many processors as the daemon may use."""

import os

import trio

from walrusd.services.heavy import run_heavy
from walrusd.services.heavy_paillier import Encryption, encrypt_piece
from walrusd.services.progress import clear_progress
from walrusd.services.tools import Tools

PIECE_CIPHERTEXTS = 512
"""About a second of work at 3072 bits: how often progress is told, and what a cancel waits for."""


async def encrypt_update(
    tools: Tools, submission: str, encryption: Encryption, update: bytes, seed: bytes
) -> bytes:
    """Return the ciphertexts of an update, int32 little-endian. Progress is broadcast.

    Cancelling kills the workers. An update of 10⁶ entries takes about 20 s of one processor.
    """
    size = 4 * encryption.packing.slots * PIECE_CIPHERTEXTS
    pieces = [update[start : start + size] for start in range(0, len(update), size)]
    done: dict[int, bytes] = {}
    limiter = trio.CapacityLimiter(tools.settings.daemon.threads or os.cpu_count() or 1)

    async def encrypt(number: int) -> None:
        async with limiter:
            done[number] = await run_heavy(
                encrypt_piece, encryption, pieces[number], seed, number * PIECE_CIPHERTEXTS
            )
        told = {"done": len(done), "pieces": len(pieces), "entries": len(update) // 4}
        tools.broadcast.publish("encrypt", submission=submission, line="progress", **told)
        tools.records.put("progress", submission, {"encrypting": told})

    try:
        async with trio.open_nursery() as nursery:
            for number in range(len(pieces)):
                nursery.start_soon(encrypt, number)
    finally:
        clear_progress(tools, submission)
    return b"".join(done[number] for number in range(len(pieces)))
