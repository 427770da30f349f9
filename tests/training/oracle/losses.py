"""Losses with the gradient of their scaled mean, and the embedding."""

import numpy as np

from .arithmetic import F32, F64, exp, fold, grid, log, mean


def cross_entropy(logits, labels, scale):
    """Return each row's loss, and the gradient by the logits times ``scale``."""
    rows = np.arange(len(labels))
    t = logits - logits.max(-1, keepdims=True)
    e = exp(t)
    total = fold(e)
    loss = log(total) - t[rows, labels]
    p = e / total[:, None]
    p[rows, labels] -= F32(1)
    return loss, p * F32(scale)


def mean_squared_error(y, target, scale):
    """Return each row's mean of squares, and the gradient by ``y`` times ``scale``."""
    difference = y - target
    return mean(difference * difference), difference * F32(scale)


def embedding(numbers, table):
    """Rows of ``table``; the gradient is an exact sum for each row."""

    def backward(dy):
        integers, exponent = grid(dy)
        total = np.zeros(table.shape, np.int64)
        np.add.at(total, numbers, integers.astype(np.int64))
        return np.ldexp(total.astype(F64), exponent).astype(F32)

    return table[numbers], backward
