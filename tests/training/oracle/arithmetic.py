"""Grids, exact sums and products, folds, and the elementary functions, as literally as NumPy goes.

The grid is scaling by a power of two and rounding to an integer; a product is one of integers held
in float64, scaled back at the end. No magic constants, no fused operations, no order to choose.
"""

import numpy as np

from .aborts import require_bound, require_finite

F32 = np.float32
F64 = np.float64

SMALLEST_UNIT = -63
BITS = 20
BLOCK = 8192


def f32(value):
    """Return a scalar rounded to float32; text is hexadecimal."""
    return F32(float.fromhex(value) if isinstance(value, str) else value)


def _exponent(largest, bits):
    """Return the exponent of the unit of a grid whose largest magnitude is ``largest``."""
    require_finite(largest, "an operand")
    exponent = np.frexp(largest)[1].astype(np.int64) - bits
    return np.where(largest == 0, SMALLEST_UNIT, np.maximum(exponent, SMALLEST_UNIT))


def grid(x, bits=BITS, axes=None):
    """Return integers (as float64) and the exponent of their unit.

    With ``axes`` there is one unit for each position outside them, kept as axes of size one.
    """
    wide = x.astype(F64)
    largest = np.abs(wide).max(axis=axes, keepdims=axes is not None)
    exponent = _exponent(largest, bits)
    integers = np.rint(np.ldexp(wide, -exponent))
    assert np.abs(integers).max() <= 2.0**bits
    return integers, exponent


def quantise(x, bits=BITS):
    integers, exponent = grid(x, bits)
    return np.ldexp(integers, exponent)


def product(left, right, exponent):
    """Return ``RN32`` of the product of integer matrices or stacks, times 2^exponent.

    Blocks of 8192 terms are exact; they are added in order, each sum rounded to float64.
    """
    length = left.shape[-1]
    total = None
    for start in range(0, length, BLOCK):
        a, b = left[..., start : start + BLOCK], right[..., start : start + BLOCK, :]
        assert np.abs(a).max() * np.abs(b).max() * a.shape[-1] <= 2.0**53
        block = np.ldexp(a @ b, exponent)
        total = block if total is None else total + block
    return total.astype(F32)


def whole_product(left, right, exponent):
    """Return the same of two grids of 20 bits, not cut into blocks.

    Raises:
        Abort: if it has too many terms to be exact.
    """
    require_bound(BITS, BITS, left.shape[-1])
    return product(left, right, exponent)


def exact_product(left, right, exponent):
    """Return the same by 64-bit integers, for a product of one block: slow, but certain."""
    assert left.shape[-1] <= BLOCK
    whole = left.astype(np.int64) @ right.astype(np.int64)
    return np.ldexp(whole.astype(F64), exponent).astype(F32)


def mm(a, b):
    left, left_exponent = grid(a)
    right, right_exponent = grid(b)
    return product(left, right, left_exponent + right_exponent)


bmm = mm


def exact_sum(x, axis):
    """Return ``RN32`` of the exact sum of the grid values of ``x`` over ``axis``."""
    integers, exponent = grid(x)
    return np.ldexp(integers.astype(np.int64).sum(axis).astype(F64), exponent).astype(F32)


def sum_rows(x):
    return exact_sum(x, 0)


def fold(x, axis=-1):
    """Add pairs half a power of two apart until one value is left."""
    values = list(np.moveaxis(x, axis, 0))
    while len(values) > 1:
        half = 1
        while 2 * half < len(values):
            half *= 2
        values = [
            values[i] + values[i + half] if i + half < len(values) else values[i]
            for i in range(half)
        ]
    return values[0]


def fold_rows(x):
    return fold(x, 0)


def mean(x):
    return fold(x) * f32(1.0 / x.shape[-1])


EXP2 = [f32(c) for c in ("0x1.5bba14p-10", "0x1.3cea88p-7", "0x1.c6b752p-5", "0x1.ebf9bcp-3")]
EXP2_FIRST = f32("0x1.62e42ap-1")
LOG2_E = f32("0x1.715476p+0")
LN_2 = f32("0x1.62e430p-1")


def exp2(x):
    """For -126 <= x <= 126, and NaN of NaN."""
    whole = np.rint(x)
    rest = x - whole
    p = rest * EXP2[0]
    for coefficient in (*EXP2[1:], EXP2_FIRST):
        p = (p + coefficient) * rest
    return np.ldexp(p + F32(1), np.nan_to_num(whole).astype(np.int32)).astype(F32)


def exp(x):
    return exp2(np.clip(x * LOG2_E, F32(-126), F32(126)))


def log(x):
    """For normal x > 0: the exponent times ln 2, and a series in (m - 1)/(m + 1)."""
    mantissa, exponent = np.frexp(x)
    low = mantissa < f32("0x1.6a09e6p-1")
    mantissa = np.where(low, mantissa * F32(2), mantissa).astype(F32)
    exponent = (exponent - low).astype(F32)
    s = (mantissa - F32(1)) / (mantissa + F32(1))
    w = s * s
    p = w * f32(2 / 11)
    for odd in (9, 7, 5, 3):
        p = (p + f32(2 / odd)) * w
    return exponent * LN_2 + (p + F32(2)) * s


def sqrt(x):
    """NumPy's float32 square root is the IEEE operation."""
    return np.sqrt(x)


def reciprocal_sqrt(x):
    return F32(1) / sqrt(x) + (x - x)


def sigmoid(x):
    return F32(1) / (exp(-x) + F32(1))
