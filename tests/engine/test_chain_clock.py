"""The chain's time, from nodes that do not agree about it."""

from types import SimpleNamespace

import pytest

from walrusd.engine import chain_clock
from walrusd.engine.chain_clock import READINGS, ChainClock
from walrusd.runtime.wakeup import WakeUp


class Nodes:
    """Nodes behind one address; what they say next is in ``times``, in milliseconds."""

    def __init__(self) -> None:
        self.times: list[int] = []

    async def service_info(self):
        return SimpleNamespace(timestamp_ms=self.times.pop(0))


@pytest.fixture
def seconds(monkeypatch):
    """Seconds on the monotonic clock, which stands still until it is changed."""
    now = [100.0]
    fake = SimpleNamespace(time_ns=lambda: 5 * 10**15, monotonic=lambda: now[0])
    monkeypatch.setattr(chain_clock, "time", fake)
    return now


async def read(clock, nodes, *times):
    for ms in times:
        nodes.times.append(ms)
        await clock.read()
    return clock.now_ms()


async def test_the_first_reading_replaces_our_own_time_and_then_time_runs(seconds):
    nodes, wakeup = Nodes(), WakeUp()
    clock = ChainClock(nodes, wakeup, 1.0)
    assert clock.now_ms() == 5 * 10**9
    assert await read(clock, nodes, 1_000_000) == 1_000_000
    assert wakeup.count == 1
    seconds[0] += 2.5
    assert clock.now_ms() == 1_002_500
    assert await read(clock, nodes, 1_002_600) == 1_002_600
    assert wakeup.count == 1


async def test_a_node_that_lags_makes_nobody_late(seconds):
    nodes, wakeup = Nodes(), WakeUp()
    clock = ChainClock(nodes, wakeup, 1.0)
    await read(clock, nodes, 1_000_000)
    assert await read(clock, nodes, 940_000) == 1_000_000
    assert await read(clock, nodes, 1_000_100, 940_000) == 1_000_100
    assert wakeup.count == 1
    assert await read(clock, nodes, 2_000_000) == 2_000_000  # somebody moved the devnet's clock
    assert wakeup.count == 2


async def test_a_chain_that_stands_still_is_believed_in_the_end(seconds):
    nodes, wakeup = Nodes(), WakeUp()
    clock = ChainClock(nodes, wakeup, 1.0)
    await read(clock, nodes, 1_000_000)
    seconds[0] += 600
    for n in range(READINGS):
        now = await read(clock, nodes, 1_000_000)
        assert (now == 1_600_000) == (n < READINGS - 1)
    assert wakeup.count == 2
