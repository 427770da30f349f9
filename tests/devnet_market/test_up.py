"""The command as it is typed: ready, killed, continued, stopped."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.docs.commands import grow_devnet
from tests.support.guards import GUARD_S, PLAY_S
from tests.support.ports import find_free_ports
from walrusd.devnet_market.layout import MEMBERS, MarketFiles

ROOT = Path(__file__).resolve().parents[2]


def walrusd(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "walrusd", "devnet", *arguments],
        capture_output=True,
        text=True,
        timeout=PLAY_S,
        check=False,
        cwd=ROOT,
    )


def answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(os.fspath(path))
        except OSError:
            return False
    return True


@pytest.fixture
def files() -> Iterator[MarketFiles]:
    directory = Path(tempfile.mkdtemp(prefix="wd-", dir="/tmp"))
    yield MarketFiles(directory / "net")
    walrusd("down", "--dir", str(directory / "net"))
    shutil.rmtree(directory, ignore_errors=True)


@pytest.mark.slow
def test_what_was_killed_leaves_nothing_and_continues(files: MarketFiles) -> None:
    where = ("--dir", str(files.root))
    sui, walrus, admin = find_free_ports(3)
    ports = ("--sui-port", str(sui), "--walrus-port", str(walrus), "--admin-port", str(admin))
    first = walrusd("up", *where, *ports, "--detach")
    assert first.returncode == 0, first.stdout + first.stderr
    assert "Ready after" in first.stdout
    before = json.loads(files.state.read_text())
    sockets = [files.socket(member.name) for member in MEMBERS]
    assert all(map(answers, sockets))

    again = walrusd("up", *where)
    assert (again.returncode, again.stdout) == (1, "")
    assert "another devnet runs in" in again.stderr

    os.kill(int(files.pid.read_text()), signal.SIGKILL)
    latest = time.monotonic() + GUARD_S
    while any(map(answers, sockets)):
        assert time.monotonic() < latest, "daemons live on"
        time.sleep(0.2)

    second = walrusd("up", *where, "--detach")
    assert second.returncode == 0, second.stdout + second.stderr
    assert json.loads(files.state.read_text()) == before, "the same ports, dataset and task"
    assert f"127.0.0.1:{sui}" in second.stdout

    stopped = walrusd("down", *where)
    assert (stopped.returncode, stopped.stderr) == (0, "")
    assert not any(path.exists() for path in sockets), "they ended in order"
    assert not files.ready.exists()


def test_options_of_the_network_do_not_reach_the_market() -> None:
    done = CliRunner().invoke(grow_devnet(), ["--seed", "1", "up"])
    assert done.exit_code == 2
    assert "--seed must follow 'up'" in done.output


def test_the_network_alone_needs_a_directory() -> None:
    done = CliRunner().invoke(grow_devnet(), [])
    assert done.exit_code == 2
    assert "'--dir'" in done.output


@pytest.mark.parametrize("arguments", [["-h"], ["up", "-h"], ["down", "--help"]])
def test_help_is_there(arguments: list[str]) -> None:
    done = CliRunner().invoke(grow_devnet(), arguments)
    assert done.exit_code == 0
    assert "--dir" in done.output
