"""Exact arithmetic, profile ``exact-q20/2``: the rules every bit of training follows (SPEC §1, §2).

Each function is exact, or a sum whose order is fixed or irrelevant; functions of single elements
are in ``functions.py``. RN32 and RN64 round to nearest, ties to even, with gradual underflow.
Nothing here fuses a multiplication with an addition, divides by a Python number, or
calls a library function whose last bit depends on the machine.

All tensors are float32 unless said otherwise, on the CPU or a GPU. Constants given to ``add`` and
``mul`` are exactly float32 values.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from walrusd.errors import NonFiniteValue, ProductBoundExceeded
from walrusd.training.native import kernels
from walrusd.training.numerics import int8_split
from walrusd.training.numerics.device import multiplies_by_int8
from walrusd.training.numerics.finite import note_operand
from walrusd.training.plan.strict import round_to_float32

BITS = 20
"""Bits of the grid."""

BLOCK = 8192
"""The longest contraction of 20-bit operands that is exact: ``2·20 + 13 = 53`` bits."""

_EXACT_BITS = 53
"""Integers of so many bits, and their sums, are exact in float64."""

exponents_stay_on_device = False
"""Makes the CPU compute as a GPU does, for tests: the same bits, no value read back."""

MIN_UNIT_EXPONENT = -63
"""Units are at least 2^−63, so a product is a multiple of 2^−126: never subnormal in float32."""

_FLOAT32_MAGIC_BITS = 22


@dataclass(frozen=True)
class Operand:
    """A tensor on its grid: each value an integer of ``bits`` bits times one unit.

    Values are float64, or float32 where a kernel made them: grids of up to 22 bits fit both.
    """

    values: Tensor
    bits: int
    unit: Tensor | None = None
    """The unit as a float64 number on the device, where products by digits need it."""

    @property
    def wide(self) -> Tensor:
        """The values as float64."""
        return self.values.double()


def stays_on_device(x: Tensor) -> bool:
    """Return whether no value of ``x`` may be read back while products are computed."""
    return x.is_cuda or exponents_stay_on_device


def require_finite(x: Tensor, what: str) -> None:
    """Check that every value of ``x`` is finite; ``what`` names it in the error.

    Raises:
        NonFiniteValue: if a value is NaN or infinite.
    """
    found = kernels.is_finite(x)
    if found is None:
        found = bool(torch.isfinite(x).all())
    if not found:
        raise NonFiniteValue(f"{what} became NaN or infinite")


def quantise(x: Tensor, bits: int = BITS) -> Operand:
    """Round ``x`` to a grid of ``bits`` bits with a power-of-two unit for the whole tensor.

    With ``E`` such that ``2^(E−1) ≤ max|x| < 2^E`` the unit is ``u = 2^max(E−bits, −63)`` and each
    value becomes ``RNE(x/u)·u``. Adding and subtracting ``1.5·2^23·u`` does that rounding.

    Raises:
        NonFiniteValue: if a value is NaN or infinite; on a GPU, where reading a value would stall
            the queue, at the end of the micro-batch (``finite.operands_watched``).
    """
    if x.numel() == 0:
        return Operand(x.double(), bits)
    if stays_on_device(x):
        peak = x.abs().amax().double()
        note_operand(peak)
        unit = compute_unit(peak, bits)
        return Operand(_round_to_unit(x.double(), unit), bits, unit)
    if bits <= _FLOAT32_MAGIC_BITS:
        found = kernels.quantise(x, bits)
        if found is not None:
            return Operand(found, bits)
    low, high = (bound.item() for bound in torch.aminmax(x))
    if not (math.isfinite(low) and math.isfinite(high)):
        raise NonFiniteValue("a product's operand became NaN or infinite")
    largest = max(-low, high)
    exponent = math.frexp(largest)[1] - bits if largest else MIN_UNIT_EXPONENT
    exponent = max(exponent, MIN_UNIT_EXPONENT)
    if bits <= _FLOAT32_MAGIC_BITS and exponent + 24 <= 127:
        magic = math.ldexp(1.5, 23 + exponent)
        return Operand(x.add(magic).sub_(magic).double(), bits)
    magic = math.ldexp(1.5, 52 + exponent)
    return Operand(x.double().add_(magic).sub_(magic), bits)


def compute_unit(largest: Tensor, bits: int) -> Tensor:
    """Return the units of grids with these largest magnitudes, both float64 and of one shape.

    They are made from the bits of the exponents, so nothing leaves the device: ``frexp(a)[1]`` is
    the exponent field less 1022. Where a magnitude is not finite the unit is NaN, and so is every
    product with it.
    """
    field = largest.view(torch.int64).bitwise_right_shift(52).bitwise_and_(0x7FF)
    exponent = (field - (1022 + bits)).clamp_min_(MIN_UNIT_EXPONENT)
    unit = (exponent + 1023).bitwise_left_shift_(52).view(torch.float64)
    return unit.add_(largest.sub(largest))


def _round_to_unit(wide: Tensor, unit: Tensor) -> Tensor:
    """Round float64 ``wide`` in place to multiples of ``unit``, broadcast to it."""
    magic = unit.mul(1.5 * 2.0**52)
    return wide.add_(magic).sub_(magic)


def quantise_wide(x: Tensor, bits: int = BITS) -> Operand:
    """Round float64 ``x``, ``(batch, m, n)``, in place: one grid per matrix.

    Raises:
        NonFiniteValue: as ``quantise``.
    """
    largest = x.abs().amax((1, 2), keepdim=True)  # (batch, 1, 1), float64
    if stays_on_device(x):
        note_operand(largest)
    elif not bool(torch.isfinite(largest).all()):
        raise NonFiniteValue("a product's operand became NaN or infinite")
    return Operand(_round_to_unit(x, compute_unit(largest, bits)), bits)


def _check_product(a: Operand, b: Operand, length: int) -> None:
    block = min(length, BLOCK)
    if a.bits + b.bits + max(block - 1, 0).bit_length() > _EXACT_BITS:
        raise ProductBoundExceeded(
            f"a product over {length} terms of {a.bits} and {b.bits} bits is not exact",
            hint=f"the longest exact contraction is {1 << max(0, _EXACT_BITS - a.bits - b.bits)}",
        )


def mm(a: Operand, b: Operand, *, transpose_a: bool = False, transpose_b: bool = False) -> Tensor:
    """Return ``RN32`` of the exact product of two matrices: ``(m, k) × (k, n)`` once transposed.

    A contraction longer than ``BLOCK`` is cut into blocks of that length, whose exact sums are
    added in order, ``RN64`` each, before the one rounding to float32.

    Raises:
        ProductBoundExceeded: if a block is so long that float64 sums could round.
        DeviceRefused: if the environment names no way of multiplying (``numerics.device``).
    """
    left = a.values.t() if transpose_a else a.values  # (m, k)
    right = b.values.t() if transpose_b else b.values  # (k, n)
    length = left.shape[1]
    _check_product(a, b, length)
    if length <= BLOCK:
        found = kernels.product(left, right)
        if found is not None:
            return found
    left, right = left.double(), right.double()
    multiply = _choose_product(a, b)
    total = multiply(left[:, :BLOCK], right[:BLOCK])  # (m, n), float64
    for start in range(BLOCK, length, BLOCK):
        part = slice(start, start + BLOCK)
        total.add_(multiply(left[:, part], right[part]))
    return total.float()


def _choose_product(a: Operand, b: Operand) -> Callable[[Tensor, Tensor], Tensor]:
    """Return the function for exact float64 products of two operands' values."""
    unit_a, unit_b = a.unit, b.unit
    if unit_a is None or unit_b is None or max(a.bits, b.bits) > int8_split.MAX_BITS:
        return torch.mm
    if not multiplies_by_int8(a.values.device):
        return torch.mm
    return lambda left, right: int8_split.multiply_exactly(left, unit_a, right, unit_b)


def bmm_wide(
    a: Operand, b: Operand, *, transpose_a: bool = False, transpose_b: bool = False
) -> Tensor:
    """Return the exact products of two stacks of matrices, float64 ``(batch, m, n)``.

    Raises:
        ProductBoundExceeded: if the contraction is longer than ``BLOCK``, or not exact.
    """
    left = a.wide.mT if transpose_a else a.wide  # (batch, m, k)
    right = b.wide.mT if transpose_b else b.wide  # (batch, k, n)
    length = left.shape[2]
    _check_product(a, b, length)
    if length > BLOCK:
        raise ProductBoundExceeded(
            f"a batched product over {length} terms", hint=f"{BLOCK} at most"
        )
    return torch.bmm(left, right)


def bmm(a: Operand, b: Operand, *, transpose_a: bool = False, transpose_b: bool = False) -> Tensor:
    """Return ``RN32`` of ``bmm_wide``. Raises as ``bmm_wide``."""
    return bmm_wide(a, b, transpose_a=transpose_a, transpose_b=transpose_b).float()


def check_sum_bound(x: Operand, terms: int) -> None:
    """Check that sums of ``terms`` grid values are exact in float64.

    Raises:
        ProductBoundExceeded: if they could round.
    """
    if x.bits + max(terms - 1, 0).bit_length() > _EXACT_BITS:
        raise ProductBoundExceeded(f"a sum of {terms} terms of {x.bits} bits is not exact")


def sum_rows(x: Operand) -> Tensor:
    """Return ``RN32`` of the exact column sums of ``(m, n)``, ``(n,)``: the gradient of a bias.

    Raises:
        ProductBoundExceeded: if there are so many rows that float64 sums could round.
    """
    check_sum_bound(x, x.values.shape[0])
    found = kernels.sum_rows(x.values)
    return x.wide.sum(0).float() if found is None else found


def fold(x: Tensor) -> Tensor:
    """Return the sum over the last axis, ``(…, n) -> (…)``, in the order of the binary fold.

    With ``h`` the largest power of two below ``n``: ``s[i] = RN32(x[i] + x[i+h])`` where ``i+h``
    exists, else ``x[i]``; again on the first ``h`` until one is left. The result shares no memory
    with ``x``, even for ``n = 1``: gradients are changed in place, and two may come from one ``x``.
    """
    found = kernels.fold(x)
    if found is not None:
        return found
    count = x.shape[-1]
    while count > 1:
        half = 1 << ((count - 1).bit_length() - 1)
        head = x[..., :half].clone()  # (…, half)
        head[..., : count - half].add_(x[..., half:count])
        x, count = head, half
    return x[..., 0].clone()  # (…)


def fold_each(tensors: Sequence[Tensor]) -> Tensor:
    """Return the fold of all elements of each tensor, in C order: ``(len(tensors),)``."""
    found = kernels.fold_each(tensors)
    return torch.stack([fold(x.reshape(-1)) for x in tensors]) if found is None else found


def fold_rows(x: Tensor) -> Tensor:
    """Return the sum over the first axis, ``(n, …) -> (…)``, in the order of the binary fold."""
    found = kernels.fold_rows(x)
    if found is not None:
        return found
    count = x.shape[0]
    while count > 1:
        half = 1 << ((count - 1).bit_length() - 1)
        head = x[:half].clone()  # (half, …)
        head[: count - half].add_(x[half:count])
        x, count = head, half
    return x[0].clone()


def mean(x: Tensor) -> Tensor:
    """Return ``RN32(fold(x)·RN32(1/n))`` over the last axis, ``(…, n) -> (…)``."""
    return fold(x).mul(round_to_float32(1.0 / x.shape[-1]))
