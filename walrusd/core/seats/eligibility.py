"""Which seats of a pool can serve a task: the contract's rules, before anything is paid for.

``Terms`` are the fields of the contract's ``Terms`` by name; seats and parameters are read as the
chain lays them out. Publisher, policy and cranks count with the same functions, so what one of them
expects the others, and the contract, do too.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

SILENCE_FEES = 10
"""How many fees a silent seat or juror loses."""
DEAREST_SILENCES = 4
"""For how many silences of one duty a seat's share of the stake must suffice."""
PARTIES = 3
"""How many more seats must fit than a submission takes: its parties may hold some."""

Terms = Mapping[str, int]


class PoolTerms(Protocol):
    """What a pool fixes for all of its seats: Mist, numbers, milliseconds."""

    stake: int
    duties: int
    seat_life_ms: int


class PoolSeat(Protocol):
    """A slot of a pool, as the chain lays it out."""

    verifier: str
    stake: int
    min_fee: int
    max_penalty: int
    rate: int
    memory: int
    active_from_ms: int
    renewed_ms: int
    exiting_at_ms: int
    duties: int


# --- what terms take ------------------------------------------------------------------------------


def count_jurors(terms: Terms) -> int:
    """Return how many jurors are drawn for a case: the jury and half as many alternates."""
    return terms["jury"] + (terms["jury"] + 1) // 2


def count_committee(terms: Terms) -> int:
    """Return how many seats a submission's committee is drawn with: its substitutes too."""
    return terms["committee"] + terms["substitutes"]


def count_duties(terms: Terms) -> int:
    """Return how many duties are booked for a submission: its committee's and one whole case's."""
    return count_committee(terms) + count_jurors(terms)


def compute_case_cost(terms: Terms) -> int:
    """Return the Mist that the jurors of one case may get."""
    return count_jurors(terms) * terms["juror_fee"]


def compute_silence_penalty(terms: Terms) -> int:
    """Return the Mist that a silent seat loses, and an accuser that is refuted, beside the case."""
    return SILENCE_FEES * terms["verifier_fee"]


def compute_seat_loss(terms: Terms) -> int:
    """Return the most Mist that one duty may cost a seat, all its penalties together."""
    silence = DEAREST_SILENCES * compute_silence_penalty(terms)
    seat = terms["verifier_stake"] + silence + compute_case_cost(terms)
    return max(seat, SILENCE_FEES * terms["juror_fee"])


def compute_needed_rate(terms: Terms, duties: int) -> int:
    """Return the segment work a second that a seat needs which has ``duties`` at once.

    A committee's replays take at most half of the window, a jury's at most a quarter.
    """
    work = 1_000 * terms["segment_work"] * duties
    committee = -(-2 * work * terms["segments_per_seat"] // terms["verify_ms"])
    return max(committee, -(-4 * work // terms["jury_commit_ms"]))


# --- what seats can do ----------------------------------------------------------------------------


def is_vacant(seat: PoolSeat) -> bool:
    """Return whether nobody holds a slot."""
    return int(seat.verifier, 16) == 0


def is_live(seat: PoolSeat, pool: PoolTerms, now_ms: int) -> bool:
    """Return whether a seat is held, stays, and was renewed in time."""
    is_staying = not is_vacant(seat) and not seat.exiting_at_ms
    return is_staying and now_ms < seat.renewed_ms + pool.seat_life_ms


def list_obstacles(seat: PoolSeat, terms: Terms, pool: PoolTerms) -> tuple[str, ...]:
    """Return what keeps a seat from serving terms; a seat that fits has nothing.

    Each is the name of a term, or ``stake``: penalties left less than backs one duty.
    """
    fee = min(terms["verifier_fee"], terms["juror_fee"])
    needs = {
        "stake": seat.stake >= pool.stake // pool.duties,
        "verifier_fee": seat.min_fee <= fee,
        "verifier_stake": compute_seat_loss(terms) <= seat.max_penalty,
        "state_bytes": terms["state_bytes"] <= seat.memory,
        "segment_work": compute_needed_rate(terms, pool.duties) <= seat.rate,
    }
    return tuple(name for name, is_met in needs.items() if not is_met)


@dataclass(frozen=True)
class Census:
    """The seats of a pool under terms: how many are live, fit, may be drawn now, and what lacks.

    ``obstacles`` counts the live seats that do not fit, for each reason (``list_obstacles``).
    """

    live: int
    fit: int
    eligible: int
    obstacles: Mapping[str, int]


def take_census(
    seats: Iterable[PoolSeat],
    pool: PoolTerms,
    terms: Terms,
    now_ms: int,
    *,
    opened_ms: int | None = None,
    parties: Collection[str] = (),
) -> Census:
    """Count the seats of a pool under terms.

    Those that fit a task that was opened already were registered before: later ones may be made
    for it. The eligible ones among them are no party, and have a duty left whose share of the
    stake is whole.
    """
    share = pool.stake // pool.duties
    live = fit = eligible = 0
    obstacles: dict[str, int] = {}
    for seat in seats:
        if not is_live(seat, pool, now_ms):
            continue
        live += 1
        lacking = list_obstacles(seat, terms, pool)
        for name in lacking:
            obstacles[name] = obstacles.get(name, 0) + 1
        if lacking or (opened_ms is not None and seat.active_from_ms > opened_ms):
            continue
        fit += 1
        has_duty = seat.duties < pool.duties and seat.stake >= (seat.duties + 1) * share
        eligible += has_duty and seat.verifier not in parties
    return Census(live, fit, eligible, obstacles)


@dataclass(frozen=True)
class Capacity:
    """Whether a pool can serve a task, with the numbers that decide it; ``duties`` of one seat."""

    census: Census
    duties: int
    least_fit: int
    needed_duties: int

    @property
    def refusal(self) -> str:
        """Why the contract would refuse the task, with the count of seats, or nothing."""
        census = self.census
        counted = f"{census.fit} of the pool's {census.live} live seats can serve these terms"
        if census.fit < self.least_fit:
            return f"{counted}, and {self.least_fit} are needed"
        if 2 * self.needed_duties > census.fit * self.duties:
            return (
                f"{counted}, with {census.fit * self.duties} duties; the task may take "
                f"{self.needed_duties}, and at most half of them are promised"
            )
        return ""

    @property
    def advice(self) -> str:
        """What most of the seats that do not fit lack; empty if all fit."""
        if self.census.fit < self.least_fit and self.census.obstacles:
            name, count = max(self.census.obstacles.items(), key=lambda item: item[1])
            if name == "stake":
                return f"{count} seats have too little of their stake left"
            return f"{count} seats do not take its {name}"
        if self.needed_duties * 2 > self.census.fit * self.duties:
            return "set fewer max_submissions, or a smaller committee or jury"
        return "wait for more seats, or use another pool"


def judge_capacity(
    seats: Iterable[PoolSeat], pool: PoolTerms, terms: Terms, now_ms: int
) -> Capacity:
    """Return whether a pool can serve a task under terms, as ``open_task`` decides it."""
    census = take_census(seats, pool, terms, now_ms)
    two_thirds = -(-2 * census.live // 3)
    return Capacity(
        census=census,
        duties=pool.duties,
        least_fit=max(two_thirds, count_duties(terms) + PARTIES),
        needed_duties=terms["max_submissions"] * count_duties(terms),
    )
