"""Paillier's arithmetic in worker processes: bytes and integers in, bytes and integers out.

A worker keeps the table of the key it encrypted with last, so the pieces of an update that reach
the same worker pay for it once.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from walrusd.crypto.paillier import vectors
from walrusd.crypto.paillier.keys import PublicKey, derive_private_key, read_public_key
from walrusd.crypto.paillier.modulus_proof import prove_modulus, verify_modulus
from walrusd.crypto.paillier.packing import Packing, check_weighted_bound
from walrusd.crypto.paillier.proofs import (
    compute_ciphertext_root,
    prove_decryption,
    prove_knowledge,
    verify_decryption,
    verify_opening,
)
from walrusd.crypto.vfile_header import Quantisation
from walrusd.errors import PaillierKeyRefused

_PIECE = 256
"""Ciphertexts of each vector that a sum holds at once: 200 KB at 3072 bits."""

Part = tuple[bytes, int]
"""The ciphertexts of one contribution, and its weight."""


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


def check_key(modulus: bytes, proof: bytes, context: bytes) -> None:
    """Check a modulus and its proof. Raises as ``verify_modulus``."""
    verify_modulus(read_public_key(modulus), proof, context)


def encrypt_piece(encryption: Encryption, piece: bytes, seed: bytes, start: int) -> bytes:
    """Return the ciphertexts of a piece of an update whose first plaintext is number ``start``."""
    plaintexts = encryption.packing.pack(_read_update(piece))
    return vectors.encrypt(encryption.key, plaintexts, seed, start)


def prove_encrypted_update(
    encryption: Encryption, update: bytes, data: bytes, seed: bytes, context: bytes
) -> tuple[bytes, int, bytes]:
    """Return the root of the ciphertexts, their number, and the proof of knowledge."""
    key = encryption.key
    plaintexts = encryption.packing.pack(_read_update(update))
    root = compute_ciphertext_root(key, data)
    return root, len(plaintexts), prove_knowledge(key, data, plaintexts, seed, context)


def check_encrypted_update(encryption: Encryption, update: bytes, data: bytes, seed: bytes) -> None:
    """Check that ciphertexts open to an update. Raises as ``verify_opening``."""
    plaintexts = encryption.packing.pack(_read_update(update))
    verify_opening(encryption.key, data, plaintexts, seed)


def _cut(key: PublicKey, data: bytes) -> Iterator[bytes]:
    size = _PIECE * key.ciphertext_bytes
    return (data[start : start + size] for start in range(0, len(data), size))


def _sum(key: PublicKey, parts: Sequence[Part]) -> bytes:
    vectors_in_pieces = [_cut(key, data) for data, _weight in parts]
    weights = [weight for _data, weight in parts]
    return b"".join(vectors.stream_weighted_sum(key, vectors_in_pieces, weights))


def decrypt_aggregate(
    seed: bytes,
    encryption: Encryption,
    quantisation: Quantisation,
    parts: Sequence[Part],
    context: bytes,
) -> tuple[bytes, bytes]:
    """Return the weighted sum of encrypted updates, int64 little-endian, and the proof of it.

    ``seed`` is that of the key. Only the sum is decrypted.

    Raises:
        PaillierKeyRefused: if the seed gives another key: the keystore is not the one that opened
            the task.
        SlotOverflow: if the sum could leave the slots, or a contribution was no packed update.
        MalformedCiphertext: if a part is malformed.
    """
    key = derive_private_key(seed, encryption.key.bits)
    if key.public != encryption.key:
        raise PaillierKeyRefused(
            "this keystore does not hold the key of the task",
            hint="restore the keystore that was in use when the task was opened",
        )
    largest = 1 << (quantisation.value_bits - 1)
    weights = [weight for _data, weight in parts]
    check_weighted_bound(encryption.packing, [largest] * len(weights), weights)
    total = _sum(key.public, parts)
    plaintexts = vectors.decrypt(key, total)
    vector = encryption.packing.unpack(plaintexts, quantisation.entries)
    proof = prove_decryption(key, total, plaintexts, context)
    return vector.astype("<i8", copy=False).tobytes(), proof


def check_decrypted_aggregate(
    encryption: Encryption,
    aggregate: bytes,
    parts: Sequence[Part],
    proof: bytes,
    context: bytes,
) -> None:
    """Check a published sum, int64 little-endian, against the encrypted updates.

    Raises:
        PaillierProofInvalid: if it is not their weighted sum.
        SlotOverflow, MalformedCiphertext, MalformedData: if a part is malformed.
    """
    plaintexts = encryption.packing.pack(np.frombuffer(aggregate, "<i8").astype(np.int64))
    verify_decryption(encryption.key, _sum(encryption.key, parts), plaintexts, proof, context)
