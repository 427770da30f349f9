"""Activations and dropout: each function returns its value and the function of its gradient."""

import numpy as np

from .arithmetic import F32, f32, sigmoid

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
