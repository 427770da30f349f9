"""Compare two transcripts from files, and find who is right by computing the step in dispute."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from walrusd.training.dispute.comparing import check_comparable, find_output, find_step
from walrusd.training.dispute.dispute import Judgement, PartyAccount, judge_step
from walrusd.training.dispute.evidence import compute_evidence, evidence_to_json, verify_evidence
from walrusd.training.dispute.operations import compute_operations
from walrusd.training.dispute.reader import Transcript
from walrusd.training.dispute.recording import SegmentWork
from walrusd.training.dispute.transcript import StepRecord
from walrusd.training.plan.plan import Plan
from walrusd.training.process.child import apply_limits
from walrusd.training.run.aborts import SENTENCES
from walrusd.training.run.jobs import JobLimits
from walrusd.training.run.trace import Assignment
from walrusd.training.selftest.selftest import selftest
from walrusd.verify.dispute_values import OutputAccount, show_operation
from walrusd.verify.rows import open_given_rows
from walrusd.verify.segment import read_frozen


@dataclass(frozen=True)
class WorkFiles:
    """The files from which the disputed step is computed. ``rows`` may be larger than memory."""

    start: bytes
    rows: Path
    weights: bytes | None


def check_dispute(
    plan: Plan, a: Transcript, b: Transcript, files: WorkFiles | None, threads: int
) -> dict[str, Any]:
    """Return where two transcripts diverge, and with ``files`` who is right.

    Raises:
        ForeignTranscript: if they are about different work, or the files about other work.
        MalformedTranscript: if leaves do not lead to what a log says of them.
        BadRequest, MalformedData, PlanRefused: if a file does not have its format.
        DeviceRefused: if this machine does not give the golden bits.
    """
    check_comparable(a, b)
    subject = a.beginning.subject
    report: dict[str, Any] = {
        "segment": a.beginning.segment,
        "first_step": a.steps.start,
        "task": "0x" + subject.task.hex(),
        "contributor": "0x" + subject.contributor.hex(),
        "plan_digest": subject.plan_digest.hex(),
        "start_root": a.beginning.start_root.hex(),
        "agree": True,
        "right": "both",
    }
    difference = find_step(a, b)
    if difference is None:
        return report
    step = difference.step
    sides = {"A": a, "B": b}
    logs = {name: side.find_log(step) for name, side in sides.items()}
    report |= {"agree": False, "right": None, "step": step, "parts": list(difference.parts)}
    report["logs"] = {name: log is not None for name, log in logs.items()}
    judgement = None
    if files is not None:
        apply_limits(JobLimits(threads=threads))
        selftest()
        judgement = _judge(plan, files, a, b, step)
        report |= _show_judgement(plan, judgement)
    told = {name: side.get_record(step) for name, side in sides.items()}
    if judgement is not None and judgement.diverges is None:
        told["computed"] = judgement.record
    report["told"] = {name: _show_record(record) for name, record in told.items()}
    number = leaf = None
    if judgement is not None:
        number, leaf = judgement.target, judgement.leaf
    elif logs["A"] is not None and logs["B"] is not None:
        found = find_output(logs["A"], logs["B"])
        number, leaf = (None, None) if found is None else (found.number, found.leaf)
    if number is not None:
        accounts = [
            OutputAccount.of_log(name, log) for name, log in logs.items() if log is not None
        ]
        if judgement is not None:
            accounts.append(OutputAccount.of_judgement(judgement))
        report["operation"] = show_operation(plan, accounts, number, leaf)
    report["evidence"] = {}
    for name, side in sides.items():
        evidence = compute_evidence(side, step, number, leaf)
        verify_evidence(plan, evidence)
        report["evidence"][name] = evidence_to_json(evidence)
    return report


def _judge(plan: Plan, files: WorkFiles, a: Transcript, b: Transcript, step: int) -> Judgement:
    subject = a.beginning.subject
    assignment = Assignment(plan, subject.digest(), subject.seed, slots=1)
    rows, frozen = open_given_rows(plan, files.rows), read_frozen(plan, files.weights)
    return judge_step(SegmentWork(assignment, subject, rows, frozen), files.start, a, b, step)


def _show_judgement(plan: Plan, judgement: Judgement) -> dict[str, Any]:
    return {
        "right": judgement.right.value,
        "computed_steps": judgement.computed_steps,
        "both_wrong_from_step": judgement.diverges,
        "accounts": {
            "A": _show_account(plan, judgement.a),
            "B": _show_account(plan, judgement.b),
        },
    }


def _show_account(plan: Plan, account: PartyAccount) -> dict[str, Any]:
    wrong = account.first_wrong
    return {
        "step_right": account.step,
        "operation_right": account.operation,
        "first_wrong_operation": None if wrong is None else compute_operations(plan)[wrong].name,
    }


def _show_record(record: StepRecord) -> dict[str, Any]:
    if record.code is not None:
        return {"step": record.step, "error": record.code.name, "means": SENTENCES[record.code]}
    return {
        "losses": record.losses.hex(),
        "folds": record.folds.hex(),
        "chain": record.chain.hex(),
        "state_root": record.state_root.hex(),
    }
