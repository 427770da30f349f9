"""The exact global norm of a gradient, and clipping by it (Pascanu et al., 2013; SPEC §8).

All tensors are rounded to one grid of 20 bits, that of their largest value; the squares of the
integers add up exactly, in any order, so the norm depends on no machine and no layout.
"""

import math
from collections.abc import Iterable

import torch
from torch import Tensor

from walrusd.errors import NonFiniteValue
from walrusd.training.native import kernels
from walrusd.training.numerics.arith import BITS, BLOCK, MIN_UNIT_EXPONENT
from walrusd.training.plan.strict import round_to_float32

_HALF = 1 << 26
"""Splits block sums, which have 53 bits, so that sums of halves fit int64."""

_BEYOND_FLOAT32 = math.ldexp(2.0 - 2.0**-24, 127)
"""This and every larger number rounds to infinity in float32."""


def compute_global_norm(tensors: Iterable[Tensor]) -> float:
    """Return ``RN32(RN64(√RN64(Σ n²))·u)`` with ``n = RNE(g/u)``, ``u`` the unit of the grid.

    The tensors may have any shapes; all their elements count.

    Raises:
        NonFiniteValue: if a gradient is NaN or infinite, or the norm beyond float32.
    """
    found = list(tensors)
    tops = [_find_peak(tensor) for tensor in found]
    if not all(math.isfinite(top) for top in tops):
        raise NonFiniteValue("the gradient became NaN or infinite")
    largest = max(tops)
    if largest == 0.0:
        return 0.0
    exponent = max(math.frexp(largest)[1] - BITS, MIN_UNIT_EXPONENT)
    total = sum(_sum_squares(tensor.reshape(-1), exponent) for tensor in found)
    norm = math.ldexp(math.sqrt(float(total)), exponent)
    if norm >= _BEYOND_FLOAT32:
        raise NonFiniteValue("the norm of the gradient is beyond float32")
    return round_to_float32(norm)


def _find_peak(tensor: Tensor) -> float:
    found = kernels.find_peak(tensor)
    return float(tensor.abs().amax()) if found is None else found


def _sum_squares(flat: Tensor, exponent: int) -> int:
    """Return ``Σ n²``, exact, with ``n = RNE(g/2^exponent)`` of a flat tensor."""
    found = kernels.sum_squares(flat, exponent)
    if found is not None:
        return found
    magic = math.ldexp(1.5, 52 + exponent)
    units = flat.double().add_(magic).sub_(magic).mul_(math.ldexp(1.0, -exponent))
    padded = torch.nn.functional.pad(units, (0, -flat.numel() % BLOCK))
    blocks = padded.view(-1, BLOCK)  # (blocks, 8192), float64
    # A block adds up to 8192·2^40 = 2^53 at most, exactly.
    sums = blocks.mul_(blocks).sum(1).to(torch.int64)  # (blocks,)
    high = int(sums.bitwise_right_shift(26).sum())
    return high * _HALF + int(sums.bitwise_and(_HALF - 1).sum())


def clip_by_global_norm(tensors: Iterable[Tensor], limit: float) -> float:
    """Multiply gradients in place by ``RN32(RN64(limit/norm))`` if their norm exceeds ``limit``.

    Returns the norm.

    Raises:
        NonFiniteValue: if a gradient is NaN or infinite, or the norm beyond float32.
    """
    found = list(tensors)
    norm = compute_global_norm(found)
    if norm > limit:
        factor = round_to_float32(limit / norm)
        for tensor in found:
            tensor.mul_(factor)
    return norm
