"""Dataset owners that withhold, lie, or change their data."""

from pathlib import Path

import pytest

from tests.attacks import publishers as pu
from tests.attacks.stage import Stage, open_stage
from tests.support.market.world import wait_for
from walrusd.chain.layouts import events as ev
from walrusd.core.lifecycle import TaskPhase


async def why_not(stage: Stage, task: str, decision: str) -> str:
    """Wait until the contributor has met the obstacle, and return what it says of it."""
    (peer,) = stage.contributors.values()

    async def met() -> str | None:
        found = [e for e in peer.tools.journal.why(task) if e.decision == decision]
        return found[0].reason if found else None

    return str(await wait_for(met))


async def request_of(stage: Stage, task: str) -> str:
    """Wait for the key request for a task."""

    async def asked() -> str | None:
        pending = await stage.owner.parts.key_grantor.pending()
        return next((request.id for request in pending if request.task == task), None)

    return str(await wait_for(asked))


@pytest.mark.slow
async def test_nothing_is_staked_on_what_an_owner_withholds(tmp_path: Path) -> None:
    async with open_stage(tmp_path, verifiers=4, owner=pu.lie_about_keys()) as stage:
        await stage.add_contributor("honest")

        withheld = await stage.open_task()
        await request_of(stage, withheld)
        await stage.play(approve=False)

        lied = await stage.open_task()
        await stage.owner.api.keys_approve(await request_of(stage, lied))
        assert "key" in await why_not(stage, lied, "failed")
        await stage.play(approve=False)

        await stage.check()
        for task, submissions in await stage.look():
            assert task.phase == TaskPhase.VOID
            assert not submissions
        assert not stage.events(ev.SubmissionJoined)


@pytest.mark.slow
async def test_nothing_is_staked_on_data_that_is_not_there(tmp_path: Path) -> None:
    async with open_stage(tmp_path, verifiers=4, owner=pu.list_nothing()) as stage:
        await stage.add_contributor("honest")
        task = await stage.open_task()
        await stage.owner.api.keys_approve(await request_of(stage, task))
        await why_not(stage, task, "failed")
        await stage.play(approve=False)
        await stage.check()
        ((ended, submissions),) = await stage.look()
        assert ended.phase == TaskPhase.VOID
        assert not submissions


@pytest.mark.slow
async def test_what_a_contributor_has_joined_with_stays_what_it_was(tmp_path: Path) -> None:
    """Together with people who sit on their own committees, and who come under many names."""
    async with open_stage(tmp_path) as stage:
        await stage.add_contributor("equivocating-dataset")
        await stage.add_contributor("identity-grinder")
        seated = await stage.add_contributor("seated-contributor", also_verifies=True)
        late = await stage.start("late-identity")
        task = await stage.open_task()
        async with stage.running():
            await stage.wait_phase(task, TaskPhase.TRAINING)
            await pu.add_version(stage.owner, stage.dataset)
            await pu.join_too_late(late, task, stage.dataset)
        await stage.check()

        mine = stage.submission_of("seated-contributor")
        (drawn,) = stage.events(ev.CommitteeSeated, submission=mine)
        assert seated.address not in drawn.verifiers
        (listed,) = stage.events(ev.DatasetVersionAdded, number=2)
        assert listed.dataset == stage.dataset
        for submission in (await stage.look())[0][1]:
            assert submission.dataset_version == 1
