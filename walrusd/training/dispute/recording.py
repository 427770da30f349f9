"""Writing a transcript: compute a segment and record what happened, step by step.

The work is that of ``run_segment``, bit for bit; in the step whose operations are logged, the
layers are watched.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch

from walrusd.core.protocol import TraceContext
from walrusd.errors import MalformedData
from walrusd.training.dispute.oplog import OperationLog, Values
from walrusd.training.dispute.transcript import (
    Ending,
    Given,
    StepLog,
    StepRecord,
    Transcript,
    Value,
    pack_floats,
)
from walrusd.training.dispute.watched import WatchedLoss
from walrusd.training.dispute.watched_parts import build_watched_layers
from walrusd.training.layers.prepared import MicroBatch, Named, Prepared
from walrusd.training.numerics.random import Indices
from walrusd.training.plan.plan import Plan, check_plan_for_rows
from walrusd.training.run.aborts import ABORTS
from walrusd.training.run.data import RowSource
from walrusd.training.run.state import (
    State,
    Tensors,
    compute_state_root,
    deserialize_state,
    serialize_state,
)
from walrusd.training.run.step import Run
from walrusd.training.run.trace import Assignment, WorkChain

MAX_KEPT_BYTES = 1 << 28
"""Bytes of values in a log; further values are left out, so that transcripts stay readable."""


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
        self._loss = WatchedLoss(log)
        layers = build_watched_layers(plan.model.layers, plan.model.lora, log)
        self._model.use_layers([*layers, self._loss])

    def step(self, step: int) -> tuple[tuple[float, ...], list[float]]:
        """Do one step and record every operation, from the reading of the state on.

        Raises:
            MalformedData, NonFiniteValue, ProductBoundExceeded: as ``Run.step``.
        """
        root = compute_state_root(self._plan, serialize_state(self._plan, self.state(step - 1)))
        given = self._log.describe_all({"state_root": root})
        self._log.add("read state", given, self._describe_state())
        return super().step(step)

    def _describe_state(self) -> Values:
        powers = np.array(self._optimizer.powers, np.float64)  # (powers,)
        found = self._log.describe_all(self._weights, "weight/")
        for number, slot in enumerate(self._optimizer.slots):
            found |= self._log.describe_all(slot, f"{self._plan.optimizer.slots[number]}/")
        return {**found, "powers": self._log.describe(powers)}

    def _read_batch(self, part: MicroBatch, chosen: Indices) -> tuple[torch.Tensor, torch.Tensor]:
        self._log.prefix = f"micro-batch {part.number}: "
        inputs, targets = super()._read_batch(part, chosen)
        # (b,), (b, …) and (b, …)
        read: dict[str, Given] = {"rows": chosen, "inputs": inputs, "targets": targets}
        given = self._log.describe_all({"step": part.step, "number": part.number})
        self._loss.targets = self._log.add("choose rows", given, self._log.describe_all(read))[
            "targets"
        ]
        return inputs, targets

    def _run_model(
        self, prepared: Prepared, inputs: torch.Tensor, targets: torch.Tensor, part: MicroBatch
    ) -> tuple[float, Named]:
        loss, gradients = super()._run_model(prepared, inputs, targets, part)
        self._log.add("loss", self._loss.given(), {"loss": self._log.describe(loss)})
        return loss, gradients

    def _add(self, total: Named, gradients: Named) -> None:
        before = self._log.describe_all({name: total[name] for name in gradients if name in total})
        added = self._log.describe_all(gradients)
        super()._add(total, gradients)
        for name, value in before.items():
            given = {"before": value, "gradient": added[name]}
            self._log.add(f"accumulate {name}", given, {"sum": self._log.describe(total[name])})

    def _compute_folds(self, total: Named) -> torch.Tensor:
        self._log.prefix = ""
        folds = super()._compute_folds(total)  # (tensors,)
        for name, fold in zip(sorted(total), folds, strict=True):
            given = {"gradient": self._log.describe(total[name])}
            self._log.add(f"fold {name}", given, {"fold": self._log.describe(fold)})
        return folds

    def _clip(self, total: Named, limit: float) -> None:
        given = self._log.describe_all(total, "gradient/")
        super()._clip(total, limit)
        self._log.add("clip", given, self._log.describe_all(total, "gradient/"))

    def _choose_rate(self, step: int) -> float:
        rate = super()._choose_rate(step)
        given = self._log.describe_all({"step": step})
        self._log.add("choose rate", given, {"rate": self._log.describe(rate)})
        return rate

    def _optimize(self, total: Named, rate: float) -> None:
        shared = self._log.describe_all(
            {"rate": rate, "powers": np.array(self._optimizer.powers, np.float64)}
        )
        given = {
            name: {"gradient": self._log.describe(total[name]), **self._describe_tensor(name)}
            for name in sorted(total)
        }
        super()._optimize(total, rate)
        for name, before in given.items():
            self._log.add(f"optimizer {name}", shared | before, self._describe_tensor(name))
        powers = self._log.describe(np.array(self._optimizer.powers, np.float64))
        self._log.add("optimizer powers", {"powers": shared["powers"]}, {"powers": powers})

    def _describe_tensor(self, name: str) -> Values:
        named = zip(self._plan.optimizer.slots, self._optimizer.slots, strict=True)
        slots = {slot: tensors[name] for slot, tensors in named}
        return self._log.describe_all({"weight": self._weights[name], **slots})

    def finish(self, before: bytes, record: StepRecord) -> None:
        """Record how the step's numbers and state give its chain value and state root.

        ``before`` is the chain's value before the step, 32 bytes.
        """
        losses = np.frombuffer(record.losses, "<f4")  # (micro-batches,)
        folds = np.frombuffer(record.folds, "<f4")  # (tensors,)
        given = self._log.describe_all({"chain": before, "losses": losses, "folds": folds})
        self._log.add("chain", given, {"chain": self._log.describe(record.chain)})
        root = self._log.describe(record.state_root)
        self._log.add("state", self._describe_state(), {"state_root": root})


@dataclass(frozen=True)
class Wanted:
    """The step to log operation by operation, and which values' bytes to keep.

    ``with_state`` adds the canonical state before the step.
    """

    step: int
    keep: Callable[[Value], bool] = lambda _value: False
    with_state: bool = False


def keep_up_to(limit: int) -> Callable[[Value], bool]:
    """Return a ``keep`` that selects values as long as all fit ``limit`` bytes together."""
    left = limit

    def keep(value: Value) -> bool:
        nonlocal left
        fits = value.size <= left
        left -= value.size if fits else 0
        return fits

    return keep


@dataclass(frozen=True)
class SegmentWork:
    """What a segment is computed from. ``subject`` names whose work it is."""

    assignment: Assignment
    subject: TraceContext
    rows: RowSource
    frozen: Tensors


def record_steps(
    work: SegmentWork, start: State, chain: WorkChain, steps: range, wanted: Wanted | None = None
) -> Iterator[StepRecord | Ending | StepLog]:
    """Yield the record of each of ``steps``, and the log of the wanted step after its record.

    ``start`` is the state before the first step, and ``chain`` has the value before it. A step that
    fails yields an ``Ending``, the last record.

    Raises:
        PlanRefused: if the batch is too large for the rows.
        DeviceRefused: as ``find_device``.
    """
    plan, seed = work.assignment.plan, work.assignment.seed
    check_plan_for_rows(plan, work.rows.count)
    run = Run(plan, seed, work.rows, start, work.frozen)
    for step in steps:
        log, before, state_bytes = None, chain.value, None
        if wanted is not None and wanted.step == step:
            log = OperationLog(wanted.keep)
            state = run.state(step - 1)
            state_bytes = serialize_state(plan, state) if wanted.with_state else None
            run = WatchedRun(plan, seed, work.rows, state, work.frozen, log=log)
        outcome: StepRecord | Ending
        try:
            losses, folds = run.step(step)
            data = serialize_state(plan, run.state(step))
        except ABORTS as error:
            outcome = Ending(step, error.code)
        else:
            chain.absorb(step, losses, folds)
            outcome = StepRecord(
                step,
                pack_floats(losses),
                pack_floats(tuple(folds)),
                chain.value,
                compute_state_root(plan, data),
            )
            if isinstance(run, WatchedRun):
                run.finish(before, outcome)
        yield outcome
        if log is not None:
            yield StepLog(step, tuple(log.operations), state_bytes, log.kept)
        if isinstance(outcome, Ending):
            return
        if isinstance(run, WatchedRun):
            run = Run(plan, seed, work.rows, run.state(step), work.frozen)


def transcribe(
    work: SegmentWork, start_state: bytes, segment: int, wanted: Wanted | None = None
) -> Transcript:
    """Compute ``segment`` from its start state and return the transcript.

    Raises:
        PlanRefused: if the batch is too large for the rows.
        MalformedData, NonFiniteValue: if the start state is malformed or of another step.
        DeviceRefused: as ``find_device``.
    """
    plan = work.assignment.plan
    steps = plan.segment_range(segment)
    state = deserialize_state(plan, start_state)
    if state.step != steps.start - 1:
        raise MalformedData(f"segment {segment} does not start after step {state.step}")
    root = compute_state_root(plan, start_state)
    made = Transcript(work.subject, segment, steps.start, root, ())
    chain = WorkChain(work.subject.digest(), segment, root)
    for event in record_steps(work, state, chain, steps, wanted):
        match event:
            case StepRecord():
                made = replace(made, steps=(*made.steps, event))
            case Ending():
                made = replace(made, ending=event)
            case StepLog():
                made = replace(made, log=event)
    return made
