"""The time on the chain, which is what deadlines are measured in."""

import time

import trio

from walrusd.chain.client import SuiClient
from walrusd.errors import WalrusdError
from walrusd.services.bell import Bell
from walrusd.units import Millis

JUMP_MS = 1000


class ChainClock:
    """This machine's clock, corrected by what a node last said.

    Between two readings time runs on the monotonic clock, so that a wall clock set back by hand
    makes nobody late.
    """

    name = "chain_clock"

    def __init__(self, client: SuiClient, bell: Bell, period_s: float) -> None:
        self._client = client
        self._bell = bell
        self._period_s = period_s
        self._read_ms = time.time_ns() // 1_000_000
        self._read_at = time.monotonic()

    def now_ms(self) -> Millis:
        """Return the chain's time, in milliseconds since the Unix epoch."""
        return Millis(self._read_ms + round((time.monotonic() - self._read_at) * 1000))

    async def read(self) -> None:
        """Ask a node for the time of its newest checkpoint.

        Raises:
            ChainUnreachable, WrongNetwork: as every request.
        """
        info = await self._client.service_info()
        jumped = abs(info.timestamp_ms - self.now_ms()) > JUMP_MS
        self._read_ms, self._read_at = info.timestamp_ms, time.monotonic()
        if jumped:
            self._bell.ring()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Read the time again and again; the first reading must succeed."""
        await self.read()
        task_status.started()
        while True:
            await trio.sleep(self._period_s)
            try:
                await self.read()
            except WalrusdError:
                continue  # the followers of events say more about it; until then time runs on
