"""Training, segment by segment. A verifier's replay runs the very same code."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from walrusd.core.protocol import compute_abort_chain
from walrusd.errors import MalformedData, PeerFault
from walrusd.training.layers.model import build_model
from walrusd.training.layers.prepared import MicroBatch, Named, Prepared
from walrusd.training.numerics import arith
from walrusd.training.numerics.device import find_device
from walrusd.training.numerics.random import Indices, batch_rows
from walrusd.training.plan.plan import Plan, check_plan_for_rows
from walrusd.training.run.aborts import ABORTED_STATE, ABORTS, AbortCode, compute_abort_code
from walrusd.training.run.clipping import clip_by_global_norm
from walrusd.training.run.data import RowSource, decode_rows
from walrusd.training.run.optim import build_optimizer
from walrusd.training.run.state import (
    State,
    Tensors,
    compute_state_root,
    deserialize_state,
    serialize_state,
)
from walrusd.training.run.trace import Assignment, SegmentRecord, WorkChain, compute_record
from walrusd.training.run.update import compute_cost, compute_update


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


@dataclass(frozen=True)
class SegmentAbort:
    """A segment that cannot be carried out: at which step, why, and the record that says so.

    ``step`` is the first step that could not be done; one after the last is the end of the run,
    where the update and the cost are computed.
    """

    record: SegmentRecord
    step: int
    error: PeerFault

    @property
    def code(self) -> AbortCode:
        """The number that stands for the error."""
        return compute_abort_code(self.error)


def _to_torch(tensors: Tensors, device: torch.device) -> Named:
    return {name: torch.from_numpy(tensor.copy()).to(device) for name, tensor in tensors.items()}


def _share(tensors: Tensors, device: torch.device) -> Named:
    return {name: torch.from_numpy(tensor).to(device) for name, tensor in tensors.items()}


def _to_numpy(named: Named) -> Tensors:
    return {name: tensor.cpu().numpy() for name, tensor in named.items()}


class Run:
    """Weights and optimizer state as torch tensors on the device, stepped in place.

    Whoever watches a step overrides the parts that it is made of.
    """

    def __init__(
        self, plan: Plan, seed: bytes, rows: RowSource, start: State, frozen: Tensors | None
    ) -> None:
        self._plan = plan
        self._seed = seed
        self._rows = rows
        self._device = find_device()
        held = _to_torch(frozen or {}, self._device)
        self._model = build_model(plan.model, plan.loss, held, plan.profile)
        # What ``deserialize_state`` made belongs to this run, and is stepped where it lies.
        self._weights = _share(start.weights, self._device)
        slots = [_share(slot, self._device) for slot in start.slots]
        self._optimizer = build_optimizer(plan.optimizer, slots, list(start.powers))

    def step(self, step: int) -> tuple[tuple[float, ...], list[float]]:
        """Do one step; return the micro-batch losses and the gradient folds in name order.

        The folds are of the whole batch's gradient, before it is clipped.
        """
        losses, total = self._compute_gradients(step)
        folds = self._compute_folds(total)
        if self._plan.clipping is not None:
            self._clip(total, self._plan.clipping.limit)
        self._optimize(total, self._choose_rate(step))
        for name in sorted(total):
            arith.require_finite(self._weights[name], f"tensor {name!r}")
            for slot in self._optimizer.slots:
                arith.require_finite(slot[name], f"the optimizer's state of {name!r}")
        return losses, folds.tolist()

    def _compute_gradients(self, step: int) -> tuple[tuple[float, ...], Named]:
        """Return the losses of the micro-batches, and their gradients added in order."""
        plan = self._plan
        indices = batch_rows(self._seed, step, plan.batch, self._rows.count)
        prepared = self._model.prepare(self._weights)
        total: Named = {}
        losses = []
        offset = 0
        for number, size in enumerate(plan.micro_batches):
            chosen = indices[offset : offset + size]
            offset += size
            part = MicroBatch(step, number, self._seed)
            inputs, targets = self._read_batch(part, chosen)
            loss, gradients = self._run_model(prepared, inputs, targets, part)
            losses.append(loss)
            self._add(total, gradients)
        return tuple(losses), total

    def _read_batch(self, _part: MicroBatch, chosen: Indices) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the inputs and targets of the chosen rows."""
        inputs, targets = decode_batch(self._plan, self._rows.rows(chosen))
        return inputs.to(self._device), targets.to(self._device)

    def _run_model(
        self, prepared: Prepared, inputs: torch.Tensor, targets: torch.Tensor, part: MicroBatch
    ) -> tuple[float, Named]:
        """Return a micro-batch's loss and gradients."""
        return self._model.gradients(prepared, inputs, targets, self._plan.batch, part)

    def _add(self, total: Named, gradients: Named) -> None:
        """Add a micro-batch's gradients to those of the micro-batches before."""
        for name, gradient in gradients.items():
            total[name] = total[name].add_(gradient) if name in total else gradient

    def _compute_folds(self, total: Named) -> torch.Tensor:
        """Return the fold of each gradient in name order."""
        folds = arith.fold_each([total[name] for name in sorted(total)])
        arith.require_finite(folds, "the gradient")
        return folds

    def _clip(self, total: Named, limit: float) -> None:
        """Clip the gradients by their global norm."""
        clip_by_global_norm(total.values(), limit)

    def _choose_rate(self, step: int) -> float:
        """Return the learning rate of a step."""
        return self._plan.rate(step)

    def _optimize(self, total: Named, rate: float) -> None:
        """Update weights and slots."""
        self._optimizer.step(self._weights, total, rate)

    def state(self, step: int) -> State:
        slots = tuple(_to_numpy(slot) for slot in self._optimizer.slots)
        return State(_to_numpy(self._weights), slots, step, tuple(self._optimizer.powers))


def decode_batch(plan: Plan, data: bytes) -> tuple[torch.Tensor, torch.Tensor]:
    """Return inputs in the shape of the model's, and targets, of the rows in ``data``.

    Raises:
        MalformedData: if the bytes are not whole rows of the plan's schema.
    """
    inputs, targets = decode_rows(plan.dataset, data)
    shaped = torch.from_numpy(inputs).view(len(inputs), *plan.model.input_shape)
    return shaped, torch.from_numpy(targets)


def attempt_segment(
    assignment: Assignment,
    rows: RowSource,
    start_state: bytes,
    segment: int,
    frozen: Tensors | None = None,
    *,
    start_root: bytes | None = None,
    weights: Tensors | None = None,
) -> Iterator[Progress | SegmentResult | SegmentAbort]:
    """Run one segment: yield ``Progress`` for each step, then a result or an abort.

    ``start_state`` holds the canonical state bytes at the end of segment ``segment − 1``, and
    ``start_root`` their root if the caller has computed it; ``frozen`` the base weights of a plan
    with adapters, which have been checked against it. With ``weights``, the task's initial ones,
    the last segment ends in an abort too if its cost or its update cannot be written.
    """
    plan = assignment.plan
    steps = plan.segment_range(segment)
    root = start_root or compute_state_root(plan, start_state)
    chain = WorkChain(assignment.ctx, segment, root)
    losses: list[tuple[float, ...]] = []
    step = steps.start
    try:
        check_plan_for_rows(plan, rows.count)
        run = Run(plan, assignment.seed, rows, _read_start(plan, start_state, segment), frozen)
        for step in steps:
            step_losses, folds = run.step(step)
            chain.absorb(step, step_losses, folds)
            losses.append(step_losses)
            yield Progress(segment, step, step_losses)
        step = steps.stop
        end = run.state(steps.stop - 1)
        if segment == plan.segments and weights is not None:
            compute_cost([loss for step_losses in losses for loss in step_losses])
            compute_update(plan, weights, end.weights)
    except ABORTS as error:
        error.fields.update(segment=segment, step=step)
        code = compute_abort_code(error)
        value = compute_abort_chain(assignment.ctx, segment, step, code, chain.value)
        record = compute_record(assignment, segment, value, ABORTED_STATE, ())
        yield SegmentAbort(record, step, error)
        return
    state_bytes = serialize_state(plan, end)
    root = compute_state_root(plan, state_bytes)
    record = compute_record(assignment, segment, chain.value, root, losses)
    yield SegmentResult(record, state_bytes)


def _read_start(plan: Plan, start_state: bytes, segment: int) -> State:
    state = deserialize_state(plan, start_state)
    before = plan.segment_range(segment).start - 1
    if state.step != before:
        raise MalformedData(
            f"segment {segment} starts after step {before}, but the state is after step "
            f"{state.step}"
        )
    return state


def run_segment(
    assignment: Assignment,
    rows: RowSource,
    start_state: bytes,
    segment: int,
    frozen: Tensors | None = None,
    *,
    start_root: bytes | None = None,
) -> Iterator[Progress | SegmentResult]:
    """Run one segment: yield ``Progress`` for each step, then one ``SegmentResult``.

    Arguments as of ``attempt_segment``.

    Raises:
        PlanRefused: if the batch is too large for the rows.
        MalformedData: if the start state is malformed or belongs elsewhere, or a row is bad.
        NonFiniteValue: if a value became NaN or infinite.
        ProductBoundExceeded: if a product is too long to be exact.
            Each carries ``segment`` and ``step`` in its fields.
    """
    for event in attempt_segment(
        assignment, rows, start_state, segment, frozen, start_root=start_root
    ):
        if isinstance(event, SegmentAbort):
            raise event.error
        yield event


def train(
    assignment: Assignment,
    rows: RowSource,
    start_state: bytes,
    start_segment: int = 1,
    frozen: Tensors | None = None,
    *,
    weights: Tensors | None = None,
) -> Iterator[Progress | SegmentResult | SegmentAbort]:
    """Run segments ``start_segment … S``, each from the state the one before ended in.

    Arguments as of ``attempt_segment``. A ``SegmentAbort`` is the last event: nobody can go on.
    """
    state_bytes, root = start_state, None
    for segment in range(start_segment, assignment.plan.segments + 1):
        for event in attempt_segment(
            assignment,
            rows,
            state_bytes,
            segment,
            frozen,
            start_root=root,
            weights=weights,
        ):
            yield event
            if isinstance(event, SegmentAbort):
                return
            if isinstance(event, SegmentResult):
                state_bytes, root = event.state_bytes, event.record.state_root
