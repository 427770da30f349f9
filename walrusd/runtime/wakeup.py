"""One wake-up for all services: something on the chain changed, reconcile again."""

import trio


class WakeUp:
    """Counts wake-ups, so that one during a reconciliation is not missed."""

    def __init__(self) -> None:
        self._count = 0
        self._event = trio.Event()

    @property
    def count(self) -> int:
        """How often the services were woken; pass this to :meth:`wait` after reconciling."""
        return self._count

    def wake(self) -> None:
        """Wake all services."""
        self._count += 1
        self._event.set()
        self._event = trio.Event()

    async def wait(self, since: int, seconds: float) -> None:
        """Return at the first wake-up after ``since``, or after ``seconds``."""
        if self._count != since:
            await trio.lowlevel.checkpoint()
            return
        with trio.move_on_after(seconds):
            await self._event.wait()
