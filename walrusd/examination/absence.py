"""When to give up on a part that is absent: not before it was asked for often and long enough.

A node of Walrus that is down, or our own network, must not look like a contributor that withholds.
"""

from walrusd.chain.layouts.objects import Task
from walrusd.core.faults import is_patience_over
from walrusd.core.manifest import MAX_MANIFEST_BYTES
from walrusd.engine.tools import Tools
from walrusd.errors import OpeningUnusable, PartAbsent, WorldFault
from walrusd.market.case import Case
from walrusd.units import BlobId


async def judge_absence(tools: Tools, case: Case, absent: PartAbsent) -> OpeningUnusable:
    """Count a part's absence, and return what it has come to mean.

    Raises:
        PartAbsent: the same, while it may still come, or other blobs do not reach us either.
    """
    submission = case.submission
    # Opened again, the count starts again.
    key = f"{submission.id}:{submission.window_ms}"
    state = tools.work.get("absent", key) or {"times": 0}
    state["times"] += 1
    tools.work.put("absent", key, state)
    is_over = is_patience_over(
        absences=state["times"],
        opened_ms=submission.window_ms,
        verify_ms=case.task.terms.verify_ms,
        now_ms=tools.clock.now_ms(),
    )
    if not is_over or not await can_read(tools, case.task):
        raise absent
    unusable = OpeningUnusable(f"{absent.message}, while other blobs can be read")
    unusable.__cause__ = absent
    return unusable


async def can_read(tools: Tools, task: Task) -> bool:
    """Return whether blobs reach us at all: the task's manifest, straight from the network.

    Tells a missing part of a submission from a network of ours that is down.
    """
    path = tools.files.probe(task.id)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        await tools.store.download(BlobId(task.manifest_blob), path, MAX_MANIFEST_BYTES)
    except WorldFault:
        return False
    finally:
        path.unlink(missing_ok=True)
    return True
