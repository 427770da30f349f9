"""Causal self-attention on the grids of the specification, and rotary positions."""

import math

import numpy as np

from .aborts import require_finite
from .arithmetic import F32, F64, LN_2, LOG2_E, exp2, f32, fold, grid, whole_product


def causal_attention(q, k, v):
    """``(batch, heads, T, size)`` each; keys and values may have fewer heads."""
    batch, heads, length, size = q.shape
    group = heads // k.shape[1]

    def spread(pair):
        return np.repeat(pair[0], group, axis=1), pair[1]

    query, query_unit = grid(q * f32(float(LOG2_E) / math.sqrt(size)))
    key, key_unit = spread(grid(k))
    value, value_unit = spread(grid(v))
    future = np.triu(np.ones((length, length), bool), 1)

    scores = whole_product(query, key.swapaxes(2, 3), query_unit + key_unit)
    scores[..., future] = -np.inf
    top = require_finite(scores.max(-1, keepdims=True), "the largest score of a row")
    weights = exp2(np.maximum(scores - top, F32(-64)))
    weights[..., future] = 0
    numerators = np.rint(np.ldexp(weights.astype(F64), 20))
    total = np.ldexp(numerators.sum(-1, keepdims=True), -20).astype(F32)
    out = whole_product(numerators, value, value_unit - 20) / total

    def backward(dy):
        scaled = dy / total
        delta = fold(scaled * out)[..., None].astype(F64)
        d, d_unit = grid(scaled)
        dv = whole_product(numerators.swapaxes(2, 3), d, d_unit - 20)
        exact = np.ldexp(d @ value.swapaxes(2, 3), d_unit + value_unit)
        slope = (exact - delta) * np.ldexp(numerators, -20)
        g, g_unit = grid(slope, axes=(2, 3))
        dq = whole_product(g, key, g_unit + key_unit) * f32(1 / math.sqrt(size))
        dk = whole_product(g.swapaxes(2, 3), query, g_unit + query_unit) * LN_2
        shape = (batch, heads // group, group, length, size)
        return dq, fold(dk.reshape(shape), 2), fold(dv.reshape(shape), 2)

    return out, backward


def rotate(x, cosine, sine):
    """Turn each pair of (first half, second half) by the angle of its position."""
    half = x.shape[-1] // 2
    first, second = x[..., :half], x[..., half:]
    turned = np.concatenate(
        [first * cosine - second * sine, second * cosine + first * sine], axis=-1
    )

    def backward(dy):
        return rotate(dy, cosine, -sine)[0]

    return turned, backward
