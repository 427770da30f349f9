"""Plays with windows of hours, in which daemons are away for as long as the grace."""

from tests.support.market.spec import Daemon, Play
from walrusd.core.lifecycle import DisputePhase, SubmissionState

HOUR = 3600
GRACE_S = 5 * HOUR
WINDOWS = {
    "join": "1h",
    "train": "8h",
    "open": "2h",
    "grace": "5h",
    "verify": "12h",
    "jury_commit": "7h",
    "jury_reveal": "6h",
}
GIVEN = {**WINDOWS, "step_s": 600, "crank_grace_s": 30.0}
"""What such a play begins with."""


async def play_on(play: Play, until=None) -> None:
    await play.run(until, seconds=60 * HOUR)


async def reach(play: Play, state: SubmissionState) -> None:
    await play_on(play, lambda: play.submission.state == state or bool(play.submission.reason))


async def reach_phase(play: Play, phase: DisputePhase) -> None:
    def is_there() -> bool:
        submission = play.submission
        is_disputed = submission.state == SubmissionState.DISPUTED
        return bool(submission.reason) or (is_disputed and submission.dispute.phase == phase)

    await play_on(play, is_there)


async def keep_away(play: Play, *daemons: Daemon) -> None:
    """Kill daemons, and start them again after the grace."""
    for daemon in daemons:
        daemon.kill()
    back = play.world.now + GRACE_S * 1000
    await play_on(play, lambda: play.world.now >= back)
    for daemon in daemons:
        await daemon.restart()


async def keep_back(play: Play, daemon: Daemon) -> None:
    """Start a daemon that was killed by its play, after the grace."""
    back = play.world.now + GRACE_S * 1000
    await play_on(play, lambda: play.world.now >= back)
    await daemon.restart()
