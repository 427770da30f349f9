"""Attacks played side by side, each on a submission of its own."""

from pathlib import Path

import pytest

from tests.attacks import contributors as co
from tests.attacks import seats
from tests.attacks import trainings as tr
from tests.attacks.stage import open_stage
from walrusd.chain.layouts import events as ev


async def test_a_forger_and_a_false_accuser_at_once(tmp_path: Path) -> None:
    async with open_stage(tmp_path) as stage:
        await stage.add_contributor("jump", training=tr.JumpForger)
        await stage.add_contributor("false-accuser", seats={0: seats.accuse_falsely})
        await stage.open_task()
        await stage.play()
        await stage.check()


async def test_an_opening_is_withheld(tmp_path: Path) -> None:
    async with open_stage(tmp_path) as stage:
        await stage.add_contributor("withheld-opening", build=co.withhold())
        await stage.open_task()
        await stage.play()
        await stage.check()


@pytest.mark.slow
async def test_two_more_at_once(tmp_path: Path) -> None:
    async with open_stage(tmp_path) as stage:
        loot = tr.Loot()
        await stage.add_contributor("honest", training=lambda: tr.Sharing(loot))
        await stage.add_contributor("copied-work", training=lambda: tr.Copying(loot))
        await stage.add_contributor("griefing-reporter", seats={1: seats.report_without_reason})
        await stage.open_task()
        await stage.play()
        await stage.check()
        reported = stage.submission_of("griefing-reporter")
        assert len(stage.events(ev.OpeningReported, submission=reported)) == 1
        assert len(stage.events(ev.SubmissionOpened, submission=reported)) == 1
