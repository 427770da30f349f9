"""A seat's examination of a submission, from the opening's bytes to the findings.

``examine`` checks everything, for verifiers; ``examine_charge`` what a jury is asked about.
Both are made of the same checks (``checks``), so that what an honest seat accuses of is what an
honest jury finds. What has to be fetched or replayed comes through ``SubmissionParts`` and
``Replays``; what the findings mean is decided by ``core.faults.decide_verdict``.

Only the pieces of the opening that a check reads are fetched, and one at a time is in memory;
callers run one examination at a time.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import trio

from walrusd.chain.layouts.objects import Submission, Task
from walrusd.core.faults import (
    NO_KEY,
    Charge,
    CheckedPart,
    Verdict,
    decide_verdict,
    make_fraud,
    raising_findings,
)
from walrusd.core.lifecycle import CaseKind
from walrusd.core.opening import VerifiedOpening
from walrusd.core.pieces.keys import OpeningKeys
from walrusd.core.pieces.names import RESULT_PIECES, PieceName, list_segment_pieces
from walrusd.crypto.vfile.checks import VerifiedFile
from walrusd.errors import (
    FraudFound,
    MalformedData,
    OpeningUnusable,
    PartAbsent,
    VerificationFailed,
)
from walrusd.examination import checks
from walrusd.examination.replay import Replays
from walrusd.market.case import Case
from walrusd.market.fetch import JobFiles
from walrusd.market.schemes import find_wrong_row
from walrusd.market.verified import VerifiedPlan
from walrusd.runtime.pool import run_heavy
from walrusd.training.run.replayed import Replayed
from walrusd.training.run.state import Tensors
from walrusd.workers.files import check_opened


class SubmissionParts(Protocol):
    """Fetches and verifies the parts that the chain only names; ``market.fetch.Fetcher`` is one."""

    async def plan_of(self, task: Task) -> VerifiedPlan: ...
    async def ready_weights(self, task: Task) -> Path: ...
    async def job_files_of(self, task: Task) -> JobFiles: ...
    async def initial_weights(self, task: Task) -> tuple[Path, Tensors]: ...
    async def verified_opening_of(
        self, case: Case, keys: OpeningKeys, wanted: Collection[PieceName]
    ) -> VerifiedOpening: ...
    async def check_lasting(self, case: Case, keys: OpeningKeys) -> None: ...
    async def file_of(self, task: Task, submission: Submission) -> VerifiedFile: ...


@dataclass
class Examination:
    """The parts read and replayed, and the findings. ``absent`` parts may still come."""

    opening: VerifiedOpening | None = None
    replayed: dict[int, Replayed] = field(default_factory=dict)
    frauds: list[FraudFound] = field(default_factory=list)
    unusable: OpeningUnusable | None = None
    absent: PartAbsent | None = None

    @contextmanager
    def collecting(self) -> Iterator[None]:
        """Note a check's finding, and continue."""
        try:
            yield
        except FraudFound as error:
            self.frauds.append(error)
        except OpeningUnusable as error:
            self.unusable = self.unusable or error
        except PartAbsent as error:
            self.absent = self.absent or error

    def decide(self, case: Case) -> Verdict:
        """Return the seat's verdict on the findings."""
        judged = {Charge(CaseKind(j.kind), j.index) for j in case.submission.judged}
        return decide_verdict(
            self.frauds, self.unusable, judged=judged, reopened=case.submission.reopened
        )


async def examine(
    case: Case,
    segments: Sequence[int],
    keys: OpeningKeys | None,
    parts: SubmissionParts,
    replays: Replays,
) -> Examination:
    """Examine everything that a seat can, above all the segments dealt to it.

    ``keys`` are the opening's, if an envelope for the seat holds them. An obstacle to further
    checks becomes a finding too; infrastructure faults are raised.
    """
    found = Examination()

    # The opening: decrypted, and its leaves and rows compared with the roots on the chain.
    with found.collecting():
        if keys is None:
            raise OpeningUnusable("no envelope for our seat holds the opening's key", cause=NO_KEY)
        plan = await read_task_plan(case, parts)
        wanted = list_needed_pieces(case, segments)
        opening = found.opening = await read_opening(case, keys, parts, wanted)
    if found.opening is None or keys is None:
        return found
    with found.collecting():
        await check_lasting(case, keys, parts)

    # The work: an opening that lacks something for one segment does not hide what others show.
    found.replayed = replays.recall(case)
    if not found.replayed:
        usable = []
        for segment in sorted(set(segments)):
            with found.collecting():
                await trio.to_thread.run_sync(checks.check_inputs, case, plan, opening, [segment])
                usable.append(segment)
        if usable:
            with raising_findings(CheckedPart.OPENING):
                files = await parts.job_files_of(case.task)
                found.replayed = await replays.replay(case, files, opening, usable)
    for segment in sorted(found.replayed):
        with found.collecting():
            checks.check_replayed(case, opening, found.replayed[segment])
    if found.frauds or case.submission.abort is not None:
        return found  # an abort claim commits to nothing else

    # The rest: the verification file, the update in both, and the cost.
    file: VerifiedFile | None = None
    is_committed = False
    with found.collecting():
        file = await read_file(case, plan, parts)
    with found.collecting():
        await check_final_update(case, plan, opening, parts)
        is_committed = True
    if file is not None and is_committed:
        with found.collecting():
            await _check_rows(opening, file)
    if file is not None:
        with found.collecting():
            last = found.replayed.get(case.segment_count)
            checks.check_cost(case, opening, file, last)
    return found


async def examine_charge(
    case: Case,
    charge: Charge,
    keys: OpeningKeys | None,
    parts: SubmissionParts,
    replays: Replays,
) -> None:
    """Examine one charge before a jury, from the opening's bytes on.

    ``keys`` may be missing for a charge about the verification file, which is public. A SEGMENT is
    judged by its replay, and whether the opening is available by ``check_complete``.

    Raises:
        FraudFound: if the charge is true. If it is not, nothing is raised.
        OpeningUnusable, PartAbsent: if it cannot be decided.
    """
    plan = await read_task_plan(case, parts)
    if charge.kind == CaseKind.FILE:
        await read_file(case, plan, parts)
        return
    if keys is None:
        raise OpeningUnusable("no envelope for us holds the opening's key")
    replayed = [case.segment_count] if charge.kind == CaseKind.COST else []
    opening = await read_opening(case, keys, parts, list_needed_pieces(case, replayed))
    match charge.kind:
        case CaseKind.UPDATE:
            await check_final_update(case, plan, opening, parts)
        case CaseKind.ROWS:
            await check_final_update(case, plan, opening, parts)
            await _check_rows(opening, await _read_given_file(case, plan, parts), charge.index)
        case CaseKind.COST:
            file = await _read_given_file(case, plan, parts)
            end = case.segment_count
            last = await replay_opened(case, plan, opening, end, parts=parts, replays=replays)
            checks.check_cost(case, opening, file, last)
        case _:
            raise ValueError(f"{charge.kind} is no fraud that is shown without a replay")


async def replay_opened(
    case: Case,
    plan: VerifiedPlan,
    opening: VerifiedOpening,
    segment: int,
    *,
    parts: SubmissionParts,
    replays: Replays,
) -> Replayed:
    """Replay a segment, its inputs checked first.

    Raises:
        OpeningUnusable: if the opening lacks what the replay reads.
    """
    await trio.to_thread.run_sync(checks.check_inputs, case, plan, opening, [segment])
    with raising_findings(CheckedPart.OPENING):
        files = await parts.job_files_of(case.task)
        found = await replays.replay(case, files, opening, [segment])
    return found[segment]


async def read_task_plan(case: Case, parts: SubmissionParts) -> VerifiedPlan:
    """Return the plan once the weights are ready: their faults are not the submission's.

    Raises:
        OpeningUnusable: if they are not what the task names; no one could have done the work.
    """
    with raising_findings(CheckedPart.TASK):
        plan = await parts.plan_of(case.task)
        await parts.ready_weights(case.task)
    return plan


def list_needed_pieces(case: Case, segments: Sequence[int]) -> list[PieceName]:
    """Return the pieces that show the result, if there is one, and what replays read."""
    result = RESULT_PIECES if case.submission.abort is None else ()
    return [*list_segment_pieces(segments), *result]


async def read_opening(
    case: Case, keys: OpeningKeys, parts: SubmissionParts, wanted: Collection[PieceName]
) -> VerifiedOpening:
    """Return the wanted pieces of the opening, its leaves and rows checked against the chain.

    Raises:
        OpeningUnusable: if it is not the announced one, or does not match the roots.
        PartAbsent: if it is not there.
    """
    with raising_findings(CheckedPart.OPENING):
        return await parts.verified_opening_of(case, keys, wanted)


async def check_lasting(case: Case, keys: OpeningKeys, parts: SubmissionParts) -> None:
    """Check that the blobs of an opening cannot be deleted.

    Raises:
        OpeningUnusable: if one can: it would be gone when a jury needs it.
    """
    with raising_findings(CheckedPart.OPENING):
        await parts.check_lasting(case, keys)


async def read_file(case: Case, plan: VerifiedPlan, parts: SubmissionParts) -> VerifiedFile:
    """Return the verification file, checked in itself and against chain and plan.

    Raises:
        FraudFound: if it does not hold, or is about something else.
        PartAbsent: if it is not there.
    """
    with raising_findings(CheckedPart.FILE):
        file = await parts.file_of(case.task, case.submission)
    checks.check_file(case, plan, file)
    return file


async def _read_given_file(case: Case, plan: VerifiedPlan, parts: SubmissionParts) -> VerifiedFile:
    """Return the file for a charge that is not about it: if it is bad, nothing can be decided."""
    try:
        return await read_file(case, plan, parts)
    except FraudFound as error:
        raise OpeningUnusable(error.message) from error


async def check_final_update(
    case: Case, plan: VerifiedPlan, opening: VerifiedOpening, parts: SubmissionParts
) -> None:
    """Check the update against the final state and the task's weights.

    Raises:
        FraudFound: if the final state gives another update.
        OpeningUnusable: if the state is missing or wrong, or the opened update another one.
    """
    with raising_findings(CheckedPart.TASK):
        _path, weights = await parts.initial_weights(case.task)
    await trio.to_thread.run_sync(checks.check_update, case, plan, weights, opening)


async def _check_rows(opening: VerifiedOpening, file: VerifiedFile, row: int | None = None) -> None:
    """Check that the file's commitments or ciphertexts open to the opened update.

    Raises:
        FraudFound: naming the first row that does not; ``row`` asks about one row.
        OpeningUnusable: if their openings are incomplete.
    """
    openings = checks.check_openings(opening, file)
    with raising_findings(CheckedPart.OPENING):
        update = await trio.to_thread.run_sync(opening.opening.read_update)
    if row is None:
        try:
            await run_heavy(check_opened, file, update, openings)
        except (VerificationFailed, MalformedData) as error:
            wrong = await find_wrong_row(file, update, openings)
            if wrong is None:
                raise OpeningUnusable(error.message, hint=error.hint) from error
        else:
            return
    else:
        wrong = await find_wrong_row(file, update, openings, row)
    if wrong is not None:
        raise make_fraud(
            CheckedPart.ROWS, wrong, f"row {wrong} of the update is not the committed one"
        )
