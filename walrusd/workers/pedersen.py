"""Pedersen's commitments in worker processes: bytes and integers in, bytes and integers out.

The generators are made once per worker and kept.
"""

from collections.abc import Sequence

import numpy as np

from walrusd.crypto.pedersen import pedersen, rows
from walrusd.crypto.pedersen.g1 import ROW_LENGTH, decode_scalar
from walrusd.crypto.vfile.checks import VerifiedFile
from walrusd.errors import PeerFault
from walrusd.runtime.generators import load_generators


def commit_update_rows(update: bytes, blindings: list[int]) -> list[bytes]:
    """Return the row commitments of an int32 little-endian update."""
    load_generators()
    return rows.commit_rows(np.frombuffer(update, "<i4").astype(np.int32), blindings)


def prove_cost(context: bytes, cost: int, blinding: int) -> tuple[bytes, bytes]:
    """Return the commitment of a cost, and the proof that its maker can open it."""
    return pedersen.commit(cost, blinding), pedersen.prove_opening(context, cost, blinding)


def check_aggregate_rows(
    aggregate: bytes,
    weights: list[int],
    files: Sequence[VerifiedFile],
    openings: Sequence[bytes],
) -> None:
    """Check a published sum, int64 little-endian. Raises as ``rows.verify_aggregate``.

    ``openings`` are the summed blindings. Of each file only the row commitments are read.
    """
    load_generators()
    vector = np.frombuffer(aggregate, "<i8").astype(np.int64)
    blindings = [decode_scalar(opening) for opening in openings]
    rows.verify_aggregate(vector, weights, [each.file.row_commitments for each in files], blindings)


def find_wrong_commitment(
    update: bytes, blindings: Sequence[int], commitments: Sequence[bytes], only: int | None = None
) -> int | None:
    """Return the first row whose Pedersen commitment opens to something else, or None.

    ``only`` checks one row alone.
    """
    load_generators()
    vector = np.frombuffer(update, "<i4").astype(np.int32)
    for j in range(len(commitments)) if only is None else [only]:
        row = vector[j * ROW_LENGTH : (j + 1) * ROW_LENGTH]
        try:
            rows.verify_row_commitment(row, blindings[j], commitments[j])
        except PeerFault:
            return j
    return None
