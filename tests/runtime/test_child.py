"""A child process does its job or reports an error, and never outlives its parent's call."""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import trio

from tests.support.guards import GUARD_S
from tests.support.refusals import refused
from walrusd.errors import TrainingFailed
from walrusd.runtime.child import Limits, run_child
from walrusd.runtime.child_output import error_from_json
from walrusd.runtime.isolation import compute_isolation_prefix

PRELUDE = "import sys, json, os, signal, time\njob = json.load(sys.stdin)\n"
SAY = "say = lambda m: print(json.dumps(m), flush=True)\n"
CONNECTED = Limits(network=True, nice=0, grace_s=GUARD_S)


def program(body: str) -> list[str]:
    return [sys.executable, "-S", "-c", PRELUDE + SAY + body]


def is_running(pid: int) -> bool:
    """Return whether a process runs; a zombie does not."""
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] not in "ZX"


async def wait_until_ended(pid: int) -> None:
    """Wait for a killed process: its pipes close before the kernel has taken it down."""
    with trio.fail_after(GUARD_S):
        while is_running(pid):  # noqa: ASYNC110 - the kernel is waited for
            await trio.sleep(0.01)


async def ignore(_line) -> None:
    return


async def run(body: str, job=None, on_line=ignore, **kwargs):
    with trio.fail_after(GUARD_S):
        return await run_child(
            program(body), job or {}, on_line=on_line, limits=kwargs.pop("limits", CONNECTED),
            **kwargs,
        )  # fmt: skip


async def test_lines_arrive_in_order_and_the_result_last() -> None:
    seen = []

    async def on_line(line) -> None:
        seen.append(line)

    result = await run(
        "for i in range(job['n']): say({'progress': {'step': i}})\n"
        "say({'result': {'n': job['n']}})",
        {"n": 50},
        on_line,
    )
    assert result == {"n": 50}
    assert seen == [{"progress": {"step": i}} for i in range(50)]


async def test_a_job_larger_than_a_pipe() -> None:
    result = await run("say({'result': {'n': len(job['x'])}})", {"x": "a" * 1_000_000})
    assert result == {"n": 1_000_000}


async def test_an_error_of_the_child_is_raised_as_itself() -> None:
    with refused("data.malformed", "row") as caught:
        await run(
            "say({'error': {'code': 'data.malformed', 'message': 'bad row', 'hint': 'h',"
            " 'row': 3}})\nsys.exit(3)"
        )
    assert caught.value.to_json() == {
        "code": "data.malformed", "message": "bad row", "hint": "h", "row": 3,
    }  # fmt: skip


def test_an_error_of_unknown_code_or_form() -> None:
    assert type(error_from_json({"code": "new.thing", "message": "m"})) is TrainingFailed
    assert type(error_from_json("?")) is TrainingFailed


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("sys.exit(7)", "exit status 7 and gave no result"),
        ("", "exit status 0 and gave no result"),
        ("print('why', file=sys.stderr); sys.exit(1)", "exit status 1 .*: why"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "killed by signal 9"),
        ("say({'result': {}}); sys.exit(1)", "exit status 1"),
        ("print('hello')", "something other than JSON lines"),
        ("print('[1]')", "something other than JSON lines"),
        ("print('{}', end='')", "something other than JSON lines"),
        ("say({'result': 5})", "something other than JSON lines"),
        ("sys.stdout.write('x' * (3 << 20))", "something other than JSON lines"),
        ("say({'progress': 'x' * (1 << 20)})", "a line has more than 1048576 bytes"),
        ("sys.stdout.write('x' * (3 << 20))", "a line has more than 1048576 bytes"),
    ],
)
async def test_a_child_that_fails(body: str, complaint: str) -> None:
    with pytest.raises(TrainingFailed, match=complaint):
        await run(body)


async def test_a_program_that_is_not_there() -> None:
    with refused("training.failed", "start"):
        await run_child(["/no/such/program"], {}, on_line=ignore, limits=CONNECTED)


async def test_an_error_while_handling_a_line_ends_the_child(tmp_path: Path) -> None:
    async def refuse(line) -> None:
        raise LookupError(line["pid"])

    with pytest.raises(LookupError) as caught:
        await run("say({'pid': os.getpid()}); time.sleep(3600)", on_line=refuse)
    with pytest.raises(ProcessLookupError):
        os.kill(caught.value.args[0], 0)


async def test_cancelled_a_child_may_save_its_work(tmp_path: Path) -> None:
    body = (
        "def save(*_):\n"
        "    open(job['path'], 'w').write('saved'); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, save)\nsay({'ready': 1})\ntime.sleep(3600)"
    )
    path = tmp_path / "checkpoint"
    with trio.CancelScope() as scope:

        async def on_line(_line) -> None:
            scope.cancel()

        await run(body, {"path": str(path)}, on_line)
    assert scope.cancelled_caught
    assert path.read_text() == "saved"


async def test_cancelled_a_child_that_does_not_listen_is_killed() -> None:
    pids = []
    body = (
        "signal.signal(signal.SIGTERM, signal.SIG_IGN); say({'pid': os.getpid()})\ntime.sleep(3600)"
    )
    with trio.CancelScope() as scope:

        async def on_line(line) -> None:
            pids.append(line["pid"])
            scope.cancel()

        await run(body, None, on_line, limits=Limits(network=True, grace_s=0.1))
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)


async def test_a_grandchild_that_keeps_the_pipes_open_is_swept_up() -> None:
    body = (
        "pid = os.fork()\n"
        "if pid == 0:\n    time.sleep(3600); os._exit(0)\n"
        "say({'result': {'pid': pid}})"
    )
    result = await run(body)
    await wait_until_ended(result["pid"])


async def test_no_credential_is_inherited(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", "/run/credentials")
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/notify")
    result = await run(
        "say({'result': {'env': dict(os.environ), 'cwd': os.getcwd()}})",
        env={"WANTED": "1"},
        cwd=tmp_path,
    )
    assert result["env"]["WANTED"] == "1"
    assert not result["env"].keys() & {"CREDENTIALS_DIRECTORY", "NOTIFY_SOCKET", "HOME"}
    assert Path(result["cwd"]) == tmp_path


async def test_limits_are_in_force_before_the_job_arrives() -> None:
    body = (
        "import resource as r\n"
        "say({'result': {'nice': os.nice(0), 'cpu': r.getrlimit(r.RLIMIT_CPU)[0],"
        " 'core': r.getrlimit(r.RLIMIT_CORE)[0], 'as': r.getrlimit(r.RLIMIT_AS)[0]}})"
    )
    limits = Limits(network=True, nice=os.nice(0) + 3, cpu_s=77, memory_bytes=1 << 33)
    assert await run(body, limits=limits) == {
        "nice": limits.nice, "cpu": 77, "core": 0, "as": 1 << 33,
    }  # fmt: skip


async def test_memory_that_runs_out_is_a_failure_of_the_child_only() -> None:
    limits = Limits(network=True, memory_bytes=1 << 29)
    with refused("training.failed", "MemoryError"):
        await run("x = bytearray(1 << 30)", limits=limits)


@pytest.mark.parametrize("network", [True, False])
async def test_the_child_has_network_only_when_told(network: bool) -> None:
    if not network and not compute_isolation_prefix():
        pytest.skip("this machine permits no network namespaces")
    body = (
        "import socket\n"
        "try:\n    socket.create_connection(('127.0.0.1', job['port'])); got = True\n"
        "except OSError:\n    got = False\n"
        "say({'result': {'connected': got, 'uid': os.getuid()}})"
    )
    with socket.create_server(("127.0.0.1", 0)) as server:
        job = {"port": server.getsockname()[1]}
        result = await run(body, job, limits=Limits(network=network))
    assert result == {"connected": network, "uid": os.getuid()}


@pytest.mark.parametrize("error", [OSError("fork"), subprocess.TimeoutExpired("unshare", 60)])
async def test_a_probe_that_fails_is_tried_again(monkeypatch, error: Exception) -> None:
    compute_isolation_prefix.cache_clear()

    def fail(*_arguments, **_keywords):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "which", lambda _name: "/usr/bin/unshare")
        patch.setattr(subprocess, "run", fail)
        with refused("training.failed", type(error).__name__):
            await run("say({'result': {}})", limits=Limits())
    assert await run("say({'result': {}})", limits=Limits()) == {}


async def test_the_stop_signal_reaches_an_isolated_child() -> None:
    if not compute_isolation_prefix():
        pytest.skip("this machine permits no network namespaces")
    body = "say({'pid': os.getpid()}); time.sleep(3600)"
    with trio.CancelScope() as scope:

        async def on_line(_line) -> None:
            scope.cancel()

        await run(body, None, on_line, limits=Limits(grace_s=GUARD_S))
    assert scope.cancelled_caught
