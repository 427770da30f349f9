"""The processes: one devnet and a daemon for every actor, each on its own."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import trio

from tests.demo.cast import ACCOUNTS, Actor, Cast
from tests.demo.config import make_daemon
from tests.demo.control import ROOT, Control
from tests.support.guards import GUARD_S
from walrusd.settings.model import Role

STOP_S = 60.0
"""How long processes may take to end before they are killed."""


class BrokenWorldError(Exception):
    """Raised when a process does not start, or dies although nobody killed it."""


@dataclass
class DemoDaemon:
    """One actor's daemon: its files, its process, and the way to talk to it."""

    actor: Actor
    address: str
    config: Path
    log: Path
    control: Control
    process: subprocess.Popen[bytes] | None = None
    gone: bool = False
    """Whether it was killed for good; one that will be restarted is waited for."""

    @property
    def name(self) -> str:
        """The actor's name."""
        return self.actor.name

    def start(self) -> None:
        """Start the process; a cheat's is another program around the same daemon."""
        module = ["tests.adversaries.forger"] if self.actor.cheats else ["walrusd", "run"]
        self.process = spawn(
            [sys.executable, "-m", *module, "--config", str(self.config)], self.log
        )

    def kill(self) -> None:
        """End the process as a power cut would."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        self.process = None

    async def wait_ready(self, seconds: float = GUARD_S) -> None:
        """Return once every service runs.

        Raises:
            BrokenWorldError: if the process ends, or that takes too long.
        """
        with trio.move_on_after(seconds):
            while not await self.control.is_ready():
                self.check()
                await trio.sleep(0.1)
            return
        raise BrokenWorldError(f"{self.name} is not ready after {seconds:.0f} s")

    def check(self) -> None:
        """Raise ``BrokenWorldError`` if the process has ended by itself."""
        if self.process is not None and self.process.poll() is not None:
            code = self.process.returncode
            raise BrokenWorldError(f"{self.name} ended with status {code}")


@dataclass
class DemoWorld:
    """Everything that runs. ``network`` is what the devnet printed."""

    directory: Path
    network: dict[str, Any]
    devnet: subprocess.Popen[bytes]
    daemons: dict[str, DemoDaemon] = field(default_factory=dict)

    def with_role(self, role: Role) -> list[DemoDaemon]:
        """Return the daemons of a role."""
        return [d for d in self.daemons.values() if d.actor.role is role]

    @property
    def alive(self) -> set[str]:
        """The addresses of everybody who can still be expected to act."""
        return {d.address for d in self.daemons.values() if not d.gone}

    def check(self) -> None:
        """Raise ``BrokenWorldError`` if a process has ended by itself."""
        if self.devnet.poll() is not None:
            raise BrokenWorldError(f"the devnet ended with status {self.devnet.returncode}")
        for daemon in self.daemons.values():
            daemon.check()

    async def admin(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """Ask the devnet's controls; with a body it is a POST."""
        async with httpx.AsyncClient(base_url=self.network["admin_url"], timeout=GUARD_S) as client:
            answer = await (client.get(path) if body is None else client.post(path, json=body))
        answer.raise_for_status()
        return answer.json()

    async def now_ms(self) -> int:
        """Return the time on the chain."""
        return int((await self.admin("/clock"))["now_ms"])

    async def advance_clock(self, ms: int) -> None:
        """Let ``ms`` milliseconds pass on the chain."""
        await self.admin("/clock/advance", {"ms": ms})


def spawn(argv: Sequence[str], log: Path, stdout: Any = None) -> subprocess.Popen[bytes]:
    """Start a process in its own group, its output appended to ``log``; it ends when we do."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as file:
        return subprocess.Popen(
            [sys.executable, "-m", "walrusd.devnet_market.attached", str(os.getpid()), *argv],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=file if stdout is None else stdout,
            stderr=file,
            start_new_session=True,
        )


def stop_all(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """Ask every process to end, and kill the groups of those that take too long."""
    for process in processes:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
    patience = time.monotonic() + STOP_S
    for process in processes:
        with suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, patience - time.monotonic()))
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def short_directory() -> Iterator[Path]:
    """Yield a directory with a short name: a Unix socket's path has at most 107 bytes."""
    path = Path(tempfile.mkdtemp(prefix="wd-", dir="/tmp"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@asynccontextmanager
async def open_demo_world(directory: Path, cast: Cast) -> AsyncIterator[DemoWorld]:
    """Start the devnet, make every daemon's files, and stop all processes at the end.

    The daemons are not started yet; see ``start_daemons``.

    Raises:
        BrokenWorldError: if the devnet does not start.
    """
    logs = directory / "logs"
    devnet = spawn(
        [
            *(sys.executable, "-m", "walrusd", "devnet", "--json"),
            *("--dir", str(directory / "devnet"), "--seed", str(cast.seed)),
            *("--accounts", str(ACCOUNTS)),
        ],
        logs / "devnet.log",
        stdout=subprocess.PIPE,
    )
    world = DemoWorld(directory, {}, devnet)
    try:
        world.network = await _read_network(devnet)
        with short_directory() as sockets:
            for actor in cast.actors:
                socket = sockets / f"{actor.name}.sock"
                made = make_daemon(actor, directory / actor.name, socket, world.network)
                world.daemons[actor.name] = DemoDaemon(
                    actor, made.address, made.config, logs / f"{actor.name}.log", Control(socket)
                )
            yield world
    finally:
        running = [d.process for d in world.daemons.values() if d.process is not None]
        stop_all([*running, devnet])
        assert devnet.stdout is not None
        devnet.stdout.close()
        with trio.CancelScope(shield=True):
            for daemon in world.daemons.values():
                await daemon.control.close()


async def _read_network(devnet: subprocess.Popen[bytes]) -> dict[str, Any]:
    assert devnet.stdout is not None
    with trio.move_on_after(GUARD_S):
        line = await trio.to_thread.run_sync(devnet.stdout.readline, abandon_on_cancel=True)
        try:
            network: dict[str, Any] = json.loads(line)
        except ValueError:
            raise BrokenWorldError("the devnet printed no network; see its log") from None
        return network
    raise BrokenWorldError(f"the devnet is not ready after {GUARD_S:.0f} s")


async def start_daemons(world: DemoWorld, on_ready: Callable[[DemoDaemon], None]) -> None:
    """Start every daemon and return once all are ready; ``on_ready`` hears of each."""

    async def wait_ready(daemon: DemoDaemon) -> None:
        await daemon.wait_ready()
        on_ready(daemon)

    for daemon in world.daemons.values():
        daemon.start()
    async with trio.open_nursery() as nursery:
        for daemon in world.daemons.values():
            nursery.start_soon(wait_ready, daemon)
