"""The processes of the market's daemons, and the commands that their owners would type."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import trio

from walrusd.devnet_market.layout import MEMBERS, MarketFiles
from walrusd.errors import DevnetFailed
from walrusd.runtime.child_output import error_from_json

STOP_S = 60.0
"""Seconds after which a daemon that was asked to stop is killed; generous, for busy machines."""
_LOOK_S = 0.1
_AGAIN_S = 0.5
_READYZ = b"GET /readyz HTTP/1.1\r\nHost: walrusd\r\nConnection: close\r\n\r\n"
_ATTACHED = "walrusd.devnet_market.attached"


class Daemons:
    """The running daemons of a market, by their names."""

    def __init__(self, files: MarketFiles, is_urgent: Callable[[], bool]) -> None:
        """``is_urgent`` tells whether daemons that end are no longer waited for."""
        self._files, self._is_urgent = files, is_urgent
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        """Start all of them. They end when this process does, however it ends."""
        for member in MEMBERS:
            config = str(self._files.config(member.name))
            walrusd = [sys.executable, "-m", "walrusd", "run", "--config", config]
            log = self._files.member_log(member.name)
            log.parent.mkdir(mode=0o700, exist_ok=True)
            with log.open("ab") as output:
                # Our own program, without a shell, in a group that the terminal's Ctrl-C spares:
                # daemons stop before the networks do.
                self._processes[member.name] = subprocess.Popen(  # noqa: S603
                    [sys.executable, "-m", _ATTACHED, str(os.getpid()), *walrusd],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                )

    async def watch(self) -> None:
        """Watch until cancelled.

        Raises:
            DevnetFailed: if a daemon ends by itself.
        """
        while True:
            for name, process in self._processes.items():
                status = process.poll()
                if status is not None:
                    raise DevnetFailed(
                        f"the daemon of {name} ended with exit status {status}",
                        hint=f"{self._files.member_log(name)} has the reason",
                    )
            await trio.sleep(_AGAIN_S)

    async def stop(self) -> None:
        """Ask all to end, wait, and kill those that take too long."""
        for process in self._processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        with trio.move_on_after(STOP_S):
            # No event tells of the end of a process that trio has not started.
            while not self._is_urgent() and self._are_some_running():  # noqa: ASYNC110  # see above
                await trio.sleep(_LOOK_S)
        for process in self._processes.values():
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def _are_some_running(self) -> bool:
        return any(process.poll() is None for process in self._processes.values())

    async def wait_ready(self, tell: Callable[[str], None]) -> None:
        """Return once all services of all daemons run; ``tell`` hears what is waited for."""
        for member in MEMBERS:
            tell(f"the daemon of {member.name}")
            await _wait_until_ready(self._files.socket(member.name))

    async def command(self, member: str, *arguments: str) -> Any:
        """Return what ``walrusctl --json`` prints.

        Raises:
            WalrusdError: the daemon's refusal, as the class with its code.
            DevnetFailed: if ``walrusctl`` prints no answer.
        """
        socket = str(self._files.socket(member))
        command = [sys.executable, "-m", "walrusctl", *arguments, "--socket", socket, "--json"]
        done = await trio.run_process(
            command, capture_stdout=True, check=False, stdin=subprocess.DEVNULL
        )
        try:
            answer = json.loads(done.stdout)
        except ValueError:
            raise DevnetFailed(
                f"walrusctl {' '.join(arguments)} ended with exit status {done.returncode}"
            ) from None
        if done.returncode:
            raise error_from_json(answer["error"])
        return answer


async def _wait_until_ready(socket: Path) -> None:
    while True:
        if await _is_ready(socket):
            return
        await trio.sleep(_AGAIN_S)


async def _is_ready(socket: Path) -> bool:
    """Ask a daemon's ``/readyz``; one without a socket has not started yet."""
    try:
        async with await trio.open_unix_socket(socket) as stream:
            await stream.send_all(_READYZ)
            return (await stream.receive_some()).startswith(b"HTTP/1.1 200")
    except (OSError, trio.BrokenResourceError):
        return False


@asynccontextmanager
async def running_daemons(
    files: MarketFiles, is_urgent: Callable[[], bool]
) -> AsyncIterator[Daemons]:
    """Start the daemons, and stop them at the end; ``is_urgent`` as for ``Daemons``."""
    daemons = Daemons(files, is_urgent)
    try:
        daemons.start()
        yield daemons
    finally:
        with trio.CancelScope(shield=True):
            await daemons.stop()
