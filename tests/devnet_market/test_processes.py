"""Ports, states, and processes that end with the one that started them."""

import os
import select
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.guards import GUARD_S
from walrusd.devnet.app import locked
from walrusd.devnet.ports import check_distinct, check_port
from walrusd.devnet_market import daemons
from walrusd.devnet_market.background import announced, find_running, stop_running
from walrusd.devnet_market.daemons import Daemons, running_daemons
from walrusd.devnet_market.layout import MEMBERS, MarketFiles
from walrusd.devnet_market.state import (
    DEFAULT_PORTS,
    MarketState,
    Ports,
    read_market_state,
    write_market_state,
)
from walrusd.devnet_market.up import UpOptions, choose_ports
from walrusd.errors import ConfigError, DevnetFailed, DoubleAction, NotAllowed
from walrusd.files import open_atomically

PARENT = """
import os, subprocess, sys, time
child = subprocess.Popen(
    [sys.executable, "-m", "walrusd.devnet_market.attached", str(os.getpid()),
     sys.executable, "-c", "import time; print('here', flush=True); time.sleep(1000)"],
    stdout=subprocess.PIPE, start_new_session=True)
assert child.stdout.readline() == b"here\\n"
print(child.pid, flush=True)
time.sleep(1000)
"""


def test_a_port_that_is_taken_is_named_with_its_option() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(ConfigError, match=f"port {port} is taken") as caught:
            check_port("127.0.0.1", port, "--admin-port")
        assert "--admin-port" in caught.value.hint
    check_port("127.0.0.1", port, "--admin-port")


def test_the_default_ports_are_not_handed_out_by_the_system() -> None:
    low = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert all(1024 < port < low for port in vars(DEFAULT_PORTS).values())


def test_ports_are_those_given_or_those_of_the_last_start(tmp_path: Path) -> None:
    files = MarketFiles(tmp_path)
    assert read_market_state(files) == MarketState()
    chosen = choose_ports(UpOptions(files, walrus_port=7), read_market_state(files).ports)
    assert chosen == Ports(DEFAULT_PORTS.sui, 7, DEFAULT_PORTS.admin)
    write_market_state(files, MarketState(chosen, "0xd", "0x7", 3))
    again = read_market_state(files)
    assert again == MarketState(chosen, "0xd", "0x7", 3)
    assert choose_ports(UpOptions(files), again.ports) == chosen


@pytest.mark.parametrize("damaged", [b"", b"[]", b'{"ports": {"sui": 1}}', b'{"port": 1}'])
def test_a_damaged_state_is_a_typed_error(tmp_path: Path, damaged: bytes) -> None:
    files = MarketFiles(tmp_path)
    files.state.write_bytes(damaged)
    with pytest.raises(ConfigError, match="damaged"):
        read_market_state(files)


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent-death signal")
def test_a_daemon_ends_when_its_parent_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = os.pidfd_open(int(parent.stdout.readline()))
        parent.kill()
    ended, _, _ = select.select([child], [], [], GUARD_S)
    os.close(child)
    assert ended


def test_nothing_starts_whose_parent_has_ended_already() -> None:
    command = ["-m", "walrusd.devnet_market.attached", "1", "/bin/echo", "started"]
    done = subprocess.run([sys.executable, *command], capture_output=True, check=True)
    assert done.stdout == b""


async def test_a_daemon_that_ends_by_itself_is_named_with_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = MarketFiles(tmp_path)
    monkeypatch.setattr(daemons, "MEMBERS", MEMBERS[:1])  # it has no configuration here
    async with running_daemons(files, lambda: False) as running:
        with pytest.raises(DevnetFailed, match="publisher ended with exit status 78") as caught:
            await running.watch()
    log = files.member_log("publisher")
    assert str(log) in caught.value.hint
    assert "walrusd.toml" in log.read_text()


async def test_daemons_that_do_not_end_are_killed_when_it_is_urgent(tmp_path: Path) -> None:
    stubborn = "import signal, time; signal.signal(15, signal.SIG_IGN); print(1, flush=True)"
    process = subprocess.Popen(  # noqa: ASYNC220  # as the daemons are started
        [sys.executable, "-c", f"{stubborn}; time.sleep(1000)"],
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None
    process.stdout.readline()
    running = Daemons(MarketFiles(tmp_path), lambda: True)
    running._processes["publisher"] = process
    await running.stop()
    process.stdout.close()
    assert process.returncode == -signal.SIGKILL


def test_two_servers_cannot_share_a_port() -> None:
    check_distinct({"--sui-port": 0, "--walrus-port": 0, "--admin-port": 9})
    with pytest.raises(ConfigError, match="port 9 is given twice") as caught:
        check_distinct({"--sui-port": 9, "--walrus-port": 0, "--admin-port": 9})
    assert caught.value.hint == "--sui-port and --admin-port must differ"


def test_only_what_runs_can_be_stopped(tmp_path: Path) -> None:
    files = MarketFiles(tmp_path / "net")
    with pytest.raises(NotAllowed, match="no devnet runs"):
        stop_running(files)
    with locked(files.root), pytest.raises(DoubleAction), locked(files.root):
        pass
    with announced(files):
        assert find_running(files) == os.getpid()
        with open_atomically(files.pid) as file:  # a stale file in its place: nobody holds its lock
            file.write(b"1\n")
    with locked(files.root), pytest.raises(NotAllowed, match="no devnet runs"):
        stop_running(files)  # whoever else holds the directory, as another `down` does


def test_a_number_is_that_of_the_process_which_holds_it(tmp_path: Path) -> None:
    files = MarketFiles(tmp_path / "net")
    with locked(files.root), announced(files):
        pass
    assert files.pid.read_text() == f"{os.getpid()}\n"
    assert find_running(files) is None, "as after a reboot"
    with pytest.raises(NotAllowed, match="no devnet runs"):
        stop_running(files)
