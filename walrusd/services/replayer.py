"""Check an opening and replay segments of it: what verifiers and jurors have in common."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from walrusd.core.opening import Opening, VerifiedOpening, verify_opening
from walrusd.core.protocol import compute_leaf, compute_slot_tree
from walrusd.crypto.chunks import compute_update_root
from walrusd.crypto.tags import Tag, hash_tagged
from walrusd.crypto.vfile_checks import open_cost
from walrusd.errors import VerificationFailed
from walrusd.services.facts import Case
from walrusd.services.fetcher import Fetcher, read_file, write_privately
from walrusd.services.heavy import check_update_rows, run_heavy
from walrusd.services.tools import Tools
from walrusd.training.jobs import Limits, ReplayJob, RowsFile, SegmentStart
from walrusd.training.plan import Plan
from walrusd.training.state import (
    compute_state_root,
    deserialize_state,
    initial_state,
    serialize_state,
)
from walrusd.training.update import compute_cost, compute_update, update_to_bytes
from walrusd.training.weights import weights_from_bytes

ABORTED_STATE = bytes(32)
"""The state root of a replay that ended in an error; its chain names the error."""


@dataclass(frozen=True)
class Replayed:
    """The value that a replay of one segment gives. ``losses`` is empty if it aborted."""

    segment: int
    chain: bytes
    state_root: bytes
    losses: tuple[tuple[float, ...], ...]

    def leaf(self, ctx: bytes, committee: int) -> bytes:
        """Return the leaf that follows from the value, as the contract computes it."""
        slots = compute_slot_tree(ctx, self.segment, committee, self.chain)
        return compute_leaf(self.segment, self.state_root, slots.root)


class Replayer:
    """Replays segments in the training child and checks what surrounds them."""

    def __init__(self, tools: Tools, fetcher: Fetcher) -> None:
        self._tools = tools
        self._fetcher = fetcher

    async def open(self, case: Case, key: bytes) -> VerifiedOpening:
        """Return a submission's opening, checked against the roots on the chain."""
        assert case.submission.commitment is not None
        opening = await self._fetcher.opening_of(case.submission, key)
        return verify_opening(
            opening,
            segments=case.task.terms.segments,
            trace_root=case.submission.commitment.trace_root,
            row_root=case.submission.dataset_root,
            row_count=case.submission.dataset_rows,
        )

    async def check_surroundings(self, case: Case, verified: VerifiedOpening) -> None:
        """Check all that is not replay: the file, the update, its rows, the cost's key.

        Raises:
            VerificationFailed: if a part does not fit what was committed.
        """
        submission, opening = case.submission, verified.opening
        commitment = submission.commitment
        assert commitment is not None
        _manifest, plan = await self._fetcher.plan_of(case.task)
        file = await self._fetcher.file_of(submission)
        if file.header.subject != case.subject:
            raise VerificationFailed("the verification file is about something else")
        if file.trace_leaves != verified.leaves:
            raise VerificationFailed("the verification file holds another trace")
        if file.header.scheme.cost_commitment != commitment.cost_commitment:
            raise VerificationFailed("the verification file holds another cost commitment")
        await self._check_update(case, plan, opening)
        blindings = [int.from_bytes(blinding, "big") for blinding in opening.blindings]
        await run_heavy(check_update_rows, opening.update, blindings, list(file.row_commitments))
        open_cost(file, opening.cost_key)

    async def _check_update(self, case: Case, plan: Plan, opening: Opening) -> None:
        commitment = case.submission.commitment
        assert commitment is not None
        weights = weights_from_bytes(
            plan, await read_file(await self._fetcher.weights_of(case.task))
        )
        start = serialize_state(plan, initial_state(plan, weights))
        if compute_state_root(plan, start) != case.task.state_root_0:
            raise VerificationFailed("the task's weights do not have its initial state root")
        end_bytes = self.state_at(plan, opening, plan.segments)
        end = deserialize_state(plan, end_bytes)
        expected = update_to_bytes(compute_update(plan, weights, end.weights))
        if expected != opening.update:
            raise VerificationFailed("the update is not the difference of the final weights")
        vector = np.frombuffer(opening.update, "<i4").astype(np.int32)
        if compute_update_root(vector) != commitment.update_root:
            raise VerificationFailed("the update does not have the committed root")

    @staticmethod
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

    async def replay(
        self, case: Case, opening: Opening, segments: list[int]
    ) -> dict[int, Replayed]:
        """Replay segments and return their values.

        Raises:
            VerificationFailed: if a start state is missing or wrong; that is not a replay.
        """
        tools = self._tools
        _manifest, plan = await self._fetcher.plan_of(case.task)
        workdir = tools.work_dir / "replay" / case.submission.id
        workdir.mkdir(mode=0o700, parents=True, exist_ok=True)
        starts = []
        for segment in segments:
            path = workdir / f"state-{segment - 1}.bin"
            write_privately(path, self.state_at(plan, opening, segment - 1))
            starts.append(SegmentStart(segment, str(path)))
        job = ReplayJob(
            plan=str(await self._fetcher.plan_file(case.task)),
            rows=self._pack_rows(workdir, opening, case.submission.dataset_rows),
            ctx=case.ctx,
            seed=case.seed,
            committee=case.task.terms.committee,
            segments=tuple(starts),
            limits=Limits(threads=max(1, tools.settings.daemon.threads)),
        )

        async def on_line(kind: str, payload: dict[str, Any]) -> None:
            tools.broadcast.publish("replay", submission=case.submission.id, line=kind, **payload)

        result = await tools.training.run(job, on_line)
        return {record["segment"]: _read_record(record) for record in result["segments"]}

    @staticmethod
    def _pack_rows(workdir: Path, opening: Opening, count: int) -> RowsFile:
        ordered = sorted(opening.rows, key=lambda row: row.proof.index)
        data, indices = workdir / "rows.bin", workdir / "rows.idx"
        write_privately(data, b"".join(row.data for row in ordered))
        numbers = np.array([row.proof.index for row in ordered], dtype="<u8")
        write_privately(indices, numbers.tobytes())
        return RowsFile(str(data), str(indices), count)


def _read_record(record: dict[str, Any]) -> Replayed:
    """Read one segment of a replay's result. An error of the replay is a value too."""
    if "error" in record:
        chain = hash_tagged(Tag.CHAIN, str(record["error"]["code"]).encode())
        return Replayed(record["segment"], chain, ABORTED_STATE, ())
    return Replayed(
        record["segment"],
        bytes.fromhex(record["chain"]),
        bytes.fromhex(record["state_root"]),
        tuple(tuple(step) for step in record["losses"]),
    )


def check_cost(case: Case, replayed: dict[int, Replayed]) -> None:
    """Check the opened cost if the last segment was replayed.

    Raises:
        VerificationFailed: if it is not the mean loss of the last segment.
    """
    last = replayed.get(case.task.terms.segments)
    assert case.submission.opening is not None
    if last is not None and last.losses:
        cost = compute_cost([loss for step in last.losses for loss in step])
        if cost != case.submission.opening.cost:
            raise VerificationFailed("the opened cost is not the mean loss of the last segment")
