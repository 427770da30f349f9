"""Fixtures of the services' tests."""

from collections.abc import Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import anyio.to_process
import pytest
import trio

from tests.support.market.opened import Bench
from walrusd.training.process import execution

_check_machine_once = cache(execution.selftest)


@pytest.fixture(autouse=True)
def check_the_machine_once(monkeypatch) -> None:
    """Save the selftest of every job but the first: all of them run on this machine."""
    monkeypatch.setattr(execution, "selftest", _check_machine_once)


@pytest.fixture(autouse=True)
def heavy_work_in_a_thread(request, monkeypatch) -> None:
    """Save a worker process (a second each) in all tests but those of the whole market."""
    if request.module.__name__.endswith("test_market"):
        return

    async def run_sync(function, *arguments, cancellable=False):
        return await trio.to_thread.run_sync(function, *arguments)

    monkeypatch.setattr(anyio.to_process, "run_sync", run_sync)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A contributor's work, to be opened before a verifier."""
    with ExitStack() as stack:
        yield Bench(tmp_path, stack)
