"""A plugin of pytest that records which lines of the program each test executes, and for how long.

``python -m pytest -p tests.mutants.recorder``, with ``WALRUSD_MUTANTS_RECORD`` as the folder to
write to: a file for each test module, when its last test has ended. A recording that was
interrupted thus goes on with the modules that it lacks.
"""

import json
import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import coverage
import pytest

from tests.mutants.recordings import digest_file, digest_helpers, path_of
from tests.mutants.rooms import ROOMS

ROOT = Path(__file__).resolve().parents[2]


class Recorder:
    """Records one test after the other; the context of coverage.py is the name of the test."""

    def __init__(self, folder: Path, root: Path = ROOT) -> None:
        self._folder, self._root = folder, root
        self._seconds: dict[str, float] = defaultdict(float)
        self._failed: set[str] = set()
        self._coverage = coverage.Coverage(
            data_file=None,
            config_file=False,
            include=[str(root / "walrusd" / room / "*") for room in ROOMS],
        )
        self._coverage.set_option("run:disable_warnings", ["no-data-collected"])
        self._coverage.start()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(
        self, item: pytest.Item, nextitem: pytest.Item | None
    ) -> Iterator[None]:
        """Give a test its context, and write what is known of a module after its last test."""
        self._coverage.switch_context(item.nodeid)
        try:
            return (yield)
        finally:
            self._coverage.switch_context("")
            module = _module_of(item.nodeid)
            if nextitem is None or _module_of(nextitem.nodeid) != module:
                self._write(module)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add the time of set-up, call and end."""
        self._seconds[report.nodeid] += report.duration
        if report.failed:
            self._failed.add(report.nodeid)

    def _write(self, module: str) -> None:
        lines = self._take_lines(module)
        tests = {
            test: {
                "seconds": round(seconds, 4),
                "failed": test in self._failed,
                "lines": lines.get(test, {}),
            }
            for test, seconds in self._seconds.items()
            if _module_of(test) == module
        }
        files = sorted({file for by_file in lines.values() for file in by_file})
        recorded = {
            "module": module,
            "helpers": digest_helpers(self._root, module),
            "files": {file: digest_file(self._root / file) for file in files},
            "tests": tests,
        }
        path = path_of(self._folder, self._root, module)
        temporary = path.with_suffix(f".{os.getpid()}")
        temporary.write_text(json.dumps(recorded), "utf-8")
        temporary.replace(path)

    def _take_lines(self, module: str) -> dict[str, dict[str, list[int]]]:
        """Return the executed lines of each test and file, and forget them."""
        lines: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
        self._coverage.stop()
        data = self._coverage.get_data()
        for file in data.measured_files():
            name = str(Path(file).relative_to(self._root))
            for line, contexts in sorted(data.contexts_by_lineno(file).items()):
                for test in contexts:
                    if _module_of(test) == module:
                        lines[test][name].append(line)
        self._coverage.erase()
        self._coverage.start()
        return lines


def _module_of(test: str) -> str:
    return test.partition("::")[0]


def pytest_configure(config: Any) -> None:
    """Record in every process that runs tests, but not in the one that hands them out."""
    folder = os.environ.get("WALRUSD_MUTANTS_RECORD")
    if folder and (hasattr(config, "workerinput") or not config.getoption("numprocesses", None)):
        config.pluginmanager.register(Recorder(Path(folder)))
