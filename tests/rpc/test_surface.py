"""What else the socket offers: health, readiness, metrics, events; and the socket itself."""

import json
import os
import socket
import stat
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
import trio.testing

from tests.support.guards import GUARD_S
from tests.support.refusals import refused
from walrusd.rpc.events import encode_event
from walrusd.rpc.listen import open_control_socket, take_passed_socket


async def test_health_and_readiness(daemon) -> None:
    assert (await daemon.client.get("/healthz")).json() == {"status": "alive"}
    response = await daemon.client.get("/readyz")
    assert (response.status_code, response.json()) == (200, {"ready": True})
    daemon.ready = (False, {"services": {"trainer": "backing_off"}})
    response = await daemon.client.get("/readyz")
    assert response.status_code == 503
    assert response.json() == {"ready": False, "services": {"trainer": "backing_off"}}


async def test_metrics(daemon) -> None:
    daemon.metrics.watch_decisions(lambda: 3)
    response = await daemon.client.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain")
    assert "walrusd_decisions 3.0" in response.text


@pytest.mark.parametrize(("method", "path"), [("GET", "/"), ("POST", "/events"), ("GET", "/no")])
async def test_what_is_not_offered(daemon, method: str, path: str) -> None:
    assert (await daemon.client.request(method, path)).status_code in {404, 405}


@asynccontextmanager
async def listening(daemon):
    """Yield a connection on which ``/events`` has begun."""
    with trio.fail_after(GUARD_S):
        async with daemon.connect() as stream:
            await stream.send_all(b"GET /events HTTP/1.1\r\nhost: x\r\n\r\n")
            head = await receive_until(stream, b": walrusd events\n\n\r\n")
            assert b"content-type: text/event-stream" in head
            yield stream


async def receive_until(stream: trio.SocketStream, end: bytes) -> bytes:
    received = b""
    while not received.endswith(end):
        chunk = await stream.receive_some()
        assert chunk, f"the stream ended after {received!r}"
        received += chunk
    return received


async def test_events_are_streamed(daemon) -> None:
    async with listening(daemon) as stream:
        daemon.broadcast.publish("step", task="0x1", text="a\nb")
        received = await receive_until(stream, b"\n\n\r\n")
    _, kind, data, *_ = received.replace(b"\r", b"").split(b"\n")
    assert kind == b"event: step"
    event = json.loads(data.removeprefix(b"data: "))
    assert event == {"type": "step", "task": "0x1", "text": "a\nb"}


async def test_a_listener_that_leaves_is_forgotten(daemon) -> None:
    async with listening(daemon):
        assert len(daemon.broadcast._subscriptions) == 1
    with trio.fail_after(GUARD_S):
        while daemon.broadcast._subscriptions:
            daemon.broadcast.publish("tick")
            await trio.sleep(0.01)


async def test_stopping_lets_requests_end_and_cuts_streams(daemon, nursery) -> None:
    daemon.api.gate = trio.Event()
    answers = []

    async def ask() -> None:
        answers.append(await daemon.call("status"))

    async with trio.open_nursery() as inner:
        inner.start_soon(ask)
        await daemon.api.wait_for_calls(1)
        daemon.stop.set()
        await trio.testing.wait_all_tasks_blocked()
        daemon.api.gate.set()
    assert answers[0]["result"] == {"method": "status"}


def test_an_event_is_one_data_line() -> None:
    wire = encode_event({"type": "note", "text": "one\r\ntwo"})
    assert wire.count(b"\n") == 3
    assert wire.endswith(b"\n\n")


async def test_the_socket_is_for_owner_and_group(daemon) -> None:
    mode = daemon.socket_path.stat().st_mode
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o660


def test_a_socket_left_behind_is_replaced_but_a_live_one_is_not(socket_dir) -> None:
    path = socket_dir / "control.sock"
    first = open_control_socket(path, {})
    with refused("daemon.double_action", "listens"):
        open_control_socket(path, {})
    first.close()
    open_control_socket(path, {}).close()


def test_bad_socket_paths(socket_dir) -> None:
    with refused("config.invalid", "107"):
        open_control_socket(socket_dir / ("x" * 100), {})
    (socket_dir / "file").write_text("precious")
    with refused("config.invalid", "not", "socket"):
        open_control_socket(socket_dir / "file", {})
    with refused("config.invalid", "create"):
        open_control_socket(socket_dir / "file" / "below", {})
    assert (socket_dir / "file").read_text() == "precious"


def test_variables_meant_for_another_process_are_ignored_and_removed() -> None:
    environ = {"LISTEN_PID": "1", "LISTEN_FDS": "1", "LISTEN_FDNAMES": "control", "PATH": "/bin"}
    assert take_passed_socket(environ) is None
    assert environ == {"PATH": "/bin"}


@pytest.mark.parametrize("kind", ["one", "two", "tcp", "file"])
def test_a_socket_passed_by_systemd(socket_dir, kind: str) -> None:
    """A child with the socket at descriptor 3, as systemd would start it."""
    script = (
        "import os, sys, pathlib\n"
        "from walrusd.rpc.listen import open_control_socket\n"
        "from walrusd.errors import ConfigError\n"
        "os.dup2(int(sys.argv[1]), 3)\n"
        "os.environ |= {'LISTEN_PID': str(os.getpid()), 'LISTEN_FDS': sys.argv[2]}\n"
        "try:\n"
        "    s = open_control_socket(pathlib.Path('/nowhere/control.sock'))\n"
        "    print(s.getsockname(), s.fileno(), 'LISTEN_FDS' in os.environ)\n"
        "except ConfigError as e:\n    print(e)\n"
    )
    path = socket_dir / "passed.sock"
    family = socket.AF_INET if kind == "tcp" else socket.AF_UNIX
    with socket.socket(family) as passed, Path(os.devnull).open() as null:
        passed.bind(("127.0.0.1", 0) if kind == "tcp" else str(path))
        passed.listen()
        descriptor = null.fileno() if kind == "file" else passed.fileno()
        done = subprocess.run(
            [sys.executable, "-c", script, str(descriptor), "2" if kind == "two" else "1"],
            pass_fds=(descriptor,),
            capture_output=True,
            text=True,
            check=True,
        )
    assert (
        done.stdout.strip()
        == {
            "one": f"{path} 3 False",
            "two": "systemd passed 2 sockets instead of one",
            "tcp": "systemd passed a socket that is not a Unix stream",
            "file": "systemd passed something that is not a socket",
        }[kind]
    )
