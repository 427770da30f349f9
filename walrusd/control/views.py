"""On-chain objects as the control interface shows them: names for numbers, hex for bytes."""

from typing import Any

from walrusd.chain.layouts import objects as ob
from walrusd.core.lifecycle import (
    CaseKind,
    CostRule,
    EndReason,
    KeyScope,
    RequestState,
    SubmissionState,
    TaskPhase,
)
from walrusd.core.policy import Decision
from walrusd.storage.blobid import format_blob_id
from walrusd.units import BlobId


def show_task(task: ob.Task, address: str) -> dict[str, Any]:
    """Return a task. ``mine`` is this daemon's part: publisher, contributor, or nothing."""
    terms = task.terms
    mine = "publisher" if task.publisher == address else None
    if any(entry.contributor == address for entry in task.entries):
        mine = "contributor"
    return {
        "task": task.id,
        "publisher": task.publisher,
        "mine": mine,
        "phase": TaskPhase(task.phase).name.lower(),
        "phase_ms": task.phase_ms,
        "opened_ms": task.opened_ms,
        "parent": task.parent,
        "cost_rule": CostRule(terms.cost_rule).name.lower(),
        "reward_mist": terms.reward,
        "stake_mist": terms.stake,
        "cancel_fee_mist": terms.cancel_fee,
        "verifier_fee_mist": terms.verifier_fee,
        "joined": len(task.entries),
        "max_submissions": terms.max_submissions,
        "committed": task.committed,
        "opened": task.opened,
        "ended": task.ended,
        "accepted": task.accepted.bit_count(),
        "segments": terms.segments,
        "committee": terms.committee,
        "segments_per_seat": terms.segments_per_seat,
        "jury": terms.jury,
        "plan_digest": task.plan_digest.hex(),
        "state_root_0": task.state_root_0.hex(),
        "datasets": [{"dataset": d.dataset, "version": d.number} for d in task.datasets],
        "aggregate_root": None if task.aggregate is None else task.aggregate.root.hex(),
        "pool": task.pool,
        "funds_mist": task.funds,
        "bond_mist": task.bond,
    }


def show_submission(submission: ob.Submission) -> dict[str, Any]:
    """Return a submission."""
    commitment, dispute = submission.commitment, submission.dispute
    return {
        "submission": submission.id,
        "task": submission.task,
        "contributor": submission.contributor,
        "state": SubmissionState(submission.state).name.lower(),
        "reason": EndReason(submission.reason).name.lower() if submission.reason else None,
        "window_ms": submission.window_ms,
        "dataset": submission.dataset,
        "weight": submission.weight,
        "stake_mist": submission.stake,
        "late_fee_mist": submission.late_fee,
        "committee": [
            {"verifier": seat.verifier, "attested": seat.attested.bit_count()}
            for seat in submission.committee
        ],
        "trace_root": None if commitment is None else commitment.trace_root.hex(),
        "file_blob": None if commitment is None else format_blob_id(BlobId(commitment.file_blob)),
        "file_digest": None if commitment is None else commitment.file_digest.hex(),
        "attempt": submission.attempt,
        "substitutes": len(submission.substitutes),
        "cost": None if submission.opening is None else submission.opening.cost,
        "dispute": None
        if dispute is None
        else {
            "kind": CaseKind(dispute.kind).name.lower(),
            "segment": dispute.index,
            "accuser": dispute.accuser,
            "jurors": [juror.verifier for juror in dispute.jurors],
        },
    }


def show_request(request: ob.KeyRequest, address: str) -> dict[str, Any]:
    """Return a key request."""
    return {
        "request": request.id,
        "dataset": request.dataset,
        "version": request.number,
        "owner": request.owner,
        "requester": request.requester,
        "mine": request.requester == address,
        "task": request.task,
        "scope": KeyScope(request.scope).name.lower(),
        "state": RequestState(request.state).name.lower(),
        "requested_ms": request.requested_ms,
        "expires_ms": request.expires_ms,
    }


def show_decision(task: ob.Task, decision: Decision, economics: dict[str, Any]) -> dict[str, Any]:
    """Return what the policy says about a task, and what its terms mean for everyone's money."""
    terms = task.terms
    return {
        "task": task.id,
        "join": decision.join,
        "reason": decision.reason,
        "dataset": decision.dataset,
        "cost_rule": CostRule(terms.cost_rule).name.lower(),
        "reward_mist": terms.reward,
        "stake_mist": terms.stake,
        "segment_work": terms.segment_work,
        "total_work": terms.segment_work * terms.segments,
        **{key: value for key, value in economics.items() if not isinstance(value, list)},
        "rules": [{"rule": v.rule, "ok": v.ok, "sentence": v.sentence} for v in decision.verdicts],
        "deterrence": economics["deterrence"],
        "warnings": economics["warnings"],
    }
