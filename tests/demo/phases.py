"""How long each part of the demonstration takes."""

import time

from tests.demo.board import Board


class Phases:
    """A stopwatch with named laps."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._begun = time.monotonic()
        self._seconds: dict[str, float] = {}
        self.name = ""

    def begin(self, name: str, sentence: str) -> None:
        """End the phase before, and begin another."""
        self.end()
        self.name = name
        self._board.phase(sentence)

    def end(self) -> None:
        """End the phase."""
        now = time.monotonic()
        if self.name:
            self._seconds[self.name] = now - self._begun
        self._begun, self.name = now, ""

    @property
    def seconds(self) -> dict[str, float]:
        """The seconds of every phase that has ended, and their sum."""
        return {**self._seconds, "total": sum(self._seconds.values())}
