"""walrusctl against the real control interface on a real socket, with canned answers behind it."""

import contextlib
import io
import shutil
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import trio

from tests.support.guards import GUARD_S
from walrusctl.__main__ import main
from walrusd.errors import NotAllowed
from walrusd.rpc.app import make_rpc_app
from walrusd.rpc.listen import open_control_socket, serve_rpc
from walrusd.rpc.schema import METHODS
from walrusd.runtime.broadcast import Broadcast

TASK = "0x" + "ab" * 32
ALICE = "0x" + "a1" * 32

ANSWERS: dict[str, dict[str, Any]] = {
    "status": {
        "address": ALICE,
        "roles": ["contributor"],
        "balance_mist": 12_500_000_000,
        "healthy": False,
        "cannot": [
            {"what": "device", "reason": "there is no such GPU", "hint": "use the CPU"},
        ],
        "services": [
            {"name": "trainer", "state": "backing_off", "failures": 1, "restarts": 3,
             "since_ms": 1_700_000_000_000,
             "last_error": {"code": "chain.unreachable", "message": "no node", "hint": ""}},
            {"name": "opener", "state": "running", "failures": 0, "restarts": 0,
             "since_ms": 1_700_000_000_000, "last_error": {}},
        ],
        "troubles": [
            {"subject": ALICE, "service": "registrar", "code": "chain.move_abort",
             "message": "EStakeTooSmall", "hint": "raise verifier.stake", "failures": 4,
             "since_ms": 1_700_000_000_000, "next_ms": 1_700_000_300_000},
        ],
    },
    "task.list": {
        "tasks": [
            {"task": TASK, "phase": "joining", "mine": None, "publisher": ALICE,
             "reward_mist": 1_000_000_000, "stake_mist": 1, "joined": 0, "max_submissions": 8},
        ]
    },
    "keys.pending": {"requests": []},
    "task.estimate": {
        "task": TASK, "join": True, "reason": "[all] rules hold",
        "rules": [{"rule": "reward", "ok": True, "sentence": "1 SUI is enough"}],
        "deterrence": [
            {"forged_segments": 1, "detection": 0.25, "break_even_stake_mist": 5 * 10**8}
        ],
        "tolerated_share": 0.51,
        "parts": [
            {"part": "opening", "size_bytes": 380_677_201, "limit_bytes": 10 << 20, "fits": False}
        ],
        "warnings": [
            {"rule": "juror_fee", "sentence": "jurors will not replay",
             "advice": "set juror_fee to 0.1 SUI at least"}
        ],
    },
    "node.stake": {
        "address": ALICE,
        "seat": {"index": 2, "stake_mist": 10**10, "exiting": False},
        "bound_mist": {TASK: 2 * 10**9},
    },
    "why": {
        "entries": [
            {"id": 1, "at_ms": 1_700_000_000_000, "subject": TASK, "kind": "join",
             "decision": "refused", "reason": "the reward is too small",
             "fields": {"reward_mist": 5}, "transaction": None},
            {"id": None, "at_ms": 1_700_000_001_000, "subject": TASK, "kind": "chain",
             "decision": "SubmissionEnded", "reason": "It ended as accepted.",
             "fields": {"payout_mist": 5}, "transaction": "9xDigest"},
        ],
        "outcome": ["Our work is [really] accepted."],
    },
}  # fmt: skip


class CannedApi:
    """Answers from ``ANSWERS``, else with the arguments."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        for method in METHODS:
            setattr(self, method.attribute, self._make(method.name))

    def _make(self, name: str):
        async def answer(**arguments: Any) -> dict[str, Any]:
            self.calls.append((name, arguments))
            if arguments.get("task") == "forbidden":
                raise NotAllowed("the policy forbids it", hint="ask its owner", rule="cap")
            return ANSWERS.get(name, {"method": name, "arguments": arguments})

        return answer


def run_main(*arguments: str) -> SimpleNamespace:
    """Run walrusctl in this process; its output and exit status come back."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main(list(arguments))
        except SystemExit as exit_:
            status = exit_.code
    return SimpleNamespace(out=out.getvalue(), err=err.getvalue(), status=status)


@pytest.fixture
def ctl():
    """Run walrusctl without a daemon."""
    return run_main


@pytest.fixture
async def daemon(nursery):
    """A daemon; ``await daemon.ctl(…)`` runs walrusctl against it."""
    directory = Path(tempfile.mkdtemp(prefix="wctl"))  # a socket's path is short
    socket = directory / "control.sock"
    api, broadcast = CannedApi(), Broadcast()
    app = make_rpc_app(api, broadcast=broadcast, readiness=lambda: (True, {}))

    async def serve(*, task_status) -> None:
        control = open_control_socket(socket, {})
        await serve_rpc(app, control, task_status=task_status)

    async def ctl(*arguments: str) -> SimpleNamespace:
        with trio.fail_after(GUARD_S):
            return await trio.to_thread.run_sync(run_main, *arguments, "--socket", str(socket))

    async def wait_for_watcher() -> None:
        with trio.fail_after(GUARD_S):
            while not broadcast._subscriptions:  # noqa: ASYNC110  # the real thing has no hook
                await trio.sleep(0.01)

    await nursery.start(serve)
    yield SimpleNamespace(
        api=api, broadcast=broadcast, socket=socket, ctl=ctl, wait_for_watcher=wait_for_watcher
    )
    nursery.cancel_scope.cancel()
    shutil.rmtree(directory)
