"""Exact products of 20-bit operands by 8-bit integers, for devices with little float64.

An integer of up to 2^20 is written with three balanced digits to the base 2^7, each from −64 to 64:
``n = d₀ + 2^7·d₁ + 2^14·d₂``. Products of digits are at most 2^12, so 32-bit integers hold sums of
fewer than 2^19 of them; nine integer products, shifted and added as 64-bit integers, give the whole
product. Digits stay within 64 because some 8-bit units add pairs of products in 16 bits, and larger
digits would saturate there.
"""

import torch
from torch import Tensor

BASE_BITS = 7
DIGITS = 3
MAX_BITS = 20
"""``64·(1 + 2^7 + 2^14)`` is the largest number of three digits, more than 2^20."""

LONGEST = (1 << 19) - 1
_MULTIPLE = 8
_LEAST_ROWS = 24


def split(values: Tensor, unit: Tensor) -> list[Tensor]:
    """Return the digits, lowest first, of ``values/unit``, integers of at most 20 bits.

    ``values`` and ``unit`` are float64; each digit is int8 in the shape of ``values``.
    """
    left = torch.div(values, unit).to(torch.int32)
    digits = []
    half = 1 << (BASE_BITS - 1)
    for _ in range(DIGITS - 1):
        # The remainder of least magnitude; the division that follows is exact.
        digit = left.add(half).bitwise_and_(2 * half - 1).sub_(half)
        digits.append(digit.to(torch.int8))
        left = left.sub(digit).bitwise_right_shift(BASE_BITS)
    return [*digits, left.to(torch.int8)]


def pad(digit: Tensor, rows: int, columns: int) -> Tensor:
    """Return a matrix with zeros added below and to the right, contiguous."""
    return torch.nn.functional.pad(
        digit, (0, columns - digit.shape[1], 0, rows - digit.shape[0])
    ).contiguous()


def _round_up(count: int) -> int:
    return -(-count // _MULTIPLE) * _MULTIPLE


def multiply_exactly(left: Tensor, left_unit: Tensor, right: Tensor, right_unit: Tensor) -> Tensor:
    """Return the exact product, float64 ``(m, n)``, of multiples of the two units.

    ``left`` is ``(m, k)``, ``right`` ``(k, n)``, both float64 with ``k`` at most ``LONGEST``; the
    caller has checked that the whole sums fit float64.
    """
    rows, length = left.shape
    columns = right.shape[1]
    # Integer products on GPUs take more than 16 rows, and multiples of eight elsewhere.
    high, deep, wide = max(_round_up(rows), _LEAST_ROWS), _round_up(length), _round_up(columns)
    assert length <= LONGEST, "the caller cuts longer contractions"
    left_digits = [pad(digit, high, deep) for digit in split(left, left_unit)]  # (high, deep)
    right_digits = [pad(digit, deep, wide) for digit in split(right, right_unit)]  # (deep, wide)
    total = torch.zeros((high, wide), dtype=torch.int64, device=left.device)
    for i, one in enumerate(left_digits):
        for j, other in enumerate(right_digits):
            part = torch._int_mm(one, other).to(torch.int64)  # noqa: SLF001 - no public name
            total.add_(part.bitwise_left_shift(BASE_BITS * (i + j)))
    return total[:rows, :columns].double().mul_(left_unit).mul_(right_unit)  # (m, n)
