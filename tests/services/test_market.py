"""The main job, from an open task to a checked aggregate, in one process."""

from pathlib import Path

import pytest
import trio

from tests.adversaries.forger import ForgingTraining
from tests.services.world import (
    DIGITS,
    SCHEMA,
    InlineTraining,
    World,
    make_plan,
    open_world,
    wait_for,
)
from walrusd.errors import BadRequest, InsufficientBalance, NotAllowed, VerificationFailed
from walrusd.settings.model import PolicySettings, Role
from walrusd.units import MIST_PER_SUI, Mist


class QuickForger(ForgingTraining):
    """Forges the work it stakes on, and is honest inline in everything else."""

    def __init__(self) -> None:
        super().__init__()
        self._honest = InlineTraining()


TERMS = {
    "max_submissions": 4,
    "committee": 1,
    "segments_per_seat": 4,
    "jury": 3,
    "verifier_stake": "10 SUI",
}


async def _open(world: World, owner, publisher) -> tuple[str, str]:
    """List the digits and open a task on them."""
    listed = await owner.api.dataset_add(str(DIGITS), "digits", "handwritten digits", SCHEMA)
    published = await publisher.api.task_publish(
        {
            "title": "digits",
            "plan": make_plan(),
            "datasets": [{"dataset": listed["dataset"], "version": 1}],
            "terms": TERMS,
        }
    )
    return listed["dataset"], published["task"]


async def _approve(owner, count: int) -> None:
    async def pending():
        found = (await owner.api.keys_pending())["requests"]
        return found if len(found) == count else None

    for request in await wait_for(pending):
        await owner.api.keys_approve(request["request"])


async def _wait_phase(peer, task: str, phase: str, seconds: float = 120.0) -> dict:
    async def reached():
        shown = await peer.api.task_show(task)
        return shown if shown["phase"] == phase else None

    return await wait_for(reached, seconds)


@pytest.mark.timeout(280)
async def test_honest_work_is_paid_and_a_forged_trace_is_slashed(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        owner = await world.start("owner", Role.DATASET_OWNER)
        publisher = await world.start("publisher", Role.PUBLISHER)
        verifiers = [await world.start(f"v{n}", Role.VERIFIER) for n in range(5)]

        async def seats():
            return len((await publisher.tools.contract.pool()).seats) == len(verifiers)

        await wait_for(seats)
        honest = [await world.start(f"c{n}", Role.CONTRIBUTOR) for n in range(3)]
        cheat = await world.start("cheat", Role.CONTRIBUTOR, training=QuickForger)
        _dataset, task = await _open(world, owner, publisher)
        await _approve(owner, 4)
        shown = await _wait_phase(publisher, task, "aggregated", 240)

        outcomes = {s["contributor"]: (s["state"], s["reason"]) for s in shown["submissions"]}
        assert outcomes[cheat.address] == ("rejected", "challenge_confirmed")
        for peer in honest:
            assert outcomes[peer.address] == ("accepted", "attested")
        checked = await honest[0].api.task_aggregate(task)
        assert checked["verified"]
        assert len(checked["submissions"]) == 3

        async def paid():
            balances = [await p.tools.contract.balance(p.address) for p in honest]
            return all(b > 1000 * MIST_PER_SUI for b in balances)

        await wait_for(paid)
        assert await cheat.tools.contract.balance(cheat.address) < 998.1 * MIST_PER_SUI
        assert (await world.admin("/supply"))["conserved"] is True
        why = (await cheat.api.why(task))["entries"]
        assert [entry["decision"] for entry in why][:3] == ["join", "key_requested", "staked"]

        async def model():
            return (await publisher.api.task_show(task))["model"]

        assert await trio.Path((await wait_for(model))["weights"]).is_file()


@pytest.mark.timeout(280)
async def test_peers_that_die_at_awkward_moments_finish_their_work_once(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        owner = await world.start("owner", Role.DATASET_OWNER)
        publisher = await world.start("publisher", Role.PUBLISHER)
        for n in range(2):
            await world.start(f"v{n}", Role.VERIFIER)
        peers = [await world.start(f"c{n}", Role.CONTRIBUTOR) for n in range(4)]
        _dataset, task = await _open(world, owner, publisher)
        await _approve(owner, 4)

        async def staked():
            return len((await publisher.tools.contract.task(task)).entries) >= 2

        await wait_for(staked)
        await peers[0].die()
        await publisher.die()
        again = await world.start("c0", Role.CONTRIBUTOR)
        publisher = await world.start("publisher", Role.PUBLISHER)
        shown = await _wait_phase(publisher, task, "aggregated", 240)
        assert [s["state"] for s in shown["submissions"]] == ["accepted"] * 4
        contributors = [s["contributor"] for s in shown["submissions"]]
        assert len(set(contributors)) == 4
        assert again.address in contributors
        assert (await world.admin("/supply"))["conserved"] is True


@pytest.mark.timeout(120)
async def test_refusals_say_what_was_wrong_and_what_to_do(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        peer = await world.start(
            "everything",
            Role.DATASET_OWNER,
            Role.PUBLISHER,
            Role.CONTRIBUTOR,
            policy=PolicySettings(max_stake_per_task=Mist(1), max_stake_per_day=Mist(1)),
        )
        other = await world.start("other", Role.CONTRIBUTOR)
        with pytest.raises(BadRequest, match="there is no file"):
            await peer.api.dataset_add("/nowhere", "digits", "", SCHEMA)
        with pytest.raises(BadRequest, match="terms has no rewrad"):
            await peer.api.task_publish(
                {"plan": make_plan(), "datasets": [{"dataset": "0x1"}], "terms": {"rewrad": 1}}
            )
        with pytest.raises(InsufficientBalance, match="opening this task takes") as caught:
            await peer.api.task_publish(
                {
                    "plan": make_plan(),
                    "datasets": [{"dataset": "0x1"}],
                    "terms": {"reward": "9999 SUI"},
                }
            )
        assert caught.value.hint
        with pytest.raises(NotAllowed, match="does not have the role publisher"):
            await other.api.task_publish({})
        listed = await peer.api.dataset_add(str(DIGITS), "digits", "digits", SCHEMA)
        again = await peer.api.dataset_add(str(DIGITS), "digits", "digits", SCHEMA)
        assert again["dataset"] == listed["dataset"]
        published = await peer.api.task_publish(
            {
                "plan": make_plan(),
                "datasets": [{"dataset": listed["dataset"], "version": 1}],
                "terms": TERMS,
            }
        )

        async def known():
            return (await other.api.task_list())["tasks"]

        await wait_for(known)
        estimate = await peer.api.task_estimate(published["task"])
        assert not estimate["join"]
        assert {r["rule"] for r in estimate["rules"] if not r["ok"]} >= {
            "own_task",
            "stake_per_task",
        }
        with pytest.raises(NotAllowed, match="has no aggregate"):
            await peer.api.task_aggregate(published["task"])
        found = await peer.tools.contract.task(published["task"])
        with pytest.raises(VerificationFailed, match="has no aggregate"):
            await peer.api.checker.verify(found)
