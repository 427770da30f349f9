"""Time that passes when a test says so, and not because the machine is slow.

Marks for tests and modules. Unlike the fixtures of pytest-trio, which must be arguments of the test
itself to have any effect, they also work for a whole module.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from walrusd.units import Millis

LOOK_S = 0.005
QUIET_S = 0.05
"""Real seconds in which nothing moves before everybody is taken to wait."""


def _run(main: Callable[..., Any], *, make: Callable[[], MockClock], **options: Any) -> Any:
    return trio.run(main, **{**options, "clock": make()})


virtual_time = pytest.mark.trio(run=partial(_run, make=lambda: MockClock(autojump_threshold=0)))
"""Nobody waits: time jumps to when the next one wakes."""

movable_time = pytest.mark.trio(run=partial(_run, make=lambda: MockClock(rate=1)))
"""Time runs like real time, and the functions below move it ahead."""


class TrioClock:
    """Wall time that follows trio's clock, so that a test's ``MockClock`` moves both.

    Only usable inside ``trio.run``. ``epoch_ms`` is the wall time at the moment of construction.
    """

    def __init__(self, epoch_ms: int = 1_700_000_000_000) -> None:
        self._epoch_ms = epoch_ms
        self._began = trio.current_time()

    def now_ms(self) -> Millis:
        """Return the milliseconds since the Unix epoch."""
        return Millis(self._epoch_ms + round((trio.current_time() - self._began) * 1000))


class SetClock:
    """Says what it is told: ``ms`` since the Unix epoch."""

    def __init__(self, ms: int = 0) -> None:
        self.ms = ms

    def now_ms(self) -> Millis:
        """Return the time that was set."""
        return Millis(self.ms)


class TickingClock(SetClock):
    """Every look takes a millisecond."""

    def now_ms(self) -> Millis:
        """Return the time after this look."""
        self.ms += 1
        return super().now_ms()


async def pass_time_once(condition: Callable[[], object], seconds: float) -> None:
    """Let ``seconds`` pass at once when ``condition`` holds."""
    while not condition():  # noqa: ASYNC110 - the conditions are the test's own
        await trio.sleep(LOOK_S)
    _jump(seconds)


async def pass_time_in_silence(seconds: float) -> None:
    """Let ``seconds`` pass at once when everybody has heard what was said, and waits for more."""
    await wait_all_tasks_blocked(QUIET_S)
    _jump(seconds)


def _jump(seconds: float) -> None:
    clock = trio.lowlevel.current_clock()
    assert isinstance(clock, MockClock), "the test needs the mark movable_time"
    clock.jump(seconds)
