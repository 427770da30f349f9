"""Tables of rotary positions: real numbers to many digits, then float64, then float32."""

from functools import lru_cache

import numpy as np

from .arithmetic import F32
from .reals import REAL


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
