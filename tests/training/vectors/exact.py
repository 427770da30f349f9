"""IEEE arithmetic by fractions (SPEC chapters 1 to 3).

A value is the rational number that it stands for. The sign of zero, which the specification leaves
open, does not exist here.
"""

import math
from fractions import Fraction

LARGEST = Fraction(2**24 - 1) * 2**104
BITS, BLOCK, LOWEST_UNIT = 20, 8192, -63


def power(exponent):
    """Return 2^exponent."""
    return Fraction(2) ** exponent


def exponent_above(x):
    """Return ``E`` with ``2^(E−1) ≤ |x| < 2^E``."""
    x = abs(x)
    found = x.numerator.bit_length() - x.denominator.bit_length()
    return found if x < power(found) else found + 1


def round_to(x, bits, lowest):
    """Round to ``bits`` bits, ties to even; no unit is below ``2^lowest``."""
    if x == 0:
        return Fraction(0)
    unit = power(max(exponent_above(x) - bits, lowest))
    return round(x / unit) * unit


def rn32(x):
    rounded = round_to(Fraction(x), 24, -149)
    assert abs(rounded) <= LARGEST, "beyond f32"
    return rounded


def rn64(x):
    return round_to(Fraction(x), 53, -1074)


def show(x):
    """Return the text of a plan's numbers; an ``f64`` has more digits."""
    mantissa, exponent = float(x).hex().split("p")
    assert Fraction(float(x)) == x
    return (mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa) + "p" + exponent


def read(text):
    return Fraction(float.fromhex(text))


def constant(decimal):
    """Return the ``f32`` that a decimal constant stands for."""
    return rn32(rn64(Fraction(decimal)))


def fold(values):
    values = list(values)
    while len(values) > 1:
        half = 1
        while 2 * half < len(values):
            half *= 2
        values = [
            rn32(values[i] + values[i + half]) if i + half < len(values) else values[i]
            for i in range(half)
        ]
    return values[0]


def mean(values):
    return rn32(fold(values) * rn32(rn64(Fraction(1, len(values)))))


def find_unit(values, bits=BITS):
    """Return the exponent of the unit of a grid."""
    largest = max(abs(x) for x in values)
    return max(exponent_above(largest) - bits, LOWEST_UNIT) if largest else LOWEST_UNIT


def grid(values, bits=BITS):
    """Return the integers of a grid, and the exponent of its unit."""
    unit = find_unit(values, bits)
    return [round(x / power(unit)) for x in values], unit


def grid_rows(rows):
    """Return a matrix of grid values, one grid for the whole."""
    integers, unit = grid([x for row in rows for x in row])
    values, width = [n * power(unit) for n in integers], len(rows[0])
    return [values[i : i + width] for i in range(0, len(values), width)]


def transpose(rows):
    return [list(column) for column in zip(*rows, strict=True)]


def mm(a, b):
    """Return the product of two matrices, given as lists of rows."""
    columns = transpose(grid_rows(b))
    return [[_multiply(x, y) for y in columns] for x in grid_rows(a)]


def _multiply(x, y):
    blocks = range(0, len(x), BLOCK)
    sums = [
        sum(p * q for p, q in zip(x[i : i + BLOCK], y[i : i + BLOCK], strict=True)) for i in blocks
    ]
    total = rn64(sums[0])
    for block in sums[1:]:
        total = rn64(total + block)
    return rn32(total)


def exact_sums(rows):
    """Return ``RN32`` of the exact sum of each column's grid values."""
    return [rn32(sum(column)) for column in transpose(grid_rows(rows))]


EXP2 = [read(c) for c in ("0x1.3cea88p-7", "0x1.c6b752p-5", "0x1.ebf9bcp-3", "0x1.62e42ap-1")]
LOG2_E, LN_2 = read("0x1.715476p+0"), read("0x1.62e430p-1")


def exp2(t):
    k = round(t)
    f = rn32(t - k)
    p = rn32(f * read("0x1.5bba14p-10"))
    for c in EXP2:
        p = rn32(rn32(p + c) * f)
    return rn32(rn32(p + 1) * power(k))


def exp(x):
    return exp2(max(Fraction(-126), min(Fraction(126), rn32(x * LOG2_E))))


def log(x):
    low = Fraction(0xB504F3, 2**24)  # the float of bits 0x3F3504F3
    e = 0
    while x * power(-e) < low:
        e -= 1
    while x * power(-e) >= 2 * low:
        e += 1
    m = x * power(-e)
    s = rn32(rn32(m - 1) / rn32(m + 1))
    w = rn32(s * s)
    p = rn32(w * rn32(Fraction(2, 11)))
    for odd in (9, 7, 5, 3):
        p = rn32(rn32(p + rn32(Fraction(2, odd))) * w)
    p = rn32(rn32(p + 2) * s)
    return rn32(rn32(e * LN_2) + p)


def root(x, bits, lowest):
    """Return the square root of a rational number, rounded once."""
    # 300 bits, cut off: a root of so few bits is rational, or further from every tie than that.
    scale = max(0, 300 - exponent_above(x) // 2) if x else 0
    whole = math.isqrt(x.numerator * 4**scale // x.denominator)
    cut = Fraction(whole, 2**scale)
    return round_to(cut if cut * cut == x else cut + power(-scale - 1), bits, lowest)


def sqrt(x):
    return root(x, 24, -149)


def rsqrt(x):
    return rn32(1 / sqrt(x))
