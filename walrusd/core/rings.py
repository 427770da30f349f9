"""What a ring of colluding seats can do to one submission, in a pool of so many seats.

Juries decide until the contract itself judges computation, so a ring that is drawn often enough can
convict honest work, or pass forged work. The chances are exact for the model of docs/economics.md:
seats are drawn without replacement, all are awake, the ring plays one strategy throughout, and a
jury is drawn from the seats that the submission does not have.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import comb

from walrusd.core.juries import SeatPool, compute_capture_in, list_draws

OUTSIDERS = 3
"""How many accusations of the public file may fail."""


@dataclass(frozen=True)
class Drawn:
    """What a submission takes of a pool: its seats, its jury, and how often it is audited."""

    committee: int
    substitutes: int
    jury: int
    audit: Fraction

    @property
    def seats(self) -> int:
        """How many seats serve it, substitutes included."""
        return self.committee + self.substitutes


@dataclass(frozen=True)
class RingChances:
    """The chances of a ring, and what is left of honest work.

    ``convicts_honest``: every seat of the ring accuses honest work once, and outsiders the file.
    ``stops_honest``: it is not convicted, but no seats are left to attest it: stake back, no
    reward. ``passes_forged``: work of which every segment is forged is accepted. ``stops_forged``:
    it ends undecided, and the forger keeps its stake.
    """

    convicts_honest: Fraction
    stops_honest: Fraction
    passes_forged: Fraction
    stops_forged: Fraction


def compute_ring_chances(drawn: Drawn, pool: SeatPool) -> RingChances:
    """Return what a ring can do to a submission.

    Raises:
        ValueError: if the pool has too few seats for the submission and a jury.
    """
    if pool.seats < drawn.seats + drawn.jury:
        raise ValueError(f"{pool.seats} seats are too few for {drawn.seats} and {drawn.jury}")
    totals = [Fraction(0)] * 4
    for ring, chance in list_draws(drawn.seats, pool):
        capture = compute_capture_in(drawn.jury, pool.without(drawn.seats, ring))
        for at, part in enumerate(_play_both(drawn, ring, capture)):
            totals[at] += chance * part
    return RingChances(*totals)


def _play_both(drawn: Drawn, ring: int, capture: Fraction) -> tuple[Fraction, ...]:
    """Return the four chances, given that ``ring`` of the seats collude."""
    convicted = stopped = passed = hung = Fraction(0)
    acquitted = 1 - drawn.audit + drawn.audit * capture
    audit_holds = 1 - drawn.audit * capture
    for refused, chance, is_full in _list_refusals(drawn, ring):
        # The seats of the ring refuse honest work: each accuses once.
        survives = (1 - capture) ** (refused + OUTSIDERS)
        convicted += chance * (1 - survives * (audit_holds if is_full else 1))
        stopped += 0 if is_full else chance * survives
    for refused, chance, is_full in _list_refusals(drawn, drawn.seats - ring):
        # The honest seats refuse forged work: each accusation must be acquitted.
        survives = capture**refused
        passed += chance * survives * acquitted if is_full else 0
        hung += 0 if is_full else chance * survives
    return convicted, stopped, passed, hung


def _list_refusals(drawn: Drawn, refusing: int) -> Iterator[tuple[int, Fraction, bool]]:
    """Yield how many seats refuse before the committee is full, the chance, and if it gets full.

    Seats sit down in the order of their draw; one that refuses gives its place to the next, until
    no seat is left. Of ``n`` seats ``refusing`` do, in any order alike: ``t`` of them come before
    the last of ``m`` that attest with chance ``C(m−1+t, t)·C(n−m−t, refusing−t) / C(n, refusing)``.
    """
    seats, places = drawn.seats, drawn.committee
    ways = comb(seats, refusing)
    full = Fraction(0)
    for refused in range(min(refusing, drawn.substitutes) + 1):
        among = comb(places - 1 + refused, refused)
        behind = seats - places - refused
        rest = refusing - refused
        chance = Fraction(among * comb(behind, rest), ways) if rest <= behind else Fraction(0)
        full += chance
        if chance:
            yield refused, chance, True
    if full < 1:
        yield drawn.substitutes + 1, 1 - full, False
