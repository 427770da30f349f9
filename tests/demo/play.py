"""The demonstration itself, from the first process to the last Mist."""

import json
import shutil
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import trio

from tests.demo import finale, task
from tests.demo.board import Board
from tests.demo.cast import OWNER, PUBLISHER, Cast
from tests.demo.clockwork import Clockwork
from tests.demo.narration import Narrator
from tests.demo.observer import Observer, open_observer
from tests.demo.patience import Patience
from tests.demo.phases import Phases
from tests.demo.report import Report
from tests.demo.world import BrokenWorldError, DemoDaemon, DemoWorld, open_demo_world, start_daemons
from walrusd.core.lifecycle import TaskPhase
from walrusd.settings.model import Role

LOOK_S = 0.3


class DemoStage:
    """What the parts of the demonstration share."""

    def __init__(self, cast: Cast, board: Board, world: DemoWorld, observer: Observer) -> None:
        self.cast = cast
        self.board = board
        self.world = world
        self.observer = observer
        self.trained: dict[str, int] = {}
        """The last segment that each contributor has trained."""
        self.task = ""
        self.clockwork = Clockwork(self)


Interfere = Callable[[DemoStage], Awaitable[None]]
"""Something that happens to the daemons meanwhile; runs from the opening of the task."""


async def play(
    cast: Cast, directory: Path, board: Board, interfere: Interfere | None = None
) -> Report:
    """Run the whole demonstration in ``directory``, which is emptied first.

    Raises:
        BrokenWorldError: if a process dies, or nothing happens any more.
        RefusedError: if a daemon refuses what it must do.
    """
    _make_empty(directory)
    phases = Phases(board)
    phases.begin("start", "Starting a devnet and 14 daemons")
    async with open_demo_world(directory, cast) as world, open_observer(world.network) as observer:
        stage = DemoStage(cast, board, world, observer)
        with board.live():
            return await _act(stage, phases, interfere)


def _make_empty(directory: Path) -> None:
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)


async def _act(stage: DemoStage, phases: Phases, interfere: Interfere | None) -> Report:
    world, observer = stage.world, stage.observer
    before = await finale.read_books(world, observer)
    narrator = Narrator(stage.board, {d.address: d.name for d in world.daemons.values()})
    async with trio.open_nursery() as nursery:
        nursery.start_soon(observer.follow, narrator.tell)
        nursery.start_soon(_keep_checking, world)
        nursery.start_soon(Patience(stage.board, partial(_describe, stage, phases)).watch)
        await start_daemons(world, lambda daemon: stage.board.show(daemon.name, "is ready"))
        for daemon in world.with_role(Role.CONTRIBUTOR):
            nursery.start_soon(_watch_training, stage, daemon)
        await _wait_for_seats(stage)
        phases.begin("open", "Listing the dataset and opening the task")
        stage.task = await open_task(stage)
        nursery.start_soon(stage.clockwork.run)
        nursery.start_soon(_approve_keys, stage)
        if interfere is not None:
            nursery.start_soon(interfere, stage)
        phases.begin("join", "Joining")
        await _wait_for(stage, TaskPhase.TRAINING)
        phases.begin("train", "Training and committing")
        await _wait_for(stage, TaskPhase.OPENING)
        phases.begin("verify", "Opening, replaying, judging")
        await _wait_for(stage, TaskPhase.SETTLED)
        phases.begin("aggregate", "Aggregating, claiming")
        await _wait_for(stage, TaskPhase.AGGREGATED)
        report = await finale.examine(stage, phases, before)
        nursery.cancel_scope.cancel()
    return report


def _describe(stage: DemoStage, phases: Phases) -> str:
    """Return what is waited for."""
    return (
        f"phase {phases.name!r}, last: {stage.board.last};"
        f" the task waits for {stage.clockwork.pending}"
    )


async def _wait_for_seats(stage: DemoStage) -> None:
    wanted = task.SEATS * len(stage.world.with_role(Role.VERIFIER))
    while True:
        if len((await stage.observer.pool()).seats) == wanted:
            return
        await trio.sleep(LOOK_S)


async def open_task(stage: DemoStage) -> str:
    """List the dataset and publish the task, as their owners would; return the task's id."""
    directory, cast = stage.world.directory, stage.cast
    data = directory / "digits-train.bin"
    schema, request = directory / "schema.json", directory / "task.json"
    await trio.Path(data).write_bytes(cast.train)
    await trio.Path(schema).write_text(json.dumps(task.SCHEMA))
    listed = await stage.world.daemons[OWNER].control.ctl(
        *("dataset", "add", str(data), "--raw", "--title", task.TITLE),
        *("--description", task.DESCRIPTION, "--schema", str(schema)),
    )
    places = len(stage.world.with_role(Role.CONTRIBUTOR))
    await trio.Path(request).write_text(
        json.dumps(task.make_request(cast.init_seed, listed["dataset"], places, cast.scheme))
    )
    published = await stage.world.daemons[PUBLISHER].control.ctl("task", "publish", str(request))
    return str(published["task"])


async def _wait_for(stage: DemoStage, phase: TaskPhase) -> None:
    while True:
        found, _submissions = await stage.observer.task(stage.task)
        if found.phase == TaskPhase.VOID:
            raise BrokenWorldError("the task became void")
        if found.phase >= phase:
            return
        await trio.sleep(LOOK_S)


async def _keep_checking(world: DemoWorld) -> None:
    while True:
        world.check()
        await trio.sleep(LOOK_S)


async def _approve_keys(stage: DemoStage) -> None:
    """Approve every request through ``walrusctl``, as a dataset owner at a terminal would."""
    owner = stage.world.daemons[OWNER].control
    while True:
        for request in (await owner.call("keys.pending"))["requests"]:
            await owner.ctl("keys", "approve", request["request"])
        await trio.sleep(LOOK_S)


async def _watch_training(stage: DemoStage, daemon: DemoDaemon) -> None:
    """Tell from its event stream how far a contributor is, also after a restart."""
    while True:
        async for event in daemon.control.events():
            if event["type"] != "training":
                continue
            if event["line"] == "segment":
                stage.trained[daemon.name] = event["segment"]
                stage.board.tell(
                    daemon.name,
                    f"trained segment {event['segment']} of {task.SEGMENTS}, "
                    f"loss {event['loss']:.3f}",
                )
            elif event["line"] == "progress":
                stage.board.show(
                    daemon.name,
                    f"training, step {event['step']} of {event['steps']}, loss {event['loss']:.3f}",
                )
        await trio.sleep(LOOK_S)
