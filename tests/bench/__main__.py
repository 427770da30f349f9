"""``python -m tests.bench``: measures, prints a table, writes ``build/bench/results.json``."""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console, JustifyMethod
from rich.table import Table

from tests.bench.commitments import measure_commitments
from tests.bench.economy import show_economy
from tests.bench.goals import find_goal, list_missed
from tests.bench.latency import measure_latency
from tests.bench.measure import Measurement
from tests.bench.paillier import measure_paillier
from tests.bench.quality import SEEDS, Quality, make_quality_table, measure_quality
from tests.bench.reconciling import measure_reconciling
from tests.bench.streams import measure_streams
from tests.bench.tracing import measure_tracing
from tests.bench.training import measure_training
from tests.bench.transactions import measure_transactions
from tests.bench.transcripts import measure_transcripts
from tests.bench.verification import measure_verification

RESULTS = Path(__file__).resolve().parents[2] / "build" / "bench" / "results.json"


def run_all(rounds: int, quality: Sequence[Quality]) -> list[Measurement]:
    """Return every measurement; ``rounds`` is how often each is repeated."""
    with tempfile.TemporaryDirectory() as directory:
        # Training keeps the memory that this process frees, as its own process does; with that,
        # the baseline of the streams would be faster than it is for people who use it.
        streams = measure_streams(rounds)
        return [
            *measure_training(rounds),
            *measure_tracing(rounds),
            *(found.to_measurement() for found in quality),
            *measure_transcripts(rounds),
            *measure_commitments(max(1, rounds // 5)),
            *streams,
            *measure_paillier(max(1, rounds // 5)),
            *measure_transactions(Path(directory), rounds * 3),
            *measure_latency(Path(directory) / "latency", rounds * 14),
            *measure_reconciling(Path(directory) / "reconciling", rounds),
            *measure_verification(Path(directory) / "verification", rounds),
        ]


def format_ratio(ratio: float) -> str:
    """Return a ratio for people: a small one as a fraction."""
    return f"{ratio:.2f} x" if ratio >= 0.1 else f"1/{1 / ratio:.4g} x"


def format_goal(found: Measurement) -> str:
    """Return a measurement's goal, marked if it is missed."""
    goal = find_goal(found)
    if goal is None:
        return ""
    return goal.describe(found) + ("" if goal.is_met(found) else " MISSED")


def make_table(measurements: Sequence[Measurement]) -> Table:
    """Return the results as a table."""
    table = Table()
    for heading in ("what", "value", "baseline", "ratio", "goal"):
        justify: JustifyMethod = "left" if heading == "what" else "right"
        table.add_column(heading, justify=justify, overflow="fold")
    for found in measurements:
        table.add_row(
            found.name,
            f"{found.value:.3f} {found.unit}",
            f"{found.baseline:.3f} {found.unit}",
            format_ratio(found.ratio),
            format_goal(found),
        )
    return table


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmarks."""
    parser = argparse.ArgumentParser(prog="tests.bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="repetitions of each measurement")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--seeds", type=int, default=SEEDS, help="seeds of the quality table")
    parser.add_argument("--strict", action="store_true", help="fail where a goal is missed")
    parser.add_argument("--quality-steps", type=int, help="steps of its runs; those of the plans")
    options = parser.parse_args(arguments)
    before = os.getloadavg()[0]
    quality = measure_quality(options.seeds, steps=options.quality_steps)
    measurements = run_all(options.rounds, quality)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    document = [found.to_json() for found in measurements]
    options.out.write_text(json.dumps(document, indent=1) + "\n")
    console = Console()
    console.print(make_table(measurements))
    console.print(make_quality_table(quality))
    loads = f"load average {before:.1f} before, {os.getloadavg()[0]:.1f} after"
    console.print(f"{loads}, on {os.cpu_count()} cores; results: {options.out}", soft_wrap=True)
    show_economy(console, options.rounds * 20)
    missed = list_missed(measurements)
    for line in missed:
        console.print(f"goal missed: {line}", soft_wrap=True)
    return 1 if missed and options.strict else 0


if __name__ == "__main__":
    sys.exit(main())
