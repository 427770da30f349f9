"""The products and the attention of the profile with 8-bit lines, by 64-bit integers."""

import math

import numpy as np

from .aborts import require_finite
from .arithmetic import F32, F64, LN_2, LOG2_E, SMALLEST_UNIT, exp2, f32, fold, fold_rows

BITS = 8


def line_grid(x, axis):
    """Integers (int64) and the units of the lines along ``axis``, kept with size one."""
    wide = x.astype(F64)
    largest = np.abs(wide).max(axis=axis, keepdims=True)
    require_finite(largest, "an operand")
    exponent = np.frexp(largest)[1].astype(np.int64) - BITS
    exponent = np.where(largest == 0, SMALLEST_UNIT, np.maximum(exponent, SMALLEST_UNIT))
    integers = np.rint(np.ldexp(wide, -exponent)).astype(np.int64)
    assert np.abs(integers).max() <= 2**BITS
    return integers, np.ldexp(F32(1), exponent).astype(F32)


def mm(a, b):
    """``(RN32(sum of integer products) × u_a) × u_b`` of matrices or stacks of them."""
    left, left_units = line_grid(a, -1)
    right, right_units = line_grid(b, -2)
    return (left @ right).astype(F32) * left_units * right_units


def sum_rows(x):
    return fold_rows(x)


def causal_attention(q, k, v):
    """As its namesake of the other profile, with numerators from 0 to 256."""
    batch, heads, length, size = q.shape
    group = heads // k.shape[1]
    query = q * f32(float(LOG2_E) / math.sqrt(size))
    key, value = np.repeat(k, group, axis=1), np.repeat(v, group, axis=1)
    future = np.triu(np.ones((length, length), bool), 1)
    scores = mm(query, key.swapaxes(2, 3))
    scores[..., future] = -np.inf
    top = require_finite(scores.max(-1, keepdims=True), "the largest score of a row")
    weights = exp2(np.maximum(scores - top, F32(-64)))
    weights[..., future] = 0
    numerators = np.rint(weights.astype(F64) * 256).astype(np.int64)
    total = numerators.sum(-1, keepdims=True).astype(F32)

    def weighted(left, x):
        integers, units = line_grid(x, -2)
        return (left @ integers).astype(F32) * units

    out = weighted(numerators, value) / total

    def backward(dy):
        scaled = dy / total
        delta = fold(scaled * out)[..., None]
        dv = weighted(numerators.swapaxes(2, 3), scaled)
        slope = (mm(scaled, value.swapaxes(2, 3)) - delta) * numerators.astype(F32)
        slope[..., future] = 0
        dq = mm(slope, key) * f32(1 / math.sqrt(size))
        dk = mm(slope.swapaxes(2, 3), query) * LN_2
        shape = (batch, heads // group, group, length, size)
        return dq, fold(dk.reshape(shape), 2), fold(dv.reshape(shape), 2)

    return out, backward
