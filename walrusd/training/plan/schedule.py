"""The learning rate of each step: a real number, rounded to float64 and then to float32 (SPEC §8).

Real numbers depend on no library. Warm-up, constant and the rational points of the cosine are
computed as fractions, the rest of the cosine to more than 50 digits, so many that rounding cannot
go wrong. No torch here.
"""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from walrusd.training.plan.decimals import DIGITS, TWO_PI, compute_cosine
from walrusd.training.plan.strict import Fields, format_hex_float, round_to_float32

MAX_STEPS = 1 << 40

_RATIONAL_COSINES = {
    Fraction(0): Fraction(1),
    Fraction(1, 3): Fraction(1, 2),
    Fraction(1, 2): Fraction(0),
    Fraction(2, 3): Fraction(-1, 2),
    Fraction(1): Fraction(-1),
}
"""``cos(π·x)`` wherever it and ``x`` are rational (Niven, 1956).

Only there can a rate be exactly 0 or halfway between two floats, so that an error in the last digit
would show.
"""


@dataclass(frozen=True)
class ScheduleSpec:
    """The learning rate over ``N`` steps, counted from 1, as a function of the optimizer's ``lr``.

    Up to step ``w = warmup``: ``lr·t/w``. After that, ``constant``: ``lr``; ``cosine``:
    ``floor + (lr − floor)·(1 + cos(π·(t − w)/(N − w)))/2`` (Loshchilov and Hutter, 2017).
    """

    kind: str = "constant"
    warmup: int = 0
    floor: float = 0.0

    def rate(self, lr: float, step: int, steps: int) -> float:
        """Return the rate of ``step`` of ``steps``, a float32 value."""
        if step <= self.warmup:
            return round_to_float32(float(Fraction(lr) * step / self.warmup))
        if self.kind == "constant" or steps == self.warmup:
            return lr
        progress = Fraction(step - self.warmup, steps - self.warmup)
        if progress in _RATIONAL_COSINES:
            share = (1 + _RATIONAL_COSINES[progress]) / 2
            low, high = Fraction(self.floor), Fraction(lr)
            return round_to_float32(float(low + (high - low) * share))
        return round_to_float32(float(_interpolate(self.floor, lr, progress)))

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        document: dict[str, Any] = {"kind": self.kind, "warmup_steps": self.warmup}
        if self.kind == "cosine":
            document["floor"] = format_hex_float(self.floor)
        return document


def _interpolate(floor: float, lr: float, progress: Fraction) -> Decimal:
    """Return ``floor + (lr − floor)·(1 + cos(π·progress))/2`` to more than 30 digits."""
    turn = DIGITS.divide(Decimal(progress.numerator), Decimal(2 * progress.denominator))
    cosine = compute_cosine(DIGITS.multiply(TWO_PI, turn))
    share = DIGITS.divide(DIGITS.add(Decimal(1), cosine), Decimal(2))
    low, high = Decimal.from_float(floor), Decimal.from_float(lr)
    return DIGITS.add(low, DIGITS.multiply(DIGITS.subtract(high, low), share))


def read_schedule(fields: Fields) -> ScheduleSpec:
    """Read the JSON form.

    Raises:
        PlanRefused: naming the key that is wrong.
    """
    kind = fields.choice("kind", "constant", "cosine")
    spec = ScheduleSpec(
        kind,
        fields.integer("warmup_steps", 0, MAX_STEPS),
        fields.float32("floor", 0.0, 1024.0) if kind == "cosine" else 0.0,
    )
    fields.finish()
    return spec
