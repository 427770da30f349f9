"""Whether all parts are there, and when to give up on one: after asking often and long enough.

A node of Walrus that is down, or our own network, must not look like a contributor that withholds.
"""

import trio

from walrusd.chain.layouts.objects import Task
from walrusd.core.faults import is_patience_over
from walrusd.core.manifest import MAX_MANIFEST_BYTES
from walrusd.core.pieces.keys import OpeningKeys
from walrusd.engine.tools import Tools
from walrusd.errors import OpeningUnusable, PartAbsent, WorldFault
from walrusd.examination import checks
from walrusd.examination.examine import (
    Examination,
    SubmissionParts,
    collect_result,
    list_needed_pieces,
    read_opening,
    read_task_plan,
)
from walrusd.market.case import Case
from walrusd.units import BlobId


async def judge_absence(tools: Tools, case: Case, missing: PartAbsent) -> PartAbsent:
    """Count a failed fetch; return the finding once the part counts as absent.

    Raises:
        PartAbsent: ``missing``, while it may still come, or if other blobs cannot be read either.
    """
    submission = case.submission
    # A second opening starts a new count.
    key = f"{submission.id}:{submission.attempt}"
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
        raise missing
    absent = PartAbsent(f"{missing.message}, while other blobs can be read")
    absent.__cause__ = missing
    return absent


async def can_read(tools: Tools, task: Task) -> bool:
    """Return whether any blob can be read: the task's manifest, straight from the network.

    Distinguishes a missing part of a submission from a failure of our own network.
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


async def check_complete(case: Case, keys: OpeningKeys, parts: SubmissionParts) -> None:
    """Check that the opening is all that the committee needs; that the work is true is not asked.

    Whether its blobs last is not asked either: jurors could not agree on what nodes tell.

    Raises:
        OpeningUnusable: if something is missing or is not the committed thing.
        PartAbsent: if the opening or the verification file is not there.
    """
    plan = await read_task_plan(case, parts)
    segments = case.dealt_segments()
    opening = await read_opening(case, keys, parts, list_needed_pieces(case, segments))
    await trio.to_thread.run_sync(checks.check_inputs, case, plan, opening, segments)
    found = Examination(opening)
    await collect_result(found, case, plan, parts)
    for finding in found.findings:
        if isinstance(finding, OpeningUnusable):
            raise finding
    if found.missing is not None:
        raise found.missing
