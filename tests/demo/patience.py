"""Waits for a slow machine as long as anything happens, and says what it waits for.

How long the demonstration takes is no reason to give it up: only that nothing happens any more is.
"""

from collections.abc import Callable

import trio

from tests.demo.board import Board
from tests.demo.world import BrokenWorldError
from tests.support.guards import GUARD_S

LOOK_S = 1.0
REMIND_S = 20.0
"""Seconds without a line after which the reader is told what is going on."""


class Patience:
    """Watches a board."""

    def __init__(self, board: Board, describe: Callable[[], str], stalled_s: float = GUARD_S):
        """``describe`` says what is waited for; ``stalled_s`` of silence is the end of it."""
        self._board, self._describe = board, describe
        self._stalled_s = stalled_s

    async def watch(self) -> None:
        """Watch until cancelled.

        Raises:
            BrokenWorldError: if nothing has happened for too long.
        """
        seen, since = -1, trio.current_time()
        reminded = since
        while True:
            now = trio.current_time()
            if self._board.changes != seen:
                seen, since, reminded = self._board.changes, now, now
            elif now - since >= self._stalled_s:
                raise BrokenWorldError(
                    f"nothing has happened for {now - since:.0f} s; {self._describe()}"
                )
            elif now - reminded >= REMIND_S:
                reminded = now
                self._board.remind(f"for {now - since:.0f} s: {self._describe()}")
            await trio.sleep(LOOK_S)
