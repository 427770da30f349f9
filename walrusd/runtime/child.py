"""Runs one job in a child process, with its own memory, limits, and no network if possible.

The protocol:

- the job is one JSON object on stdin, which is then closed;
- each line that the child prints is a JSON object: ``{"result": {…}}`` if it succeeded,
  ``{"error": {"code", "message", "hint", …}}`` if it failed, else progress;
- stderr is for people: the error of a child that dies without a result quotes its last lines;
- SIGTERM asks the child to save its state and exit; SIGKILL follows after ``Limits.grace_s``.

A child whose parent was killed notices when it next prints a line (EPIPE).
"""

import json
import os
import resource
import signal
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog
import trio

from walrusd.errors import TrainingFailed, WalrusdError
from walrusd.runtime import child_output
from walrusd.runtime.child_output import GarbledOutput, LineTooLong, error_from_json, parse_line
from walrusd.runtime.groups import collapsed
from walrusd.runtime.isolation import compute_isolation_prefix

log = structlog.get_logger(__name__)

STDERR_TAIL_BYTES = 4096
_PASSED_ENVIRONMENT = (
    "PATH",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "CUDA_VISIBLE_DEVICES",
    "WALRUSD_DEVICE",
    "WALRUSD_PRODUCTS",
)

_SIGNALS: dict[int, str] = {
    signal.SIGKILL: "signal 9 often means that memory ran out",
    signal.SIGBUS: "a file became shorter while it was read, or its disk cannot be read",
}
"""What a signal that ends a child often means."""

OnLine = Callable[[dict[str, Any]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of a child; zero means none.

    ``memory_bytes`` bounds the address space (torch on a GPU maps far more than it uses: leave it
    0 there), ``cpu_s`` the processor time in seconds, ``file_bytes`` the size of each file.
    """

    memory_bytes: int = 0
    cpu_s: int = 0
    file_bytes: int = 0
    nice: int = 10
    grace_s: float = 10.0
    network: bool = False


@dataclass
class _Output:
    """What the child has printed so far."""

    result: dict[str, Any] | None = None
    error: WalrusdError | None = None
    stderr: bytes = field(default=b"")


async def run_child(
    argv: Sequence[str],
    job: dict[str, Any],
    *,
    on_line: OnLine,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    limits: Limits | None = None,
) -> dict[str, Any]:
    """Run ``argv`` on ``job``, pass each progress line to ``on_line``, and return its result.

    The child's environment holds a few harmless variables and ``env``; no credential is inherited,
    and a Python child imports nothing from the current directory.
    Cancelled: the child is asked to stop, killed after the grace, and waited for. However this
    function ends, the process has ended and its descendants are killed.

    Raises:
        WalrusdError: the error the child reported, as the class with that code.
        TrainingFailed: if it could not start, printed anything but JSON, died, or ended without a
            result.
    """
    limits = limits or Limits()
    outcome = _Output()
    payload = json.dumps(job, allow_nan=False).encode() + b"\n"
    try:
        with collapsed():
            async with (
                _spawn(argv, env or {}, cwd, limits) as process,
                trio.open_nursery() as nursery,
            ):
                nursery.start_soon(_feed, process, payload)
                nursery.start_soon(_read_stderr, process, outcome)
                nursery.start_soon(_sweep_after, process)
                await _read_lines(process, outcome, on_line)
                await process.wait()
    except GarbledOutput as cause:
        raise TrainingFailed(
            f"the child process {_name(argv)} printed something other than JSON lines: {cause}",
            hint=cause.hint,
        ) from cause
    return _conclude(argv, process.returncode, outcome)


def _conclude(argv: Sequence[str], returncode: int | None, outcome: _Output) -> dict[str, Any]:
    if outcome.error is not None:
        raise outcome.error
    if outcome.result is not None and returncode == 0:
        return outcome.result
    words = outcome.stderr.decode("utf-8", "replace").strip().splitlines()
    how = f"ended with exit status {returncode}"
    if returncode is not None and returncode < 0:
        how = f"was killed by signal {-returncode}"
    hint = "" if returncode is None else _SIGNALS.get(-returncode, "")
    raise TrainingFailed(
        f"the child process {_name(argv)} {how} and gave no result"
        + (f": {words[-1][:500]}" if words else ""),
        hint=hint,
        exit_status=returncode,
    )


@asynccontextmanager
async def _spawn(
    argv: Sequence[str], env: Mapping[str, str], cwd: Path | None, limits: Limits
) -> AsyncIterator[trio.Process]:
    """Start the child; at the end, stop it and everything it started."""
    environment = {key: os.environ[key] for key in _PASSED_ENVIRONMENT if key in os.environ}
    environment |= {"PYTHONSAFEPATH": "1", **env}
    prefix = () if limits.network else compute_isolation_prefix()
    try:
        process = await trio.lowlevel.open_process(
            [*prefix, *argv],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            cwd=cwd,
            start_new_session=True,
        )
    except OSError as exc:
        raise TrainingFailed(
            f"the child process {_name(argv)} could not start: {exc.strerror}",
            hint="reinstall walrusd",
        ) from exc
    try:
        _apply_limits(process.pid, limits)
        yield process
    finally:
        await _stop(process, limits.grace_s)


def _apply_limits(pid: int, limits: Limits) -> None:
    """Set limits from outside, before the child has its job: nothing runs between fork and exec."""
    wanted = {
        resource.RLIMIT_AS: limits.memory_bytes,
        resource.RLIMIT_CPU: limits.cpu_s,
        resource.RLIMIT_FSIZE: limits.file_bytes,
    }
    try:
        os.setpriority(os.PRIO_PROCESS, pid, limits.nice)
        for kind, bound in wanted.items():
            if bound:
                resource.prlimit(pid, kind, (bound, bound))
        resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))
    except (ProcessLookupError, PermissionError) as exc:
        # A child that has already ended is reported by its exit status.
        log.warning("child_limits_not_applied", pid=pid, reason=exc.strerror)


async def _stop(process: trio.Process, grace_s: float) -> None:
    """Stop the child, wait for its end, and kill what it left running."""
    with trio.CancelScope(shield=True):
        if process.returncode is None:
            _signal_group(process, signal.SIGTERM)
            with trio.move_on_after(grace_s):
                await process.wait()
        _signal_group(process, signal.SIGKILL)
        await process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                await stream.aclose()


async def _sweep_after(process: trio.Process) -> None:
    """Kill what a dead child left running, which would keep the pipes open."""
    await process.wait()
    _signal_group(process, signal.SIGKILL)


def _signal_group(process: trio.Process, number: signal.Signals) -> None:
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return


async def _feed(process: trio.Process, payload: bytes) -> None:
    assert process.stdin is not None
    try:
        async with process.stdin as stdin:
            await stdin.send_all(payload)
    except trio.BrokenResourceError:
        # It died before it read its job; its exit status is reported.
        return


async def _read_stderr(process: trio.Process, outcome: _Output) -> None:
    assert process.stderr is not None
    async for chunk in process.stderr:
        outcome.stderr = (outcome.stderr + chunk)[-STDERR_TAIL_BYTES:]


async def _read_lines(process: trio.Process, outcome: _Output, on_line: OnLine) -> None:
    assert process.stdout is not None
    pending = b""
    async for chunk in process.stdout:
        *lines, pending = (pending + chunk).split(b"\n")
        if len(pending) > child_output.MAX_LINE_BYTES or any(
            len(line) > child_output.MAX_LINE_BYTES for line in lines
        ):
            raise LineTooLong
        for line in lines:
            message = parse_line(line)
            if "result" in message:
                outcome.result = message["result"]
            elif "error" in message:
                outcome.error = error_from_json(message["error"])
            else:
                await on_line(message)
    if pending:
        raise GarbledOutput("the last line is incomplete")


def _name(argv: Sequence[str]) -> str:
    return " ".join(Path(word).name for word in argv[:3])
