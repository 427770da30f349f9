"""SGD with momentum, AdamW with running powers, and clipping."""

import math

import numpy as np

from .aborts import require_finite
from .arithmetic import F32, F64, grid, reciprocal_sqrt


def sgd(p, m, g, lr, momentum):
    m = m * F32(momentum) + g
    return p - m * F32(lr), m


def adamw(p, first, second, g, constants):
    """AdamW with sums for means; ``constants`` are those of the step, from ``adamw_constants``."""
    beta1, beta2, epsilon, size, decay = constants
    first = first * beta1 + g
    second = second * beta2 + g * g
    change = reciprocal_sqrt(second + epsilon) * first * size
    shrunk = p * decay if p.ndim > 1 else p
    return shrunk - change, first, second


def adamw_constants(spec, powers, rate):
    """Return the float32 constants of a step, from float64 arithmetic on the running powers."""
    beta1, beta2 = F64(spec["beta1"]), F64(spec["beta2"])
    share = (1 - beta2) / (1 - powers[1])
    return (
        F32(beta1),
        F32(beta2),
        F32(F64(spec["epsilon"]) * F64(spec["epsilon"]) / share),
        F32(F64(rate) * (1 - beta1) / (1 - powers[0]) / np.sqrt(share)),
        F32(1 - F64(rate) * F64(spec["weight_decay"])),
    )


def clip(gradients, limit):
    """Scale all gradients if the root of their exact sum of squares exceeds ``limit``."""
    whole = np.concatenate([g.reshape(-1) for g in gradients.values()])
    integers, exponent = grid(whole)
    squares = integers.astype(np.int64) ** 2
    total = sum(int(piece.sum()) for piece in np.array_split(squares, len(squares) // 2**20 + 1))
    norm = F32(math.ldexp(math.sqrt(float(total)), int(exponent)))
    require_finite(norm, "the norm of the gradient")
    if norm > F32(limit):
        factor = F32(float(limit) / float(norm))
        return {name: g * factor for name, g in gradients.items()}
    return gradients
