"""Moves the devnet's clock, and only while no daemon has anything to do."""

from collections.abc import Iterator
from functools import partial
from typing import Protocol

import trio

from tests.support.market.world import Peer, World
from tests.support.scenario.terms import compute_window_end
from walrusd.chain.layouts import objects as ob
from walrusd.core.lifecycle import DisputePhase, SubmissionState, TaskPhase
from walrusd.engine.service import Service

POLL_S = 0.4
SURE_AFTER = 6
"""Polls in a row that must find everybody idle: longer than any service sleeps."""

_PASSING = frozenset({"chain.unreachable", "chain.uncertain", "storage.unreachable"})


class Scene(Protocol):
    """What the clock needs to see."""

    world: World

    @property
    def peers(self) -> list[Peer]:
        """Everybody who lives."""
        ...

    async def checkpoint(self) -> int:
        """Return the newest checkpoint."""
        ...

    async def look(self) -> list[tuple[ob.Task, list[ob.Submission]]]:
        """Return all tasks with their submissions."""
        ...


class ClockHand:
    """Advances to the next moment at which somebody might do something."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    async def run(self) -> None:
        """Watch until cancelled."""
        idle, seen = 0, -1
        while True:
            await trio.sleep(POLL_S)
            now = await self._scene.checkpoint()
            idle = 0 if now != seen or self._is_anybody_busy() else idle + 1
            seen = now
            if idle >= SURE_AFTER:
                idle = 0
                await self._advance()

    def _is_anybody_busy(self) -> bool:
        services = [service for peer in self._scene.peers for service in peer.services]
        return any(isinstance(s, Service) and (s._busy - {s.name} or _waits(s)) for s in services)

    async def _advance(self) -> None:
        now = (await self._scene.world.admin("/clock"))["now_ms"]
        moments = [
            moment
            for task, submissions in await self._scene.look()
            for moment in list_moments(task, submissions)
            if moment > now
        ]
        if not moments:
            return
        await self._scene.world.admin("/clock/advance", ms=min(moments) - now + 1)
        for peer in self._scene.peers:
            for service in peer.services:
                if isinstance(service, Service):
                    # As long as that nobody pauses after a failure.
                    for trouble in service._troubles.values():
                        trouble.retry_at = 0.0
            # A daemon would find out by itself, a little later.
            await peer.tools.clock.read()


def _waits(service: Service) -> bool:
    """Return whether a service will soon retry what failed on a busy machine."""
    return any(trouble.code in _PASSING for trouble in service._troubles.values())


def list_moments(task: ob.Task, submissions: list[ob.Submission]) -> Iterator[int]:
    """Yield when a window of a task or of its submissions ends, or a part of one that matters."""
    if task.phase == TaskPhase.JOINING:
        yield compute_window_end(task, None, "join")
    elif task.phase == TaskPhase.TRAINING:
        yield compute_window_end(task, None, "train")
        yield compute_window_end(task, None, "grace")
    for submission in submissions:
        ends = partial(compute_window_end, task, submission)
        since, dispute = submission.window_ms, submission.dispute
        match submission.state:
            case SubmissionState.SEATED:
                # Other holders pass the key on, in their turn.
                yield from _parts(since, ends("open"), (26, 51, 100))
                yield ends("open") + task.terms.grace_ms // 4
                yield ends("grace")
            case SubmissionState.OPENED:
                # Absent parts count as such.
                yield from _parts(since, ends("verify"), (26, 51, 76, 100))
            case SubmissionState.AUDITED:
                # Seats deliver the update, in their turn.
                yield from _parts(since, ends("open"), (51, 76, 100))
                yield ends("grace")
            case SubmissionState.DISPUTED if dispute is not None:
                if dispute.phase == DisputePhase.SUMMONED:
                    yield from _parts(dispute.phase_ms, ends("open"), (26, 51, 100))
                    yield ends("grace")
                if dispute.phase == DisputePhase.COMMITTING:
                    # Jurors say that something is absent, then abstain.
                    yield from _parts(dispute.phase_ms, ends("jury_commit"), (26, 51, 76, 91, 100))
                if dispute.phase in (DisputePhase.COMMITTING, DisputePhase.REVEALING):
                    yield ends("jury_reveal")
                    yield ends("verdict")
            case _:
                pass


def _parts(since: int, end: int, percents: tuple[int, ...]) -> Iterator[int]:
    for percent in percents:
        yield since + (end - since) * percent // 100
