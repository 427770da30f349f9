"""The main job under encryption: the publisher adds up what nobody has opened to it."""

from pathlib import Path

import numpy as np
import pytest

from tests.support.market.plays import approve_keys, check_by_anyone, open_task, wait_phase
from tests.support.market.world import make_plan, open_world, wait_for
from tests.support.refusals import refused
from walrusd.core.aggregate import Aggregate
from walrusd.core.lifecycle import Scheme
from walrusd.crypto.vfile.blocks import PaillierBlock
from walrusd.errors import PaillierProofInvalid
from walrusd.market.aggregate import read_accepted
from walrusd.market.schemes import check_aggregate, compute_decryption_context
from walrusd.settings.model import Role


async def test_an_encrypted_market_ends_in_a_checked_aggregate(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        owner = await world.start("owner", Role.DATASET_OWNER)
        publisher = await world.start("publisher", Role.PUBLISHER)
        verifiers = [await world.start(f"v{n}", Role.VERIFIER) for n in range(3)]

        async def seats():
            return len((await publisher.tools.contract.pool()).seats) == len(verifiers)

        await wait_for(seats)
        peers = [await world.start(f"c{n}", Role.CONTRIBUTOR) for n in range(3)]
        _dataset, task_id = await open_task(
            owner,
            publisher,
            scheme="paillier",
            max_submissions=3,
            # Encrypting takes time by the size of the update: a small model will do.
            parameters={"paillier_bits": 2048, "plan": make_plan(hidden=4)},
        )
        await approve_keys(owner, 3)
        shown = await wait_phase(publisher, task_id, "aggregated")
        assert {sub["state"] for sub in shown["submissions"]} == {"accepted"}

        checked = await peers[0].api.task_aggregate(task_id)
        assert checked["verified"]

        task = await peers[0].tools.contract.task(task_id)
        assert task.terms.scheme == Scheme.PAILLIER
        verified = await peers[0].parts.checker.verify(task)
        accepted = await read_accepted(peers[0].tools, task)
        files = [await peers[0].parts.fetcher.file_of(task, sub) for sub in accepted]
        assert all(isinstance(file.file.header.scheme, PaillierBlock) for file in files)

        # Nobody's word for it: a sum that is off by one is not proven.
        vector = np.frombuffer(verified.aggregate.vector, "<i8").copy()
        vector[7] += 1
        wrong = Aggregate(vector.tobytes(), verified.aggregate.openings, verified.aggregate.parts)
        context = compute_decryption_context(await peers[0].tools.contract.market(), task)
        with pytest.raises(PaillierProofInvalid):
            await check_aggregate(context, wrong, [sub.weight for sub in accepted], files)

        # The cost functions: the publisher reads all it has accepted, a contributor its own.
        async def readable(peer):
            costs = (await peer.api.task_costs(task_id))["costs"]
            assert all((cost["final"] is None) == (cost["losses"] is None) for cost in costs)
            assert all(cost["final"] > 0 or "why" in cost for cost in costs if cost["losses"])
            return [cost["losses"] for cost in costs if cost["losses"] is not None]

        async def all_readable():
            return len(await readable(publisher)) == 3

        assert await wait_for(all_readable)
        assert [len(losses) for losses in await readable(publisher)] == [20] * 3
        assert len(await readable(peers[0])) == 1
        assert await readable(owner) == []

        await check_by_anyone(world, task_id, "paillier")

        async def model():
            return (await publisher.api.task_show(task_id))["model"]

        assert await wait_for(model)
        assert (await world.admin("/supply"))["conserved"] is True


async def test_keys_that_are_too_short_are_refused(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        publisher = await world.start("publisher", Role.PUBLISHER, Role.DATASET_OWNER)
        with refused("rpc.bad_request", "paillier_bits", "16", "2048"):
            await open_task(
                publisher, publisher, scheme="paillier", parameters={"paillier_bits": 1024}
            )
