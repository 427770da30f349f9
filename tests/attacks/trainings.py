"""Training backends of contributors that earn a reward otherwise than by the plan.

All of them do everything else honestly: roots, leaves, slots and costs follow from what they did.
"""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import trio

from tests.adversaries.forgery import forge
from tests.adversaries.results import read_records, read_states, write_record, write_run
from tests.support.market.world import InlineTraining, make_plan
from walrusd.core.protocol import compute_abort_chain, compute_leaf
from walrusd.engine.tools import OnLine, TrainingBackend
from walrusd.training.plan.plan import Plan, parse_plan, read_plan
from walrusd.training.process.inputs import JobRows
from walrusd.training.process.workdir import write_trace
from walrusd.training.run.aborts import ABORTED_STATE, AbortCode
from walrusd.training.run.data import DatasetRows, RowSource
from walrusd.training.run.jobs import Job, TrainJob, state_name
from walrusd.training.run.state import (
    State,
    compute_state_root,
    deserialize_state,
    initial_state,
    serialize_state,
)
from walrusd.training.run.trace import Assignment, SegmentRecord, Trace, compute_record
from walrusd.training.run.trainer import SegmentResult, run_segment
from walrusd.training.run.update import compute_cost, compute_update, update_to_bytes
from walrusd.training.run.weights import weights_from_bytes, weights_to_bytes


class SkipTraining(InlineTraining):
    """Stakes and trains nothing: states drift, chains are random, losses are invented."""

    async def run(self, job: Job, on_line: OnLine) -> dict[str, Any]:
        if isinstance(job, TrainJob):
            return dict(forge(job))["result"]
        return await super().run(job, on_line)


class CrookedTraining(InlineTraining):
    """Trains segment by segment; subclasses bend a part of it."""

    async def run(self, job: Job, on_line: OnLine) -> dict[str, Any]:
        if isinstance(job, TrainJob):
            return self.train(job)
        return await super().run(job, on_line)

    def train(self, job: TrainJob) -> dict[str, Any]:
        plan = parse_plan(Path(job.plan).read_bytes())
        weights = weights_from_bytes(plan, Path(job.weights).read_bytes())
        honest = Assignment(plan, job.ctx, job.seed, job.slots)
        assignment = self.bend_assignment(honest)
        rows = self.bend_rows(plan, JobRows(plan, job.rows).source)
        states = [serialize_state(plan, initial_state(plan, weights))]
        records: list[SegmentRecord] = []
        for segment in range(1, plan.segments + 1):
            start = self.bend_start(plan, segment, states[-1])
            done = self.run_segment(assignment, rows, start, segment)
            done = self.bend_result(honest, done)
            states.append(done.state_bytes)
            records.append(done.record)
        return self.bend_all(conclude(job, plan, records, states))

    def run_segment(
        self, assignment: Assignment, rows: RowSource, start: bytes, segment: int
    ) -> SegmentResult:
        events = list(run_segment(assignment, rows, start, segment))
        done = events[-1]
        assert isinstance(done, SegmentResult)
        return done

    def bend_assignment(self, assignment: Assignment) -> Assignment:
        return assignment

    def bend_rows(self, plan: Plan, rows: RowSource) -> RowSource:
        return rows

    def bend_start(self, plan: Plan, segment: int, state: bytes) -> bytes:
        return state

    def bend_result(self, assignment: Assignment, done: SegmentResult) -> SegmentResult:
        return done

    def bend_all(self, result: dict[str, Any]) -> dict[str, Any]:
        return result


def conclude(
    job: TrainJob, plan: Plan, records: list[SegmentRecord], states: list[bytes]
) -> dict[str, Any]:
    """Write the files of a training, and return its result as a child would."""
    workdir = Path(job.workdir)
    workdir.mkdir(mode=0o700, parents=True, exist_ok=True)

    def write(name: str, data: bytes) -> str:
        path = workdir / name
        path.write_bytes(data)
        path.chmod(0o600)
        return str(path)

    for boundary, state in enumerate(states):
        write(state_name(boundary), state)
    first, last = (deserialize_state(plan, states[at]).weights for at in (0, -1))
    root_0 = compute_state_root(plan, states[0])
    losses = [loss for step in records[-1].losses for loss in step]
    result = {
        **write_run(workdir, root_0, records),
        "weights": write("weights.safetensors", weights_to_bytes(plan, last)),
        "update": write("update.bin", update_to_bytes(compute_update(plan, first, last))),
        "cost": compute_cost(losses),
        "loss": sum(losses) / len(losses),
    }
    parsed: dict[str, Any] = json.loads(json.dumps(result))
    return parsed


def nudge(plan: Plan, state: bytes, step: float = 1e-3) -> bytes:
    """Return a state whose weights are a little off."""
    read = deserialize_state(plan, state)
    weights = {name: (t + np.float32(step)).astype(np.float32) for name, t in read.weights.items()}
    return serialize_state(plan, State(weights, read.slots, read.step, read.powers))


class JumpForger(CrookedTraining):
    """Trains all segments but one, whose end state it makes up: a jump to somewhere better."""

    segment = 2

    def run_segment(
        self, assignment: Assignment, rows: RowSource, start: bytes, segment: int
    ) -> SegmentResult:
        if segment != self.segment:
            return super().run_segment(assignment, rows, start, segment)
        plan = assignment.plan
        read = deserialize_state(plan, nudge(plan, start))
        step = segment * plan.segment_steps
        end = serialize_state(plan, State(read.weights, read.slots, step, read.powers))
        losses = [(0.5,) * len(plan.micro_batches)] * plan.segment_steps
        root = compute_state_root(plan, end)
        return SegmentResult(compute_record(assignment, segment, bytes(32), root, losses), end)


class OneBit(CrookedTraining):
    """Trains all, and changes the lowest bit of one weight in the end."""

    def bend_result(self, assignment: Assignment, done: SegmentResult) -> SegmentResult:
        plan, record = assignment.plan, done.record
        if record.segment != plan.segments:
            return done
        read = deserialize_state(plan, done.state_bytes)
        name = sorted(read.weights)[0]
        weights = {**read.weights, name: read.weights[name].copy()}
        flat = weights[name].reshape(-1).view(np.uint32)
        flat[0] ^= 1
        state = serialize_state(plan, State(weights, read.slots, read.step, read.powers))
        root = compute_state_root(plan, state)
        bent = compute_record(assignment, record.segment, record.chain, root, record.losses)
        return SegmentResult(bent, state)


class OtherOrder(CrookedTraining):
    """Takes the rows in an order of its own choice."""

    def bend_assignment(self, assignment: Assignment) -> Assignment:
        return replace(assignment, seed=bytes(32))


class OtherRate(CrookedTraining):
    """Trains with another learning rate than the plan's."""

    def bend_assignment(self, assignment: Assignment) -> Assignment:
        document = json.loads(assignment.plan.to_bytes())
        document["optimizer"]["lr"] = "0.0625"
        return replace(assignment, plan=read_plan(document))


class OtherData(CrookedTraining):
    """Trains on rows that are not the dataset's: labels moved on by one, to plant an error."""

    def bend_rows(self, plan: Plan, rows: RowSource) -> RowSource:
        data = rows.rows(np.arange(rows.count))
        table = np.frombuffer(data, np.uint8).reshape(rows.count, -1).copy()
        table[:, -1] = (table[:, -1] + 1) % plan.dataset.classes
        return DatasetRows(plan.dataset, table.tobytes())


class Discontinuous(CrookedTraining):
    """Each segment is trained as the plan says, but one from another state than the last's end."""

    def bend_start(self, plan: Plan, segment: int, state: bytes) -> bytes:
        return nudge(plan, state) if segment == 3 else state


class PoisonedSlots(CrookedTraining):
    """Trains honestly, but no seat can find the digest that it must reveal."""

    def bend_result(self, assignment: Assignment, done: SegmentResult) -> SegmentResult:
        record, slots = done.record, bytes([7]) * 32
        leaf = compute_leaf(record.segment, record.state_root, slots)
        return SegmentResult(replace(record, slot_root=slots, leaf=leaf), done.state_bytes)


class OtherCost(CrookedTraining):
    """Trains honestly, and says that the loss came out lower."""

    def bend_all(self, result: dict[str, Any]) -> dict[str, Any]:
        return {**result, "cost": result["cost"] // 2}


@dataclass
class Loot:
    """The result that one contributor lets others have."""

    result: dict[str, Any] | None = None
    there: trio.Event = field(default_factory=trio.Event)


class Sharing(InlineTraining):
    """Shows others the whole result of what another backend trains."""

    def __init__(self, loot: Loot, backend: TrainingBackend | None = None) -> None:
        self._loot = loot
        self._backend = backend or InlineTraining()

    async def run(self, job: Job, on_line: OnLine) -> dict[str, Any]:
        result = await self._backend.run(job, on_line)
        if isinstance(job, TrainJob):
            self._loot.result = result
            self._loot.there.set()
        return result


class Copying(InlineTraining):
    """Hands in what another has trained: its states, chains and losses, bit by bit."""

    def __init__(self, loot: Loot) -> None:
        self._loot = loot

    async def run(self, job: Job, on_line: OnLine) -> dict[str, Any]:
        if not isinstance(job, TrainJob):
            return await super().run(job, on_line)
        await self._loot.there.wait()
        return self._hand_in(job)

    def _hand_in(self, job: TrainJob) -> dict[str, Any]:
        found = self._loot.result
        assert found is not None
        plan = parse_plan(Path(job.plan).read_bytes())
        return conclude(job, plan, read_records(found), read_states(found))


class FalseAbort(CrookedTraining):
    """Stops in the second segment, and says that a value became infinite there."""

    segment = 2

    def train(self, job: TrainJob) -> dict[str, Any]:
        result = super().train(job)
        plan = parse_plan(Path(job.plan).read_bytes())
        assignment = Assignment(plan, job.ctx, job.seed, job.slots)
        step = plan.segment_range(self.segment).start
        chain = compute_abort_chain(job.ctx, self.segment, step, AbortCode.NON_FINITE, bytes(32))
        lie = compute_record(assignment, self.segment, chain, ABORTED_STATE, [])
        records = [*read_records(result)[: self.segment - 1], lie]
        write_record(Path(job.workdir), lie)
        trace = Trace(bytes.fromhex(result["state_root_0"]), records)
        return {
            **write_trace(Path(job.workdir), trace),
            "abort": {
                "segment": self.segment,
                "step": step,
                "code": int(AbortCode.NON_FINITE),
                "message": "a value became infinite",
            },
        }


def make_impossible_plan() -> dict[str, Any]:
    """Return a plan whose weights leave all bounds after a while."""
    plan = make_plan()
    plan["model"]["hidden"] = [16, 16, 16, 16]
    plan["optimizer"] = {"kind": "sgd", "lr": "1024.0", "momentum": "0.9"}
    return plan
