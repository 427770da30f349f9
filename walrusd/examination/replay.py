"""Replay segments of a verified opening in the training process.

Every input is verified first: the plan by its digest, start states by the committed leaves, rows by
the dataset's root. The job names what was verified, so that a file which is damaged on its way to
the child ends the job, and never passes for another result or for a bad opening.
"""

import hashlib
import secrets
import shutil
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import trio

from walrusd.core.opening import Opening, VerifiedOpening, merge_rows
from walrusd.core.seats.eligibility import count_committee
from walrusd.engine.jobs import clear_progress, make_on_line, run_training_job
from walrusd.engine.tools import OnLine, Tools
from walrusd.errors import PeerFault, TrainingFailed
from walrusd.files import new_file, write_atomically
from walrusd.market.case import Case
from walrusd.market.fetch import JobFiles
from walrusd.state.data_dir import DataDir
from walrusd.training.run.jobs import ReplayJob, RowsFile, SegmentStart
from walrusd.training.run.replayed import Replayed


class Replays(Protocol):
    """What replays segments, and may know earlier replays."""

    def recall(self, case: Case, segments: Sequence[int]) -> dict[int, Replayed]:
        """Return the values of earlier replays of ``segments``, which need not be made again."""

    async def replay(
        self, case: Case, files: JobFiles, verified: VerifiedOpening, segments: Sequence[int]
    ) -> dict[int, Replayed]:
        """Return the value of every segment; their inputs have been checked."""


class Replayer:
    """Replays segments for one service.

    One opening at a time is examined: who examines takes ``turn``.
    """

    def __init__(self, tools: Tools, user: str) -> None:
        """Take the collaborators; ``user`` names the service, whose files are separate."""
        self._tools = tools
        self._user = user
        self.turn = trio.CapacityLimiter(1)

    def recall(self, _case: Case, _segments: Sequence[int]) -> dict[int, Replayed]:
        """Return nothing: it remembers no replays."""
        return {}

    async def replay(
        self, case: Case, files: JobFiles, verified: VerifiedOpening, segments: Sequence[int]
    ) -> dict[int, Replayed]:
        """Replay segments, whose inputs have been checked, and return their values.

        Raises:
            JobInputUnusable: if a file was damaged on its way to the child.
            TrainingFailed: if the child ended without a result.
        """
        tools, opening = self._tools, verified.opening
        # A new directory each time, removed afterwards: it holds plaintext rows.
        token = secrets.token_hex(4)
        workdir = tools.files.replays(self._user) / f"{case.submission.id}-{token}"
        workdir.mkdir(mode=0o700, parents=True)
        try:
            job = ReplayJob(
                plan=str(files.plan),
                rows=await trio.to_thread.run_sync(
                    _pack_rows, workdir, opening, segments, case.submission.dataset_rows
                ),
                ctx=case.ctx,
                seed=case.seed,
                slots=count_committee(vars(case.task.terms)),
                segments=await trio.to_thread.run_sync(_write_starts, workdir, opening, segments),
                weights=str(files.weights),
                plan_digest=case.task.plan_digest,
                state_root_0=case.task.state_root_0,
            )
            on_line = make_on_line(tools, "replay", case.submission.id)
            result = await _run(tools, job, on_line)
        finally:
            shutil.rmtree(workdir, ignore_errors=True)
            clear_progress(tools, case.submission.id)
        found = {
            record["segment"]: Replayed.from_json(record["segment"], record)
            for record in result["segments"]
        }
        if set(found) != set(segments):
            raise TrainingFailed("the replay did not give a value for every requested segment")
        return found


class KeptReplays:
    """Replays of which each is made only once, even across a restart, and for whatever case.

    The value of a segment follows from the committed roots alone, so it is the same in every
    attempt at opening, and for a committee as for a jury.
    """

    def __init__(self, tools: Tools, replayer: Replayer, service: str) -> None:
        """Take the collaborators; ``service`` is named in the journal."""
        self._tools = tools
        self._replayer = replayer
        self._service = service

    def recall(self, case: Case, segments: Sequence[int]) -> dict[int, Replayed]:
        """Return the values of earlier replays of ``segments``."""
        saved = self._read(case)
        return {i: Replayed.from_json(i, saved[str(i)]) for i in segments if str(i) in saved}

    async def replay(
        self, case: Case, files: JobFiles, verified: VerifiedOpening, segments: Sequence[int]
    ) -> dict[int, Replayed]:
        """Replay as ``Replayer`` does, and keep the values."""
        tools, submission = self._tools, case.submission
        tools.journal.record_once(
            submission.id,
            self._service,
            "replaying",
            "the opening is for our seat",
            segments=list(segments),
        )
        found = await self._replayer.replay(case, files, verified, segments)
        with tools.database.transaction():
            saved = self._read(case) | {str(i): each.to_json() for i, each in found.items()}
            tools.work.put("replayed", submission.id, saved)
        return found

    def forget(self, case: Case) -> None:
        """Forget the values: they cannot be relied on."""
        self._tools.work.delete("replayed", case.submission.id)

    def _read(self, case: Case) -> dict[str, Any]:
        return self._tools.work.get("replayed", case.submission.id) or {}


def sweep_replays(files: DataDir, user: str) -> None:
    """Remove the files of killed replays, which hold plaintext rows of datasets."""
    shutil.rmtree(files.replays(user), ignore_errors=True)


async def _run(tools: Tools, job: ReplayJob, on_line: OnLine) -> dict[str, Any]:
    """Run a job whose inputs have been checked: what it finds wrong with them is our fault.

    Raises:
        TrainingFailed: instead of a peer's fault, which would be reported to the chain.
    """
    try:
        return await run_training_job(tools, job, on_line)
    except PeerFault as error:
        raise TrainingFailed(
            f"the replay could not be carried out: {error.message}", cause=error.code
        ) from error


def _write_starts(
    workdir: Path, opening: Opening, segments: Sequence[int]
) -> tuple[SegmentStart, ...]:
    roots = opening.trace.state_roots
    starts = []
    for segment in sorted(segments):
        path = workdir / f"state-{segment - 1}.bin"
        write_atomically(path, opening.read_state(segment - 1))
        starts.append(SegmentStart(segment, str(path), roots[segment - 1]))
    return tuple(starts)


def _pack_rows(workdir: Path, opening: Opening, segments: Sequence[int], count: int) -> RowsFile:
    path, indices = workdir / "rows.bin", workdir / "rows.idx"
    digest, found = hashlib.sha256(), array("Q")
    with new_file(path) as file:
        for row in merge_rows(opening, segments):
            file.write(row.data)
            digest.update(row.data)
            found.append(row.proof.index)
    numbers = np.array(found, dtype="<u8").tobytes()
    write_atomically(indices, numbers)
    digest.update(numbers)
    return RowsFile(str(path), str(indices), count, digest.digest())
