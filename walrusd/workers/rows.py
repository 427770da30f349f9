"""Find the row of an update that differs from its commitment, for a challenge of kind ROWS.

All rows are checked at once first (``schemes.check_opened_update``), which is cheap; the row is
searched for only if that fails. Runs in worker processes: bytes and integers in, integers out.
"""

from collections.abc import Sequence

import numpy as np

from walrusd.crypto.paillier.vectors import encrypt
from walrusd.crypto.pedersen.g1 import ROW_LENGTH
from walrusd.crypto.pedersen.rows import verify_row_commitment
from walrusd.errors import PeerFault
from walrusd.runtime.generators import load_generators
from walrusd.workers.paillier import Encryption


def find_wrong_row(
    update: bytes, blindings: Sequence[int], commitments: Sequence[bytes], only: int | None = None
) -> int | None:
    """Return the first row whose Pedersen commitment opens to something else, or None.

    ``only`` restricts the search to one row.
    """
    load_generators()
    vector = np.frombuffer(update, "<i4").astype(np.int32)
    for j in range(len(commitments)) if only is None else [only]:
        row = vector[j * ROW_LENGTH : (j + 1) * ROW_LENGTH]
        try:
            verify_row_commitment(row, blindings[j], commitments[j])
        except PeerFault:
            return j
    return None


def find_wrong_ciphertext(
    encryption: Encryption, update: bytes, data: bytes, seed: bytes, only: int | None = None
) -> int | None:
    """Return the first ciphertext that is not the encryption from ``seed``, or None."""
    key = encryption.key
    width = key.ciphertext_bytes
    vector = np.frombuffer(update, "<i4").astype(np.int32)
    plaintexts = encryption.packing.pack(vector)
    for j in range(len(plaintexts)) if only is None else [only]:
        expected = encrypt(key, plaintexts[j : j + 1], seed, j)
        if expected != data[j * width : (j + 1) * width]:
            return j
    return None
