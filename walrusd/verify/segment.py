"""Replay one segment from files: plan, state, rows, and the submission's verification file.

A replay may also write a transcript, to be compared with another's.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from walrusd.core.protocol import TraceContext, compute_leaf_zero
from walrusd.crypto.checklist import Checklist
from walrusd.crypto.vfile.checks import inspect_verification_file
from walrusd.crypto.vfile.vfile import VerificationFile, read_verification_file
from walrusd.errors import BadRequest, MalformedData, PeerFault, VerificationFailed
from walrusd.training.dispute.recording import SegmentWork
from walrusd.training.dispute.writer import Wanted, transcribe
from walrusd.training.plan.plan import Plan, parse_plan
from walrusd.training.process.child import apply_limits
from walrusd.training.run.jobs import JobLimits
from walrusd.training.run.replay import replay_segment
from walrusd.training.run.state import Tensors, compute_state_root
from walrusd.training.run.trace import Assignment, compute_record
from walrusd.training.run.weights import select_frozen, weights_from_bytes
from walrusd.training.selftest.selftest import selftest
from walrusd.verify.rows import open_given_rows


@dataclass(frozen=True)
class SegmentFiles:
    """What a replay reads. ``rows`` is a path, as it may be larger than memory."""

    file: bytes
    plan: bytes
    start: bytes
    rows: Path
    weights: bytes | None


@dataclass(frozen=True)
class Writing:
    """A transcript of the replay is written, piece by piece, with the log of the wanted step.

    ``open`` gives the function that writes a piece.
    """

    open: Callable[[], AbstractContextManager[Callable[[bytes], object]]]
    wanted: Wanted | None


def check_segment(
    files: SegmentFiles,
    segment: int,
    slots: int,
    checks: Checklist,
    *,
    threads: int,
    writing: Writing | None = None,
) -> dict[str, Any]:
    """Replay ``segment``; return the facts that a report shows.

    Raises:
        BadRequest: if the plan has no such segment or step, or a file cannot be read.
        MalformedData, PlanRefused: if a file does not have its format.
        DeviceRefused: if this machine does not give the golden bits.
    """
    apply_limits(JobLimits(threads=threads))
    selftest()
    plan = parse_plan(files.plan)
    if segment > plan.segments:
        raise BadRequest(f"the plan has {plan.segments} segments, not {segment}")
    steps = plan.segment_range(segment)
    if writing is not None and writing.wanted is not None and writing.wanted.step not in steps:
        raise BadRequest(f"segment {segment} has the steps {steps.start} to {steps.stop - 1}")
    file = read_verification_file(files.file)
    if len(file.trace_leaves) != plan.segments + 1:
        raise MalformedData("the verification file does not have one leaf for each segment")
    leaf = file.trace_leaves[segment].hex()
    checks.run("verification file", lambda: _verify_whole(file))
    checks.run("plan", lambda: _verify_plan(file, plan))
    if segment == 1:
        checks.run("start state", lambda: _verify_start(file, plan, files.start))
    replayed = ""
    if not checks.failures:
        try:
            replayed = _replay(file, plan, files, segment, slots, writing=writing)
        except PeerFault as fault:
            checks.failed("replay", fault)
        else:
            if replayed == leaf:
                checks.passed("replay")
            else:
                checks.failed("replay", "the replay gives another leaf")
    return {
        "segment": segment,
        "steps": plan.segment_steps,
        "leaf": leaf,
        "replayed_leaf": replayed,
    }


def _verify_whole(file: VerificationFile) -> None:
    if failures := inspect_verification_file(file).failures:
        raise VerificationFailed(", ".join(item.name for item in failures))


def _verify_plan(file: VerificationFile, plan: Plan) -> None:
    if plan.digest() != file.header.subject.plan_digest:
        raise VerificationFailed("this is not the plan that the file names")


def _verify_start(file: VerificationFile, plan: Plan, start: bytes) -> None:
    """Check a start state of the first segment: leaf 0 is a function of it.

    Later leaves hide the state behind a root: a wrong start is found by the replay.
    """
    if compute_leaf_zero(compute_state_root(plan, start)) != file.trace_leaves[0]:
        raise VerificationFailed("this is not the state that the trace starts from")


def _replay(
    file: VerificationFile,
    plan: Plan,
    files: SegmentFiles,
    segment: int,
    slots: int,
    *,
    writing: Writing | None,
) -> str:
    subject = file.header.subject
    assignment = Assignment(plan, subject.ctx(), subject.seed, slots)
    rows, frozen = open_given_rows(plan, files.rows), read_frozen(plan, files.weights)
    if writing is None:
        return replay_segment(assignment, rows, files.start, segment, frozen).leaf.hex()
    context = TraceContext(**{f.name: getattr(subject, f.name) for f in fields(TraceContext)})
    work = SegmentWork(assignment, context, rows, frozen)
    with writing.open() as write:
        last = transcribe(work, files.start, segment, write, writing.wanted)
    if last.code is not None:
        return replay_segment(assignment, rows, files.start, segment, frozen).leaf.hex()
    return compute_record(assignment, segment, last.chain, last.state_root, ()).leaf.hex()


def read_frozen(plan: Plan, weights: bytes | None) -> Tensors:
    """Return the frozen tensors of a plan with adapters, from the task's weights; else nothing.

    Raises:
        BadRequest: if they are needed and not given.
    """
    if not plan.model.frozen_tensors():
        return {}
    if weights is None:
        raise BadRequest("a plan with adapters needs --weights")
    return select_frozen(plan, weights_from_bytes(plan, weights))
