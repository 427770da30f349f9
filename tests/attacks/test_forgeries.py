"""Contributors that earn a reward otherwise than by the plan."""

from pathlib import Path

import pytest

from tests.attacks import trainings as tr
from tests.attacks.stage import open_stage


@pytest.mark.timeout(1600)
async def test_forged_work_is_slashed(tmp_path: Path) -> None:
    async with open_stage(tmp_path) as stage:
        loot = tr.Loot()
        await stage.add_contributor("honest", training=lambda: tr.Sharing(loot))
        await stage.add_contributor("copied-work", training=lambda: tr.Copying(loot))
        await stage.add_contributor("skip-training", training=tr.SkipTraining)
        await stage.add_contributor("jump", training=tr.JumpForger)
        await stage.add_contributor("discontinuous", training=tr.Discontinuous)
        await stage.add_contributor("poisoned-slots", training=tr.PoisonedSlots)
        await stage.open_task()
        await stage.play()
        await stage.check()


@pytest.mark.slow
@pytest.mark.timeout(1600)
async def test_work_bent_a_little_is_slashed(tmp_path: Path) -> None:
    async with open_stage(tmp_path) as stage:
        await stage.add_contributor("honest")
        await stage.add_contributor("one-bit", training=tr.OneBit)
        await stage.add_contributor("other-order", training=tr.OtherOrder)
        await stage.add_contributor("other-rate", training=tr.OtherRate)
        await stage.add_contributor("other-data", training=tr.OtherData)
        await stage.open_task()
        await stage.play()
        await stage.check()
