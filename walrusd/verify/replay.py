"""Do parts of the work again, from what a third party has: plan, weights, rows, opened states."""

import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from walrusd.core.protocol import compute_leaf, compute_leaf_zero, compute_slot_tree
from walrusd.crypto.dataset_rows import compute_row_root
from walrusd.errors import BadRequest, MalformedData, PeerFault, VerificationFailed
from walrusd.market.import_rows import KNOWN, looks_like_text, open_table
from walrusd.training.formats.container import MAX_HEADER_BYTES, read_container_header
from walrusd.training.plan.dataspec import TokenSchema
from walrusd.training.plan.plan import Plan, parse_plan
from walrusd.training.process.child import apply_limits
from walrusd.training.run.data import DatasetRows, PackedRows, RowSource
from walrusd.training.run.jobs import JobLimits
from walrusd.training.run.state import (
    Tensors,
    compute_state_root,
    deserialize_state,
    initial_state,
    serialize_state,
)
from walrusd.training.run.trace import Assignment, SegmentRecord
from walrusd.training.run.trainer import Progress, SegmentResult, run_segment
from walrusd.training.run.update import (
    compute_cost,
    compute_step_cost,
    compute_update,
    update_to_bytes,
)
from walrusd.training.run.weights import select_frozen, weights_from_bytes
from walrusd.training.selftest.selftest import selftest
from walrusd.verify.checklist import Checklist
from walrusd.verify.given import Found, Given

_COMMITTEES = range(1, 17)
"""The sizes that the contract allows."""

_ROWS_AT_ONCE = 1024

_NEED = {
    "plan": "give --plan with the task's plan",
    "model": "give --model with the task's weights (safetensors), and --plan",
    "difference": "give --opening and its key, --model and --plan",
    "dataset": "give --dataset with its rows, its key with --key, and --plan",
    "replay": "give --plan, --model, and --dataset or an opening with --rows",
}


@dataclass(frozen=True)
class _Material:
    """What replays read."""

    plan: Plan
    weights: Tensors | None
    rows: RowSource | None


def check_work(given: Given, found: Found, checks: Checklist) -> None:
    """Make the checks that need the plan; those that cannot be made are listed with the reason.

    Raises:
        BadRequest: if a file cannot be read or a segment does not exist.
        DeviceRefused: if this machine does not give the golden bits.
    """
    if given.plan is None:
        for name, why in _NEED.items():
            checks.skip(name, why)
        return
    plans: list[Plan] = []
    path = given.plan

    def read_plan() -> None:
        plan = parse_plan(_read(path))
        if plan.digest() != found.file.header.subject.plan_digest:
            raise VerificationFailed("not the plan that the file names")
        if len(found.file.trace_leaves) != plan.segments + 1:
            raise VerificationFailed("the trace has not one leaf a segment of the plan")
        plans.append(plan)

    if not checks.run("plan", read_plan):
        for name in ("model", "difference", "dataset", "replay"):
            checks.skip(name, "the plan does not hold")
        return
    plan = plans[0]
    if any(segment > plan.segments for segment in given.segments):
        raise BadRequest(f"the plan has {plan.segments} segments, not {max(given.segments)}")
    weights = _check_model(given, found, plan, checks)
    rows = _check_dataset(given, found, plan, checks)
    _replay(given, found, _Material(plan, weights, rows), checks)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadRequest(f"cannot read {path}: {error.strerror}") from error


def _check_model(given: Given, found: Found, plan: Plan, checks: Checklist) -> Tensors | None:
    if given.model is None:
        checks.skip("model", _NEED["model"])
        checks.skip("difference", _NEED["difference"])
        return None
    data, weights = _read(given.model), list[Tensors]()

    def start() -> None:
        tensors = weights_from_bytes(plan, data)
        state = serialize_state(plan, initial_state(plan, tensors))
        if compute_leaf_zero(compute_state_root(plan, state)) != found.file.trace_leaves[0]:
            raise VerificationFailed("the trace starts from other weights")
        weights.append(tensors)

    if not checks.run("model", start):
        checks.skip("difference", "the model does not hold")
        return None
    if found.opening is None:
        checks.skip("difference", _NEED["difference"])
        return weights[0]

    def difference() -> None:
        end = deserialize_state(plan, _opened_state(plan, found, plan.segments))
        assert found.opening is not None
        update = update_to_bytes(compute_update(plan, weights[0], end.weights))
        if update != found.opening.update:
            raise VerificationFailed("the update is not the difference of the weights")

    checks.run("difference", difference)
    return weights[0]


def _opened_state(plan: Plan, found: Found, boundary: int) -> bytes:
    """Return an opened state, checked against the root that its leaf was made with."""
    opening = found.opening
    if opening is None or boundary not in opening.states:
        raise VerificationFailed(f"the opening lacks the state at the end of segment {boundary}")
    state = opening.states[boundary]
    if compute_state_root(plan, state) != opening.state_roots[boundary]:
        raise VerificationFailed(f"the opened state at the end of segment {boundary} is another")
    return state


def open_given_rows(plan: Plan, path: Path) -> DatasetRows:
    """Map a file of rows, or a container of the plan's schema; read a table or a text.

    The rows are compared with what is committed, so a file of any other name is taken as bare rows.

    Raises:
        BadRequest: if it cannot be read, or is a table that does not fit, or a text of a kind that
            is not known.
        MalformedData, VerificationFailed: if its rows are not of the plan's schema.
    """
    suffix = path.suffix.lower()
    if suffix == ".csv" or (suffix == ".txt" and isinstance(plan.dataset, TokenSchema)):
        table = open_table(path, plan.dataset)
        return DatasetRows(plan.dataset, memoryview(b"".join(table.pieces())))
    try:
        with path.open("rb") as file:
            data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except (OSError, ValueError) as error:
        raise BadRequest(f"cannot read {path}") from error
    if suffix == ".safetensors":
        container = read_container_header(bytes(data[: 8 + MAX_HEADER_BYTES]))
        if container.schema != plan.dataset or container.size != len(data):
            raise VerificationFailed("the container's rows are not of the plan's schema")
        data = data[container.offset :]
    elif looks_like_text(path):
        raise BadRequest(
            f"{path} reads like text, not like rows",
            hint=f"it takes {KNOWN}, or bare rows",
        )
    return DatasetRows(plan.dataset, data)


def _check_dataset(given: Given, found: Found, plan: Plan, checks: Checklist) -> RowSource | None:
    if given.dataset is None:
        checks.skip("dataset", _NEED["dataset"])
        return _opened_rows(given, found, plan)
    rows: list[DatasetRows] = []
    path, root = given.dataset, found.file.header.subject.dataset_root

    def verify() -> str:
        rows.append(open_given_rows(plan, path))
        if not any(compute_row_root(key, _each_row(plan, rows[0])) == root for key in given.keys):
            raise VerificationFailed("with no key that was given are these the listed rows")
        return f"{rows[0].count} rows"

    if given.keys:
        given.on_step("dataset")
        return rows[0] if checks.run("dataset", verify) else None
    checks.skip("dataset", "the salts of the listed root take the dataset's key: give --key")
    try:
        return open_given_rows(plan, path)
    except PeerFault as fault:
        raise BadRequest(f"{path}: {fault.message}") from fault


def _each_row(plan: Plan, rows: DatasetRows) -> Iterator[bytes]:
    width = plan.dataset.row_bytes
    for first in range(0, rows.count, _ROWS_AT_ONCE):
        data = rows.rows(np.arange(first, min(first + _ROWS_AT_ONCE, rows.count)))
        yield from (data[start : start + width] for start in range(0, len(data), width))


def _opened_rows(given: Given, found: Found, plan: Plan) -> RowSource | None:
    if found.opening is None or given.rows is None:
        return None
    opened = found.opening.rows
    indices = [row.proof.index for row in opened]
    data = b"".join(row.data for row in opened)
    try:
        return PackedRows(plan.dataset, given.rows, indices, data)
    except MalformedData:
        return None  # the check of the opened rows has said so


def _replay(given: Given, found: Found, material: _Material, checks: Checklist) -> None:
    if material.rows is None or (material.weights is None and found.opening is None):
        checks.skip("replay", _NEED["replay"])
        return
    if material.plan.model.frozen_tensors() and material.weights is None:
        checks.skip("replay", "a plan with adapters needs --model")
        return
    given.on_step("testing this machine's arithmetic")
    apply_limits(JobLimits(threads=given.threads))
    selftest()
    replay = _Replay(given, found, material)
    for segment in given.segments or replay.default_segments():
        records: list[SegmentRecord] = []

        def do(segment: int = segment, records: list[SegmentRecord] = records) -> str:
            records.append(replay.run(segment))
            return f"{material.plan.segment_steps} steps, leaf {records[0].leaf.hex()}"

        if checks.run("replay", do, subject=f"of segment {segment}") and found.cost is not None:
            losses = replay.check_losses
            record = records[0]
            checks.run("losses", lambda: losses(record), subject=f"of segment {segment}")  # noqa: B023 - run at once


class _Replay:
    """Replays of one file's segments; an end state is kept, to start the next segment from."""

    def __init__(self, given: Given, found: Found, material: _Material) -> None:
        self._given, self._found, self._material = given, found, material
        self._states: dict[int, bytes] = {}
        weights, plan = material.weights, material.plan
        self._frozen: Tensors = {}
        if weights is not None:
            self._states[0] = serialize_state(plan, initial_state(plan, weights))
            if plan.model.frozen_tensors():
                self._frozen = select_frozen(plan, weights)

    def default_segments(self) -> list[int]:
        """Return what is replayed if nothing was chosen: what was opened, or the first segment."""
        opening = self._found.opening
        if opening is None:
            return [1]
        last = self._material.plan.segments
        return [boundary + 1 for boundary in sorted(opening.states) if boundary < last]

    def run(self, segment: int) -> SegmentRecord:
        """Replay a segment, and all before it whose end was not opened.

        Raises:
            VerificationFailed: if the leaf is another one, or the start cannot be had.
            PlanRefused, MalformedData, NonFiniteValue: as ``run_segment``.
        """
        start = self._find_start(segment)
        for number in range(start, segment):
            self._run_one(number)
        return self._run_one(segment)

    def _find_start(self, segment: int) -> int:
        opening = self._found.opening
        for number in range(segment, 0, -1):
            if number - 1 in self._states:
                return number
            if opening is not None and number - 1 in opening.states:
                state = _opened_state(self._material.plan, self._found, number - 1)
                self._states[number - 1] = state
                return number
        raise VerificationFailed(f"no state to start segment {segment} from: give --model")

    def _run_one(self, segment: int) -> SegmentRecord:
        subject, plan = self._found.file.header.subject, self._material.plan
        assignment = Assignment(plan, subject.ctx(), subject.seed, 1)
        assert self._material.rows is not None
        for event in run_segment(
            assignment, self._material.rows, self._states[segment - 1], segment, self._frozen
        ):
            if isinstance(event, Progress):
                self._given.on_step(f"replaying segment {segment}, step {event.step}")
            else:
                self._states[segment] = event.state_bytes
                result = event
        return self._match(result)

    def _match(self, result: SegmentResult) -> SegmentRecord:
        """Find the committee's size, which shapes the leaf: the one that gives the leaf, if any."""
        record, ctx = result.record, self._found.file.header.subject.ctx()
        leaf = self._found.file.trace_leaves[record.segment]
        for committee in _COMMITTEES:
            slots = compute_slot_tree(ctx, record.segment, committee, record.chain)
            if compute_leaf(record.segment, record.state_root, slots.root) == leaf:
                return SegmentRecord(
                    record.segment, record.state_root, record.chain, slots.root, leaf, record.losses
                )
        raise VerificationFailed("the work done again gives another checkpoint than committed")

    def check_losses(self, record: SegmentRecord) -> None:
        """Compare the replayed losses with those in the cost function, and with the final cost.

        Raises:
            VerificationFailed: if they differ.
        """
        assert self._found.cost is not None
        plan, opening = self._material.plan, self._found.opening
        steps = plan.segment_range(record.segment)
        told = self._found.cost.trajectory[steps.start - 1 : steps.stop - 1].tolist()
        if told != [compute_step_cost(step) for step in record.losses]:
            raise VerificationFailed("the cost function tells other losses than the replay gives")
        if record.segment == plan.segments and opening is not None and opening.cost is not None:
            final = compute_cost(loss for step in record.losses for loss in step)
            if final != opening.cost.final:
                raise VerificationFailed("the opened final loss is not the one of the replay")
