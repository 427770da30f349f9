"""Row commitments: a whole update committed with one point per ``ROW_LENGTH`` entries.

The int32 vector ``V`` is cut into rows of ``n`` entries, the last one padded with zeros;
``C_j = Σ_i V_ji·G_i + r_j·H``. Whoever holds ``V`` checks all rows at once by a random linear
combination (Bellare, Garay and Rabin, 1998), and anybody checks an aggregate against the
commitments without any ``V``: the commitments add up like the vectors. Challenges are drawn
locally; a wrong row passes with probability 2**-128.
"""

import secrets
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from py_arkworks_bls12381 import G1Point

from walrusd.crypto import merkle
from walrusd.crypto.kdf import derive_key
from walrusd.crypto.pedersen.folding import WIDE_BITS, combine_rows, fold_wide
from walrusd.crypto.pedersen.g1 import (
    GENERATORS,
    POINT_BYTES,
    ROW_LENGTH,
    H,
    Q,
    compute_msm,
    decode_point,
    encode_point,
    multiply,
    sum_points,
)
from walrusd.crypto.tags import Tag, u64
from walrusd.errors import CommitmentMismatch, MalformedData, UpdateOverflow

CHALLENGE_BITS = 128

Update = npt.NDArray[np.int32]
"""The entries of an update, ``(d,)``."""

Aggregate = npt.NDArray[np.int64]
"""The entries of a weighted sum of updates, ``(d,)``."""


def compute_row_count(entries: int, row_length: int = ROW_LENGTH) -> int:
    """Return the number of rows of ``entries`` entries."""
    return -(-entries // row_length)


def _as_rows(
    vector: npt.NDArray[np.integer], dtype: type[np.signedinteger], row_length: int
) -> npt.NDArray[np.integer]:
    if vector.dtype != dtype or vector.ndim != 1 or vector.size == 0:
        raise ValueError(f"expected a vector of {np.dtype(dtype)}, not empty")
    rows = compute_row_count(vector.size, row_length)
    padded = np.zeros(rows * row_length, dtype)
    padded[: vector.size] = vector
    return padded.reshape(rows, row_length)  # (rows, n)


def derive_row_blinding(
    secret: bytes, task: bytes, contributor: bytes, update_root: bytes, row: int
) -> int:
    """Return ``r_j = HKDF(secret, ROW-BLINDING ‖ task ‖ contributor ‖ update_root ‖ j) mod Q``.

    64 bytes are reduced, so the bias is below 2**-256. The three names have 32 bytes each.
    """
    info = Tag.ROW_BLINDING.text + task + contributor + update_root + u64(row)
    return int.from_bytes(derive_key(secret, b"", info, 64), "big") % Q


def derive_row_blindings(
    secret: bytes, task: bytes, contributor: bytes, update_root: bytes, rows: int
) -> list[int]:
    """Return ``derive_row_blinding`` for rows ``0 … rows-1``."""
    return [derive_row_blinding(secret, task, contributor, update_root, j) for j in range(rows)]


def _commit_integers(values: Sequence[int], blinding: int) -> G1Point:
    """Return ``Σ values_i·G_i + blinding·H``.

    Negative values would be full-width scalars, which are slow. Shifted by their minimum all are
    short, and one product by ``Σ G_i`` undoes the shift.
    """
    shift = min(0, *values)
    generators = GENERATORS.first(len(values))
    shifted = compute_msm(generators, [value - shift for value in values])
    if shift:
        shifted = shifted + multiply(GENERATORS.sum_first(len(values)), shift)
    return shifted + multiply(H, blinding)


def commit_rows(
    update: Update, blindings: Sequence[int], row_length: int = ROW_LENGTH
) -> list[bytes]:
    """Return the row commitments of ``update``, int32 ``(d,)``, 48 bytes each.

    This takes about 5 µs per entry. A piece of the vector that starts at a multiple of
    ``row_length`` gives the same commitments with its blindings, so callers may divide the work.

    Raises:
        ValueError: if the vector is not int32 or there is not one blinding per row.
    """
    matrix = _as_rows(update, np.int32, row_length)
    return [
        encode_point(_commit_integers(row.tolist(), blinding))
        for row, blinding in zip(matrix, blindings, strict=True)
    ]


def _draw_challenges(count: int) -> list[int]:
    return [secrets.randbits(CHALLENGE_BITS) for _ in range(count)]


def _decode_points(commitments: Sequence[bytes], rows: int) -> list[G1Point]:
    if len(commitments) != rows:
        raise MalformedData(f"there are {len(commitments)} row commitments for {rows} rows")
    return [decode_point(commitment) for commitment in commitments]


def _combine_blindings(challenges: Sequence[int], blindings: Sequence[int], rows: int) -> int:
    if len(blindings) != rows:
        raise MalformedData(f"there are {len(blindings)} row blindings for {rows} rows")
    return sum(e * r for e, r in zip(challenges, blindings, strict=True)) % Q


def verify_rows(
    update: Update,
    blindings: Sequence[int],
    commitments: Sequence[bytes],
    row_length: int = ROW_LENGTH,
) -> None:
    """Check that every row commitment opens to its row of ``update`` and its blinding.

    With random ``e_j``: ``Σ e_j·C_j == Σ_i (Σ_j e_j·V_ji)·G_i + (Σ e_j·r_j)·H``.

    Raises:
        MalformedData: if a commitment is no point, or the numbers of rows differ.
        CommitmentMismatch: if a row does not open.
    """
    matrix = _as_rows(update, np.int32, row_length)
    challenges = _draw_challenges(len(matrix))
    combined = compute_msm(_decode_points(commitments, len(matrix)), challenges)
    blinding = _combine_blindings(challenges, blindings, len(matrix))
    if combined != _commit_integers(combine_rows(matrix, challenges).tolist(), blinding):
        raise CommitmentMismatch("the row commitments do not open to this update")


def verify_row_commitment(
    row: Update, blinding: int, commitment: bytes, row_length: int = ROW_LENGTH
) -> None:
    """Check one row commitment; ``row`` may be shorter than ``row_length`` if it is the last.

    Raises:
        MalformedData: if the commitment is no point.
        CommitmentMismatch: if it does not open to the row.
    """
    if row.size > row_length:
        raise MalformedData(f"a row must have at most {row_length} entries, not {row.size}")
    decode_point(commitment)
    if commit_rows(row, [blinding], row_length) != [commitment]:
        raise CommitmentMismatch("the row commitment does not open to this row")


def compute_scheme_root(commitments: Sequence[bytes]) -> bytes:
    """Return the RFC 6962 root over the row commitments, one leaf each."""
    return merkle.compute_root_of_items(commitments, POINT_BYTES)


class RunningSum:
    """``Σ w_k·V_k`` of updates that come one at a time, with the blindings that open it.

    ``R_j = Σ_k w_k·r_kj mod Q`` opens the weighted sum of the commitments of row ``j``.
    """

    def __init__(self) -> None:
        self._total: Aggregate | None = None
        self._bound = 0
        self._blindings: list[int] = []

    def add(self, update: Update, weight: int, blindings: Sequence[int] = ()) -> None:
        """Add ``weight`` times an update, int32 ``(d,)``, and its blindings, one per row.

        Raises:
            UpdateOverflow: if an entry could reach 2**62.
            ValueError: if the update is not int32, or differs in length from those before, or the
                weight is not positive.
        """
        if weight <= 0 or update.dtype != np.int32 or update.ndim != 1 or update.size == 0:
            raise ValueError("an aggregate takes int32 vectors and positive weights")
        bound = self._bound + weight * max(abs(int(update.max())), abs(int(update.min())))
        if bound >> WIDE_BITS or weight >> WIDE_BITS:
            raise UpdateOverflow("the weighted sum of the updates does not fit 62 bits")
        if self._total is None:
            self._total = np.zeros(update.shape, np.int64)
            self._blindings = [0] * len(blindings)
        if update.shape != self._total.shape or len(blindings) != len(self._blindings):
            raise ValueError("the updates of an aggregate differ in length")
        self._bound = bound
        self._total += update.astype(np.int64) * np.int64(weight)
        self._blindings = sum_blindings([self._blindings, blindings], [1, weight])

    @property
    def vector(self) -> Aggregate:
        """The weighted sum, int64 ``(d,)``. Raises ValueError if nothing was added."""
        if self._total is None:
            raise ValueError("an aggregate has at least one update")
        return self._total

    @property
    def blindings(self) -> list[int]:
        """The summed blindings, one per row."""
        return self._blindings


def sum_blindings(blindings: Sequence[Sequence[int]], weights: Sequence[int]) -> list[int]:
    """Return ``R_j = Σ_k w_k·r_kj mod Q``: opens the weighted sum of the commitments, row by row.

    Raises:
        ValueError: if the contributions differ in their number of rows.
    """
    return [
        sum(weight * blinding for weight, blinding in zip(weights, row, strict=True)) % Q
        for row in zip(*blindings, strict=True)
    ]


def verify_aggregate(
    aggregate: Aggregate,
    weights: Sequence[int],
    commitments: Sequence[Sequence[bytes]],
    summed_blindings: Sequence[int],
    row_length: int = ROW_LENGTH,
) -> None:
    """Check ``aggregate == Σ w_k·V_k`` from the row commitments of every contribution.

    All rows at once, with random ``e_j``:
    ``Σ_k w_k·(Σ_j e_j·C_kj) == Σ_i (Σ_j e_j·W_ji)·G_i + (Σ_j e_j·R_j)·H``. Equality modulo the
    group order is equality of integers because both sides are far shorter than it.

    Raises:
        MalformedData: if a commitment is no point, numbers of rows differ, or an entry reaches
            2**62.
        CommitmentMismatch: if it is another sum.
    """
    if len(weights) != len(commitments) or not weights:
        raise MalformedData(f"there are {len(weights)} weights for {len(commitments)} updates")
    matrix = _as_rows(aggregate, np.int64, row_length)
    if int(matrix.max()) >> WIDE_BITS or -int(matrix.min()) >> WIDE_BITS:
        raise MalformedData("an entry of the aggregate does not fit 62 bits")
    challenges = _draw_challenges(len(matrix))
    combined = sum_points(
        [
            multiply(compute_msm(_decode_points(column, len(matrix)), challenges), weight)
            for column, weight in zip(commitments, weights, strict=True)
        ]
    )
    blinding = _combine_blindings(challenges, summed_blindings, len(matrix))
    if combined != _commit_integers(fold_wide(matrix, challenges).tolist(), blinding):
        raise CommitmentMismatch("the aggregate is not the weighted sum of the committed updates")
