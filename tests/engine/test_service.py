"""Attempts, back-off, long work in the background: a subject that fails delays no other."""

from itertools import pairwise
from pathlib import Path

import pytest
import trio
from structlog.testing import capture_logs

from tests.support.clocks import TrioClock
from tests.support.guards import GUARD_S
from tests.support.market.bench import SUBMISSION, Network, failures
from walrusd.control.daemon_commands import DaemonCommands
from walrusd.control.history import History
from walrusd.engine.readiness import Readiness
from walrusd.engine.service import Service
from walrusd.engine.supervisor import Supervisor
from walrusd.engine.troubles import LONGEST_OUR_PAUSE_S, LONGEST_PAUSE_S
from walrusd.errors import (
    BadRequest,
    ChainUnreachable,
    DeviceRefused,
    InsufficientBalance,
    MalformedData,
    MoveAborted,
)
from walrusd.market.ids import Ids
from walrusd.runtime.groups import most_significant
from walrusd.runtime.pool import discard_progress, run_pieces


class ScriptedService(Service):
    """Attempts what the test says."""

    name = "scripted"

    def __init__(self, tools) -> None:
        super().__init__(tools)
        self.looks = 0
        self.script = {}
        self.background = {}

    async def reconcile(self) -> None:
        self.looks += 1
        for subject, action in list(self.script.items()):
            await self.attempt(subject, action)
        for subject, action in list(self.background.items()):
            await self.attempt_in_background(subject, action)


def _raising(error: Exception, calls: list[float]):
    async def action() -> None:
        calls.append(trio.current_time())
        raise error

    return action


@pytest.fixture
def service(tmp_path: Path):
    with Network().daemon(tmp_path, "d") as tools:
        yield ScriptedService(tools)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (BadRequest("no"), "rpc.bad_request"),
        (OSError(28, "No space left on device", "f"), "local.disk_full"),
        (OSError(2, "No such file or directory", "f"), "local.file"),
        (KeyError("x"), "internal"),
    ],
)
async def test_a_failure_is_journalled_once_and_others_go_on(service, error, code) -> None:
    done, calls = [], []

    async def fine() -> None:
        done.append(1)

    service.script = {SUBMISSION: _raising(error, calls), "other": fine}
    for _look in range(3):
        await service.run_once()
    assert len(done) == 3
    assert len(calls) == 1  # the pause has not passed
    assert list(failures(service.tools, SUBMISSION)) == [code]


async def test_a_broken_invariant_is_not_swallowed(service) -> None:
    service.script = {SUBMISSION: _raising(AssertionError("broken"), [])}
    with pytest.raises(AssertionError):
        await service.run_once()


async def _in_nurseries(error: Exception) -> None:
    """Raise an error two nurseries deep, beside one that is only cancelled by it."""

    async def inner() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            raise error

    async with trio.open_nursery() as nursery:
        nursery.start_soon(inner)
        nursery.start_soon(trio.sleep_forever)


def _nested(error: Exception):
    async def action() -> None:
        await _in_nurseries(error)

    return action


async def test_an_invariant_broken_in_a_nursery_is_not_swallowed(service) -> None:
    service.script = {SUBMISSION: _nested(AssertionError("broken"))}
    with pytest.raises(AssertionError):
        await service.run_once()


@pytest.mark.parametrize("background", [False, True])
async def test_an_invariant_broken_anywhere_ends_the_daemon(service, background) -> None:
    """Through the supervisor, which restarts a service after every other failure."""
    scripts = service.background if background else service.script
    scripts[SUBMISSION] = _nested(AssertionError("broken"))
    with pytest.raises(ExceptionGroup) as caught, trio.fail_after(GUARD_S):
        async with trio.open_nursery() as nursery:
            await nursery.start(Supervisor(TrioClock(0)).keep_running, service)
    assert isinstance(most_significant(caught.value), AssertionError)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ChainUnreachable("down"), "chain.unreachable"),
        (MalformedData("junk"), "data.malformed"),
        (KeyError("x"), "internal"),
    ],
)
async def test_an_error_in_a_nursery_keeps_its_code(service, error, code) -> None:
    service.script = {SUBMISSION: _nested(error)}
    await service.run_once()
    assert list(failures(service.tools, SUBMISSION)) == [code]


async def test_an_invariant_broken_in_one_of_many_pieces_is_not_swallowed(service) -> None:
    async def work(_number: int) -> None:
        raise AssertionError("broken")

    async def action() -> None:
        await run_pieces(3, work, discard_progress, 2)

    service.script = {SUBMISSION: action}
    with pytest.raises(AssertionError):
        await service.run_once()


async def test_pauses_double_to_a_ceiling(service, autojump_clock) -> None:
    calls: list[float] = []
    service.script = {SUBMISSION: _raising(ChainUnreachable("down"), calls)}
    with trio.move_on_after(400):
        await service.run()
    pauses = [after - before for before, after in pairwise(calls)]
    assert pauses[0] <= 1.1
    assert max(pauses) <= LONGEST_PAUSE_S + 0.1
    assert max(pauses) >= LONGEST_PAUSE_S / 2
    assert len(calls) < 20


async def test_a_peers_fault_is_looked_at_less_and_less(service, autojump_clock) -> None:
    calls: list[float] = []
    service.script = {SUBMISSION: _raising(MalformedData("junk"), calls)}
    with trio.move_on_after(1200):
        await service.run()
    assert max(b - a for a, b in pairwise(calls)) > LONGEST_PAUSE_S


HOPELESS = [
    InsufficientBalance("too little"),
    MoveAborted("EStakeTooSmall", module="node", abort_code=2),
    DeviceRefused("no such device"),
]


@pytest.mark.parametrize("error", HOPELESS)
async def test_what_only_the_owner_can_change_is_tried_less_and_less(
    service, autojump_clock, error
) -> None:
    calls: list[float] = []
    service.script = {SUBMISSION: _raising(error, calls)}
    with trio.move_on_after(3600):
        await service.run()
    pauses = [after - before for before, after in pairwise(calls)]
    assert max(pauses[:6]) <= LONGEST_PAUSE_S
    assert LONGEST_OUR_PAUSE_S / 2 <= max(pauses) <= LONGEST_OUR_PAUSE_S + 0.1
    assert list(failures(service.tools, SUBMISSION)) == [error.code]


@pytest.mark.parametrize("error", [*HOPELESS, ChainUnreachable("down")])
async def test_the_owner_is_warned_once(service, autojump_clock, error) -> None:
    service.script = {SUBMISSION: _raising(error, [])}
    with capture_logs() as logs, trio.move_on_after(300):
        await service.run()
    levels = [line["log_level"] for line in logs if line["event"] == "attempt_failed"]
    assert len(levels) > 3
    first = "info" if isinstance(error, ChainUnreachable) else "warning"
    assert levels == [first] + ["info"] * (len(levels) - 1)


async def test_subjects_in_trouble_are_listed_until_they_are_not(service, autojump_clock) -> None:
    tools = service.tools
    error = MoveAborted("EStakeTooSmall", hint="raise verifier.stake")
    service.script = {SUBMISSION: _raising(error, [])}
    for _look in range(3):
        await service.run_once()
        await trio.sleep(2)
    (trouble,) = service.list_troubles()
    since, following = trouble.pop("since_ms"), trouble.pop("next_ms")
    assert trouble == {
        "subject": SUBMISSION,
        "service": "scripted",
        "code": "chain.move_abort",
        "message": "EStakeTooSmall",
        "hint": "raise verifier.stake",
        "failures": 3,
    }
    assert since <= tools.clock.now_ms() <= following
    commands = DaemonCommands(
        tools, Supervisor(TrioClock(0)), Ids(tools), History(tools), Readiness(tools), [service]
    )
    status = await commands.status()
    assert [each["subject"] for each in status["troubles"]] == [SUBMISSION]
    service.script = {}
    await service.run_once()
    assert service.list_troubles() == []


async def test_an_attempt_is_journalled_once_until_something_changes(service) -> None:
    journal, stake = service.tools.journal, 1
    for tried in range(6):
        stake += tried == 3
        journal.record_once(SUBMISSION, "registrar", "registering", "wanted", stake=stake)
        journal.record(SUBMISSION, "registrar", "failed", "too small")
        journal.record(SUBMISSION, "another", "did", "something else")
    told = [e for e in journal.why(SUBMISSION) if e.decision == "registering"]
    assert [entry.fields["stake"] for entry in told] == [1, 2]


async def test_trouble_with_what_is_gone_makes_no_hot_loop(service, autojump_clock) -> None:
    service.script = {SUBMISSION: _raising(BadRequest("no"), [])}
    with trio.move_on_after(1):
        await service.run()
    service.script = {}
    service.looks = 0
    with trio.move_on_after(60):
        await service.run()
    assert service.looks <= 32  # every two seconds


async def test_a_look_that_fails_as_a_whole_is_waited_out(service, autojump_clock) -> None:
    calls: list[float] = []

    async def reconcile() -> None:
        calls.append(trio.current_time())
        if len(calls) < 4:
            raise ChainUnreachable("down")

    service.reconcile = reconcile
    with trio.move_on_after(30):
        await service.run()
    assert len(calls) > 4


async def test_long_work_runs_once_beside_the_looks(service, autojump_clock) -> None:
    started, ended = [], []

    async def long() -> None:
        started.append(1)
        await trio.sleep(50)
        ended.append(1)

    service.background = {SUBMISSION: long}
    with trio.move_on_after(49):
        await service.run()
    assert len(started) == 1
    assert service.looks > 20
    with trio.move_on_after(60):
        await service.run()  # started again, as after a restart by the supervisor
    assert len(started) == 3
    assert len(ended) == 1


async def test_parts_of_a_subject_fail_apart(service) -> None:
    done = []

    async def fine() -> None:
        done.append(1)

    assert not await service.attempt(SUBMISSION, _raising(BadRequest("no"), []), part=":a")
    assert await service.attempt(SUBMISSION, fine, part=":b")
    assert done
