"""Compare two transcripts from files, and find who is right by computing the step in dispute."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from walrusd.errors import MalformedTranscript
from walrusd.training.dispute.dispute import (
    Judgement,
    OperationDifference,
    PartyAccount,
    check_comparable,
    choose_log,
    compare_operations,
    find_step,
    get_operation,
    judge_step,
)
from walrusd.training.dispute.recording import SegmentWork
from walrusd.training.dispute.transcript import (
    Array,
    Ending,
    Operation,
    StepLog,
    StepRecord,
    Transcript,
    Value,
    unpack_floats,
)
from walrusd.training.dispute.transcript_codec import transcript_from_bytes
from walrusd.training.plan.plan import parse_plan
from walrusd.training.process.child import apply_limits
from walrusd.training.run.jobs import JobLimits
from walrusd.training.run.trace import Assignment
from walrusd.training.selftest.selftest import selftest
from walrusd.verify.rows import open_given_rows
from walrusd.verify.segment import read_frozen

SHOWN_ELEMENTS = 4


@dataclass(frozen=True)
class WorkFiles:
    """The files from which the disputed step is computed. ``rows`` may be larger than memory."""

    plan: bytes
    start: bytes
    rows: Path
    weights: bytes | None


@dataclass(frozen=True)
class _Side:
    """One party's values, or those of the computation."""

    name: str
    operation: Operation | None
    values: dict[bytes, bytes]


def read_transcript(path: Path, raw: bytes) -> Transcript:
    """Read a transcript; an error names the file. Raises MalformedTranscript."""
    try:
        return transcript_from_bytes(raw)
    except MalformedTranscript as error:
        raise MalformedTranscript(f"{path}: {error.message}", hint=error.hint) from error


def check_dispute(
    a: Transcript, b: Transcript, files: WorkFiles | None, threads: int
) -> dict[str, Any]:
    """Return where two transcripts diverge, and with ``files`` who is right.

    Raises:
        ForeignTranscript: if they are about different work, or the files about other work.
        BadRequest, MalformedData, PlanRefused: if a file does not have its format.
        DeviceRefused: if this machine does not give the golden bits.
    """
    check_comparable(a, b)
    report: dict[str, Any] = {
        "segment": a.segment,
        "first_step": a.first,
        "task": "0x" + a.subject.task.hex(),
        "contributor": "0x" + a.subject.contributor.hex(),
        "plan_digest": a.subject.plan_digest.hex(),
        "start_root": a.start_root.hex(),
        "agree": True,
        "right": "both",
    }
    difference = find_step(a, b)
    if difference is None:
        return report
    step = difference.step
    logs = choose_log(a, step), choose_log(b, step)
    found = None
    if logs[0] is not None and logs[1] is not None:
        found = compare_operations(logs[0], logs[1])
    report |= {"agree": False, "right": None, "step": step, "parts": list(difference.parts)}
    report["logs"] = {"A": logs[0] is not None, "B": logs[1] is not None}
    judgement = None
    if files is not None:
        judgement = _judge(files, threads, a, b, step)
        report |= _show_judgement(judgement)
    told = {"A": a.at(step), "B": b.at(step)}
    if judgement is not None and judgement.diverges is None:
        told["computed"] = judgement.record
    report["told"] = {name: _show_record(record) for name, record in told.items()}
    operation = _show_operation(logs, found, judgement)
    if operation is not None:
        report["operation"] = operation
    return report


def _judge(files: WorkFiles, threads: int, a: Transcript, b: Transcript, step: int) -> Judgement:
    apply_limits(JobLimits(threads=threads))
    selftest()
    plan = parse_plan(files.plan)
    assignment = Assignment(plan, a.subject.digest(), a.subject.seed, committee=1)
    rows, frozen = open_given_rows(plan, files.rows), read_frozen(plan, files.weights)
    return judge_step(SegmentWork(assignment, a.subject, rows, frozen), files.start, a, b, step)


def _show_judgement(judgement: Judgement) -> dict[str, Any]:
    return {
        "right": judgement.right.value,
        "computed_steps": judgement.computed_steps,
        "both_wrong_from_step": judgement.diverges,
        "accounts": {
            "A": _show_account(judgement.a),
            "B": _show_account(judgement.b),
        },
    }


def _show_account(account: PartyAccount) -> dict[str, Any]:
    return {
        "step_right": account.step,
        "operation_right": account.operation,
        "first_wrong_operation": account.first_wrong,
    }


def _show_record(record: StepRecord | Ending | None) -> dict[str, Any] | None:
    match record:
        case StepRecord():
            return {
                "losses": [_show_number(np.float32(x)) for x in unpack_floats(record.losses)],
                "chain": record.chain.hex(),
                "state_root": record.state_root.hex(),
            }
        case Ending():
            return {"error": record.code}
        case None:
            return None


def _show_operation(
    logs: tuple[StepLog | None, StepLog | None],
    found: OperationDifference | None,
    judgement: Judgement | None,
) -> dict[str, Any] | None:
    """Return the operation in dispute with its values, as far as they are known."""
    computed = None if judgement is None else judgement.log
    index = None if found is None else found.index
    if judgement is not None and judgement.target is not None:
        index = judgement.target
    if index is None:
        return None
    named = zip(("A", "B", "computed"), (*logs, computed), strict=True)
    sides = [
        _Side(name, get_operation(log, index), {} if log is None else dict(log.values))
        for name, log in named
        if log is not None
    ]
    known = next((side.operation for side in reversed(sides) if side.operation is not None), None)
    if known is None:
        return None
    return {
        "index": index,
        "name": known.name,
        "differs_in": None if found is None else found.part,
        "names": {s.name: None if s.operation is None else s.operation.name for s in sides},
        "inputs": [_show_value(name, "inputs", sides) for name in known.inputs],
        "outputs": [_show_value(name, "outputs", sides) for name in known.outputs],
    }


def _show_value(name: str, part: str, sides: list[_Side]) -> dict[str, Any]:
    """Return a value as each side states it, and the first element in which they differ."""
    told: dict[str, Value] = {}
    for side in sides:
        if side.operation is not None and name in getattr(side.operation, part):
            told[side.name] = getattr(side.operation, part)[name]
    carried = {digest: raw for side in sides for digest, raw in side.values.items()}
    arrays = {
        side: value.read(carried[value.digest]).reshape(-1)
        for side, value in told.items()
        if value.digest in carried
    }
    return {
        "name": name,
        "told": {
            side: {"type": v.kind, "shape": list(v.shape), "digest": v.digest.hex()}
            for side, v in told.items()
        },
        "agree": len(told) == len(sides) and len(set(told.values())) == 1,
        "elements": _show_elements(told, arrays),
    }


def _show_elements(told: dict[str, Value], arrays: dict[str, Array]) -> dict[str, Any] | None:
    """Return the first element that differs, or the first ones of a value that all agree on."""
    shapes = {value.shape for value in told.values()}
    if not arrays or len(shapes) != 1 or len({array.dtype for array in arrays.values()}) != 1:
        return None
    first = next(iter(arrays.values()))
    if len({value.digest for value in told.values()}) == 1:
        return {"first": [_show_number(item) for item in first[:SHOWN_ELEMENTS]]}
    differing = np.zeros(first.size, np.bool_)
    for array in arrays.values():
        # Bits, not values: nothing else is the same, not even a NaN with itself.
        width = first.dtype.itemsize
        bits = [np.frombuffer(each.tobytes(), np.uint8) for each in (array, first)]
        differing |= (bits[0] != bits[1]).reshape(-1, width).any(1)
    count = int(differing.sum())
    place = int(differing.argmax()) if count else 0
    shape = next(iter(shapes))
    return {
        "differing": count if len(arrays) == len(told) else None,
        "index": [int(i) for i in np.unravel_index(place, shape)] if shape else [],
        "at": {side: _show_number(array[place]) for side, array in arrays.items()},
    }


def _show_number(item: Any) -> str:
    """Return a number, with its bits if it is a float."""
    if isinstance(item, np.floating):
        bits = item.tobytes()[::-1].hex()
        return f"{float(item)!r} (0x{bits})"
    return str(item)
