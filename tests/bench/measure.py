"""Interleaved measurement: what is compared is measured turn by turn, so that noise hits both."""

import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

Thunk = Callable[[], object]
AsyncThunk = Callable[[], Awaitable[object]]


@dataclass(frozen=True)
class Measurement:
    """One number and what it is compared with: ``ratio = value / baseline``, both in ``unit``."""

    name: str
    value: float
    unit: str
    baseline: float
    note: str

    @property
    def ratio(self) -> float:
        """How many times the baseline."""
        return self.value / self.baseline

    def to_json(self) -> dict[str, Any]:
        """Return the entry of ``results.json``."""
        return {
            "name": self.name,
            "value": round(self.value, 6),
            "unit": self.unit,
            "baseline": round(self.baseline, 6),
            "ratio": round(self.ratio, 3),
            "note": self.note,
        }


def time_in_turns(thunks: Sequence[Thunk], rounds: int, warm_up: int = 1) -> list[float]:
    """Return the median milliseconds of each thunk over ``rounds`` rounds."""
    samples: list[list[float]] = [[] for _ in thunks]
    for number in range(warm_up + rounds):
        for thunk, found in zip(thunks, samples, strict=True):
            start = time.perf_counter()
            thunk()
            if number >= warm_up:
                found.append((time.perf_counter() - start) * 1000)
    return [statistics.median(found) for found in samples]


async def time_in_turns_async(
    thunks: Sequence[AsyncThunk], rounds: int, warm_up: int = 2
) -> list[float]:
    """Return the median milliseconds of each asynchronous thunk."""
    samples: list[list[float]] = [[] for _ in thunks]
    for number in range(warm_up + rounds):
        for thunk, found in zip(thunks, samples, strict=True):
            start = time.perf_counter()
            await thunk()
            if number >= warm_up:
                found.append((time.perf_counter() - start) * 1000)
    return [statistics.median(found) for found in samples]
