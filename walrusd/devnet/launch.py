"""Starts ``walrusd devnet`` as a child process, for tests and demonstrations."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from walrusd.devnet.app import DevnetInfo
from walrusd.errors import DevnetFailed

_ROOT = Path(__file__).resolve().parents[2]
_STOP_SECONDS = 60.0
"""Seconds; generous, for busy machines."""


@dataclass(frozen=True)
class DevnetProcess:
    """A running devnet."""

    info: DevnetInfo
    process: "subprocess.Popen[str]"

    def kill(self) -> None:
        """Kill it, as a power cut would."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """Ask it to stop, and return its exit status."""
        self.process.terminate()
        return self.process.wait(_STOP_SECONDS)


@contextmanager
def run_devnet(directory: Path, *arguments: str) -> Iterator[DevnetProcess]:
    """Run a devnet in ``directory`` with further command-line arguments, and stop it at the end.

    Raises:
        DevnetFailed: if it ends before it is ready; its standard error has the reason.
    """
    command = [
        sys.executable,
        "-m",
        "walrusd",
        "devnet",
        "--dir",
        str(directory),
        "--json",
        *arguments,
    ]
    process = subprocess.Popen(  # noqa: S603 - our own program and arguments, no shell
        command, stdout=subprocess.PIPE, text=True, cwd=_ROOT
    )
    with process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                raise DevnetFailed(f"the devnet in {directory} ended with {process.wait()}")
            yield DevnetProcess(DevnetInfo(**json.loads(line)), process)
        finally:
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(_STOP_SECONDS)
                except subprocess.TimeoutExpired:
                    process.kill()
