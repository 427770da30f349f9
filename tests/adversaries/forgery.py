"""A trace that nobody trained for, in which everything fits except the work itself.

States are the initial weights with a drift of random noise, chains are random, losses fall on an
invented curve. Every root, leaf, slot and cost is then computed honestly from these, so that only
a replay can tell.
"""

import hashlib
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tests.adversaries.results import write_run
from walrusd.training.plan.plan import Plan, parse_plan
from walrusd.training.plan.strict import round_to_float32
from walrusd.training.run.jobs import TrainJob
from walrusd.training.run.state import (
    State,
    Tensors,
    compute_state_root,
    initial_state,
    serialize_state,
)
from walrusd.training.run.trace import Assignment, SegmentRecord, compute_record
from walrusd.training.run.update import compute_cost, compute_update, update_to_bytes
from walrusd.training.run.weights import weights_from_bytes, weights_to_bytes

DRIFT = 0.01
"""How far a weight wanders in a segment; small enough for any plan's value bits."""


def forge(job: TrainJob) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the lines of a training child, last ``("result", …)``, without training.

    The files that the result names are written to the job's working directory.
    """
    plan = parse_plan(Path(job.plan).read_bytes())
    start = weights_from_bytes(plan, Path(job.weights).read_bytes())
    forger = _Forger(plan, job, start)
    for segment in range(1, plan.segments + 1):
        record = forger.forge_segment(segment)
        means = [sum(step) / len(step) for step in record.losses]
        yield "segment", {**record.summarize(), "loss": sum(means) / len(means)}
        yield "progress", forger.invent_progress(record)
    yield "result", forger.finish()


class _Forger:
    def __init__(self, plan: Plan, job: TrainJob, start: Tensors) -> None:
        self._plan = plan
        self._assignment = Assignment(plan, job.ctx, job.seed, job.slots)
        self._workdir = Path(job.workdir)
        self._workdir.mkdir(mode=0o700, parents=True, exist_ok=True)
        # The same job is forged the same way, so a restarted cheat does not contradict itself.
        digest = hashlib.sha256(b"forgery" + job.ctx + job.seed).digest()
        self._random = np.random.default_rng(int.from_bytes(digest, "little"))
        self._start = start
        self._weights = {name: tensor.copy() for name, tensor in start.items()}
        state_0 = serialize_state(plan, initial_state(plan, start))
        self._root_0 = compute_state_root(plan, state_0)
        self._write(self.state_path(0), state_0)
        self._records: list[SegmentRecord] = []

    def state_path(self, segment: int) -> Path:
        return self._workdir / f"state-{segment:06d}.bin"

    @staticmethod
    def _write(path: Path, data: bytes) -> str:
        path.write_bytes(data)
        path.chmod(0o600)
        return str(path)

    def _noise(self, tensors: Tensors, scale: float) -> Tensors:
        return {
            name: (self._random.standard_normal(tensors[name].shape) * scale).astype(np.float32)
            for name in sorted(tensors)  # safetensors keeps no order
        }

    def forge_segment(self, segment: int) -> SegmentRecord:
        drift = self._noise(self._weights, DRIFT)
        self._weights = {name: tensor + drift[name] for name, tensor in self._weights.items()}
        momenta = self._noise(self._weights, DRIFT / 10)
        state = State(self._weights, (momenta,), segment * self._plan.segment_steps)
        state_bytes = serialize_state(self._plan, state)
        self._write(self.state_path(segment), state_bytes)
        record = compute_record(
            self._assignment,
            segment,
            self._random.bytes(32),
            compute_state_root(self._plan, state_bytes),
            [self._invent_losses(step) for step in self._plan.segment_range(segment)],
        )
        self._records.append(record)
        return record

    def _invent_losses(self, step: int) -> tuple[float, ...]:
        """Return losses that start at those of guessing and fall as honest ones would."""
        floor, guessing = 0.12, math.log(self._plan.dataset.classes)
        level = floor + (guessing - floor) * math.exp(-4.0 * step / self._plan.steps)
        return tuple(
            round_to_float32(level * float(self._random.uniform(0.85, 1.15)))
            for _ in self._plan.micro_batches
        )

    def invent_progress(self, record: SegmentRecord) -> dict[str, Any]:
        last = record.losses[-1]
        step = record.segment * self._plan.segment_steps
        return {
            "segment": record.segment,
            "step": step,
            "steps": self._plan.steps,
            "loss": sum(last) / len(last),
            "rate": 100.0,
            "eta_seconds": (self._plan.steps - step) / 100.0,
        }

    def finish(self) -> dict[str, Any]:
        plan = self._plan
        update = compute_update(plan, self._start, self._weights)
        losses = [loss for step in self._records[-1].losses for loss in step]
        result = {
            **write_run(self._workdir, self._root_0, self._records),
            "weights": self._write(
                self._workdir / "weights.safetensors", weights_to_bytes(plan, self._weights)
            ),
            "update": self._write(self._workdir / "update.bin", update_to_bytes(update)),
            "cost": compute_cost(losses),
            "loss": sum(losses) / len(losses),
        }
        # A child's result arrives as JSON; a forged one must be indistinguishable in that too.
        parsed: dict[str, Any] = json.loads(json.dumps(result))
        return parsed
