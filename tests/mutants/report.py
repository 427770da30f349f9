"""The report of a run: ``build/mutants/report.md`` for people, ``report.json`` for programs."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.mutants.mutant import Mutant
from tests.mutants.results import SURVIVED, TIMEOUT, UNTESTED, Result


@dataclass(frozen=True)
class Run:
    """What a run was: its seed, mutants a room, and real seconds to record and to try mutants."""

    seed: int
    sample: int
    recording_s: float
    trying_s: float
    python: str


@dataclass(frozen=True)
class RoomCount:
    """How many mutants of a room ended how; ``most_percent`` is how many may survive."""

    room: str
    tried: int
    killed: int
    timeouts: int
    survived: int
    untested: int
    most_percent: float

    @property
    def survivors_percent(self) -> float:
        """How many in a hundred nobody noticed."""
        return 100 * (self.survived + self.untested) / self.tried if self.tried else 0.0

    @property
    def too_many(self) -> bool:
        """Whether more survived than may."""
        return self.survivors_percent > self.most_percent


Tried = Sequence[tuple[Mutant, Result]]


def count_rooms(tried: Tried, most_percent: Mapping[str, float]) -> list[RoomCount]:
    """Return the counts of each room, in the order of ``most_percent``."""
    counts = []
    for room, most in most_percent.items():
        outcomes = [result for mutant, result in tried if mutant.room == room]
        counts.append(
            RoomCount(
                room=room,
                tried=len(outcomes),
                killed=sum(result.killed for result in outcomes),
                timeouts=sum(result.outcome == TIMEOUT for result in outcomes),
                survived=sum(result.outcome == SURVIVED for result in outcomes),
                untested=sum(result.outcome == UNTESTED for result in outcomes),
                most_percent=most,
            )
        )
    return counts


def format_report(
    run: Run, counts: Sequence[RoomCount], tried: Tried, texts: Mapping[str, bytes]
) -> str:
    """Return the report as Markdown; ``texts`` has the modules as they are."""
    about = (
        f"Seed {run.seed}, up to {run.sample} mutants a room, Python {run.python}. Recording the"
        f" tests took {run.recording_s:.0f} s, trying the mutants {run.trying_s:.0f} s."
    )
    lines = [
        "# Mutants",
        "",
        about,
        "",
        "| room | tried | killed | of them by time | survived | not executed | % | at most |",
        "| --- | --: | --: | --: | --: | --: | --: | --: |",
    ]
    lines += [
        f"| {c.room} | {c.tried} | {c.killed} | {c.timeouts} | {c.survived} | {c.untested}"
        f" | {c.survivors_percent:.1f} | {c.most_percent:g}{' **exceeded**' * c.too_many} |"
        for c in counts
    ]
    survivors = [(mutant, result) for mutant, result in tried if not result.killed]
    lines += ["", f"## Survivors ({len(survivors)})", ""]
    for mutant, result in survivors:
        told = f"passed by {result.ran} tests"
        if result.outcome == UNTESTED:
            told = "no test executes this module"
        elif result.left_out:
            told += f"; {result.left_out} more would have taken too long"
        lines += [f"### {mutant.file}:{mutant.line} ({mutant.operator})", "", f"{told}.", ""]
        lines += ["```diff", mutant.make_diff(texts[mutant.file]), "```", ""]
    return "\n".join(lines)


def write_report(
    folder: Path, run: Run, counts: Sequence[RoomCount], tried: Tried, texts: Mapping[str, bytes]
) -> None:
    """Write both forms of the report."""
    (folder / "report.md").write_text(format_report(run, counts, tried, texts), "utf-8")
    found = {
        "run": asdict(run),
        "rooms": [asdict(c) | {"survivors_percent": c.survivors_percent} for c in counts],
        "mutants": [
            {
                **{k: getattr(mutant, k) for k in ("file", "line", "operator", "before", "after")},
                **asdict(result),
            }
            for mutant, result in tried
        ],
    }
    (folder / "report.json").write_text(json.dumps(found, indent=1), "utf-8")
