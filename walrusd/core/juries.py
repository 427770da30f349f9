"""How likely colluders are to decide the juries that they are drawn for.

docs/economics.md describes the model. A share stands for a large pool, whose seats collude
independently of the draw; a ``SeatPool`` counts them, and draws without replacement.
"""

from dataclasses import dataclass
from fractions import Fraction
from math import comb


@dataclass(frozen=True)
class SeatPool:
    """How many seats may be drawn, and how many of them collude."""

    seats: int
    ring: int

    def without(self, drawn: int, colluding: int) -> "SeatPool":
        """Return what is left once ``drawn`` seats, ``colluding`` of them of the ring, are gone."""
        return SeatPool(self.seats - drawn, self.ring - colluding)


def count_alternates(jury: int) -> int:
    """Return how many alternates are drawn with a jury: half as many as it has seats."""
    return (jury + 1) // 2


def count_drawn(jury: int) -> int:
    """Return how many jurors a case draws: the first ``jury`` of them that commit decide."""
    return jury + count_alternates(jury)


def compute_capture(jury: int, share: Fraction) -> Fraction:
    """Return the chance that colluders are the majority of a jury, each with chance ``share``."""
    return sum((chance for _count, chance in list_majorities(jury, share)), Fraction(0))


def list_majorities(jury: int, share: Fraction) -> list[tuple[int, Fraction]]:
    """Return the chance of each number of colluding jurors that is a majority."""
    return [
        (count, comb(jury, count) * share**count * (1 - share) ** (jury - count))
        for count in range(jury // 2 + 1, jury + 1)
    ]


def list_draws(drawn: int, pool: SeatPool) -> list[tuple[int, Fraction]]:
    """Return the chance of each number of colluding seats among ``drawn`` (hypergeometric)."""
    ways = comb(pool.seats, drawn)
    honest = pool.seats - pool.ring
    return [
        (count, Fraction(comb(pool.ring, count) * comb(honest, drawn - count), ways))
        for count in range(max(0, drawn - honest), min(drawn, pool.ring) + 1)
    ]


def compute_capture_in(jury: int, pool: SeatPool) -> Fraction:
    """Return the chance that colluders are the majority of a jury drawn from a pool."""
    needed = jury // 2 + 1
    return sum((chance for count, chance in list_draws(jury, pool) if count >= needed), Fraction(0))
