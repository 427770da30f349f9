"""What each job of the training process does: plans, weights and rows in, files and results out.

Jobs raise the typed errors of the functions that they call: ``JobInputUnusable`` for a file that is
not the one that the job was to read, ``MalformedData`` and ``PlanRefused`` for a bad file or plan,
``NonFiniteValue`` and ``UpdateOverflow`` for a value out of range, ``DeviceRefused`` for this
machine. Every job except ``init`` and ``aggregate`` runs the selftest
first: on a machine with other bits, honest work would look forged.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from walrusd.errors import BadRequest, JobInputUnusable, MalformedData, RowAbsent
from walrusd.files import write_atomically
from walrusd.training.plan.plan import Plan
from walrusd.training.process.inputs import (
    JobRows,
    read_plan_file,
    read_start_state,
    read_weights_file,
)
from walrusd.training.process.reporter import Reporter, emit
from walrusd.training.process.workdir import Checkpoints, write_costs, write_trace
from walrusd.training.run.jobs import (
    AggregateJob,
    BenchmarkJob,
    EvaluateJob,
    InitJob,
    Job,
    ReplayJob,
    TrainJob,
)
from walrusd.training.run.replay import evaluate
from walrusd.training.run.state import Tensors, deserialize_state, initial_state, serialize_state
from walrusd.training.run.trace import Assignment, SegmentRecord, Trace
from walrusd.training.run.trainer import (
    Progress,
    SegmentAbort,
    SegmentResult,
    attempt_segment,
    train,
)
from walrusd.training.run.update import (
    apply_aggregate,
    compute_cost,
    compute_update,
    update_to_bytes,
)
from walrusd.training.run.weights import (
    compute_state_root_0,
    init_weights,
    select_frozen,
    weights_to_bytes,
)
from walrusd.training.selftest.benchmark import measure_rate
from walrusd.training.selftest.selftest import selftest


def _read_frozen(plan: Plan, weights: Tensors | None) -> Tensors:
    """Return the base weights of a plan with adapters, from the task's weights."""
    if not plan.model.frozen_tensors():
        return {}
    if weights is None:
        raise BadRequest(
            "the job has no weights, but its plan has adapters", hint="give the task's weights"
        )
    return select_frozen(plan, weights)


def run_train(job: TrainJob) -> dict[str, Any]:
    """Train, or resume training; see ``TrainJob`` for the result.

    Raises:
        Stopped: after SIGTERM.
        JobInputUnusable: if a file is not the one that the job was to read.
        MalformedData, NonFiniteValue, PlanRefused: if the plan or the weights are wrong.
        ConfigError: if ``workdir`` holds checkpoints of another run.
    """
    plan = read_plan_file(job.plan, job.plan_digest)
    weights = read_weights_file(plan, job.weights, job.state_root_0)
    rows = JobRows(plan, job.rows)
    assignment = Assignment(plan, job.ctx, job.seed, job.slots)
    state_0 = serialize_state(plan, initial_state(plan, weights))
    checkpoints = Checkpoints(assignment, Path(job.workdir), state_0)
    first = checkpoints.resume()
    reporter = Reporter((plan.segments + 1 - first) * plan.segment_steps)
    frozen = select_frozen(plan, weights)
    with _discarding(checkpoints, first):
        for event in train(
            assignment, rows.source, checkpoints.state, first, frozen, weights=weights
        ):
            if isinstance(event, Progress):
                reporter.step(event)
                continue
            rows.check_unchanged()
            if isinstance(event, SegmentAbort):
                rows.verify()
                return _conclude_abort(Path(job.workdir), checkpoints, event)
            checkpoints.save(event)
            emit("segment", _describe_segment(event.record))
        rows.verify()
    end = deserialize_state(plan, checkpoints.state).weights
    assert checkpoints.last is not None, "a plan has at least one segment"
    update = compute_update(plan, weights, end)
    weights_path = Path(job.workdir) / "weights.safetensors"
    update_path = Path(job.workdir) / "update.bin"
    write_atomically(weights_path, weights_to_bytes(plan, frozen | end))
    write_atomically(update_path, update_to_bytes(update))
    losses = [loss for step in checkpoints.last.losses for loss in step]
    return {
        **write_trace(Path(job.workdir), Trace(checkpoints.root_0, checkpoints.records)),
        **write_costs(Path(job.workdir), checkpoints.costs),
        "weights": str(weights_path),
        "update": str(update_path),
        "cost": compute_cost(losses),
        "loss": sum(losses) / len(losses),
    }


@contextmanager
def _discarding(checkpoints: Checkpoints, first: int) -> Iterator[None]:
    """Remove the checkpoints from segment ``first`` on if the rows turn out to be other ones."""
    try:
        yield
    except JobInputUnusable:
        checkpoints.discard_new(first)
        raise


def _describe_segment(record: SegmentRecord) -> dict[str, Any]:
    """Return the line of a segment; ``loss`` is None if it aborts."""
    means = [sum(step) / len(step) for step in record.losses]
    return {**record.summarize(), "loss": sum(means) / len(means) if means else None}


def _conclude_abort(workdir: Path, checkpoints: Checkpoints, abort: SegmentAbort) -> dict[str, Any]:
    """Return the result of a plan that cannot be carried out: the trace up to the abort."""
    trace = Trace(checkpoints.root_0, [*checkpoints.records, abort.record])
    return {**write_trace(workdir, trace), "abort": _describe_abort(abort)}


def _describe_abort(abort: SegmentAbort) -> dict[str, Any]:
    return {
        "segment": abort.record.segment,
        "step": abort.step,
        "code": int(abort.code),
        "message": abort.error.message,
    }


def run_replay(job: ReplayJob) -> dict[str, Any]:
    """Replay segments; return ``{segments}`` with the payloads of their lines.

    Raises:
        Stopped: after SIGTERM.
        BadRequest: if a plan with adapters comes without weights.
        JobInputUnusable: if a file is not the one that the job was to read.
        MalformedData, NonFiniteValue, PlanRefused: if the plan or the weights are wrong.
    """
    plan = read_plan_file(job.plan, job.plan_digest)
    rows = JobRows(plan, job.rows)
    weights = (
        None if job.weights is None else read_weights_file(plan, job.weights, job.state_root_0)
    )
    frozen = _read_frozen(plan, weights)
    assignment = Assignment(plan, job.ctx, job.seed, job.slots)
    reporter = Reporter(len(job.segments) * plan.segment_steps)
    found: list[dict[str, Any]] = []
    for start in job.segments:
        state = read_start_state(plan, start)
        for event in _attempt(
            assignment, rows, state, start.segment, frozen=frozen, weights=weights
        ):
            if isinstance(event, Progress):
                reporter.step(event)
                continue
            rows.check_unchanged()
            found.append(_describe_segment(event.record))
            if isinstance(event, SegmentAbort):
                rows.verify()
                found[-1]["abort"] = _describe_abort(event)
            emit("segment", found[-1])
    rows.verify()
    return {"segments": found}


def _attempt(
    assignment: Assignment,
    rows: JobRows,
    state: bytes,
    segment: int,
    *,
    frozen: Tensors,
    weights: Tensors | None,
) -> Iterator[Progress | SegmentResult | SegmentAbort]:
    """Run one segment as ``attempt_segment`` does.

    Raises:
        JobInputUnusable: if the rows do not include one that it reads.
    """
    try:
        yield from attempt_segment(assignment, rows.source, state, segment, frozen, weights=weights)
    except RowAbsent as error:
        raise JobInputUnusable(error.message) from error


def run_evaluate(job: EvaluateJob) -> dict[str, Any]:
    """Run rows through the model; see ``EvaluateJob`` for the result.

    Raises:
        JobInputUnusable: if the rows are not raw rows of the plan's schema.
        MalformedData, NonFiniteValue, PlanRefused: if the plan, the weights or a row is wrong.
    """
    plan = read_plan_file(job.plan)
    rows = JobRows(plan, job.rows)
    found = evaluate(plan, read_weights_file(plan, job.weights), rows.source)
    rows.verify()
    return {
        "correct": found.correct,
        "places": found.places,
        "rows": found.rows,
        "accuracy": found.accuracy,
        "loss": found.loss,
    }


def _write_weights(plan: Plan, workdir: str, weights: Tensors) -> dict[str, Any]:
    directory = Path(workdir)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = directory / "weights.safetensors"
    write_atomically(path, weights_to_bytes(plan, weights))
    return {"weights": str(path), "state_root_0": compute_state_root_0(plan, weights).hex()}


def run_init(job: InitJob) -> dict[str, Any]:
    """Make initial weights; see ``InitJob`` for the result.

    Raises:
        PlanRefused: if the plan is wrong.
        MalformedData: if the plan has adapters for another base than its own initial weights.
    """
    plan = read_plan_file(job.plan)
    return _write_weights(plan, job.workdir, init_weights(plan))


def run_aggregate(job: AggregateJob) -> dict[str, Any]:
    """Apply an aggregate; see ``AggregateJob`` for the result.

    Raises:
        MalformedData: if the weighted sum or the weights do not fit the plan.
        PlanRefused, UpdateOverflow, NonFiniteValue: as ``parse_plan`` and ``apply_aggregate``.
    """
    plan = read_plan_file(job.plan)
    raw = Path(job.weighted_sum).read_bytes()
    if len(raw) % 8:
        raise MalformedData(f"the weighted sum has {len(raw)} bytes, not a multiple of 8")
    weighted_sum = np.frombuffer(raw, "<i8").astype(np.int64)
    start = read_weights_file(plan, job.weights)
    end = apply_aggregate(plan, start, weighted_sum, job.total_weight)
    return _write_weights(plan, job.workdir, select_frozen(plan, start) | end)


def run_job(job: Job) -> dict[str, Any]:
    """Run any job, after the selftest where it computes, and return its result.

    Raises:
        DeviceRefused: as ``selftest``.
        WalrusdError: as the job's own function.
    """
    if isinstance(job, InitJob):
        return run_init(job)
    if isinstance(job, AggregateJob):
        return run_aggregate(job)
    hashes = selftest()
    if isinstance(job, TrainJob):
        return run_train(job)
    if isinstance(job, ReplayJob):
        return run_replay(job)
    if isinstance(job, EvaluateJob):
        return run_evaluate(job)
    if isinstance(job, BenchmarkJob):
        return {"rate": measure_rate(job.seconds, time.monotonic)}
    return {
        "capability": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "hashes": hashes,
    }


def describe_result(job: Job, result: dict[str, Any]) -> dict[str, Any]:
    """Return the last line's payload: a replay has already reported its segments one by one."""
    return {"segments": len(result["segments"])} if isinstance(job, ReplayJob) else result
