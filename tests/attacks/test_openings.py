"""Contributors that open in a way that does not help those who must replay."""

from pathlib import Path

import pytest

from tests.attacks import contributors as co
from tests.attacks.stage import open_stage
from walrusd.chain.layouts import events as ev


@pytest.mark.slow
async def test_openings_of_no_use_count_as_none(tmp_path: Path) -> None:
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


@pytest.mark.slow
async def test_whoever_can_read_an_opening_passes_its_key_on(tmp_path: Path) -> None:
    async with open_stage(tmp_path) as stage:
        await stage.add_contributor(
            "selective-envelope",
            build=co.open_with_envelopes(lambda good: [good[0], co.spoil(good[1])]),
        )
        await stage.add_contributor(
            "envelopes-for-jurors",
            build=co.open_with_envelopes(lambda good: [co.spoil(envelope) for envelope in good]),
        )
        await stage.open_task()
        await stage.play()
        await stage.check()
        for name in ("selective-envelope", "envelopes-for-jurors"):
            submission = stage.submission_of(name)
            assert len(stage.events(ev.SubmissionOpened, submission=submission)) == 2
            assert not stage.events(ev.SeatPenalized)
