"""Paillier's arithmetic in worker processes: bytes and integers in, bytes and integers out.

A worker keeps the table of the key it encrypted with last, so the pieces of an update that reach
the same worker pay for it once. A piece of a sum is made from the same piece of every file, read
in place: a hundred updates take no more memory than one.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import trio

from walrusd.crypto.paillier import vectors
from walrusd.crypto.paillier.keys import (
    PrivateKey,
    PublicKey,
    derive_private_key,
    read_public_key,
)
from walrusd.crypto.paillier.modulus_proof import prove_modulus, verify_modulus
from walrusd.crypto.paillier.packing import Packing, check_weighted_bound
from walrusd.crypto.paillier.proofs import (
    compute_ciphertext_root,
    prove_decryption,
    prove_knowledge,
    verify_decryption,
)
from walrusd.crypto.vfile.blocks import Section
from walrusd.crypto.vfile.checks import VerifiedFile
from walrusd.crypto.vfile.header import Quantisation
from walrusd.errors import PaillierKeyRefused
from walrusd.files import new_file
from walrusd.runtime.pool import Report, run_heavy, run_pieces
from walrusd.training.run.threads import count_threads

ENCRYPTED_PIECE = 512
"""About a second of work at 3072 bits: the interval of progress reports and of cancelling."""
SUMMED_PIECE = 256
"""Of one file: a quarter of a second of additions for a hundred files, as much to decrypt two."""

Part = tuple[VerifiedFile, int]
"""The file with the ciphertexts of one contribution, and its weight."""


@dataclass(frozen=True)
class Encryption:
    """How a task's updates are encrypted: to which modulus, in slots of which width."""

    modulus: bytes
    slot_bits: int

    @property
    def key(self) -> PublicKey:
        """The public key."""
        return read_public_key(self.modulus)

    @property
    def packing(self) -> Packing:
        """How entries are packed into plaintexts."""
        return Packing(self.key.n, self.slot_bits)


def _read_update(update: bytes) -> npt.NDArray[np.int32]:
    return np.frombuffer(update, "<i4").astype(np.int32)


def make_key(seed: bytes, bits: int, context: bytes) -> tuple[bytes, bytes]:
    """Return the modulus that a seed gives, and its proof for ``context``."""
    key = derive_private_key(seed, bits)
    return key.public.to_bytes(), prove_modulus(key, context)


def check_modulus(modulus: bytes, proof: bytes, context: bytes) -> None:
    """Check a modulus and its proof. Raises as ``verify_modulus``."""
    verify_modulus(read_public_key(modulus), proof, context)


def encrypt_piece(encryption: Encryption, piece: bytes, seed: bytes, start: int) -> bytes:
    """Return the ciphertexts of a piece of an update whose first plaintext is number ``start``."""
    plaintexts = encryption.packing.pack(_read_update(piece))
    return vectors.encrypt(encryption.key, plaintexts, seed, start)


def prove_encrypted_update(
    encryption: Encryption, update: bytes, path: str, seed: bytes, context: bytes
) -> tuple[bytes, int, bytes]:
    """Return the root of the ciphertexts in a file, their number, and the proof of knowledge."""
    key, data = encryption.key, Path(path).read_bytes()
    plaintexts = encryption.packing.pack(_read_update(update))
    root = compute_ciphertext_root(key, data)
    return root, len(plaintexts), prove_knowledge(key, data, plaintexts, seed, context)


def sum_piece(encryption: Encryption, parts: Sequence[Part], start: int, stop: int) -> bytes:
    """Return ciphertexts ``start … stop−1`` of the weighted sum of files.

    Raises:
        MalformedCiphertext: if a part is malformed.
    """
    key, section = encryption.key, Section.CIPHERTEXTS
    first, size = key.ciphertext_bytes * start, key.ciphertext_bytes * (stop - start)
    found = [part.file.pieces(section, size, first, first + size) for part, _weight in parts]
    weights = [weight for _part, weight in parts]
    return b"".join(vectors.stream_weighted_sum(key, found, weights))


@lru_cache(maxsize=1)
def _private_key(seed: bytes, encryption: Encryption) -> PrivateKey:
    key = derive_private_key(seed, encryption.key.bits)
    if key.public != encryption.key:
        raise PaillierKeyRefused(
            "this keystore does not hold the key of the task",
            hint="restore the keystore that was in use when the task was opened",
        )
    return key


def decrypt_piece(seed: bytes, encryption: Encryption, data: bytes) -> bytes:
    """Return the plaintexts of ciphertexts, big-endian, as wide as the modulus each.

    Raises:
        PaillierKeyRefused: if the seed gives another key: the keystore is not the one that opened
            the task.
        MalformedCiphertext: if the data is malformed.
    """
    width = encryption.key.modulus_bytes
    plaintexts = vectors.decrypt(_private_key(seed, encryption), data)
    return b"".join(plaintext.to_bytes(width, "big") for plaintext in plaintexts)


def prove_sum(  # noqa: PLR0917 - a worker is called by position
    seed: bytes,
    encryption: Encryption,
    entries: int,
    total: bytes,
    plaintexts: bytes,
    context: bytes,
) -> tuple[bytes, bytes]:
    """Return a decrypted sum, int64 little-endian, and the proof that it is the decryption.

    Raises:
        PaillierKeyRefused: as ``decrypt_piece``.
        SlotOverflow: if a contribution was no packed update.
    """
    width = encryption.key.modulus_bytes
    numbers = [
        int.from_bytes(plaintexts[start : start + width], "big")
        for start in range(0, len(plaintexts), width)
    ]
    vector = encryption.packing.unpack(numbers, entries)
    proof = prove_decryption(_private_key(seed, encryption), total, numbers, context)
    return vector.astype("<i8", copy=False).tobytes(), proof


def check_sum(
    encryption: Encryption, aggregate: bytes, total: bytes, proof: bytes, context: bytes
) -> None:
    """Check that a published sum, int64 little-endian, is what ``total`` decrypts to.

    Raises:
        PaillierProofInvalid: if it is not.
        SlotOverflow, MalformedCiphertext, MalformedData: if a part is malformed.
    """
    plaintexts = encryption.packing.pack(np.frombuffer(aggregate, "<i8").astype(np.int64))
    verify_decryption(encryption.key, total, plaintexts, proof, context)


def find_wrong_ciphertext(
    encryption: Encryption, update: bytes, data: bytes, seed: bytes, only: int | None = None
) -> int | None:
    """Return the first ciphertext that is not the encryption from ``seed``, or None."""
    key = encryption.key
    width = key.ciphertext_bytes
    plaintexts = encryption.packing.pack(_read_update(update))
    for j in range(len(plaintexts)) if only is None else [only]:
        expected = vectors.encrypt(key, plaintexts[j : j + 1], seed, j)
        if expected != data[j * width : (j + 1) * width]:
            return j
    return None


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

    Cancelling kills the workers. An update of 10⁶ entries takes about 20 s of one processor.
    """
    size = 4 * encryption.packing.slots * ENCRYPTED_PIECE
    width = encryption.key.ciphertext_bytes * ENCRYPTED_PIECE

    async def encrypt(number: int) -> None:
        piece = update[number * size : (number + 1) * size]
        data = await run_heavy(encrypt_piece, encryption, piece, seed, number * ENCRYPTED_PIECE)
        await trio.to_thread.run_sync(_write_at, file.fileno(), data, number * width)

    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with new_file(path) as file:
        await run_pieces(-(-len(update) // size), encrypt, report, count_threads(threads))


def _write_at(descriptor: int, data: bytes, offset: int) -> None:
    written = 0
    while written < len(data):
        written += os.pwrite(descriptor, data[written:], offset + written)


async def sum_files(
    encryption: Encryption, parts: Sequence[Part], ciphertexts: int, report: Report, threads: int
) -> bytes:
    """Return the ciphertexts of the weighted sum of ``parts``, which have ``ciphertexts`` each.

    Raises:
        MalformedCiphertext: if a part is malformed.
    """
    pieces = -(-ciphertexts // SUMMED_PIECE)
    found: dict[int, bytes] = {}

    async def add(number: int) -> None:
        start = number * SUMMED_PIECE
        stop = min(start + SUMMED_PIECE, ciphertexts)
        found[number] = await run_heavy(sum_piece, encryption, list(parts), start, stop)

    await run_pieces(pieces, add, report, count_threads(threads))
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
        PaillierKeyRefused: if the seed does not give the task's key.
        SlotOverflow: if the sum could leave the slots, or a contribution was no packed update.
        MalformedCiphertext: if a part is malformed.
    """
    entries = quantisation.entries
    largest = 1 << (quantisation.value_bits - 1)
    weights = [weight for _file, weight in parts]
    check_weighted_bound(encryption.packing, [largest] * len(weights), weights)
    count = encryption.packing.count(entries)
    pieces = -(-count // SUMMED_PIECE)
    total = await sum_files(
        encryption, parts, count, lambda done, _pieces: report(done, 2 * pieces), threads
    )
    size = encryption.key.ciphertext_bytes * SUMMED_PIECE
    found: dict[int, bytes] = {}

    async def decrypt(number: int) -> None:
        piece = total[number * size : (number + 1) * size]
        found[number] = await run_heavy(decrypt_piece, seed, encryption, piece)

    await run_pieces(
        pieces,
        decrypt,
        lambda done, _pieces: report(pieces + done, 2 * pieces),
        count_threads(threads),
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
