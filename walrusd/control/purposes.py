"""What keys are requested for: which task, its title and reward, and which dataset."""

from collections.abc import Sequence
from typing import Any

import trio

from walrusd.chain.layouts import objects as ob
from walrusd.core.lifecycle import TaskPhase
from walrusd.core.manifest import MAX_MANIFEST_BYTES, parse_task_manifest
from walrusd.engine.tools import PublicTools
from walrusd.errors import PeerFault, WorldFault
from walrusd.units import BlobId

AT_ONCE = 8
TITLES_S = 5.0
"""How long a listing waits for the titles of strangers' tasks."""


async def read_purposes(
    tools: PublicTools, requests: Sequence[ob.KeyRequest]
) -> dict[str, dict[str, Any]]:
    """Return what each request is for, by its id; a title that does not arrive in time is None.

    Raises:
        WorldFault: if the chain cannot be reached.
    """
    named = dict.fromkeys(request.task for request in requests if int(request.task, 16))
    tasks = await tools.contract.read_many(ob.Task, named)
    datasets = await tools.contract.read_many(
        ob.Dataset, dict.fromkeys(request.dataset for request in requests)
    )
    titles = await _read_titles(tools, list(tasks.values()))
    found = {}
    for request in requests:
        task, dataset = tasks.get(request.task), datasets.get(request.dataset)
        found[request.id] = {
            "title": titles.get(request.task),
            "reward_mist": None if task is None else task.terms.reward,
            "task_phase": None if task is None else TaskPhase(task.phase).name.lower(),
            "dataset_title": None if dataset is None else dataset.title.decode("utf-8", "replace"),
        }
    return found


async def _read_titles(tools: PublicTools, tasks: Sequence[ob.Task]) -> dict[str, str]:
    titles: dict[str, str] = {}
    limiter = trio.CapacityLimiter(AT_ONCE)

    async def read(task: ob.Task) -> None:
        async with limiter:
            try:
                data = await tools.store.get(BlobId(task.manifest_blob), MAX_MANIFEST_BYTES)
                titles[task.id] = parse_task_manifest(data, task.manifest_digest).title
            except (PeerFault, WorldFault):
                return  # the chain's part of the request is shown without it

    with trio.move_on_after(TITLES_S):
        async with trio.open_nursery() as nursery:
            for task in tasks:
                nursery.start_soon(read, task)
    return titles
