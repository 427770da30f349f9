"""A machine whose disk changes a file between the daemon's check and the job that reads it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.market.world import InlineTraining
from walrusd.engine.tools import OnLine
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
