"""Real functions in decimal arithmetic of 60 digits, the same in every program and thread.

Python's operators on ``Decimal`` round to the context of the running thread, which any library may
have changed: with ``-x`` or ``a + b``, bits that peers must agree on would depend on it. So every
operation, here and in the callers, is a method of one context that is specified in full
(``Context(prec=60)`` alone would copy the rest from ``decimal.DefaultContext``). No torch here.
"""

from decimal import (
    MAX_EMAX,
    MIN_EMIN,
    ROUND_HALF_EVEN,
    Context,
    Decimal,
    DivisionByZero,
    InvalidOperation,
    Overflow,
)

DIGITS = Context(
    prec=60,
    rounding=ROUND_HALF_EVEN,
    Emin=MIN_EMIN,
    Emax=MAX_EMAX,
    capitals=1,
    clamp=0,
    flags=[],
    traps=[InvalidOperation, DivisionByZero, Overflow],
)
TWO_PI = Decimal("6.28318530717958647692528676655900576839433879875021164194988918461563281")

_SMALLEST_TERM = Decimal("1e-58")


def compute_cosine(angle: Decimal) -> Decimal:
    """Return ``cos(angle)`` to about 55 digits, for ``0 ≤ angle ≤ 7``, by its Taylor series."""
    return _sum_alternating(Decimal(1), angle, first=2)


def compute_sine(angle: Decimal) -> Decimal:
    """Return ``sin(angle)`` to about 55 digits, for ``0 ≤ angle ≤ 7``, by its Taylor series."""
    return _sum_alternating(angle, angle, first=3)


def _sum_alternating(start: Decimal, angle: Decimal, first: int) -> Decimal:
    """Return ``start − start·angle²/(first·(first−1)) + …``, down to negligible terms."""
    square = DIGITS.multiply(angle, angle)
    term = total = start
    for n in range(first, 400, 2):
        quotient = DIGITS.divide(DIGITS.multiply(term, square), Decimal(n * (n - 1)))
        term = quotient.copy_negate()
        total = DIGITS.add(total, term)
        if term.copy_abs() < _SMALLEST_TERM:
            break
    return total
