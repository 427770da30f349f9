"""SGD with momentum, AdamW with running powers, the schedule of the rate, and clipping."""

import math
from fractions import Fraction

import numpy as np

from .aborts import require_finite
from .arithmetic import F32, F64, grid, reciprocal_sqrt
from .reals import REAL


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


RATIONAL = {Fraction(n, 6): Fraction(c, 2) for n, c in ((0, 2), (2, 1), (3, 0), (4, -1), (6, -2))}
"""The cosines of rational parts of pi that are rational themselves."""


def rate_at(schedule, lr, step, steps):
    """Return the rate of a step: a real number, then float64, then float32."""
    warm = schedule["warmup_steps"]
    if step <= warm:
        return F32(float(Fraction(lr) * step / warm))
    if schedule["kind"] == "constant":
        return F32(lr)
    low, high, part = Fraction(schedule["floor"]), Fraction(lr), Fraction(step - warm, steps - warm)
    if part in RATIONAL:
        return F32(float(low + (high - low) * (1 + RATIONAL[part]) / 2))
    low, high = REAL.mpf(schedule["floor"]), REAL.mpf(lr)
    cosine = REAL.cospi(REAL.mpf(part.numerator) / part.denominator)
    return F32(float(low + (high - low) * (1 + cosine) / 2))


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
