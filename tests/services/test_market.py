"""The main job, from an open task to a checked aggregate, in one process."""

from pathlib import Path

import pytest
import trio

from tests.adversaries.forger import ForgingTraining
from tests.support.market.plays import TERMS, approve_keys, check_by_anyone, open_task, wait_phase
from tests.support.market.world import (
    DIGITS,
    SCHEMA,
    InlineTraining,
    make_plan,
    open_world,
    wait_for,
)
from tests.support.refusals import refused
from walrusd.settings.model import PolicySettings, Role
from walrusd.units import MIST_PER_SUI, Mist


class QuickForger(ForgingTraining):
    """Forges the work it stakes on, and is honest inline in everything else."""

    def __init__(self) -> None:
        super().__init__()
        self._honest = InlineTraining()


@pytest.mark.parametrize(
    "audit_bps",
    [1, pytest.param(10_000, marks=pytest.mark.slow)],
    ids=["unaudited", "audited"],
)
async def test_honest_work_is_paid_and_a_forged_trace_is_slashed(
    tmp_path: Path, audit_bps: int
) -> None:
    async with open_world(tmp_path) as world:
        owner = await world.start("owner", Role.DATASET_OWNER)
        publisher = await world.start("publisher", Role.PUBLISHER)
        verifiers = [await world.start(f"v{n}", Role.VERIFIER) for n in range(5)]

        async def seats():
            publisher.tools.contract.forget(world.info.pool_id)
            pool = await publisher.tools.contract.pool(world.info.pool_id)
            return len(pool.seats) == 2 * len(verifiers)

        await wait_for(seats)
        honest = [await world.start(f"c{n}", Role.CONTRIBUTOR) for n in range(3)]
        cheat = await world.start("cheat", Role.CONTRIBUTOR, training=QuickForger)
        # At 10,000 every attested submission goes before a jury, too.
        _dataset, task = await open_task(owner, publisher, audit_bps=audit_bps)
        cases = int(audit_bps == 10_000)
        await approve_keys(owner, 4)
        shown = await wait_phase(publisher, task, "aggregated")

        outcomes = {s["contributor"]: (s["state"], s["reason"]) for s in shown["submissions"]}
        assert outcomes[cheat.address] == ("rejected", "challenge_confirmed")
        for peer in honest:
            assert outcomes[peer.address] == ("accepted", "attested")
        contract = publisher.tools.contract
        for entry in (await contract.task(task)).entries:
            submission = await contract.submission(entry.submission)
            if submission.contributor != cheat.address:
                assert submission.cases == cases
        checked = await honest[0].api.task_aggregate(task)
        assert checked["verified"]
        assert len(checked["submissions"]) == 3

        await check_by_anyone(world, task, "pedersen")

        async def paid():
            balances = [await p.tools.contract.balance(p.address) for p in honest]
            return all(b > 1000 * MIST_PER_SUI for b in balances)

        await wait_for(paid)
        assert await cheat.tools.contract.balance(cheat.address) < 998.1 * MIST_PER_SUI
        assert (await world.admin("/supply"))["conserved"] is True
        why = await cheat.api.why(task)
        ours = [entry["decision"] for entry in why["entries"] if entry["kind"] != "chain"]
        assert ours[:3] == ["join", "key_requested", "staked"]
        told = [entry for entry in why["entries"] if entry["kind"] == "chain"]
        assert told[0]["decision"] == "TaskOpened"
        assert all(entry["transaction"] for entry in told)
        assert any("the stake is lost" in sentence for sentence in why["outcome"])

        async def model():
            return (await publisher.api.task_show(task))["model"]

        assert await trio.Path((await wait_for(model))["weights"]).is_file()


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
        with refused("rpc.bad_request", "/nowhere"):
            await peer.api.dataset_add("/nowhere", "digits", "", SCHEMA)
        with refused("rpc.bad_request", "rewrad"):
            await peer.api.task_publish(
                {"plan": make_plan(), "datasets": [{"dataset": "0x1"}], "terms": {"rewrad": 1}}
            )
        with refused("chain.insufficient_balance", "opening") as caught:
            await peer.api.task_publish(
                {
                    "plan": make_plan(),
                    "datasets": [{"dataset": "0x1"}],
                    "terms": {"reward": "9999 SUI"},
                }
            )
        assert caught.value.hint
        with refused("daemon.not_allowed", "role", "publisher"):
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
        assert [each["forged_segments"] for each in estimate["deterrence"]]
        assert estimate["contributor_income_mist"] == estimate["reward_mist"] // 5
        assert 0 < estimate["coverage"] <= 1
        assert estimate["warnings"] == published["warnings"]
        assert all(0 <= each["convicts_honest"] <= 1 for each in estimate["rings"])
        with refused("daemon.not_allowed", "aggregate"):
            await peer.api.task_aggregate(published["task"])
        found = await peer.tools.contract.task(published["task"])
        with refused("proof.invalid", "aggregate"):
            await peer.parts.checker.verify(found)
