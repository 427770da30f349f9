"""Fixtures of the plays."""

import anyio.to_process
import pytest
import trio


@pytest.fixture(autouse=True)
def heavy_work_in_a_thread(monkeypatch) -> None:
    """Save a worker process (a second each) for every daemon of a play."""

    async def run_sync(function, *arguments, cancellable=False):
        return await trio.to_thread.run_sync(function, *arguments)

    monkeypatch.setattr(anyio.to_process, "run_sync", run_sync)
