"""Daemons die without warning and come back; nobody pays twice, and the task still ends well."""

import io
from collections import Counter

import pytest
import trio
from rich.console import Console

from tests.demo.board import Board
from tests.demo.cast import PUBLISHER, VERIFIERS, choose_cast
from tests.demo.play import DemoStage, play
from tests.demo.task import SEATS
from walrusd.chain.layouts import events as ev
from walrusd.core.lifecycle import TERMINAL, SubmissionState
from walrusd.settings.model import Role

SEED = 11


class Killer:
    """Kills an honest contributor, a verifier and the publisher once each, in mid-work."""

    def __init__(self):
        self.killed = []
        self.told = []

    async def __call__(self, stage: DemoStage):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stage.observer.follow, self.told.append)
            await self.kill_a_contributor(stage)
            await self.kill_a_verifier(stage)
            await self.kill_the_publisher(stage)
            # The rest of the events is wanted too: until the end of the demonstration.

    async def kill_a_contributor(self, stage):
        honest = [d for d in stage.world.with_role(Role.CONTRIBUTOR) if not d.actor.cheats]
        while True:
            training = [d for d in honest if stage.trained.get(d.name)]
            if training:
                break
            await trio.sleep(0.02)
        await self.kill(stage, training[0])

    async def kill_a_verifier(self, stage):
        while True:
            _task, submissions = await stage.observer.task(stage.task)
            opened = [s for s in submissions if s.state == SubmissionState.OPENED]
            if opened:
                break
            await trio.sleep(0.1)
        # Long enough for a replay to be under way, too short for it to be over.
        await trio.sleep(2)
        address = opened[0].committee[0].verifier
        daemons = stage.world.daemons.values()
        await self.kill(stage, next(d for d in daemons if d.address == address))

    async def kill_the_publisher(self, stage):
        while True:
            _task, submissions = await stage.observer.task(stage.task)
            if any(s.state in TERMINAL for s in submissions):
                break
            await trio.sleep(0.1)
        await self.kill(stage, stage.world.daemons[PUBLISHER])

    async def kill(self, stage, daemon):
        stage.board.tell(daemon.name, "is killed")
        self.killed.append(daemon.name)
        daemon.kill()
        await trio.sleep(1)
        daemon.start()
        await daemon.wait_ready()
        stage.board.tell(daemon.name, "is back")


@pytest.mark.slow
async def test_the_task_survives_three_deaths(tmp_path):
    console = Console(file=io.StringIO(), width=200)
    killer = Killer()
    report = await play(choose_cast(SEED), tmp_path / "demo", Board(console), killer)
    story = console.file.getvalue()
    assert report.find_failures() == [], story
    assert len(killer.killed) == len(set(killer.killed)) == 3, story

    joined = [e.contributor for e in killer.told if isinstance(e, ev.SubmissionJoined)]
    assert len(joined) == len(set(joined)) == 4
    committed = [e.submission for e in killer.told if isinstance(e, ev.SubmissionCommitted)]
    assert len(committed) == len(set(committed)) == 4
    seated = [e.verifier for e in killer.told if isinstance(e, ev.SeatRegistered)]
    assert set(Counter(seated).values()) == {SEATS}
    assert len(set(seated)) == len(VERIFIERS)
    assert sum(isinstance(e, ev.TaskOpened) for e in killer.told) == 1
    assert sum(isinstance(e, ev.AggregateRecorded) for e in killer.told) == 1
    attested = [(e.submission, e.segment) for e in killer.told if isinstance(e, ev.SegmentAttested)]
    assert len(attested) == len(set(attested))
