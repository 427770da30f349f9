"""A machine whose disk changes a file between the daemon's check and the job that reads it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.market.world import InlineTraining
from walrusd.engine.tools import OnLine
from walrusd.errors import MalformedData
from walrusd.training.run.jobs import Job


def damage_last_byte(path: str) -> None:
    """Flip a bit of a file's last byte: of rows, that is a label, and afterwards no class."""
    data = bytearray(Path(path).read_bytes())
    data[-1] ^= 0x80
    Path(path).write_bytes(data)


class Damaging(InlineTraining):
    """Runs each job after a bit of one of its files was flipped; ``find`` says of which."""

    def __init__(self, find: Callable[[Any], str]) -> None:
        self._find = find

    async def run(self, job: Job, on_line: OnLine) -> dict[str, Any]:
        """Damage the file and run the job."""
        damage_last_byte(self._find(job))
        return await super().run(job, on_line)


DAMAGED: dict[str, Callable[[Any], str]] = {
    "rows": lambda job: job.rows.path,
    "row numbers": lambda job: job.rows.indices,
    "start state": lambda job: job.segments[-1].start_state,
    "plan": lambda job: job.plan,
    "weights": lambda job: job.weights,
}


class Confused(InlineTraining):
    """A machine whose child blames the opening that was just verified."""

    async def run(self, job: Job, on_line: OnLine) -> dict[str, Any]:
        """Blame the opening."""
        raise MalformedData("the state holds a negative zero")
