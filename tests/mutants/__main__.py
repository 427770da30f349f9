"""``make mutants``: tries a sample of mutants, writes ``build/mutants/report.md``.

Exit status 0 if few enough survive in each room (``limits.toml``), 1 if not, 2 if no mutant could
be judged: the tests fail without one, an entry of ``equivalents.toml`` is stale, or another run
uses the folder.
"""

import argparse
import json
import platform
import sys
import time
import tomllib
from collections.abc import Sequence
from pathlib import Path

from tests.mutants.campaign import (
    AlreadyRunning,
    BrokenTests,
    hold_folder,
    prepare_base,
    record_tests,
    try_mutants,
)
from tests.mutants.copies import digest_tree
from tests.mutants.equivalents import find_stale, read_equivalents
from tests.mutants.mutant import Mutant
from tests.mutants.report import Run, count_rooms, write_report
from tests.mutants.results import Journal, Result
from tests.mutants.sampling import draw, read_room

ROOT = Path(__file__).resolve().parents[2]


def read_limits(path: Path) -> dict[str, float]:
    """Return how many mutants in a hundred may survive, by room."""
    limits: dict[str, float] = tomllib.loads(path.read_text("utf-8"))["most_survivors_percent"]
    return limits


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make mutants")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sample", type=int, default=40, help="mutants of each room")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rooms", nargs="*", help="only these")
    parser.add_argument(
        "--survivors", action="store_true", help="only those that survived in the last report"
    )
    return parser.parse_args(arguments)


def run(options: argparse.Namespace, root: Path, folder: Path) -> int:
    """Run what ``options`` ask for on the tree at ``root``, and return the exit status."""
    settings = root / "tests" / "mutants"
    limits = {
        room: most
        for room, most in read_limits(settings / "limits.toml").items()
        if not options.rooms or room in options.rooms
    }
    equivalents = read_equivalents(settings / "equivalents.toml")
    stale = find_stale(equivalents, root)
    for entry in stale:
        print(f"equivalents.toml: {entry.file} has no such mutant: {entry.line!r}")
    if stale:
        return 2
    began = time.monotonic()
    base = prepare_base(root, folder)
    index = record_tests(base, folder / "recordings", options.workers)
    recorded = time.monotonic()
    rooms = {room: read_room(base, room) for room in limits}
    sources = {source.path: source for modules in rooms.values() for source in modules}
    mutants = [
        mutant
        for room, modules in rooms.items()
        for mutant in draw(modules, options.sample, f"{options.seed} {room}", equivalents)
    ]
    if options.survivors:
        last = json.loads((folder / "report.json").read_text("utf-8"))["mutants"]
        names = {m["name"] for m in last if m["outcome"] in {"survived", "untested"}}
        mutants = [mutant for mutant in mutants if mutant.name in names]
    journal = Journal(folder / "results.jsonl", digest_tree(base))
    known = journal.read().keys() & {mutant.name for mutant in mutants}
    print(
        f"seed {options.seed}: {len(mutants)} mutants; "
        + (f"going on, {len(known)} are tried already" if known else "starting anew"),
        flush=True,
    )
    done = len(known)

    def tell(mutant: Mutant, result: Result) -> None:
        nonlocal done
        done += 1
        place = f"{mutant.file}:{mutant.line} {mutant.operator}"
        print(
            f"{done}/{len(mutants)} {result.outcome:8} {result.seconds:6.1f} s {place}", flush=True
        )

    results = try_mutants(mutants, index, sources, folder, journal, tell, workers=options.workers)
    tried = list(zip(mutants, results, strict=True))
    counts = count_rooms(tried, limits)
    about = Run(
        seed=options.seed,
        sample=options.sample,
        recording_s=round(recorded - began, 1),
        trying_s=round(time.monotonic() - recorded, 1),
        python=platform.python_version(),
    )
    write_report(folder, about, counts, tried, {path: s.data for path, s in sources.items()})
    for count in counts:
        print(
            f"{count.room:9} {count.killed} of {count.tried} killed, "
            f"{count.survivors_percent:.1f} % survive, {count.most_percent:g} % may"
        )
    print(folder.relative_to(root) / "report.md")
    return int(any(count.too_many for count in counts))


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Run the command, and return its exit status."""
    options = _parse(arguments)
    folder = root / "build" / "mutants"
    try:
        with hold_folder(folder):
            return run(options, root, folder)
    except (AlreadyRunning, BrokenTests) as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
