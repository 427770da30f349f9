"""Contributors that earn a reward otherwise than by the plan."""

from pathlib import Path

import pytest

from tests.attacks import trainings as tr
from tests.attacks.stage import open_stage


@pytest.mark.slow
async def test_work_that_is_not_the_plans_is_slashed(tmp_path: Path) -> None:
    async with open_stage(tmp_path) as stage:
        await stage.add_contributor("honest")
        await stage.add_contributor("skip-training", training=tr.SkipTraining)
        await stage.add_contributor("discontinuous", training=tr.Discontinuous)
        await stage.add_contributor("poisoned-slots", training=tr.PoisonedSlots)
        await stage.add_contributor("one-bit", training=tr.OneBit)
        await stage.add_contributor("other-order", training=tr.OtherOrder)
        await stage.add_contributor("other-rate", training=tr.OtherRate)
        await stage.add_contributor("other-data", training=tr.OtherData)
        await stage.open_task()
        await stage.play()
        await stage.check()
