"""How likely colluders are to decide the juries that they are drawn for.

docs/economics.md describes the model.
"""

from fractions import Fraction
from math import comb


def compute_capture(jury: int, share: Fraction) -> Fraction:
    """Return the chance that colluders are the majority of a jury, each with chance ``share``."""
    return sum((chance for _count, chance in list_majorities(jury, share)), Fraction(0))


def compute_escape(jury: int, share: Fraction) -> Fraction:
    """Return an upper bound of the chance that a ring escapes by withholding the key from an audit.

    It has the majority, or it has a juror in each of two juries. With one juror it may prevent a
    majority: it hands the key to some of the others so late that they find different values.
    """
    divided = (1 - (1 - share) ** jury) ** 2
    return max(compute_capture(jury, share), divided)


def list_majorities(jury: int, share: Fraction) -> list[tuple[int, Fraction]]:
    """Return the chance of each number of colluding jurors that is a majority."""
    return [
        (count, comb(jury, count) * share**count * (1 - share) ** (jury - count))
        for count in range(jury // 2 + 1, jury + 1)
    ]
