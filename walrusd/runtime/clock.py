"""Where the time of day comes from: injected, so that tests can move it."""

from typing import Protocol

from walrusd.units import Millis


class Clock(Protocol):
    """Something that knows what time it is."""

    def now_ms(self) -> Millis:
        """Return the milliseconds since the Unix epoch."""
        ...
