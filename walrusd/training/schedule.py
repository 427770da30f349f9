"""The learning rate of each step: real numbers, rounded once to float64 and then to float32.

The values are defined over the real numbers, so they depend on nobody's library. Warm-up and
constant are rational; the cosine is computed to 50 digits, far beyond what the rounding can see.
No torch here.
"""

from dataclasses import dataclass
from decimal import Context, Decimal
from fractions import Fraction
from typing import Any

from walrusd.training.strict import Fields, format_hex_float, round_to_float32

MAX_STEPS = 1 << 40
_DIGITS = Context(prec=60)
_TWO_PI = Decimal("6.28318530717958647692528676655900576839433879875021164194988918461563281")


def compute_cosine(angle: Decimal) -> Decimal:
    """Return ``cos(angle)`` to about 50 digits, for ``0 ≤ angle ≤ 10``, by its Taylor series."""
    square = _DIGITS.multiply(angle, angle)
    term = total = Decimal(1)
    for n in range(1, 200):
        term = -_DIGITS.divide(_DIGITS.multiply(term, square), Decimal(2 * n * (2 * n - 1)))
        total = _DIGITS.add(total, term)
        if abs(term) < Decimal("1e-58"):
            break
    return total


@dataclass(frozen=True)
class ScheduleSpec:
    """How the rate goes over ``N`` steps, counted from 1, from the optimizer's ``lr``.

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
        turn = _DIGITS.divide(Decimal(step - self.warmup), Decimal(2 * (steps - self.warmup)))
        share = (1 + compute_cosine(_DIGITS.multiply(_TWO_PI, turn))) / 2
        low, high = Decimal(self.floor), Decimal(lr)
        value = _DIGITS.add(low, _DIGITS.multiply(_DIGITS.subtract(high, low), share))
        return round_to_float32(float(value))

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        document: dict[str, Any] = {"kind": self.kind, "warmup_steps": self.warmup}
        if self.kind == "cosine":
            document["floor"] = format_hex_float(self.floor)
        return document


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
