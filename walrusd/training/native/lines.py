"""The compiled kernels of profile ``exact-q8r/2``. They return None as ``kernels.py`` says."""

import ctypes

import torch
from torch import Tensor

from walrusd.training.native.library import empty, find_kernel


def find_units(x: Tensor) -> tuple[Tensor, Tensor] | None:
    """Return the units of the rows, ``(…, m, 1)``, and columns, ``(…, 1, n)``, of ``(…, m, n)``.

    The matrices are contiguous.
    """
    kernel = find_kernel("find_units", x)
    if kernel is None or x.numel() == 0:
        return None
    *stack, rows, columns = x.shape
    by_row, by_column = empty((*stack, rows, 1)), empty((*stack, 1, columns))
    count = by_row.numel() // rows
    failed = kernel(x.data_ptr(), count, rows, columns, by_row.data_ptr(), by_column.data_ptr())
    return None if failed else (by_row, by_column)


def product(left: Tensor, left_units: Tensor, right: Tensor, right_units: Tensor) -> Tensor | None:
    """Return the product ``(m, n)`` of ``left``, ``(m, k)``, and ``right``, ``(k, n)``.

    Each matrix is contiguous or the transpose of one that is. Units are ``(m, 1)`` and ``(1, n)``.
    """
    kernel = find_kernel("line_product", left, left_units, right, right_units)
    if kernel is None or left.dim() != 2 or right.dim() != 2:
        return None
    rows, depth = left.shape
    columns = right.shape[1]
    if 0 in (rows, columns, depth) or depth != right.shape[0]:
        return None
    if 1 not in left.stride() or 1 not in right.stride():
        return None
    result = empty((rows, columns))
    failed = kernel(
        left.data_ptr(),
        left.stride(0),
        left.stride(1),
        left_units.data_ptr(),
        right.data_ptr(),
        right.stride(1),
        right.stride(0),
        right_units.data_ptr(),
        result.data_ptr(),
        rows,
        columns,
        depth,
    )
    return None if failed else result


Grid = tuple[Tensor, Tensor]
"""Contiguous ``(b·h, t, d)`` with the units of its rows ``(b·h, t, 1)`` or columns ``(b·h, 1, d)``.

Keys and values have ``b·j`` matrices.
"""


def _sizes(query: Tensor, key: Tensor, heads: int) -> ctypes.Array[ctypes.c_int64]:
    count, length, size = query.shape
    groups = key.shape[0] * heads // count
    return (ctypes.c_int64 * 5)(count, heads, groups, length, size)


def attend(query: Grid, key: Grid, value: Grid, heads: int) -> tuple[Tensor, Tensor, Tensor] | None:
    """Return numerators int16 ``(b·h, t, t)``, their sums ``(b·h, t, 1)``, output ``(b·h, t, d)``.

    ``heads`` is ``h``. The units are those of the rows of queries and keys, and of the columns of
    values.
    """
    tensors = (*query, *key, *value)
    kernel = find_kernel("line_attention", *tensors)
    if kernel is None or query[0].numel() == 0:
        return None
    count, length, _size = query[0].shape
    numerators = torch.empty((count, length, length), dtype=torch.int16)
    sums, output = empty((count, length, 1)), torch.empty_like(query[0])
    failed = kernel(
        *(x.data_ptr() for x in (*tensors, numerators, sums, output)),
        _sizes(query[0], key[0], heads),
    )
    return None if failed else (numerators, sums, output)


def attend_backward(
    slope: tuple[Tensor, Tensor, Tensor],
    deltas: Tensor,
    grids: tuple[Grid, Grid, Grid],
    numerators: Tensor,
    *,
    heads: int,
    factors: tuple[float, float],
) -> tuple[Tensor, Tensor, Tensor] | None:
    """Return the gradients by query, key and value, each ``(b·h, t, d)``.

    ``slope``, ``(b·h, t, d)``, comes with the units of its rows and of its columns; ``deltas`` is
    ``(b·h, t, 1)``; ``grids`` are query and key with the units of their columns, and value with
    those of its rows; ``numerators`` is int16 ``(b·h, t, t)``; ``factors`` multiply the first two
    results.
    """
    tensors = (*slope, deltas, *(x for grid in grids for x in grid))
    kernel = find_kernel("line_attention_backward", *tensors)
    if kernel is None or slope[0].numel() == 0 or numerators.dtype != torch.int16:
        return None
    results = [torch.empty_like(slope[0]) for _ in range(3)]
    failed = kernel(
        *(x.data_ptr() for x in (*tensors, numerators, *results)),
        _sizes(grids[0][0], grids[1][0], heads),
        *factors,
    )
    return None if failed else (results[0], results[1], results[2])
