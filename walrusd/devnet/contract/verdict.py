"""Module ``jury``, second half: jurors commit and reveal, and what follows from it."""

from walrusd.chain.layouts.events import ChallengeResolved, JurorCommitted, JurorRevealed
from walrusd.chain.layouts.objects import (
    Dispute,
    Judged,
    Juror,
    Market,
    Submission,
    Task,
    Terms,
    VerifierCap,
    VerifierPool,
)
from walrusd.core.lifecycle import ChallengeOutcome, DisputePhase, EndReason, SubmissionState
from walrusd.core.protocol import (
    compute_challenge_id,
    compute_jury_commitment,
    compute_leaf,
    compute_slot_tree,
)
from walrusd.devnet.contract.constants import DIGEST, SILENCE_FEES
from walrusd.devnet.contract.credit import burn
from walrusd.devnet.contract.dispute import (
    Revealed,
    compute_majority,
    have_all_revealed,
    holds_value,
)
from walrusd.devnet.contract.ending import end
from walrusd.devnet.contract.functions import Module, require
from walrusd.devnet.contract.holdings import enter_state, pay_from_bond
from walrusd.devnet.contract.jury import dispute_in
from walrusd.devnet.contract.market import check_pool, check_versions
from walrusd.devnet.contract.node import penalize, unpin
from walrusd.devnet.contract.task import check_belongs
from walrusd.devnet.move_env import BYTES, CLOCK, U64, Clock, MoveContext, mut, ref
from walrusd.units import address_bytes

MODULE = Module("jury")


def _juror_of(market: Market, dispute: Dispute, cap: VerifierCap, juror: int) -> Juror:
    is_juror = (
        juror < len(dispute.jurors)
        and cap.pool == market.pool
        and dispute.jurors[juror].pool_index == cap.index
    )
    require(is_juror, "jury.ENotJuror")
    return dispute.jurors[juror]


@MODULE.public(ref(Market), ref(Task), mut(Submission), ref(VerifierCap), U64, BYTES, CLOCK)
def jury_commit(
    ctx: MoveContext,
    market: Market,
    task: Task,
    submission: Submission,
    cap: VerifierCap,
    juror: int,
    commitment: bytes,
    clock: Clock,
) -> None:
    """Fix a juror's value without showing it."""
    check_versions(market, task, submission)
    check_belongs(task, submission)
    dispute = dispute_in(submission, DisputePhase.COMMITTING)
    now = clock.timestamp_ms
    require(now < dispute.phase_ms + task.terms.jury_commit_ms, "jury.ETooLate")
    voter = _juror_of(market, dispute, cap, juror)
    require(voter.commitment == b"", "jury.EAlreadyCommitted")
    require(len(commitment) == DIGEST, "jury.EBadDigest")

    voter.commitment = commitment
    ctx.emit(JurorCommitted(submission.id, dispute.challenge, voter.verifier))
    if all(other.commitment != b"" for other in dispute.jurors):
        _start_revealing(dispute, now)


def _start_revealing(dispute: Dispute, now: int) -> None:
    dispute.phase = DisputePhase.REVEALING
    dispute.phase_ms = now


def _dispute_to_reveal_in(submission: Submission, terms: Terms, now: int) -> Dispute:
    """Return the dispute if values may be revealed: all have committed, or had their time."""
    dispute = dispute_in(submission, DisputePhase.COMMITTING, DisputePhase.REVEALING)
    may_reveal = (
        dispute.phase == DisputePhase.REVEALING or now >= dispute.phase_ms + terms.jury_commit_ms
    )
    require(may_reveal, "jury.ENoDispute")
    return dispute


def _check_lengths(chain: bytes, state_root: bytes, salt: bytes) -> None:
    for digest in (chain, state_root, salt):
        require(len(digest) == DIGEST, "jury.EBadDigest")


@MODULE.public(
    ref(Market), ref(Task), mut(Submission), ref(VerifierCap), U64, BYTES, BYTES, BYTES, CLOCK
)
def jury_reveal(
    ctx: MoveContext,
    market: Market,
    task: Task,
    submission: Submission,
    cap: VerifierCap,
    juror: int,
    chain: bytes,
    state_root: bytes,
    salt: bytes,
    clock: Clock,
) -> None:
    """Show a juror's value. Late is fine until the crank that punishes it has landed."""
    check_versions(market, task, submission)
    check_belongs(task, submission)
    now = clock.timestamp_ms
    dispute = _dispute_to_reveal_in(submission, task.terms, now)
    voter = _juror_of(market, dispute, cap, juror)
    require(voter.chain == b"", "jury.EAlreadyRevealed")
    _check_lengths(chain, state_root, salt)
    address = address_bytes(voter.verifier)
    expected = compute_jury_commitment(dispute.challenge, address, chain, state_root, salt)
    require(expected == voter.commitment, "jury.EBadReveal")

    if dispute.phase == DisputePhase.COMMITTING:
        _start_revealing(dispute, now)
    voter.chain, voter.state_root = chain, state_root
    ctx.emit(JurorRevealed(submission.id, dispute.challenge, voter.verifier, chain, state_root))


@MODULE.public(ref(Market), ref(Task), mut(Submission), BYTES, BYTES, BYTES, CLOCK)
def accuser_reveal(
    ctx: MoveContext,
    market: Market,
    task: Task,
    submission: Submission,
    chain: bytes,
    state_root: bytes,
    salt: bytes,
    clock: Clock,
) -> None:
    """Show the accuser's value, committed with the challenge (whatever the round is now)."""
    check_versions(market, task, submission)
    check_belongs(task, submission)
    now = clock.timestamp_ms
    dispute = _dispute_to_reveal_in(submission, task.terms, now)
    require(ctx.sender == dispute.accuser, "jury.ENotAccuser")
    require(dispute.accuser_chain == b"", "jury.EAlreadyRevealed")
    _check_lengths(chain, state_root, salt)
    first = compute_challenge_id(address_bytes(submission.id), dispute.kind, dispute.index, 0)
    address = address_bytes(dispute.accuser)
    expected = compute_jury_commitment(first, address, chain, state_root, salt)
    require(expected == dispute.accuser_commitment, "jury.EBadReveal")

    if dispute.phase == DisputePhase.COMMITTING:
        _start_revealing(dispute, now)
    dispute.accuser_chain, dispute.accuser_state_root = chain, state_root
    ctx.emit(JurorRevealed(submission.id, dispute.challenge, dispute.accuser, chain, state_root))


# --- the verdict --------------------------------------------------------------------------------


def _may_resolve(dispute: Dispute, terms: Terms, now: int) -> bool:
    if have_all_revealed(dispute):
        return True
    if dispute.phase == DisputePhase.REVEALING:
        return now >= dispute.phase_ms + terms.jury_reveal_ms
    return now >= dispute.phase_ms + terms.jury_commit_ms + terms.jury_reveal_ms


@MODULE.public(ref(Market), mut(Task), mut(VerifierPool), mut(Submission), CLOCK)
def resolve(
    ctx: MoveContext,
    market: Market,
    task: Task,
    pool: VerifierPool,
    submission: Submission,
    clock: Clock,
) -> None:
    """Rebuild the leaf from the majority's value and compare it with the committed one."""
    check_versions(market, task, pool, submission)
    check_pool(market, pool)
    check_belongs(task, submission)
    dispute = dispute_in(submission, DisputePhase.COMMITTING, DisputePhase.REVEALING)
    now, terms = clock.timestamp_ms, task.terms
    require(_may_resolve(dispute, terms, now), "jury.ETooEarly")

    burn(ctx, _penalize_silent(ctx, pool, dispute, terms))
    for juror in dispute.jurors:
        unpin(pool, juror.pool_index)

    value = compute_majority(dispute)
    if value is None and dispute.round == 0:
        _emit_outcome(ctx, submission, dispute, ChallengeOutcome.REDRAWN, now)
        _redraw(submission, dispute, now)
    elif value is None:
        _emit_outcome(ctx, submission, dispute, ChallengeOutcome.UNDECIDED, now)
        reason = EndReason.NO_MAJORITY
        end(ctx, market, task, pool, submission, SubmissionState.UNDECIDED, reason, now)
    elif _rebuild_leaf(submission, terms, value) == dispute.leaf:
        _emit_outcome(ctx, submission, dispute, ChallengeOutcome.REFUTED, now)
        _refute(ctx, submission, dispute, terms, value, now)
    else:
        _emit_outcome(ctx, submission, dispute, ChallengeOutcome.CONFIRMED, now)
        reason = EndReason.CHALLENGE_CONFIRMED
        end(ctx, market, task, pool, submission, SubmissionState.REJECTED, reason, now)


def _penalize_silent(ctx: MoveContext, pool: VerifierPool, dispute: Dispute, terms: Terms) -> int:
    penalty = SILENCE_FEES * terms.juror_fee
    return sum(
        penalize(ctx, pool, juror.pool_index, penalty)
        for juror in dispute.jurors
        if juror.chain == b""
    )


def _emit_outcome(
    ctx: MoveContext,
    submission: Submission,
    dispute: Dispute,
    outcome: ChallengeOutcome,
    now: int,
) -> None:
    ctx.emit(ChallengeResolved(submission.task, submission.id, dispute.challenge, outcome, now))


def _rebuild_leaf(submission: Submission, terms: Terms, value: Revealed) -> bytes:
    dispute = submission.dispute
    assert dispute is not None, "only a disputed submission is resolved"
    slots = compute_slot_tree(submission.ctx, dispute.index, terms.committee, value.chain)
    return compute_leaf(dispute.index, value.state_root, slots.root)


def _redraw(submission: Submission, dispute: Dispute, now: int) -> None:
    dispute.round = 1
    dispute.challenge = compute_challenge_id(
        address_bytes(submission.id), dispute.kind, dispute.index, dispute.round
    )
    dispute.phase = DisputePhase.WAITING
    dispute.phase_ms = now
    dispute.jurors = []
    dispute.beacon = b""
    dispute.pool_len = 0
    dispute.drawn_ms = 0


def _refute(
    ctx: MoveContext,
    submission: Submission,
    dispute: Dispute,
    terms: Terms,
    value: Revealed,
    now: int,
) -> None:
    """The bond pays the jurors who saw the truth; the rest of it burns; the work goes on."""
    for juror in dispute.jurors:
        if holds_value(juror, value):
            pay_from_bond(submission, juror.verifier, terms.juror_fee)
    rest, submission.bond = submission.bond, 0
    burn(ctx, rest)
    submission.judged.append(Judged(dispute.kind, dispute.index))
    submission.dispute = None
    enter_state(submission, SubmissionState(dispute.resume_state), now)
