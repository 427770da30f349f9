"""How likely the seats of a committee are to replay a forged segment.

docs/economics.md describes the model.
"""

from collections import Counter
from fractions import Fraction
from functools import lru_cache
from math import comb


def compute_detection(segments: int, forged: int, replayed: int) -> Fraction:
    """Return the chance that a committee meets at least one of ``forged`` segments.

    ``1 − C(S−k, n)/C(S, n)`` with ``n`` segments dealt without overlap: the hypergeometric
    distribution's complement of drawing none (PROTOCOL section 7).

    Raises:
        ValueError: unless ``0 ≤ forged ≤ segments``.
    """
    if not 0 <= forged <= segments:
        raise ValueError(f"{forged} of {segments} segments cannot be forged")
    replayed = min(replayed, segments)
    return 1 - Fraction(comb(segments - forged, replayed), comb(segments, replayed))


@lru_cache(maxsize=64)
def count_covers(segments: int, committee: int, per_seat: int) -> Counter[tuple[int, int]]:
    """Count the sets of seats by their number and by how many segments they replay together.

    With at most as many places as segments no segment is dealt twice. With more, seats overlap, and
    every set is counted.
    """
    if committee * per_seat <= segments:
        return Counter({(h, h * per_seat): comb(committee, h) for h in range(committee + 1)})
    sets = Counter({(0, 0): 1})
    for seat in range(committee):
        places = {(seat * per_seat + k) % segments for k in range(per_seat)}
        dealt = sum(1 << place for place in places)
        joined: Counter[tuple[int, int]] = Counter()
        for (honest, replayed), ways in sets.items():
            joined[honest, replayed] += ways
            joined[honest + 1, replayed | dealt] += ways
        sets = joined
    found: Counter[tuple[int, int]] = Counter()
    for (honest, replayed), ways in sets.items():
        found[honest, replayed.bit_count()] += ways
    return found


@lru_cache(maxsize=4096)
def compute_met(segments: int, forged: int, replayed: int) -> Fraction:
    """Return ``compute_detection``, rounded down to 128 bits: in the forger's favour, fast to add.

    Raises:
        ValueError: unless ``0 ≤ forged ≤ segments``.
    """
    met = compute_detection(segments, forged, replayed)
    return Fraction((met.numerator << 128) // met.denominator, 1 << 128)
