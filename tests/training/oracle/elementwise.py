"""Activations, dropout and norms: each returns its value and the function of its gradient."""

import numpy as np

from .arithmetic import F32, f32, fold_rows, mean, reciprocal_sqrt, sigmoid

GELU_A = f32(1.5957691216057308)
GELU_B = f32(0.044715 * 1.5957691216057308)


def relu(x):
    positive = x > 0
    return np.maximum(x, F32(0)), lambda dy: dy * positive


def gelu(x):
    square = x * x
    s = sigmoid((square * GELU_B + GELU_A) * x)

    def backward(dy):
        slope = (square * f32(3 * float(GELU_B)) + GELU_A) * x
        return dy * ((slope * (F32(1) - s) + F32(1)) * s)

    return x * s, backward


def silu(x):
    s = sigmoid(x)

    def backward(dy):
        return dy * ((x * (F32(1) - s) + F32(1)) * s)

    return x * s, backward


def gated_silu(gate, up):
    active, through_gate = silu(gate)

    def backward(dy):
        return through_gate(dy * up), dy * active

    return active * up, backward


def dropout(x, kept, threshold):
    """``kept`` is a mask; what stays is scaled by 256/(256 - threshold)."""
    scale = f32(256.0 / (256 - threshold))

    def through(dy):
        return dy * kept * scale

    return through(x), through


def layer_norm(x, gain, bias, epsilon):
    """Normalise each row of a matrix; the gradients are by ``x``, ``gain`` and ``bias``."""
    centred = x - mean(x)[:, None]
    scale = reciprocal_sqrt(mean(centred * centred) + f32(epsilon))[:, None]
    unit = centred * scale

    def backward(dy):
        inner = dy * gain
        middle = mean(inner)[:, None]
        along = mean(inner * unit)[:, None]
        dx = ((inner - middle) - unit * along) * scale
        return dx, fold_rows(dy * unit), fold_rows(dy)

    return unit * gain + bias, backward


def rms_norm(x, gain, epsilon):
    """Divide each row of a matrix by its root mean square."""
    scale = reciprocal_sqrt(mean(x * x) + f32(epsilon))[:, None]
    unit = x * scale

    def backward(dy):
        inner = dy * gain
        along = mean(inner * unit)[:, None]
        return (inner - unit * along) * scale, fold_rows(dy * unit)

    return unit * gain, backward
