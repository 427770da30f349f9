"""Module ``jury``, first half: a challenge and the seating of its jury."""

from walrusd.chain.layouts.events import (
    ChallengeOpened,
    JuryDrawn,
    JurySeated,
)
from walrusd.chain.layouts.objects import (
    Dispute,
    Judged,
    Juror,
    Market,
    Seat,
    Submission,
    Task,
    VerifierPool,
)
from walrusd.core.lifecycle import (
    ChallengeKind,
    DisputePhase,
    EndReason,
    SubmissionState,
)
from walrusd.core.protocol import (
    compute_challenge_id,
    compute_juror_draw,
)
from walrusd.crypto.merkle import verify_path
from walrusd.devnet.contract.constants import DIGEST
from walrusd.devnet.contract.ending import end
from walrusd.devnet.contract.functions import Module, require
from walrusd.devnet.contract.holdings import check_state, enter_state
from walrusd.devnet.contract.market import check_pool, check_versions
from walrusd.devnet.contract.node import draw_seats, is_eligible, pin
from walrusd.devnet.contract.task import check_belongs
from walrusd.devnet.move_env import (
    BYTES,
    CLOCK,
    COIN,
    RANDOM,
    U8,
    U64,
    Clock,
    Coin,
    MoveContext,
    Random,
    mut,
    ref,
    vector,
)
from walrusd.errors import VerificationFailed
from walrusd.units import address_bytes

MODULE = Module("jury")


# --- opening a case -----------------------------------------------------------------------------


def _is_leaf(
    task: Task, submission: Submission, index: int, leaf: bytes, path: list[bytes]
) -> bool:
    assert submission.commitment is not None, "an opened submission has committed"
    root = submission.commitment.trace_root
    try:
        verify_path(root, leaf, index, task.terms.segments + 1, path)
    except VerificationFailed:
        return False
    return True


@MODULE.public(
    ref(Market),
    ref(Task),
    mut(Submission),
    U8,
    U64,
    BYTES,
    vector(BYTES),
    BYTES,
    COIN,
    CLOCK,
)
def challenge(
    ctx: MoveContext,
    market: Market,
    task: Task,
    submission: Submission,
    kind: int,
    index: int,
    leaf: bytes,
    path: list[bytes],
    commitment: bytes,
    bond: Coin,
    clock: Clock,
) -> None:
    """Accuse one segment of being forged; ``commitment`` hides the accuser's own replay."""
    check_versions(market, task, submission)
    check_belongs(task, submission)
    check_state(submission, SubmissionState.OPENED, SubmissionState.ATTESTED)
    require(kind == ChallengeKind.SEGMENT, "jury.EUnsupportedKind")
    require(1 <= index <= task.terms.segments, "jury.EBadIndex")
    require(Judged(kind, index) not in submission.judged, "jury.EAlreadyJudged")
    require(ctx.sender != submission.contributor, "jury.EConflict")
    require(len(commitment) == DIGEST, "jury.EBadDigest")
    require(_is_leaf(task, submission, index, leaf, path), "jury.EWrongLeaf")
    require(bond.balance == task.terms.accuser_bond, "jury.EWrongBond")

    now = clock.timestamp_ms
    challenge_id = compute_challenge_id(address_bytes(submission.id), kind, index, 0)
    submission.dispute = Dispute(
        kind=kind,
        index=index,
        round=0,
        challenge=challenge_id,
        phase=DisputePhase.WAITING,
        phase_ms=now,
        resume_state=submission.state,
        accuser=ctx.sender,
        accuser_commitment=commitment,
        accuser_chain=b"",
        accuser_state_root=b"",
        leaf=leaf,
        beacon=b"",
        pool_len=0,
        drawn_ms=0,
        jurors=[],
    )
    submission.bond += ctx.take_coin(bond)
    enter_state(submission, SubmissionState.DISPUTED, now)
    ctx.emit(
        ChallengeOpened(
            task=task.id,
            submission=submission.id,
            accuser=ctx.sender,
            kind=kind,
            index=index,
            challenge=challenge_id,
            bond=submission.bond,
            at_ms=now,
        )
    )


# --- the jury -----------------------------------------------------------------------------------


def dispute_in(submission: Submission, *phases: DisputePhase) -> Dispute:
    """Return the dispute under way; one kept as a record after the end is not under way."""
    dispute = submission.dispute
    is_under_way = submission.state == SubmissionState.DISPUTED and dispute is not None
    require(is_under_way, "jury.ENoDispute")
    assert dispute is not None, "checked above"
    require(dispute.phase in phases, "jury.ENoDispute")
    return dispute


@MODULE.entry(ref(Market), ref(VerifierPool), mut(Submission), RANDOM, CLOCK)
def draw_jury(
    ctx: MoveContext,
    market: Market,
    pool: VerifierPool,
    submission: Submission,
    _random: Random,
    clock: Clock,
) -> None:
    """Fix the beacon of a jury and the pool it is drawn from."""
    check_versions(market, pool, submission)
    check_pool(market, pool)
    dispute = dispute_in(submission, DisputePhase.WAITING)

    now = clock.timestamp_ms
    dispute.beacon = ctx.random_bytes(DIGEST)
    dispute.pool_len = len(pool.seats)
    dispute.drawn_ms = now
    dispute.phase = DisputePhase.DRAWN
    dispute.phase_ms = now
    ctx.emit(
        JuryDrawn(
            task=submission.task,
            submission=submission.id,
            challenge=dispute.challenge,
            beacon=dispute.beacon,
            pool_len=dispute.pool_len,
            at_ms=now,
        )
    )


def _draw_jurors(
    task: Task, pool: VerifierPool, submission: Submission, dispute: Dispute
) -> list[int]:
    terms = task.terms
    excluded = {task.publisher, submission.contributor, submission.dataset_owner, dispute.accuser}
    excluded.update(seated.verifier for seated in submission.committee)

    def draw(attempt: int) -> int:
        return compute_juror_draw(dispute.beacon, dispute.challenge, attempt, dispute.pool_len)

    def accepts(candidate: Seat) -> bool:
        fee, opened, drawn = terms.juror_fee, task.opened_ms, dispute.drawn_ms
        return is_eligible(candidate, terms, fee, opened, drawn, excluded)

    return draw_seats(pool, dispute.pool_len, terms.jury, draw, accepts)


@MODULE.public(ref(Market), mut(Task), mut(VerifierPool), mut(Submission), CLOCK)
def seat_jury(
    ctx: MoveContext,
    market: Market,
    task: Task,
    pool: VerifierPool,
    submission: Submission,
    clock: Clock,
) -> None:
    """Seat the jury that its beacon picks; too few verifiers: undecided."""
    check_versions(market, task, pool, submission)
    check_pool(market, pool)
    check_belongs(task, submission)
    dispute = dispute_in(submission, DisputePhase.DRAWN)

    now = clock.timestamp_ms
    chosen = _draw_jurors(task, pool, submission, dispute)
    if len(chosen) < task.terms.jury:
        reason = EndReason.TOO_FEW_JURORS
        end(ctx, market, task, pool, submission, SubmissionState.UNDECIDED, reason, now)
        return
    for index in chosen:
        pin(pool, index)
        drawn = pool.seats[index]
        dispute.jurors.append(Juror(index, drawn.verifier, drawn.key, b"", b"", b""))
    dispute.phase = DisputePhase.COMMITTING
    dispute.phase_ms = now
    ctx.emit(
        JurySeated(
            task=task.id,
            submission=submission.id,
            challenge=dispute.challenge,
            pool_indices=chosen,
            jurors=[juror.verifier for juror in dispute.jurors],
            at_ms=now,
        )
    )
