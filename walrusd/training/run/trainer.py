"""Training, segment by segment. A verifier's replay runs the same code."""

from collections.abc import Iterator
from dataclasses import dataclass

from walrusd.core.protocol import compute_abort_chain
from walrusd.errors import MalformedData, PeerFault
from walrusd.training.plan.plan import Plan, check_plan_for_rows
from walrusd.training.run.aborts import ABORTED_STATE, ABORTS, AbortCode, compute_abort_code
from walrusd.training.run.data import RowSource
from walrusd.training.run.state import (
    State,
    Tensors,
    compute_state_root,
    deserialize_state,
    serialize_state,
)
from walrusd.training.run.step import Run
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
    """A segment that cannot be carried out: at which step, why, and the record to commit to.

    ``step`` is the first step that failed; one after the last step is the end of the run, where the
    update and the cost are computed.
    """

    record: SegmentRecord
    step: int
    error: PeerFault

    @property
    def code(self) -> AbortCode:
        """The error's number on the chain."""
        return compute_abort_code(self.error)


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
    with adapters, already checked against it. With ``weights``, the task's initial ones, the last
    segment also aborts if its cost or its update does not fit its bits.

    Raises:
        ValueError: if the plan has no such segment.
        MalformedData: if ``start_root`` is not given and the start state has another length than
            the plan's states: such bytes have no root, to which an abort could be bound.
        DeviceRefused: as ``find_device``.
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

    Arguments as for ``attempt_segment``. Errors of the work carry ``segment`` and ``step`` in their
    fields.

    Raises:
        PlanRefused: if the batch is too large for the rows.
        MalformedData: if the start state is malformed or of another step, or a row is bad.
        NonFiniteValue: if a value became NaN or infinite.
        ProductBoundExceeded: if a product is too long to be exact.
        DeviceRefused: as ``find_device``.
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
    """Run segments ``start_segment … S``, each from the end state of the one before.

    Arguments and errors as for ``attempt_segment``. A ``SegmentAbort`` is the last event.
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
