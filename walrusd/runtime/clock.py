"""The time of day, injected so that tests can move it."""

from typing import Protocol

from walrusd.units import Millis


class Clock(Protocol):
    """A source of wall-clock time."""

    def now_ms(self) -> Millis:
        """Return the milliseconds since the Unix epoch."""
        ...
