"""The time of day, injected so that tests can move it."""

import time
from typing import Protocol

import trio

from walrusd.units import Millis


class Clock(Protocol):
    """A source of wall-clock time."""

    def now_ms(self) -> Millis:
        """Return the milliseconds since the Unix epoch."""
        ...


class SystemClock:
    """The machine's wall clock."""

    def now_ms(self) -> Millis:
        """Return the milliseconds since the Unix epoch."""
        return Millis(time.time_ns() // 1_000_000)


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
