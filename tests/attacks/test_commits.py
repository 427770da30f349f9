"""Contributors whose commitments do not belong together, or to them."""

from pathlib import Path

import pytest

from tests.attacks import contributors as co
from tests.attacks import trainings as tr
from tests.attacks.stage import open_stage
from walrusd.chain.layouts import events as ev
from walrusd.core.lifecycle import CaseKind


@pytest.mark.slow
async def test_parts_that_do_not_belong_together_are_slashed(tmp_path: Path) -> None:
    async with open_stage(tmp_path) as stage:
        commit, opening = co.Overheard(), co.Overheard()
        await stage.add_contributor("honest", build=co.overheard(commit, opening))
        await stage.add_contributor("copied-commitment", build=co.copy_commitment(commit))
        await stage.add_contributor("copied-file", build=co.copy_file(commit))
        await stage.add_contributor("forged-file", build=co.forge_file())
        await stage.add_contributor("forged-row", build=co.forge_row())
        await stage.add_contributor("forged-cost", training=tr.OtherCost)
        await stage.add_contributor("other-update", build=co.forge_update())
        await stage.open_task()
        await stage.play()
        await stage.check()
        for name, kind in (
            ("copied-file", CaseKind.FILE),
            ("forged-file", CaseKind.FILE),
            ("forged-row", CaseKind.ROWS),
            ("forged-cost", CaseKind.COST),
            ("other-update", CaseKind.UPDATE),
        ):
            (case,) = stage.events(ev.CaseOpened, submission=stage.submission_of(name))
            assert case.kind == kind


@pytest.mark.slow
async def test_a_public_cost_is_replayed_too(tmp_path: Path) -> None:
    async with open_stage(tmp_path) as stage:
        await stage.add_contributor("honest")
        await stage.add_contributor("forged-public-cost", training=tr.OtherCost)
        await stage.open_task(cost="public")
        await stage.play()
        await stage.check()
        told = {event.submission: event.cost for event in stage.events(ev.SubmissionOpened)}
        honest, forged = (stage.submission_of(n) for n in ("honest", "forged-public-cost"))
        assert 0 < told[forged] < told[honest]
        (case,) = stage.events(ev.CaseOpened, submission=forged)
        assert case.kind == CaseKind.COST
