"""Plans that cannot be carried out, and contributors that only say so."""

from pathlib import Path

import pytest

from tests.attacks import trainings as tr
from tests.attacks.stage import open_stage
from tests.support.market.world import make_plan
from walrusd.chain.layouts import events as ev


@pytest.mark.slow
async def test_whoever_is_given_an_impossible_plan_is_paid_for_what_it_did(tmp_path: Path) -> None:
    async with open_stage(tmp_path) as stage:
        await stage.add_contributor("impossible-plan")
        task = await stage.open_task(plan=tr.make_impossible_plan())
        await stage.play()
        await stage.check()
        (claim,) = stage.events(ev.AbortCommitted, task=task)
        submission = stage.submission_of("impossible-plan")
        contributor = stage.contributors["impossible-plan"].address
        ((found, _submissions),) = await stage.look()
        earned = found.terms.reward * claim.segment // 4
        assert stage.flows[submission].net[contributor] == earned > 0


@pytest.mark.slow
async def test_a_plan_that_works_is_not_said_to_be_impossible(tmp_path: Path) -> None:
    async with open_stage(tmp_path) as stage:
        await stage.add_contributor("false-abort", training=tr.FalseAbort)
        await stage.open_task(plan=make_plan())
        await stage.play()
        await stage.check()
