"""Exact linear combinations of the rows of an integer matrix with wide coefficients.

``u = Σ_j e_j·M_j`` for 128-bit ``e_j`` is computed by float64 matrix products that never round: the
coefficients are cut into signed limbs so small that every product and every partial sum stays
within 2**53 in absolute value.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

VALUE_BITS = 31
"""``combine_rows`` takes ``|M_ji| <= 2**31``."""

BLOCK_ROWS = 1024
LIMB_BITS = 53 - VALUE_BITS - BLOCK_ROWS.bit_length() + 2
"""13 bits: ``|limb| <= 2**12``, so a block adds up to ``2**(12 + 31 + 10) = 2**53`` at most."""

WIDE_BITS = 62
"""``fold_wide`` takes ``|M_ji| < 2**62``."""


def _cut_limbs(coefficients: Sequence[int]) -> npt.NDArray[np.float64]:
    """Return signed limbs, shape (limbs, coefficients): ``Σ_l limb_l · 2**(13·l)`` gives each."""
    # The topmost limb keeps a bit for its sign and one for the carry from below.
    width = (max((c.bit_length() for c in coefficients), default=0) + 1) // LIMB_BITS + 1
    half, base = 1 << (LIMB_BITS - 1), 1 << LIMB_BITS
    limbs = np.zeros((width, len(coefficients)))  # (limbs, coefficients), float64
    for column, coefficient in enumerate(coefficients):
        rest = coefficient
        for row in range(width):
            limb = (rest + half) % base - half
            rest = (rest - limb) >> LIMB_BITS
            limbs[row, column] = limb
        assert rest == 0
    return limbs


def combine_rows(
    matrix: npt.NDArray[np.integer], coefficients: Sequence[int]
) -> npt.NDArray[np.object_]:
    """Return ``Σ_j coefficients_j · matrix_j`` as Python integers, shape (columns,).

    ``matrix`` has shape (rows, columns) and entries of at most 2**31 in absolute value.

    Raises:
        ValueError: if there is not one coefficient per row, or an entry is too large.
    """
    rows, columns = matrix.shape
    if rows != len(coefficients):
        raise ValueError(f"{len(coefficients)} coefficients for {rows} rows")
    bound = 1 << VALUE_BITS
    if matrix.size and (int(matrix.max()) > bound or int(matrix.min()) < -bound):
        raise ValueError("an entry is too large to be folded exactly")
    total = np.zeros(columns, dtype=object)
    # More threads make these small products slower, and BLAS libraries divide them differently.
    with threadpool_limits(limits=1, user_api="blas"):
        for start in range(0, rows, BLOCK_ROWS):
            block = matrix[start : start + BLOCK_ROWS].astype(np.float64)  # (block, columns)
            sums = _cut_limbs(coefficients[start : start + BLOCK_ROWS]) @ block  # (limbs, columns)
            for limb, row in enumerate(sums.astype(np.int64)):
                total += row.astype(object) << (LIMB_BITS * limb)
    return total


def fold_wide(
    matrix: npt.NDArray[np.integer], coefficients: Sequence[int]
) -> npt.NDArray[np.object_]:
    """Return ``combine_rows`` of a matrix with entries below 2**62 in absolute value.

    ``M = high·2**31 + low`` with ``0 <= low < 2**31``; ``combine_rows`` takes both halves.

    Raises:
        ValueError: as ``combine_rows``.
    """
    high, low = matrix >> VALUE_BITS, matrix & ((1 << VALUE_BITS) - 1)
    wide: npt.NDArray[np.object_] = combine_rows(low, coefficients) + (
        combine_rows(high, coefficients) << VALUE_BITS
    )
    return wide
