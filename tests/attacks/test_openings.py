"""Contributors that open in a way that does not help those who must replay."""

from pathlib import Path

import pytest

from tests.attacks import contributors as co
from tests.attacks.stage import open_stage
from walrusd.chain.layouts import events as ev
from walrusd.core.lifecycle import CaseKind


@pytest.mark.slow
async def test_openings_of_no_use_are_accused(tmp_path: Path) -> None:
    async with open_stage(tmp_path) as stage:
        commit, opening = co.Overheard(), co.Overheard()
        await stage.add_contributor("honest", build=co.overheard(commit, opening))
        await stage.add_contributor("copied-opening", build=co.copy_opening(opening))
        await stage.add_contributor("broken-path", build=co.open_with(co.break_path))
        await stage.add_contributor("missing-state", build=co.open_with(co.drop_state))
        await stage.add_contributor("swapped-leaves", build=co.open_with(co.swap_leaves))
        await stage.add_contributor("other-cost-opened", build=co.open_with(co.lower_cost))
        await stage.open_task()
        await stage.play()
        await stage.check()
        for name in (
            "copied-opening",
            "broken-path",
            "missing-state",
            "swapped-leaves",
            "other-cost-opened",
        ):
            (case,) = stage.events(ev.CaseOpened, submission=stage.submission_of(name))
            assert case.kind == CaseKind.OPENING


@pytest.mark.slow
async def test_a_key_that_is_withheld_costs_whoever_should_deliver_it(tmp_path: Path) -> None:
    async with open_stage(tmp_path) as stage:
        await stage.add_contributor("selective-envelope", build=co.deliver_selectively())
        await stage.add_contributor("kept-update", build=co.keep_update())
        await stage.open_task()
        await stage.play()
        await stage.check()
        selective = stage.submission_of("selective-envelope")
        assert len(stage.events(ev.KeyDelivered, submission=selective)) == 1
        assert not stage.events(ev.SubmissionReadable, submission=selective)
        # A seat of its committee has delivered what it did not.
        assert stage.events(ev.UpdateDelivered, submission=stage.submission_of("kept-update"))
        assert not stage.events(ev.SeatPenalized)
