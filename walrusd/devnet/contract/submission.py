"""Module ``submission``: a contributor joins, commits, opens; keys are resealed."""

from walrusd.chain.layouts.events import (
    KeyResealed,
    SubmissionCommitted,
    SubmissionJoined,
    SubmissionOpened,
)
from walrusd.chain.layouts.objects import (
    Commitment,
    Dataset,
    DatasetRef,
    DatasetVersion,
    Entry,
    KeyRequest,
    Market,
    Opening,
    Submission,
    Task,
)
from walrusd.core.lifecycle import KeyScope, RequestState, SubmissionState, TaskPhase, WeightsRule
from walrusd.core.protocol import TraceContext, compute_leaf_zero, compute_seed
from walrusd.crypto.merkle import verify_path
from walrusd.devnet.contract import pedersen
from walrusd.devnet.contract.constants import (
    DIGEST,
    MAX_ENVELOPE,
    MAX_SCHEME_ROWS,
    MAX_WEIGHT,
    POINT,
    PROOF,
    VERSION,
)
from walrusd.devnet.contract.functions import Module, require
from walrusd.devnet.contract.holdings import check_state, enter_state
from walrusd.devnet.contract.market import check_not_paused, check_versions, migrate
from walrusd.devnet.contract.task import check_belongs, check_phase
from walrusd.devnet.contract.terms import compute_escrow
from walrusd.devnet.move_env import (
    ADDRESS,
    BYTES,
    CLOCK,
    COIN,
    U64,
    U256,
    Clock,
    Coin,
    MoveContext,
    mut,
    ref,
    vector,
)
from walrusd.errors import VerificationFailed
from walrusd.units import address_bytes

MODULE = Module("submission")


def check_envelope(envelope: bytes) -> None:
    """Refuse an envelope that cannot hold a sealed key."""
    require(1 <= len(envelope) <= MAX_ENVELOPE, "submission.EBadEnvelopes")


def _version_numbered(dataset: Dataset, number: int) -> DatasetVersion:
    require(1 <= number <= len(dataset.versions), "dataset.ENoVersion")
    return dataset.versions[number - 1]


def _compute_weight(rule: int, rows: int) -> int:
    if rule == WeightsRule.EQUAL:
        return 1
    require(rows <= MAX_WEIGHT, "submission.ETooManyRows")
    return rows


def _check_grant(request: KeyRequest, dataset: Dataset, sender: str) -> None:
    require(request.state == RequestState.GRANTED, "submission.ENoGrant")
    require(request.scope == KeyScope.TRAIN_AND_VERIFY, "submission.ENoGrant")
    require(request.requester == sender, "submission.ENoGrant")
    require(request.dataset == dataset.id, "submission.ENoGrant")


@MODULE.public(ref(Market), mut(Task), ref(Dataset), ref(KeyRequest), COIN, CLOCK)
def join(
    ctx: MoveContext,
    market: Market,
    task: Task,
    dataset: Dataset,
    request: KeyRequest,
    stake: Coin,
    clock: Clock,
) -> None:
    """Stake on a task with a dataset whose key was granted for training and verification."""
    check_versions(market, task, dataset, request)
    check_not_paused(market)
    check_phase(task, TaskPhase.JOINING)
    now, terms = clock.timestamp_ms, task.terms
    require(now < task.phase_ms + terms.join_ms, "task.ETooLate")
    require(ctx.sender != task.publisher, "submission.EConflict")
    require(len(task.entries) < terms.max_submissions, "submission.EFull")
    joined = {entry.contributor for entry in task.entries}
    require(ctx.sender not in joined, "submission.EAlreadyJoined")
    require(stake.balance == terms.stake, "submission.EWrongStake")
    _check_grant(request, dataset, ctx.sender)
    approved = DatasetRef(dataset.id, request.number) in task.datasets
    require(approved, "submission.EDatasetNotApproved")
    version = _version_numbered(dataset, request.number)
    weight = _compute_weight(terms.weights_rule, version.rows)

    escrow = compute_escrow(terms, task.tip)
    task.pool -= escrow
    submission = Submission(
        id=ctx.fresh_id(),
        version=VERSION,
        task=task.id,
        number=len(task.entries),
        contributor=ctx.sender,
        state=SubmissionState.JOINED,
        window_ms=now,
        dataset=dataset.id,
        dataset_version=version.number,
        dataset_owner=dataset.owner,
        dataset_blob=version.blob,
        dataset_root=version.row_root,
        dataset_rows=version.rows,
        dataset_key_check=version.key_check,
        weight=weight,
        ctx=b"",
        commitment=None,
        abort=None,
        committee=[],
        opening=None,
        audit_beacon=b"",
        dispute=None,
        judged=[],
        reason=0,
        late_fee=0,
        stake=ctx.take_coin(stake),
        escrow=escrow,
        bond=0,
        credits=[],
        credited=0,
    )
    task.entries.append(Entry(ctx.sender, submission.id))
    ctx.emit(
        SubmissionJoined(
            task=task.id,
            submission=submission.id,
            contributor=ctx.sender,
            dataset=dataset.id,
            dataset_version=version.number,
            stake=submission.stake,
            weight=weight,
            at_ms=now,
        )
    )
    ctx.share(submission)


def compute_context(market: Market, task: Task, submission: Submission) -> bytes:
    """Return ``ctx``: what the trace of this submission is bound to (32 bytes)."""
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


def _starts_at(task: Task, trace_root: bytes, path: list[bytes]) -> bool:
    leaf_zero = compute_leaf_zero(task.state_root_0)
    try:
        verify_path(trace_root, leaf_zero, 0, task.terms.segments + 1, path)
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
    clock: Clock,
) -> None:
    """Fix the work. Late is fine until the draw has landed."""
    check_versions(market, task, submission)
    check_belongs(task, submission)
    require(ctx.sender == submission.contributor, "submission.ENotContributor")
    check_phase(task, TaskPhase.TRAINING)
    check_state(submission, SubmissionState.JOINED)
    for digest in (trace_root, update_root, scheme_root, file_digest):
        require(len(digest) == DIGEST, "submission.EBadDigest")
    require(len(cost_commitment) == POINT, "submission.EBadDigest")
    require(len(cost_proof) == PROOF, "submission.EBadDigest")
    require(1 <= scheme_rows <= MAX_SCHEME_ROWS, "submission.EBadRows")
    require(_starts_at(task, trace_root, leaf_zero_path), "submission.EBadLeafZero")
    trace_context = compute_context(market, task, submission)
    proof_context = trace_context + trace_root + update_root
    pedersen.check_proof(proof_context, cost_commitment, cost_proof)

    now = clock.timestamp_ms
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


@MODULE.public(
    ref(Market), mut(Task), mut(Submission), U256, BYTES, BYTES, vector(BYTES), U64, BYTES, CLOCK
)
def open(  # noqa: A001  # the Move function has this name
    ctx: MoveContext,
    market: Market,
    task: Task,
    submission: Submission,
    blob: int,
    digest: bytes,
    key_check: bytes,
    envelopes: list[bytes],
    cost: int,
    blinding: bytes,
    clock: Clock,
) -> None:
    """Open the work to the committee. Late is fine until the crank that punishes it has landed."""
    check_versions(market, task, submission)
    check_belongs(task, submission)
    require(ctx.sender == submission.contributor, "submission.ENotContributor")
    check_state(submission, SubmissionState.SEATED)
    require(len(digest) == DIGEST, "submission.EBadDigest")
    require(len(key_check) == DIGEST, "submission.EBadDigest")
    require(len(envelopes) == len(submission.committee), "submission.EBadEnvelopes")
    for envelope in envelopes:
        check_envelope(envelope)
    commitment = submission.commitment
    assert commitment is not None, "a seated submission has committed"
    pedersen.check_opening(commitment.cost_commitment, cost, blinding)

    now = clock.timestamp_ms
    submission.opening = Opening(blob, digest, key_check, list(envelopes), cost)
    enter_state(submission, SubmissionState.OPENED, now)
    task.opened += 1
    if task.phase == TaskPhase.OPENING and task.opened == task.committed:
        task.phase = TaskPhase.VERIFYING
        task.phase_ms = now
    ctx.emit(
        SubmissionOpened(
            task=task.id,
            submission=submission.id,
            contributor=submission.contributor,
            blob=blob,
            digest=digest,
            key_check=key_check,
            cost=cost,
            at_ms=now,
        )
    )


def _parties(submission: Submission) -> set[str]:
    parties = {submission.contributor, *(seat.verifier for seat in submission.committee)}
    if submission.dispute is not None:
        parties.add(submission.dispute.accuser)
        parties.update(juror.verifier for juror in submission.dispute.jurors)
    return parties


@MODULE.public(ref(Market), ref(Submission), ADDRESS, BYTES)
def reseal(
    ctx: MoveContext, market: Market, submission: Submission, recipient: str, envelope: bytes
) -> None:
    """Hand the opening's key to one more recipient: a later juror, or the publisher."""
    check_versions(market, submission)
    require(submission.opening is not None, "submission.EWrongState")
    check_envelope(envelope)
    require(ctx.sender in _parties(submission), "submission.ENotParty")

    ctx.emit(KeyResealed(submission.id, recipient, ctx.sender, envelope))


@MODULE.public(ref(Market), mut(Submission))
def migrate_submission(_ctx: MoveContext, market: Market, submission: Submission) -> None:
    """Hand a submission of an earlier version of the package to this one."""
    check_versions(market)
    migrate(submission)
