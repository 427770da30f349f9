"""Objects before recent transactions, for full nodes that lag behind the ledger."""

from collections import deque
from collections.abc import Callable, Mapping

from walrusd.devnet.move.objects import LedgerObject

Before = Mapping[str, LedgerObject | None]
"""Objects as they were before a transaction; None for one that it created."""


class UndoLog:
    """An undo log of the ledger, kept for as long as its slowest reader needs it."""

    def __init__(self) -> None:
        self._steps: deque[tuple[int, Before]] = deque()
        self._readers: list[Callable[[], int]] = []

    def add_reader(self, next_number: Callable[[], int]) -> None:
        """Add a reader, which has seen the transactions below ``next_number()``."""
        self._readers.append(next_number)

    def record(self, number: int, before: Before) -> None:
        """Record what transaction ``number`` replaced."""
        if self._readers:
            self._steps.append((number, before))

    def trim(self) -> None:
        """Drop what every reader has seen."""
        seen = min((reader() for reader in self._readers), default=0)
        while self._steps and self._steps[0][0] < seen:
            self._steps.popleft()

    def before(self, number: int) -> dict[str, LedgerObject | None]:
        """Return what changed from transaction ``number`` on, as it was before."""
        out: dict[str, LedgerObject | None] = {}
        for step, before in reversed(self._steps):
            if step < number:
                break
            out.update(before)
        return out
