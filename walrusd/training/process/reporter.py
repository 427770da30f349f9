"""The lines that a training process writes to its parent, and how it is told to stop."""

import json
import signal
import sys
import time
from typing import Any

from walrusd.training.run.trainer import Progress

PROGRESS_SECONDS = 0.2


class Stopped(Exception):
    """Raised between two steps after SIGTERM, with the last step done."""

    def __init__(self, segment: int, step: int) -> None:
        super().__init__()
        self.segment = segment
        self.step = step


def emit(kind: str, payload: dict[str, Any]) -> None:
    """Write one line of JSON, ``{kind: payload}``, to the parent."""
    sys.stdout.write(json.dumps({kind: payload}) + "\n")
    sys.stdout.flush()


class Reporter:
    """Reports progress at most five times a second, and stops between steps after SIGTERM."""

    def __init__(self, steps: int) -> None:
        self._left = steps
        self._total = steps
        self._done = 0
        self._start = time.monotonic()
        self._last = 0.0
        self._stop = False
        signal.signal(signal.SIGTERM, self._on_signal)

    def _on_signal(self, _number: int, _frame: object) -> None:
        self._stop = True

    def step(self, progress: Progress) -> None:
        """Count a step.

        Raises:
            Stopped: if SIGTERM has arrived.
        """
        self._done += 1
        now = time.monotonic()
        if now - self._last >= PROGRESS_SECONDS or self._done == self._total:
            self._last = now
            rate = self._done / max(now - self._start, 1e-9)
            emit(
                "progress",
                {
                    "segment": progress.segment,
                    "step": progress.step,
                    "steps": self._total,
                    "loss": progress.loss,
                    "rate": round(rate, 3),
                    "eta_seconds": round((self._total - self._done) / rate, 1),
                },
            )
        if self._stop:
            raise Stopped(progress.segment, progress.step)
