"""Module ``jury``, third part: jurors, and the accuser, commit and reveal."""

from walrusd.chain.layouts.events import JurorCommitted, JurorRevealed
from walrusd.chain.layouts.objects import (
    Dispute,
    Juror,
    Market,
    Submission,
    Task,
    Terms,
    VerifierCap,
)
from walrusd.core.lifecycle import DisputePhase
from walrusd.core.protocol import compute_challenge_id, compute_jury_commitment
from walrusd.devnet.contract.constants import DIGEST
from walrusd.devnet.contract.functions import Module, require
from walrusd.devnet.contract.jury import dispute_in
from walrusd.devnet.contract.market import check_versions
from walrusd.devnet.contract.task import check_belongs
from walrusd.devnet.move.context import ClockObject, MoveContext
from walrusd.devnet.move.signatures import BYTES, CLOCK, U64, mut, ref
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
    clock: ClockObject,
) -> None:
    """Commit to a juror's value without revealing it."""
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
    """Return the dispute if values may be revealed: all have committed, or the window is over."""
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
    clock: ClockObject,
) -> None:
    """Reveal a juror's value. It may be late as long as the jury is not resolved."""
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
    clock: ClockObject,
) -> None:
    """Reveal the accuser's value, committed with the challenge, in whichever round."""
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
