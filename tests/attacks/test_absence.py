"""Whoever stays away, or comes late, pays for it, and nobody waits for ever."""

from pathlib import Path

import pytest

from tests.attacks import contributors as co
from tests.attacks import seats
from tests.attacks.stage import open_stage


@pytest.mark.slow
async def test_whoever_stays_away_pays_for_it(tmp_path: Path) -> None:
    async with open_stage(tmp_path) as stage:
        await stage.add_contributor("honest")
        await stage.add_contributor("never-commits", build=co.never_commit())
        await stage.add_contributor("late-opening", build=co.open_late())
        await stage.add_contributor("silent-verifier", seats={1: seats.stay_silent})
        await stage.open_task()
        await stage.play()
        await stage.check()
