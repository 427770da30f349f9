"""Who profits: strategies of contributors, accusers and seats, played by agents many times.

``python -m tests.bench.economy`` prints the tables of docs/economics.md.
"""

import argparse
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from random import Random

from rich.console import Console
from rich.table import Table

from tests.bench.agents import CONTRIBUTOR, OUTSIDER, Behaviour, Game, Plot, Submission
from tests.golden.plans import make_mlp
from walrusd.core.incentives import Rules, compute_tolerated_share
from walrusd.services.publisher.estimate import make_rules
from walrusd.services.publisher.terms import read_terms
from walrusd.training.plan.plan import read_plan
from walrusd.units import MIST_PER_SUI

POOL = 60
SEGMENTS = 64
SHARES = (0.0, 0.1, 0.2, 0.3, 1 / 3, 0.4, 0.5)
STATED_SHARE = 0.3
"""The share of colluding seats up to which honesty is said to dominate (docs/economics.md)."""


def default_rules(segments: int = SEGMENTS) -> Rules:
    """Return the defaults of ``task publish`` for a plan of so many segments."""
    plan = replace(read_plan(make_mlp()), segments=segments)
    return make_rules(read_terms(None, plan))


def make_strategies(segments: int) -> dict[str, Plot]:
    """Return what a contributor, or an accuser, may do instead of honest work."""
    return {
        "lazy: no training at all": Plot(forged=segments, idle=True),
        "half of the segments forged": Plot(forged=segments // 2),
        "jump: one segment forged": Plot(forged=1),
        "copycat: another's commitment": Plot(forged=segments, idle=True, has_digests=False),
        "slander by seats of the committee": Plot(slander=True),
        "slander, and three claims about the file": Plot(slander=True, claims=3),
    }


SEATS: dict[str, tuple[tuple[Behaviour, ...], Plot]] = {
    "honest, honest contributor": ((), Plot()),
    "lazy, honest contributor": ((Behaviour.LAZY,), Plot()),
    "silent, honest contributor": ((Behaviour.SILENT,), Plot()),
    "honest, forger": ((), Plot(forged=SEGMENTS)),
    "credulous, forger": ((Behaviour.CREDULOUS,), Plot(forged=SEGMENTS)),
    "all credulous, forger": ((Behaviour.CREDULOUS,) * 3, Plot(forged=SEGMENTS)),
}
"""What seat 0 does, or all seats do, with whose submission."""


@dataclass(frozen=True)
class MeanGains:
    """Means over many plays, in SUI. ``gain`` is beyond what honest conduct brings the same people.

    ``margin`` is two standard errors of the gain; ``honest_loss`` what others lose.
    """

    gain: float
    margin: float
    rejected: float
    honest_loss: float


def play(
    rules: Rules,
    plot: Plot,
    share: float,
    rounds: int,
    seed: int,
    behaviours: Sequence[Behaviour] = (),
    *,
    pool: int = POOL,
) -> list[Submission]:
    """Return many plays; the same seed gives the same ones."""
    rng = Random(f"{seed}/{plot}/{share}/{behaviours}")
    colluding = round(share * pool)
    return [
        Game(rules, rng, plot, pool=pool, colluding=colluding, behaviours=behaviours).play()
        for _ in range(rounds)
    ]


def _profits(found: Sequence[Submission], cheat: str) -> list[float]:
    """Return what the cheat and the colluding seats get together."""
    return [
        sum(each.money[name] for name in {cheat, *each.colluders}) / MIST_PER_SUI for each in found
    ]


def _honest_loss(found: Submission, cheat: str) -> float:
    """Return what contributor and seats that do not collude lose, if they do."""
    people = [n for n in found.money if n == CONTRIBUTOR or n.startswith("seat")]
    honest = [n for n in people if n not in found.colluders and n != cheat]
    return -sum(min(0, found.money[name]) for name in honest) / MIST_PER_SUI


@lru_cache(maxsize=64)
def _honest_profits(rules: Rules, cheat: str, share: float, rounds: int, seed: int) -> list[float]:
    """Return the profits without a plot: slanderers' friends replay, a contributor's need not."""
    return _profits(play(rules, Plot(helped=cheat == CONTRIBUTOR), share, rounds, seed), cheat)


def measure(rules: Rules, plot: Plot, share: float, rounds: int, seed: int) -> MeanGains:
    """Return what a strategy brings a coalition that has so many of the seats."""
    cheat = OUTSIDER if plot.slander else CONTRIBUTOR
    found = play(rules, plot, share, rounds, seed)
    profits = _profits(found, cheat)
    honest = _honest_profits(rules, cheat, share, rounds, seed)
    variance = (statistics.pvariance(profits) + statistics.pvariance(honest)) / rounds
    return MeanGains(
        statistics.fmean(profits) - statistics.fmean(honest),
        2 * variance**0.5,
        statistics.fmean(each.end == "rejected" for each in found),
        statistics.fmean(_honest_loss(each, cheat) for each in found),
    )


def compare(
    rules: Rules, shares: Sequence[float], rounds: int, seed: int
) -> dict[str, dict[float, MeanGains]]:
    """Return the outcome of every strategy for every share."""
    return {
        name: {share: measure(rules, plot, share, rounds, seed) for share in shares}
        for name, plot in make_strategies(rules.segments).items()
    }


def measure_seat(rules: Rules, name: str, rounds: int, seed: int) -> float:
    """Return what the first seat of a committee earns with one submission, in SUI."""
    behaviours, plot = SEATS[name]
    found = play(rules, plot, 0.0, rounds, seed, behaviours)
    return statistics.fmean(each.money[each.first] for each in found) / MIST_PER_SUI


def make_tables(rules: Rules, rounds: int, seed: int) -> list[Table]:
    """Return the tables that people read."""
    found = compare(rules, SHARES, rounds, seed)
    gains = Table(title="gain over honest conduct, SUI a submission, by share of colluding seats")
    losses = Table(title="rejected, and what honest people lose")
    for table in (gains, losses):
        table.add_column("strategy")
        for share in SHARES:
            table.add_column(f"{share:.0%}", justify="right")
    for name, by_share in found.items():
        gains.add_row(name, *(f"{o.gain:+.2f} ±{o.margin:.2f}" for o in by_share.values()))
        losses.add_row(
            name, *(f"{o.rejected:.0%} / {o.honest_loss:.2f}" for o in by_share.values())
        )
    seats = Table(title="income of a seat, SUI a submission, nobody colluding")
    seats.add_column("seat 0, submission of")
    seats.add_column("income", justify="right")
    for name in SEATS:
        seats.add_row(name, f"{measure_seat(rules, name, rounds, seed):+.3f}")
    return [gains, losses, seats]


def show_economy(console: Console, rounds: int, seed: int = 1) -> None:
    """Print the tables for the default terms."""
    rules = default_rules()
    for table in make_tables(rules, rounds, seed):
        console.print(table)
    tolerated = float(compute_tolerated_share(rules))
    console.print(
        f"default terms, {rules.segments} segments, pool of {POOL} seats, {rounds} plays a cell; "
        f"by formula nothing pays up to {tolerated:.0%} colluding seats",
        soft_wrap=True,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the simulation."""
    parser = argparse.ArgumentParser(prog="tests.bench.economy", description=__doc__)
    parser.add_argument("--rounds", type=int, default=1000, help="plays of each cell")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    show_economy(Console(width=150), options.rounds, options.seed)
    return 0


if __name__ == "__main__":
    sys.exit(main())
