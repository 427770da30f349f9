"""Publishers that publish what is not the sum, or ask for what cannot be given."""

from pathlib import Path

import pytest

from tests.attacks import publishers as pu
from tests.attacks.stage import Stage, open_stage
from tests.support.market.world import wait_for
from walrusd.core.lifecycle import TaskPhase
from walrusd.errors import VerificationFailed


async def decline_child(stage: Stage, parent: str) -> None:
    """Check that nobody joins a task that builds on an aggregate which does not hold."""
    for peer in stage.contributors.values():
        found = await peer.tools.contract.task(parent)
        with pytest.raises(VerificationFailed):
            await peer.parts.checker.verify(found)
    child = await stage.open_task(parent=parent)

    async def declined() -> bool:
        decisions = [
            peer.tools.records.get("decisions", child) for peer in stage.contributors.values()
        ]
        return all(decision is not None for decision in decisions)

    await wait_for(declined)
    for peer in stage.contributors.values():
        verdict, reason = peer.tools.records.get("decisions", child)
        assert verdict == "decline"
        assert "aggregate of the parent" in reason
    await stage.play()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["wrong-aggregate", "weights-that-decode"])
async def test_a_false_aggregate_is_seen_by_everybody(tmp_path: Path, name: str) -> None:
    async with open_stage(tmp_path, publisher=pu.PUBLISHERS[name]) as stage:
        for number in range(3):
            await stage.add_contributor(f"honest-{number}")
        parent = await stage.open_task(committee=1, segments_per_seat=4)
        await stage.play()
        await decline_child(stage, parent)
        await stage.check()
        (_, joined), (task, nobody) = await stage.look()
        assert len(joined) == 3
        assert not nobody
        assert task.phase == TaskPhase.VOID


@pytest.mark.slow
async def test_a_plan_bigger_than_it_was_said_to_be_is_not_taken(tmp_path: Path) -> None:
    async with open_stage(tmp_path, publisher=pu.PUBLISHERS["hidden-size"]) as stage:
        await stage.add_contributor("honest")
        await stage.open_task()
        await stage.play(approve=False)
        await stage.check()
        ((task, submissions),) = await stage.look()
        assert task.phase == TaskPhase.VOID
        assert not submissions
        peer = stage.contributors["honest"]
        failed = [entry for entry in peer.tools.journal.why(task.id) if entry.decision == "failed"]
        assert "more memory or work" in failed[0].reason
