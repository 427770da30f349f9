"""Training, segment by segment. A verifier's replay runs the very same code."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from walrusd.errors import MalformedData, NonFiniteValue, ProductBoundExceeded
from walrusd.training import arith
from walrusd.training.data import RowSource, decode_rows
from walrusd.training.layers import Named
from walrusd.training.model import build_model
from walrusd.training.optim import Sgd
from walrusd.training.plan import Plan, check_plan_for_rows
from walrusd.training.random import batch_rows
from walrusd.training.state import (
    State,
    Tensors,
    compute_state_root,
    deserialize_state,
    serialize_state,
)
from walrusd.training.trace import Assignment, SegmentRecord, WorkChain, compute_record


@dataclass(frozen=True)
class Progress:
    """One step done: the losses of its micro-batches, float32; their mean is for display."""

    segment: int
    step: int
    losses: tuple[float, ...]

    @property
    def loss(self) -> float:
        """The mean over the micro-batches, for display only."""
        return sum(self.losses) / len(self.losses)


@dataclass(frozen=True)
class SegmentResult:
    """One segment done: its record, and the canonical state it ends in."""

    record: SegmentRecord
    state_bytes: bytes


def _to_torch(tensors: Tensors) -> Named:
    return {name: torch.from_numpy(tensor.copy()) for name, tensor in tensors.items()}


def _to_numpy(named: Named) -> Tensors:
    return {name: tensor.numpy() for name, tensor in named.items()}


class _Run:
    """Weights and momenta as torch tensors, stepped in place."""

    def __init__(self, plan: Plan, seed: bytes, rows: RowSource, start: State) -> None:
        self._plan = plan
        self._seed = seed
        self._rows = rows
        self._model = build_model(plan.model)
        self._optimizer = Sgd(plan.optimizer)
        self._weights = _to_torch(start.weights)
        self._momenta = _to_torch(start.momenta)

    def step(self, step: int) -> tuple[tuple[float, ...], list[float]]:
        """Do one step; return the micro-batch losses and the gradient folds in name order."""
        plan = self._plan
        indices = batch_rows(self._seed, step, plan.batch, self._rows.count)
        prepared = self._model.prepare(self._weights)
        total: Named = {}
        losses = []
        offset = 0
        for size in plan.micro_batches:
            chosen = indices[offset : offset + size]
            offset += size
            features, labels = decode_rows(plan.dataset, self._rows.rows(chosen))
            loss, gradients = self._model.gradients(
                prepared, torch.from_numpy(features), torch.from_numpy(labels), plan.batch
            )
            losses.append(loss)
            for name, gradient in gradients.items():
                total[name] = total[name].add_(gradient) if name in total else gradient
        folds = torch.stack([arith.fold(total[name].reshape(-1)) for name in sorted(total)])
        arith.require_finite(folds, "the gradient")
        self._optimizer.step(self._weights, self._momenta, total)
        for name in sorted(total):
            arith.require_finite(self._weights[name], f"tensor {name!r}")
            arith.require_finite(self._momenta[name], f"the momentum of {name!r}")
        return tuple(losses), folds.tolist()

    def state(self, step: int) -> State:
        return State(_to_numpy(self._weights), _to_numpy(self._momenta), step)


def run_segment(
    assignment: Assignment,
    rows: RowSource,
    start_state: bytes,
    segment: int,
) -> Iterator[Progress | SegmentResult]:
    """Run one segment: yield ``Progress`` for each step, then one ``SegmentResult``.

    ``start_state`` holds the canonical state bytes at the end of segment ``segment − 1``.

    Raises:
        PlanRefused: if the batch is too large for the rows.
        MalformedData: if the start state is malformed or belongs elsewhere, or a row is bad.
        NonFiniteValue: if a value became NaN or infinite.
        ProductBoundExceeded: if a product is too long to be exact.
            These three carry ``segment`` and ``step`` in their fields when a step raised them.
    """
    plan = assignment.plan
    check_plan_for_rows(plan, rows.count)
    steps = plan.segment_range(segment)
    state = deserialize_state(plan, start_state)
    if state.step != steps.start - 1:
        raise MalformedData(
            f"segment {segment} starts after step {steps.start - 1}, "
            f"but the state is after step {state.step}"
        )
    chain = WorkChain(assignment.ctx, segment, compute_state_root(plan, start_state))
    run = _Run(plan, assignment.seed, rows, state)
    losses = []
    for step in steps:
        try:
            step_losses, folds = run.step(step)
        except (MalformedData, NonFiniteValue, ProductBoundExceeded) as error:
            error.fields.update(segment=segment, step=step)
            raise
        chain.absorb(step, step_losses, folds)
        losses.append(step_losses)
        yield Progress(segment, step, step_losses)
    state_bytes = serialize_state(plan, run.state(steps.stop - 1))
    root = compute_state_root(plan, state_bytes)
    record = compute_record(assignment, segment, chain.value, root, losses)
    yield SegmentResult(record, state_bytes)


def train(
    assignment: Assignment,
    rows: RowSource,
    start_state: bytes,
    start_segment: int = 1,
) -> Iterator[Progress | SegmentResult]:
    """Run segments ``start_segment … S``, each from the state the one before ended in.

    Raises:
        PlanRefused, MalformedData, NonFiniteValue, ProductBoundExceeded: as ``run_segment``.
    """
    state_bytes = start_state
    for segment in range(start_segment, assignment.plan.segments + 1):
        for event in run_segment(assignment, rows, state_bytes, segment):
            if isinstance(event, SegmentResult):
                state_bytes = event.state_bytes
            yield event
