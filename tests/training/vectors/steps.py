"""Rates, optimizers and clipping (SPEC chapter 8)."""

from fractions import Fraction

from .exact import find_unit, power, rn32, rn64, root, rsqrt

WORKING_BITS = 260
RATIONAL = {
    Fraction(1, 3): Fraction(1, 2),
    Fraction(1, 2): Fraction(0),
    Fraction(2, 3): Fraction(-1, 2),
    Fraction(1): Fraction(-1),
}


def _arctan_of_inverse(n):
    """Return arctan(1/n) in units of 2^−WORKING_BITS."""
    term = (1 << WORKING_BITS) // n
    total, k = term, 1
    while term:
        term //= -n * n
        k += 2
        total += term // k
    return total


PI = Fraction(4 * (4 * _arctan_of_inverse(5) - _arctan_of_inverse(239)), 1 << WORKING_BITS)
"""π by Machin's formula, to 70 digits and more."""


def cosine_of_turn(x):
    """Return cos(π·x) for a rational ``x`` in 0…1: exact where rational, else to 70 digits."""
    if x in RATIONAL:
        return RATIONAL[x]
    one = 1 << WORKING_BITS
    square = int((PI * x) ** 2 * one)
    size = total = one
    n = 0
    while size:
        n += 2
        size = size * square // (n * (n - 1)) >> WORKING_BITS
        total += size if n % 4 == 0 else -size
    return Fraction(total, one)


def rate(schedule, lr, step, steps):
    """Return the rate of a step; ``schedule`` is that of a plan, with fractions for numbers."""
    warmup = schedule["warmup_steps"]
    if step <= warmup:
        real = lr * step / warmup
    elif schedule["kind"] == "constant":
        real = lr
    else:
        floor = schedule["floor"]
        turn = Fraction(step - warmup, steps - warmup)
        real = floor + (lr - floor) * (1 + cosine_of_turn(turn)) / 2
    return rn32(rn64(real))


def sgd(p, m, g, r, momentum):
    """Return a weight and its momentum after a step with the rate ``r``."""
    m = rn32(rn32(m * momentum) + g)
    return rn32(p - rn32(m * r)), m


def adamw_constants(spec, powers, r):
    """Return ``(e, c, decay)`` of a step; ``powers`` are those of the step itself."""
    beta1, beta2 = spec["beta1"], spec["beta2"]
    k = rn64(rn64(1 - beta2) / rn64(1 - powers[1]))
    e = rn32(rn64(rn64(spec["epsilon"] * spec["epsilon"]) / k))
    c = rn64(rn64(r * rn64(1 - beta1)) / rn64(1 - powers[0]))
    c = rn32(rn64(c / root(k, 53, -1074)))
    return e, c, rn32(rn64(1 - rn64(r * spec["weight_decay"])))


def adamw(p, first, second, g, spec, constants, *, matrix):
    """Return a weight and its two sums after a step."""
    e, c, decay = constants
    first = rn32(rn32(first * spec["beta1"]) + g)
    second = rn32(rn32(second * spec["beta2"]) + rn32(g * g))
    change = rn32(rn32(rsqrt(rn32(second + e)) * first) * c)
    return rn32((rn32(p * decay) if matrix else p) - change), first, second


def norm(values):
    """Return the global norm of all elements of the gradient."""
    unit = find_unit(values)
    total = rn64(sum(round(g / power(unit)) ** 2 for g in values))
    return rn32(root(total, 53, -1074) * power(unit)) if total else Fraction(0)


def clip(values, limit):
    """Return the gradient's elements, its norm, and the factor they were multiplied by."""
    found = norm(values)
    if found <= limit:
        return values, found, Fraction(1)
    factor = rn32(rn64(limit / found))
    return [rn32(g * factor) for g in values], found, factor
