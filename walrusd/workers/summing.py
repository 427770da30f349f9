"""Weighted sums of encrypted updates, piece by piece in worker processes.

A piece of the sum is made from the same piece of every file, read where it lies: a hundred updates
take no more memory than one.
"""

from collections.abc import Sequence

from walrusd.crypto.paillier.packing import check_weighted_bound
from walrusd.crypto.vfile.header import Quantisation
from walrusd.workers.paillier import (
    Encryption,
    Part,
    check_sum,
    decrypt_piece,
    prove_sum,
    sum_piece,
)
from walrusd.workers.pieces import Report, run_pieces
from walrusd.workers.pool import run_heavy

PIECE_CIPHERTEXTS = 256
"""Of one file: a quarter of a second of additions for a hundred files, as much to decrypt two."""


async def sum_files(
    encryption: Encryption, parts: Sequence[Part], ciphertexts: int, report: Report, threads: int
) -> bytes:
    """Return the ciphertexts of the weighted sum of ``parts``, which have ``ciphertexts`` each.

    Raises:
        MalformedCiphertext: if a part is malformed.
    """
    pieces = -(-ciphertexts // PIECE_CIPHERTEXTS)
    found: dict[int, bytes] = {}

    async def add(number: int) -> None:
        start = number * PIECE_CIPHERTEXTS
        stop = min(start + PIECE_CIPHERTEXTS, ciphertexts)
        found[number] = await run_heavy(sum_piece, encryption, list(parts), start, stop)

    await run_pieces(pieces, add, report, threads)
    return b"".join(found[number] for number in range(pieces))


async def decrypt_files(
    seed: bytes,
    encryption: Encryption,
    quantisation: Quantisation,
    parts: Sequence[Part],
    *,
    context: bytes,
    report: Report,
    threads: int,
) -> tuple[bytes, bytes]:
    """Return the weighted sum of ``parts``, int64 little-endian, and the proof of it.

    ``seed`` is that of the key. Only the sum is decrypted.

    Raises:
        PaillierKeyRefused: if the seed gives another key than the task's.
        SlotOverflow: if the sum could leave the slots, or a contribution was no packed update.
        MalformedCiphertext: if a part is malformed.
    """
    entries = quantisation.entries
    largest = 1 << (quantisation.value_bits - 1)
    weights = [weight for _file, weight in parts]
    check_weighted_bound(encryption.packing, [largest] * len(weights), weights)
    count = encryption.packing.count(entries)
    pieces = -(-count // PIECE_CIPHERTEXTS)
    total = await sum_files(
        encryption, parts, count, lambda done, _pieces: report(done, 2 * pieces), threads
    )
    size = encryption.key.ciphertext_bytes * PIECE_CIPHERTEXTS
    found: dict[int, bytes] = {}

    async def decrypt(number: int) -> None:
        piece = total[number * size : (number + 1) * size]
        found[number] = await run_heavy(decrypt_piece, seed, encryption, piece)

    await run_pieces(
        pieces, decrypt, lambda done, _pieces: report(pieces + done, 2 * pieces), threads
    )
    plaintexts = b"".join(found[number] for number in range(pieces))
    return await run_heavy(prove_sum, seed, encryption, entries, total, plaintexts, context)


async def check_decrypted_sum(
    encryption: Encryption,
    aggregate: bytes,
    parts: Sequence[Part],
    *,
    proof: bytes,
    context: bytes,
    report: Report,
    threads: int,
) -> None:
    """Check a published sum, int64 little-endian, against the encrypted updates.

    Raises:
        PaillierProofInvalid: if it is not their weighted sum.
        SlotOverflow, MalformedCiphertext, MalformedData: if a part is malformed.
    """
    count = encryption.packing.count(len(aggregate) // 8)
    total = await sum_files(encryption, parts, count, report, threads)
    await run_heavy(check_sum, encryption, aggregate, total, proof, context)
