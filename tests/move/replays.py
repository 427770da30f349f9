"""Replays many histories in the Move VM: batches, each in a process of its own, side by side."""

import re
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from .builder import HERE, UnitTests, run_unit_tests
from .writer import write_helpers

HELPER = HERE / "replay"
BATCH = 50
PROCESSES = 2
_CALL = re.compile(r" c::(\w+)\(")
_REFUSAL = re.compile(r"abort_code = walrusd::(\w+::\w+)")


@dataclass
class Replayed:
    """Verdict of each test by ``module::test``; what was called and refused in them; the output."""

    results: dict[str, str] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    failures: str = ""

    def has_failed(self, module: str) -> bool:
        """Return whether a test of ``module`` did not pass."""
        return any(
            status != "PASS" for name, status in self.results.items() if name.startswith(module)
        )


def replay(modules: Iterable[tuple[str, Callable[[], str]]]) -> Replayed:
    """Replay modules, given by name and writer; writing overlaps with replaying."""
    found = Replayed()
    with (
        tempfile.TemporaryDirectory() as folder,
        ThreadPoolExecutor(PROCESSES) as pool,
    ):
        running: list[Future[UnitTests]] = []
        batch: dict[str, str] = {}
        for name, write in modules:
            batch[name] = write()
            found.calls.update(_CALL.findall(batch[name]))
            found.refusals.update(_REFUSAL.findall(batch[name]))
            if len(batch) == BATCH:
                running.append(pool.submit(_run, Path(folder) / str(len(running)), batch))
                batch = {}
        if batch:
            running.append(pool.submit(_run, Path(folder) / str(len(running)), batch))
        for future in running:
            report = future.result()
            found.results.update(report.results)
            if not report.passed:
                found.failures += report.output
    return found


def _run(folder: Path, modules: Mapping[str, str]) -> UnitTests:
    folder.mkdir()
    for name, text in {"calls": write_helpers(), **modules}.items():
        (folder / f"{name}.move").write_text(text)
    return run_unit_tests(HELPER, folder)
