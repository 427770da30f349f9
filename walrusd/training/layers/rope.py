"""Tables of rotary positions: real numbers, rounded once to float64 and then to float32.

The angle of place ``t`` and pair ``i`` is ``t·base^(−2i/size)`` (Su et al., 2021). Sines and
cosines are computed in decimal arithmetic of 60 digits and carried from place to place by the
addition theorems, so the tables depend on no mathematical library. No torch here.
"""

from decimal import Decimal
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from walrusd.training.plan.decimals import DIGITS, compute_cosine, compute_sine

Table = npt.NDArray[np.float32]


@lru_cache(maxsize=4)
def compute_rope_tables(length: int, size: int, base: int) -> tuple[Table, Table]:
    """Return cosines and sines, float32 ``(t, d/2)`` each, read-only (SPEC §4).

    ``length`` is ``t``, ``size`` is ``d``.
    """
    half = size // 2
    cosines = np.empty((length, half), np.float32)
    sines = np.empty((length, half), np.float32)
    logarithm = DIGITS.ln(Decimal(base))
    for pair in range(half):
        power = DIGITS.multiply(logarithm, DIGITS.divide(Decimal(-2 * pair), Decimal(size)))
        angle = DIGITS.exp(power)
        step_cosine, step_sine = compute_cosine(angle), compute_sine(angle)
        cosine, sine = Decimal(1), Decimal(0)
        for place in range(length):
            cosines[place, pair], sines[place, pair] = float(cosine), float(sine)
            cosine, sine = (
                DIGITS.subtract(
                    DIGITS.multiply(cosine, step_cosine), DIGITS.multiply(sine, step_sine)
                ),
                DIGITS.add(DIGITS.multiply(sine, step_cosine), DIGITS.multiply(cosine, step_sine)),
            )
    for table in (cosines, sines):
        table.setflags(write=False)
    return cosines, sines
