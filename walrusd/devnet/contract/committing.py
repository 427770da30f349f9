"""Module ``submission``, second part: a contributor commits to its work, or to an abort claim."""

from walrusd.chain.layouts.events import AbortCommitted, SubmissionCommitted
from walrusd.chain.layouts.objects import AbortClaim, Commitment, Market, Submission, Task
from walrusd.core.lifecycle import SubmissionState, TaskPhase
from walrusd.core.protocol import TraceContext, compute_leaf_zero, compute_seed
from walrusd.crypto.merkle import verify_path
from walrusd.devnet.contract import pedersen
from walrusd.devnet.contract.constants import DIGEST, MAX_SCHEME_ROWS, POINT, PROOF
from walrusd.devnet.contract.functions import Module, require
from walrusd.devnet.contract.holdings import check_state, enter_state
from walrusd.devnet.contract.market import check_market, check_versions
from walrusd.devnet.contract.task import check_belongs, check_phase
from walrusd.devnet.contract.terms import add_late_fee
from walrusd.devnet.move.context import ClockObject, MoveContext
from walrusd.devnet.move.signatures import BYTES, CLOCK, U64, U256, mut, ref, vector
from walrusd.errors import VerificationFailed
from walrusd.units import address_bytes

MODULE = Module("submission")


def compute_context(market: Market, task: Task, submission: Submission) -> bytes:
    """Return ``ctx``, the 32 bytes that bind a trace to this submission."""
    task_bytes, contributor = address_bytes(task.id), address_bytes(submission.contributor)
    return TraceContext(
        chain_id=market.chain_id,
        package=address_bytes(market.package),
        task=task_bytes,
        contributor=contributor,
        seed=compute_seed(task_bytes, contributor, task.join_beacon),
        plan_digest=task.plan_digest,
        dataset_root=submission.dataset_root,
    ).digest()


def _charge_lateness(task: Task, submission: Submission, now: int) -> None:
    """Let a commitment after the training window cost a late fee."""
    deadline_ms = task.phase_ms + task.terms.train_ms
    submission.late_fee = add_late_fee(task.terms, submission.late_fee, deadline_ms, now)


def _starts_at(task: Task, trace_root: bytes, segments: int, path: list[bytes]) -> bool:
    leaf_zero = compute_leaf_zero(task.state_root_0)
    try:
        verify_path(trace_root, leaf_zero, 0, segments + 1, path)
    except VerificationFailed:
        return False
    return True


@MODULE.public(
    ref(Market),
    mut(Task),
    mut(Submission),
    BYTES,
    BYTES,
    BYTES,
    U64,
    vector(BYTES),
    BYTES,
    BYTES,
    BYTES,
    U256,
    CLOCK,
)
def commit(
    ctx: MoveContext,
    market: Market,
    task: Task,
    submission: Submission,
    trace_root: bytes,
    update_root: bytes,
    scheme_root: bytes,
    scheme_rows: int,
    leaf_zero_path: list[bytes],
    cost_commitment: bytes,
    cost_proof: bytes,
    file_digest: bytes,
    file_blob: int,
    clock: ClockObject,
) -> None:
    """Commit to the work. It may be late, for a fee, as long as training is not closed."""
    check_versions(market, task, submission)
    check_market(market, task, submission)
    check_belongs(task, submission)
    require(ctx.sender == submission.contributor, "submission.ENotContributor")
    check_phase(task, TaskPhase.TRAINING)
    check_state(submission, SubmissionState.JOINED)
    for digest in (trace_root, update_root, scheme_root, file_digest):
        require(len(digest) == DIGEST, "submission.EBadDigest")
    require(len(cost_commitment) == POINT, "submission.EBadDigest")
    require(len(cost_proof) == PROOF, "submission.EBadDigest")
    require(1 <= scheme_rows <= MAX_SCHEME_ROWS, "submission.EBadRows")
    starts = _starts_at(task, trace_root, task.terms.segments, leaf_zero_path)
    require(starts, "submission.EBadLeafZero")
    trace_context = compute_context(market, task, submission)
    proof_context = trace_context + trace_root + update_root
    pedersen.check_proof(proof_context, cost_commitment, cost_proof)

    now = clock.timestamp_ms
    _charge_lateness(task, submission, now)
    submission.ctx = trace_context
    submission.commitment = Commitment(
        trace_root=trace_root,
        update_root=update_root,
        scheme_root=scheme_root,
        scheme_rows=scheme_rows,
        cost_commitment=cost_commitment,
        file_digest=file_digest,
        file_blob=file_blob,
    )
    enter_state(submission, SubmissionState.COMMITTED, now)
    task.committed += 1
    ctx.emit(
        SubmissionCommitted(
            task=task.id,
            submission=submission.id,
            contributor=submission.contributor,
            ctx=trace_context,
            trace_root=trace_root,
            update_root=update_root,
            scheme_root=scheme_root,
            scheme_rows=scheme_rows,
            cost_commitment=cost_commitment,
            file_digest=file_digest,
            file_blob=file_blob,
            at_ms=now,
        )
    )


@MODULE.public(ref(Market), mut(Task), mut(Submission), U64, U64, U64, BYTES, vector(BYTES), CLOCK)
def commit_abort(
    ctx: MoveContext,
    market: Market,
    task: Task,
    submission: Submission,
    segment: int,
    step: int,
    code: int,
    trace_root: bytes,
    leaf_zero_path: list[bytes],
    clock: ClockObject,
) -> None:
    """Claim that the plan cannot be carried out beyond a segment; it is verified like any work."""
    check_versions(market, task, submission)
    check_market(market, task, submission)
    check_belongs(task, submission)
    require(ctx.sender == submission.contributor, "submission.ENotContributor")
    check_phase(task, TaskPhase.TRAINING)
    check_state(submission, SubmissionState.JOINED)
    require(len(trace_root) == DIGEST, "submission.EBadDigest")
    require(1 <= segment <= task.terms.segments, "submission.EBadAbort")
    starts = _starts_at(task, trace_root, segment, leaf_zero_path)
    require(starts, "submission.EBadLeafZero")

    now = clock.timestamp_ms
    _charge_lateness(task, submission, now)
    submission.ctx = compute_context(market, task, submission)
    submission.abort = AbortClaim(segment, step, code)
    submission.commitment = Commitment(
        trace_root=trace_root,
        update_root=b"",
        scheme_root=b"",
        scheme_rows=0,
        cost_commitment=b"",
        file_digest=b"",
        file_blob=0,
    )
    enter_state(submission, SubmissionState.COMMITTED, now)
    task.committed += 1
    ctx.emit(
        AbortCommitted(
            task=task.id,
            submission=submission.id,
            contributor=submission.contributor,
            ctx=submission.ctx,
            trace_root=trace_root,
            segment=segment,
            step=step,
            code=code,
            at_ms=now,
        )
    )
