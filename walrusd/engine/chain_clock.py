"""The time on the chain, in which deadlines are stated."""

import time
from collections import deque

import trio

from walrusd.chain.nodes.client import SuiClient
from walrusd.errors import WalrusdError
from walrusd.runtime.wakeup import WakeUp
from walrusd.units import Millis

JUMP_MS = 1000
READINGS = 3
"""How many of the last readings are kept; the latest time among them counts.

One address may lead to several nodes, and a lagging one would make us late. Only after that many
readings is the chain itself taken to stand still.
"""


class ChainClock:
    """The chain's time: that of the last readings, continued with this machine's monotonic clock.

    Setting back the wall clock makes no one late.
    """

    name = "chain_clock"

    def __init__(self, client: SuiClient, wakeup: WakeUp, period_s: float) -> None:
        self._client = client
        self._wakeup = wakeup
        self._period_s = period_s
        # Each is the chain's time and when it was read; until the first, our own time.
        self._readings: deque[tuple[int, float]] = deque(maxlen=READINGS)
        self._readings.append((time.time_ns() // 1_000_000, time.monotonic()))
        self._is_read = False

    def now_ms(self) -> Millis:
        """Return the chain's time, in milliseconds since the Unix epoch."""
        now = time.monotonic()
        return Millis(max(ms + round((now - at) * 1000) for ms, at in self._readings))

    async def read(self) -> None:
        """Ask a node for the time of its newest checkpoint.

        Raises:
            ChainUnreachable, WrongNetwork: as for every request.
        """
        info = await self._client.service_info()
        before = self.now_ms()
        if not self._is_read:
            self._readings.clear()
            self._is_read = True
        self._readings.append((info.timestamp_ms, time.monotonic()))
        if abs(self.now_ms() - before) > JUMP_MS:
            self._wakeup.wake()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Read the time every ``period_s`` seconds; the first reading must succeed."""
        await self.read()
        task_status.started()
        while True:
            await trio.sleep(self._period_s)
            try:
                await self.read()
            except WalrusdError:
                continue  # the follower of events reports it; time runs on meanwhile
