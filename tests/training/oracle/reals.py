"""Real numbers, to many more digits than any rounding needs."""

import mpmath

REAL = mpmath.MPContext()
"""Digits of our own: whoever sets those of ``mpmath.mp`` or of ``decimal`` changes nothing."""
REAL.dps = 60
