"""Open what was sealed to us and replay segments of it."""

import secrets
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import trio

from walrusd.core.opening import (
    Opening,
    VerifiedOpening,
    verify_opening,
    verify_rows_cover,
)
from walrusd.core.protocol import compute_leaf, compute_slot_tree
from walrusd.crypto.vfile.header import Quantisation
from walrusd.engine.progress import clear_progress, make_on_line
from walrusd.engine.tools import Tools
from walrusd.errors import TrainingFailed, VerificationFailed
from walrusd.files import write_atomically
from walrusd.market.case import Case
from walrusd.market.fetch import Fetcher
from walrusd.training.numerics.random import compute_segment_rows
from walrusd.training.plan.plan import Plan
from walrusd.training.run.costs import SegmentCosts, compute_segment_costs
from walrusd.training.run.jobs import ReplayJob, RowsFile, SegmentStart
from walrusd.training.run.state import compute_state_root


@dataclass(frozen=True)
class Replayed:
    """The value that a replay of one segment gives.

    Of one that cannot be carried out ``costs`` is None, and ``abort`` says where and why. ``chain``
    binds the losses themselves.
    """

    segment: int
    chain: bytes
    state_root: bytes
    costs: SegmentCosts | None
    abort: dict[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form, as a work item keeps it."""
        return {
            "chain": self.chain.hex(),
            "state_root": self.state_root.hex(),
            "costs": self.costs.to_json() if self.costs else None,
            "abort": self.abort,
        }

    @classmethod
    def from_json(cls, segment: int, value: dict[str, Any]) -> "Replayed":
        """Read the JSON form, also that of earlier versions, which has ``losses``."""
        if "losses" in value:
            losses = value["losses"]
            costs = compute_segment_costs(losses) if losses else None
        else:
            told = value["costs"]
            costs = None if told is None else SegmentCosts.from_json(told)
        return cls(
            segment,
            bytes.fromhex(value["chain"]),
            bytes.fromhex(value["state_root"]),
            costs,
            value.get("abort"),
        )

    def leaf(self, ctx: bytes, committee: int) -> bytes:
        """Return the leaf that follows from the value, as the contract computes it."""
        slots = compute_slot_tree(ctx, self.segment, committee, self.chain)
        return compute_leaf(self.segment, self.state_root, slots.root)


class Replayer:
    """Replays segments in the training child and checks what surrounds them.

    One opening at a time is held in memory; whoever else wants one waits.
    """

    def __init__(self, tools: Tools, fetcher: Fetcher, user: str) -> None:
        """Take the collaborators; ``user`` names the service, whose files lie apart."""
        self._tools = tools
        self._fetcher = fetcher
        self._user = user
        self.turn = trio.CapacityLimiter(1)

    async def open(self, case: Case, key: bytes) -> VerifiedOpening:
        """Return a submission's opening, checked against the roots on the chain.

        Raises:
            VerificationFailed: if a root does not match.
        """
        assert case.submission.commitment is not None
        opening = await self._fetcher.opening_of(case, key)
        return await trio.to_thread.run_sync(
            partial(
                verify_opening,
                opening,
                segments=case.segment_count,
                trace_root=case.submission.commitment.trace_root,
                row_root=case.submission.dataset_root,
                row_count=case.submission.dataset_rows,
            )
        )

    async def replay(
        self, case: Case, opening: Opening, segments: list[int]
    ) -> dict[int, Replayed]:
        """Replay segments and return their values.

        Everything that goes in is proven first: the plan by its digest, start states by the
        committed leaves, rows by the dataset's root. So a replay that ends in an error says
        something about the commitment, and nothing else can.

        Raises:
            VerificationFailed: if an input is missing or wrong; that is not a replay.
            TrainingFailed: if the child ended without a result.
        """
        tools = self._tools
        _manifest, plan = await self._fetcher.plan_of(case.task)
        await trio.to_thread.run_sync(partial(check_inputs, case, plan, opening, segments))
        # The directory is new each time and goes afterwards: it holds rows in the clear.
        token = secrets.token_hex(4)
        workdir = replays_dir(tools.work_dir, self._user) / f"{case.submission.id}-{token}"
        workdir.mkdir(mode=0o700, parents=True)
        try:
            job = ReplayJob(
                plan=str(await self._fetcher.plan_file(case.task)),
                rows=_pack_rows(workdir, opening, case.submission.dataset_rows),
                ctx=case.ctx,
                seed=case.seed,
                committee=case.task.terms.committee,
                segments=tuple(_write_start(workdir, opening, i) for i in segments),
                weights=str(await self._fetcher.weights_of(case.task)),
            )
            on_line = make_on_line(tools, "replay", case.submission.id)
            result = await tools.run_job(job, on_line)
        finally:
            shutil.rmtree(workdir, ignore_errors=True)
            clear_progress(tools, case.submission.id)
        found = {
            record["segment"]: Replayed.from_json(record["segment"], record)
            for record in result["segments"]
        }
        if set(found) != set(segments):
            raise TrainingFailed("the replay did not give a value for every segment asked")
        return found


def replays_dir(work_dir: Path, user: str) -> Path:
    """Return where the replays of a service keep their files."""
    return work_dir / "replay" / user


def sweep_replays(work_dir: Path, user: str) -> None:
    """Remove what replays left that were killed: rows of datasets in the clear."""
    shutil.rmtree(replays_dir(work_dir, user), ignore_errors=True)


def quantisation_of(plan: Plan) -> Quantisation:
    """Return the quantisation that a plan prescribes."""
    return Quantisation(plan.update.scale_bits, plan.update.value_bits, plan.weight_count)


def check_inputs(case: Case, plan: Plan, opening: Opening, segments: list[int]) -> None:
    """Check that an opening holds all that a replay of ``segments`` reads.

    Raises:
        VerificationFailed: if a start state or a row is missing or wrong.
    """
    for segment in segments:
        state_at(plan, opening, segment - 1)
    verify_rows_cover(opening, compute_needed_rows(case, plan, segments), plan.dataset.row_bytes)


def compute_needed_rows(case: Case, plan: Plan, segments: Iterable[int]) -> set[int]:
    """Return the rows that a replay reads.

    If the plan does not fit the dataset no step reads any; the first row stands for them, as a
    replay takes a file of rows that is not empty.
    """
    count = case.submission.dataset_rows
    if 2 * plan.batch > count:
        return {0}
    found = (compute_segment_rows(plan, case.seed, segment, count) for segment in segments)
    return {int(row) for rows in found for row in rows}


def state_at(plan: Plan, opening: Opening, boundary: int) -> bytes:
    """Return the opened state at a segment boundary, checked against its root.

    Raises:
        VerificationFailed: if the opening lacks it, or it has another root.
    """
    state = opening.states.get(boundary)
    if state is None:
        raise VerificationFailed(f"the opening lacks the state at boundary {boundary}")
    if compute_state_root(plan, state) != opening.state_roots[boundary]:
        raise VerificationFailed(f"the opened state at boundary {boundary} is not its leaf's")
    return state


def _write_start(workdir: Path, opening: Opening, segment: int) -> SegmentStart:
    path = workdir / f"state-{segment - 1}.bin"
    write_atomically(path, opening.states[segment - 1])
    return SegmentStart(segment, str(path))


def _pack_rows(workdir: Path, opening: Opening, count: int) -> RowsFile:
    data, indices = workdir / "rows.bin", workdir / "rows.idx"
    write_atomically(data, b"".join(row.data for row in opening.rows))
    numbers = np.array([row.proof.index for row in opening.rows], dtype="<u8")
    write_atomically(indices, numbers.tobytes())
    return RowsFile(str(data), str(indices), count)
