"""What the specification defines by real numbers: the rate of a step, and rotary positions.

They are computed to many more digits than rounding needs, then rounded to float64 and to float32.
"""

from fractions import Fraction
from functools import lru_cache

import mpmath
import numpy as np

from .arithmetic import F32

REAL = mpmath.MPContext()
"""Digits of our own: whoever sets those of ``mpmath.mp`` or of ``decimal`` changes nothing."""
REAL.dps = 60

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


@lru_cache(maxsize=8)
def rope_tables(length, size, base):
    """Return cosines and sines of place times base^(-2i/size), float32 ``(length, size/2)``."""
    half = size // 2
    cosine, sine = np.empty((length, half), F32), np.empty((length, half), F32)
    for i in range(half):
        angle = REAL.power(base, REAL.mpf(-2 * i) / size)
        for t in range(length):
            cosine[t, i] = float(REAL.cos(t * angle))
            sine[t, i] = float(REAL.sin(t * angle))
    return cosine, sine
