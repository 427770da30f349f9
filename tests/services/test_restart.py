"""Daemons that die at awkward moments, and come back."""

from pathlib import Path

from tests.support.market.plays import approve_keys, open_task, wait_phase
from tests.support.market.world import open_world, wait_for
from walrusd.settings.model import Role


async def test_peers_that_die_at_awkward_moments_finish_their_work_once(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        owner = await world.start("owner", Role.DATASET_OWNER)
        publisher = await world.start("publisher", Role.PUBLISHER)
        for n in range(2):
            await world.start(f"v{n}", Role.VERIFIER)
        peers = [await world.start(f"c{n}", Role.CONTRIBUTOR) for n in range(3)]
        _dataset, task = await open_task(owner, publisher, max_submissions=3)
        await approve_keys(owner, 3)

        async def staked():
            return len((await publisher.tools.contract.task(task)).entries) >= 2

        await wait_for(staked)
        await peers[0].die()
        await publisher.die()
        again = await world.start("c0", Role.CONTRIBUTOR)
        publisher = await world.start("publisher", Role.PUBLISHER)
        shown = await wait_phase(publisher, task, "aggregated")
        assert [s["state"] for s in shown["submissions"]] == ["accepted"] * 3
        contributors = [s["contributor"] for s in shown["submissions"]]
        assert len(set(contributors)) == 3
        assert again.address in contributors
        assert (await world.admin("/supply"))["conserved"] is True
