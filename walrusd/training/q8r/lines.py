"""Products of profile ``exact-q8r/2``: integers of 8 bits, one grid per line of an operand.

A line is a row of the left operand of a product, or a column of the right one: what is summed over
in one element of the result. Each line has its own power of two as unit, so that the products of
two lines' integers add up without any rounding and the result is scaled once. The integers are at
most 256, so sums of 256 products have at most ``2·8 + 8 = 24`` bits: an ordinary float32 product of
matrices is exact over so many terms, in any order, and so is any unit that multiplies 8-bit
numbers and adds in float32 or in 32-bit integers. Sums of such blocks are exact in float64.

Tensors are float32, ``(m, n)`` or stacks of those, ``(…, m, n)``. Products are
``(m, k) × (k, n) -> (m, n)``.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from walrusd.errors import ProductBoundExceeded
from walrusd.training.native import lines as kernels
from walrusd.training.numerics import arith
from walrusd.training.numerics.arith import MIN_UNIT_EXPONENT
from walrusd.training.numerics.finite import note_operand

BITS = 8
"""Bits of the grid: integers from −256 to 256."""

BLOCK = 256
"""Terms that float32 adds exactly: ``2·8 + 8 = 24`` bits."""

LONGEST = 1 << 37
"""Terms that float64 adds exactly: ``2·8 + 37 = 53`` bits."""

_ROUND = 1.5 * 2.0**23
_EXPONENT_BIAS = 127


@dataclass(frozen=True)
class Lines:
    """A matrix, or a stack of them, with the units of its rows and of its columns.

    Units are float32 powers of two, computed when first needed: ``(…, m, 1)`` for the rows,
    ``(…, 1, n)`` for the columns.
    """

    values: Tensor  # (…, m, n)
    _units: dict[int, Tensor] = field(default_factory=dict, repr=False)

    def units(self, axis: int) -> Tensor:
        """Return the units of the lines along ``axis``: −1 for the rows, −2 for the columns."""
        if axis not in self._units:
            self._units[axis] = compute_units(self.values, axis)
        return self._units[axis]

    def integers(self, axis: int) -> Tensor:
        """Return ``RNE(x/u)`` of every element by the lines along ``axis``, as float32."""
        return round_to_integers(self.values, self.units(axis))


def spread(x: Lines, group: int) -> Lines:
    """Return each matrix of a stack, ``(b·j, m, n)``, ``group`` times in a row: ``(b·h, m, n)``."""
    if group == 1:
        return x
    units = {axis: x.units(axis).repeat_interleave(group, 0) for axis in (-1, -2)}
    return Lines(x.values.repeat_interleave(group, 0), units)


def quantise(x: Tensor) -> Lines:
    """Return ``x`` as an operand.

    Raises:
        NonFiniteValue: if a value is NaN or infinite; on a GPU, where reading a value would stall
            the queue, at the end of the micro-batch (``finite.operands_watched``).
    """
    x = x.contiguous()
    if arith.stays_on_device(x):
        note_operand(x.abs())
        return Lines(x)
    units = kernels.find_units(x)
    if units is not None:
        return Lines(x, {-1: units[0], -2: units[1]})
    arith.require_finite(x, "a product's operand")
    return Lines(x)


def compute_units(x: Tensor, axis: int) -> Tensor:
    """Return the units of the lines along ``axis``, which is kept with size one.

    With ``E`` such that ``2^(E−1) ≤ max|x| < 2^E`` a unit is ``2^max(E−8, −63)``: the products of
    units are normal numbers. They are made from the bits of the exponents. The unit of a line that
    is not finite is NaN, and so is every product with it.
    """
    largest = x.abs().amax(axis, keepdim=True)  # (…, m, 1) or (…, 1, n)
    field_bits = largest.view(torch.int32).bitwise_right_shift(23)
    exponent = field_bits.sub(_EXPONENT_BIAS - 1 + BITS).clamp_min_(MIN_UNIT_EXPONENT)
    units = exponent.add_(_EXPONENT_BIAS).bitwise_left_shift_(23).view(torch.float32)
    return units.add_(largest.sub(largest))


def round_to_integers(x: Tensor, units: Tensor) -> Tensor:
    """Return ``RNE(x/u)``; dividing by a power of two is an exact multiplication."""
    # 2^−e has the exponent field 254 − field(2^e).
    inverse = units.view(torch.int32).neg().add_(2 * _EXPONENT_BIAS << 23).view(torch.float32)
    return x.mul(inverse).add_(_ROUND).sub_(_ROUND)


def sum_products(left: Tensor, right: Tensor) -> Tensor:
    """Return ``RN32`` of the exact product, ``(…, m, n)``, of integers of magnitude up to 256.

    ``left`` is ``(…, m, k)``, ``right`` ``(…, k, n)``.

    Raises:
        ProductBoundExceeded: if the contraction is so long that float64 sums could round.
    """
    length = left.shape[-1]
    if length > LONGEST:
        raise ProductBoundExceeded(
            f"a product over {length} terms of {BITS} bits is not exact",
            hint=f"the longest exact contraction is {LONGEST}",
        )
    if length <= BLOCK:
        return torch.matmul(left, right)
    total = torch.matmul(left[..., :BLOCK], right[..., :BLOCK, :]).double()  # (…, m, n)
    for start in range(BLOCK, length, BLOCK):
        part = slice(start, start + BLOCK)
        total.add_(torch.matmul(left[..., part], right[..., part, :]))
    return total.float()


def mm(a: Lines, b: Lines, *, transpose_a: bool = False, transpose_b: bool = False) -> Tensor:
    """Return ``(RN32(Σ n_a·n_b) × u_a) × u_b`` of two matrices, either of them transposed first.

    SPEC §11. The lines are those of the contraction: rows of ``a``, or its columns if transposed,
    and columns of ``b``, or its rows if transposed.

    Raises:
        ProductBoundExceeded: if the sum could round.
    """
    axis_a, axis_b = (-2 if transpose_a else -1), (-1 if transpose_b else -2)
    units_a, units_b = a.units(axis_a), b.units(axis_b)
    units_a = units_a.mT if transpose_a else units_a  # (…, m, 1)
    units_b = units_b.mT if transpose_b else units_b  # (…, 1, n)
    x = a.values.mT if transpose_a else a.values  # (…, m, k)
    y = b.values.mT if transpose_b else b.values  # (…, k, n)
    found = kernels.product(x, units_a, y, units_b)
    if found is not None:
        return found
    left, right = round_to_integers(x, units_a), round_to_integers(y, units_b)
    return sum_products(left, right).mul_(units_a).mul_(units_b)  # (…, m, n)


def sum_rows(x: Lines) -> Tensor:
    """Return the fold of ``(m, n)`` over its rows, ``(n,)``: the gradient of a bias.

    The values are folded as given, not rounded to their grids.
    """
    return arith.fold_rows(x.values)
