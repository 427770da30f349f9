"""Paillier's arithmetic in worker processes: bytes and integers in, bytes and integers out.

A worker keeps the table of the key it encrypted with last, so the pieces of an update that reach
the same worker pay for it once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from walrusd.crypto.paillier import vectors
from walrusd.crypto.paillier.keys import (
    PrivateKey,
    PublicKey,
    derive_private_key,
    read_public_key,
)
from walrusd.crypto.paillier.modulus_proof import prove_modulus, verify_modulus
from walrusd.crypto.paillier.packing import Packing
from walrusd.crypto.paillier.proofs import (
    compute_ciphertext_root,
    prove_decryption,
    prove_knowledge,
    verify_decryption,
)
from walrusd.crypto.vfile.blocks import Section
from walrusd.crypto.vfile.vfile import VerificationFile
from walrusd.errors import PaillierKeyRefused

Part = tuple[VerificationFile, int]
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
        """How entries lie in the plaintexts."""
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
    key = encryption.key
    width = key.ciphertext_bytes
    found = [
        file.pieces(Section.CIPHERTEXTS, width * (stop - start), width * start, width * stop)
        for file, _weight in parts
    ]
    weights = [weight for _file, weight in parts]
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
