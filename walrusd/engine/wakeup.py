"""One bell for all services: something on the chain changed, look again."""

import trio


class Bell:
    """Counts its rings, so that a ring between two looks is never missed."""

    def __init__(self) -> None:
        self._rings = 0
        self._event = trio.Event()

    @property
    def rings(self) -> int:
        """How often it rang; pass this to :meth:`wait` after the next look."""
        return self._rings

    def ring(self) -> None:
        """Wake everybody."""
        self._rings += 1
        self._event.set()
        self._event = trio.Event()

    async def wait(self, since: int, seconds: float) -> None:
        """Return once there was a ring after ``since``, or after ``seconds``."""
        if self._rings != since:
            await trio.lowlevel.checkpoint()
            return
        with trio.move_on_after(seconds):
            await self._event.wait()
