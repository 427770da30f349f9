"""A plugin of pytest that runs chosen tests only, in the chosen order, and tells what they do."""

import os
from collections.abc import Sequence

import pytest
from hypothesis import settings


class Chosen:
    """Keeps ``tests``; writes ``start TEST`` and ``failed TEST`` to a file descriptor."""

    def __init__(self, tests: Sequence[str], descriptor: int) -> None:
        self._order = {test: at for at, test in enumerate(tests)}
        self._descriptor = descriptor

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self) -> None:
        """Let hypothesis take the same examples each time, and keep none."""
        settings.register_profile("mutants", derandomize=True)
        settings.load_profile("mutants")

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Keep the chosen tests, those of a module together."""
        kept = sorted(
            (item for item in items if item.nodeid in self._order),
            key=lambda item: self._order[item.nodeid],
        )
        modules = dict.fromkeys(item.nodeid.partition("::")[0] for item in kept)
        rank = {module: at for at, module in enumerate(modules)}
        items[:] = sorted(kept, key=lambda item: rank[item.nodeid.partition("::")[0]])

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Tell that a test begins."""
        self._tell("start", nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Tell that a test has failed."""
        if report.failed:
            self._tell("failed", report.nodeid)

    def _tell(self, what: str, test: str) -> None:
        os.write(self._descriptor, f"{what} {test}\n".encode())
