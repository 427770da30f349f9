"""What every play of the whole market begins with."""

import json

from tests.support.guards import PLAY_S
from tests.support.market.world import DIGITS, SCHEMA, make_plan, wait_for
from walrusd.crypto.checklist import Checklist
from walrusd.verify.aggregate import check_aggregate_of, read_places

TERMS = {
    "max_submissions": 4,
    "committee": 1,
    "substitutes": 1,
    "segments_per_seat": 4,
    "jury": 1,
    "verifier_stake": "1 SUI",
    # As good as no audits: most plays have too few verifiers for another jury.
    "audit_bps": 1,
    "verifier_fee": "0.00002 SUI",
    "juror_fee": "0.00001 SUI",
}


async def open_task(owner, publisher, parameters=None, **terms) -> tuple[str, str]:
    """List the digits and open a task on them."""
    listed = await owner.api.dataset_add(str(DIGITS), "digits", "handwritten digits", SCHEMA)
    published = await publisher.api.task_publish(
        {
            "title": "digits",
            "plan": make_plan(),
            "datasets": [{"dataset": listed["dataset"], "version": 1}],
            "terms": TERMS | terms,
            **(parameters or {}),
        }
    )
    return listed["dataset"], published["task"]


async def approve_keys(owner, count: int) -> None:
    """Wait for so many key requests and approve them all."""

    async def pending():
        found = (await owner.api.keys_pending())["requests"]
        return found if len(found) == count else None

    for request in await wait_for(pending):
        await owner.api.keys_approve(request["request"])


async def wait_phase(peer, task: str, phase: str, seconds: float = PLAY_S) -> dict:
    """Wait until a task is in a phase, and return it as shown."""

    async def reached():
        shown = await peer.api.task_show(task)
        return shown if shown["phase"] == phase else None

    return await wait_for(reached, seconds)


async def check_by_anyone(world, task: str, scheme: str) -> None:
    """Check a task's sum as somebody without keys, stake or daemon would, from public data."""
    network = world.directory / "net.json"
    network.write_text(json.dumps({
        "sui_url": world.info.sui_url,
        "walrus_url": world.info.walrus_url,
        "chain_id": world.info.chain_id,
        "package_id": world.info.package_id,
        "market_id": world.info.market_id,
        "pool_id": world.info.pool_id,
        "shards": world.info.shards,
    }))  # fmt: skip
    checks, steps = Checklist(), []
    facts = await check_aggregate_of(
        read_places(str(network), None), task, checks, steps.append, threads=1
    )
    assert [item.name for item in checks.items] == [
        "contract", "task", "terms", "recorded sum", "parts", "file", "file", "file", "sum",
    ]  # fmt: skip
    assert not checks.failures
    assert all(item.status == "passed" for item in checks.items)
    assert (facts["scheme"], facts["weights"]) == (scheme, [1, 1, 1])
    assert steps
