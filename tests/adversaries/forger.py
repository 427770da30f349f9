"""A contributor that stakes and never trains: ``python -m tests.adversaries.forger --config F``.

It is an ordinary daemon whose training backend is replaced through the composition root.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import trio

from tests.adversaries.forgery import forge
from walrusd.app import main as run_daemon
from walrusd.engine.tools import OnLine
from walrusd.engine.training_backend import ChildTraining
from walrusd.errors import WalrusdError
from walrusd.training.run.jobs import Job, TrainJob

PAUSE_S = 0.2
"""Between two forged segments, so that the cheat does not finish suspiciously soon."""


class ForgingTraining:
    """Runs every job honestly, except the one that earns a reward."""

    def __init__(self) -> None:
        self._honest = ChildTraining()

    async def run(self, job: Job, on_line: OnLine) -> dict[str, Any]:
        """Forge a training; pass on everything else. Errors as ``ChildTraining.run``."""
        if not isinstance(job, TrainJob):
            return await self._honest.run(job, on_line)
        for kind, payload in forge(job):
            if kind == "result":
                return payload
            await on_line(kind, payload)
            if kind == "segment":
                await trio.sleep(PAUSE_S)
        raise AssertionError("a forgery ends with its result")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the cheating daemon until SIGTERM."""
    parser = argparse.ArgumentParser(prog="forger", description=__doc__)
    parser.add_argument("--config", type=Path, required=True)
    options = parser.parse_args(arguments)
    try:
        run_daemon(options.config, ForgingTraining)
    except WalrusdError as error:
        print(f"forger: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
