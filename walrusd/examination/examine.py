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
    FIRST_ATTEMPT,
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
    """The parts read and replayed, and the findings.

    ``missing`` could not be had just now and may still come; ``absent`` is taken for gone.
    """

    opening: VerifiedOpening | None = None
    replayed: dict[int, Replayed] = field(default_factory=dict)
    findings: list[FraudFound | OpeningUnusable] = field(default_factory=list)
    missing: PartAbsent | None = None
    absent: PartAbsent | None = None

    @property
    def frauds(self) -> list[FraudFound]:
        """The findings that prove a forgery."""
        return [each for each in self.findings if isinstance(each, FraudFound)]

    @contextmanager
    def collecting(self) -> Iterator[None]:
        """Note a check's finding, and continue."""
        try:
            yield
        except (FraudFound, OpeningUnusable) as error:
            self.findings.append(error)
        except PartAbsent as error:
            self.missing = self.missing or error

    def decide(self, case: Case, place: int) -> Verdict:
        """Return the verdict on the findings of the seat at ``place``."""
        submission = case.submission
        me = submission.committee[place].verifier
        was_judged = any(int(accuser, 16) == 0 for accuser in submission.accusers)
        return decide_verdict(
            self.findings,
            self.absent,
            may_accuse=me not in submission.accusers,
            may_report=not submission.reported >> place & 1 and not was_judged,
        )


async def examine(
    case: Case,
    segments: Sequence[int],
    keys: OpeningKeys,
    parts: SubmissionParts,
    replays: Replays,
) -> Examination:
    """Examine everything that a seat can, above all the segments dealt to it.

    An obstacle to further checks becomes a finding too; infrastructure faults are raised.
    """
    found = Examination()

    # The opening: decrypted, and its leaves and rows compared with the roots on the chain.
    with found.collecting():
        plan = await read_task_plan(case, parts)
        wanted = list_needed_pieces(case, segments)
        opening = found.opening = await read_opening(case, keys, parts, wanted)
    if found.opening is None:
        return found
    # Nobody can tell later whether a blob could have been deleted, so no jury is asked: the
    # contributor is, once, to store the opening in blobs that last.
    if case.submission.attempt == FIRST_ATTEMPT:
        with found.collecting():
            found.absent = await find_fleeting(case, keys, parts)

    # The work: an opening that lacks something for one segment does not hide what others show.
    found.replayed = replays.recall(case, segments)
    usable = []
    for segment in sorted(set(segments) - set(found.replayed)):
        with found.collecting():
            await trio.to_thread.run_sync(checks.check_inputs, case, plan, opening, [segment])
            usable.append(segment)
    if usable:
        with raising_findings(CheckedPart.OPENING):
            files = await parts.job_files_of(case.task)
            found.replayed |= await replays.replay(case, files, opening, usable)
    for segment in sorted(found.replayed):
        with found.collecting():
            checks.check_replayed(case, opening, found.replayed[segment])
    if not found.frauds:
        await collect_result(found, case, plan, parts)
    return found


async def collect_result(
    found: Examination, case: Case, plan: VerifiedPlan, parts: SubmissionParts
) -> None:
    """Check what the opened work led to: verification file, update in both, and cost.

    An abort claim commits to none of them. The cost is compared with a replay of the last segment
    if there is one.
    """
    opening = found.opening
    assert opening is not None
    if case.submission.abort is not None:
        return
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


async def examine_charge(
    case: Case,
    charge: Charge,
    keys: OpeningKeys | None,
    parts: SubmissionParts,
    replays: Replays,
) -> None:
    """Examine one charge before a jury, from the opening's bytes on.

    ``keys`` may be missing for a charge about the verification file, which is public. A SEGMENT is
    judged by its replay, and the opening itself by ``check_complete``.

    Raises:
        FraudFound: if the charge is true, or something that it rests on is forged. If the charge
            is not true, nothing is raised.
        OpeningUnusable: if the opening does not show what it should.
        PartAbsent: if something cannot be read.
    """
    plan = await read_task_plan(case, parts)
    if charge.kind == CaseKind.FILE:
        await read_file(case, plan, parts)
        return
    assert keys is not None, "a juror has its envelope before it may commit"
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
    known = replays.recall(case, [segment])
    if segment in known:
        return known[segment]
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


async def find_fleeting(case: Case, keys: OpeningKeys, parts: SubmissionParts) -> PartAbsent | None:
    """Return what is wrong if the blobs of an opening can be deleted before a jury needs them."""
    try:
        await parts.check_lasting(case, keys)
    except VerificationFailed as error:
        return PartAbsent(error.message)
    return None


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
