"""Moves the devnet's clock, and only when nobody who lives has anything left to do."""

from typing import Protocol

import trio

from tests.demo.board import Board
from tests.demo.duties import Outlook, compute_outlook
from tests.demo.observer import Observer
from tests.demo.world import DemoWorld
from walrusd.settings.model import Role

LOOK_S = 0.4
SURE_AFTER = 3
"""Checks in a row that must find nothing to do; a daemon may be between two steps."""


class ClockScene(Protocol):
    """What the clock needs to see."""

    board: Board
    world: DemoWorld
    observer: Observer
    task: str


class Clockwork:
    """Watches one task."""

    def __init__(self, scene: ClockScene) -> None:
        self._scene = scene
        self.pending = "its opening"
        """What the task waits for, in words."""
        self.advances = 0

    async def run(self) -> None:
        """Watch until cancelled."""
        idle = 0
        while True:
            outlook, now_ms = await self._look()
            deadline = outlook.next_deadline(now_ms)
            self.pending = self._describe(outlook)
            idle = 0 if deadline is None else idle + 1
            if deadline is not None and idle >= SURE_AFTER:
                minutes = (deadline - now_ms) / 60_000
                self._scene.board.tell("clock", f"nobody has more to do: {minutes:.0f} min pass")
                await self._scene.world.advance_clock(deadline - now_ms)
                self.advances += 1
                idle = 0
            await trio.sleep(LOOK_S)

    def _describe(self, outlook: Outlook) -> str:
        names = {d.address: d.name for d in self._scene.world.daemons.values()}
        waits = [f"{names.get(duty.who, 'anyone')}: {duty.what}" for duty in outlook.duties]
        return ", ".join(waits) or "nobody"

    async def _look(self) -> tuple[Outlook, int]:
        scene = self._scene
        now_ms = await scene.world.now_ms()
        task, submissions = await scene.observer.task(scene.task)
        pool = await scene.observer.pool()
        contributors = [d.address for d in scene.world.with_role(Role.CONTRIBUTOR)]
        outlook = compute_outlook(
            task,
            submissions,
            pool,
            contributors=contributors,
            alive=scene.world.alive,
            now_ms=now_ms,
        )
        return outlook, now_ms
