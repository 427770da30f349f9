"""Jurors that lie, guess, or stay silent."""

from pathlib import Path

import pytest

from tests.attacks import seats
from tests.attacks import trainings as tr
from tests.attacks.stage import Stage, open_stage
from walrusd.chain.layouts import events as ev
from walrusd.core.lifecycle import CaseOutcome


def outcomes(stage: Stage, name: str) -> list[int]:
    """Return what juries decided about a contributor's work."""
    submission = stage.submission_of(name)
    return [event.outcome for event in stage.events(ev.CaseResolved, submission=submission)]


@pytest.mark.slow
async def test_jurors_that_lie_or_guess_change_nothing(tmp_path: Path) -> None:
    async with open_stage(tmp_path, verifiers=9) as stage:
        loot = tr.Loot()
        await stage.add_contributor(
            "colluding-minority",
            training=lambda: tr.Sharing(loot, tr.SkipTraining()),
            jurors={(0, 1): seats.vote_for_forger(loot)},
        )
        await stage.add_contributor(
            "lazy-jury",
            training=tr.SkipTraining,
            jurors={(0, number): seats.vote_anything() for number in range(5)},
        )
        await stage.add_contributor(
            "silent-juror", training=tr.SkipTraining, jurors={(0, 2): seats.judge_nothing}
        )
        await stage.open_task(jury=3)
        await stage.play()
        await stage.check()
        assert outcomes(stage, "colluding-minority") == [CaseOutcome.CONFIRMED]
        assert outcomes(stage, "lazy-jury") == [
            CaseOutcome.REDRAWN,
            CaseOutcome.CONFIRMED,
        ]
        assert outcomes(stage, "silent-juror") == [CaseOutcome.CONFIRMED]
