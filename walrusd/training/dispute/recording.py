"""Computing steps for a transcript: the work of ``run_segment``, bit for bit, and its records.

In the step whose operations are logged, the layers are watched.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch

from walrusd.core.protocol import TraceContext
from walrusd.crypto.tensors import compute_tensor_root
from walrusd.training.dispute.operations import compute_operations
from walrusd.training.dispute.oplog import OperationLog, StepSink
from walrusd.training.dispute.transcript import Beginning, StepRecord
from walrusd.training.dispute.watched import WatchedLoss
from walrusd.training.dispute.watched_parts import build_watched_layers
from walrusd.training.layers.prepared import MicroBatch, Named, Prepared
from walrusd.training.numerics.random import Indices
from walrusd.training.plan.plan import Plan, check_plan_for_rows
from walrusd.training.run.aborts import ABORTS, compute_abort_code
from walrusd.training.run.data import RowSource
from walrusd.training.run.state import State, Tensors, compute_state_root, serialize_state
from walrusd.training.run.step import Run
from walrusd.training.run.trace import Assignment, WorkChain


class WatchedRun(Run):
    """A run whose step is recorded, operation by operation."""

    def __init__(
        self,
        plan: Plan,
        seed: bytes,
        rows: RowSource,
        start: State,
        frozen: Tensors,
        *,
        log: OperationLog,
    ) -> None:
        super().__init__(plan, seed, rows, start, frozen)
        self._log = log
        layers = build_watched_layers(plan.model.layers, plan.model.lora, log)
        self._model.use_layers([*layers, WatchedLoss(log)])

    def _compute_gradients(self, step: int) -> tuple[tuple[float, ...], Named]:
        losses, total = super()._compute_gradients(step)
        self._log.prefix = ""
        self._log.put("losses", losses)
        return losses, total

    def _read_batch(self, part: MicroBatch, chosen: Indices) -> tuple[torch.Tensor, torch.Tensor]:
        self._log.prefix = f"micro-batch {part.number}: "
        self._log.put("choose rows", chosen)
        inputs, targets = super()._read_batch(part, chosen)
        self._log.put("read inputs", inputs)
        self._log.put("read targets", targets)
        return inputs, targets

    def _run_model(
        self, prepared: Prepared, inputs: torch.Tensor, targets: torch.Tensor, part: MicroBatch
    ) -> tuple[float, Named]:
        loss, gradients = super()._run_model(prepared, inputs, targets, part)
        self._log.put("loss", loss)
        return loss, gradients

    def _add(self, total: Named, gradients: Named) -> None:
        again = sorted(total.keys() & gradients.keys())
        super()._add(total, gradients)
        for name in again:
            self._log.put(f"accumulate {name}", total[name])

    def _compute_folds(self, total: Named) -> torch.Tensor:
        folds = super()._compute_folds(total)  # (tensors,)
        self._log.put("folds", folds)
        return folds

    def _clip(self, total: Named, limit: float) -> float:
        norm = super()._clip(total, limit)
        self._log.put("norm", norm)
        for name in sorted(total):
            self._log.put(f"clip {name}", total[name])
        return norm

    def _choose_rate(self, step: int) -> float:
        rate = super()._choose_rate(step)
        self._log.put("choose rate", rate)
        return rate

    def _optimize(self, total: Named, rate: float) -> None:
        super()._optimize(total, rate)
        powers = zip(self._plan.optimizer.powers, self._optimizer.powers, strict=True)
        for power, value in powers:
            self._log.put(f"optimizer {power}", np.array(value, np.float64))
        named = list(zip(self._plan.optimizer.slots, self._optimizer.slots, strict=True))
        for name in sorted(total):
            for slot, tensors in named:
                self._log.put(f"optimizer {name}: {slot}", tensors[name])
            self._log.put(f"optimizer {name}: weight", self._weights[name])

    def finish(self, record: StepRecord) -> None:
        """Record chain and state root after the step, the last two operations.

        Raises:
            OperationMismatch: if the step did other operations than the plan lists.
        """
        self._log.put_hash("chain", record.chain)
        self._log.put_hash("state", record.state_root)
        self._log.close()


@dataclass(frozen=True)
class Watch:
    """The step to log, and who takes its outputs. ``begin`` is given the state before the step."""

    step: int
    sink: StepSink
    begin: Callable[[State], None] = lambda _state: None


@dataclass(frozen=True)
class SegmentWork:
    """What a segment is computed from. ``subject`` names whose work it is."""

    assignment: Assignment
    subject: TraceContext
    rows: RowSource
    frozen: Tensors


def record_steps(
    work: SegmentWork,
    beginning: Beginning,
    start: State,
    chain: WorkChain,
    steps: range,
    *,
    watch: Watch | None = None,
) -> Iterator[StepRecord]:
    """Yield the record of each of ``steps``; one of an error is the last.

    ``start`` is the state before the first step, and ``chain`` has the value before it.

    Raises:
        PlanRefused: if the batch is too large for the rows.
        DeviceRefused: as ``find_device``.
        OperationMismatch: if the watched step did other operations than the plan lists.
    """
    plan, seed = work.assignment.plan, work.assignment.seed
    check_plan_for_rows(plan, work.rows.count)
    run = Run(plan, seed, work.rows, start, work.frozen)
    for step in steps:
        if watch is not None and watch.step == step:
            log = OperationLog(compute_operations(plan), watch.sink)
            state = run.state(step - 1)
            watch.begin(state)
            run = WatchedRun(plan, seed, work.rows, state, work.frozen, log=log)
        try:
            losses, folds = run.step(step)
            root = compute_state_root(plan, serialize_state(plan, run.state(step)))
        except ABORTS as error:
            yield beginning.compute_ending(step, compute_abort_code(error), chain.value)
            return
        chain.absorb(step, losses, folds)
        told, folded = (compute_tensor_root(np.array(each, np.float32)) for each in (losses, folds))
        record = StepRecord(step, told, folded, chain.value, root)
        if isinstance(run, WatchedRun):
            run.finish(record)
            run = Run(plan, seed, work.rows, run.state(step), work.frozen)
        yield record
