"""Module ``jury``, third part: jurors commit to a value, then reveal it.

The value is the digest of a verdict, so what one juror reveals shows another nothing that would
help it to make one of its own, in this round or the next.
"""

from walrusd.chain.layouts.events import JurorCommitted, JurorRevealed
from walrusd.chain.layouts.objects import Dispute, Juror, Market, Submission, Task, VerifierCap
from walrusd.core.lifecycle import DisputePhase
from walrusd.core.protocol import compute_jury_commitment
from walrusd.devnet.contract.checks import check_submission
from walrusd.devnet.contract.constants import DIGEST
from walrusd.devnet.contract.dispute import case_in, enter_phase, is_voting_over
from walrusd.devnet.contract.functions import Module, require
from walrusd.devnet.move.context import ClockObject, MoveContext
from walrusd.devnet.move.signatures import BYTES, CLOCK, U64, mut, ref
from walrusd.units import address_bytes

MODULE = Module("jury")


def _juror_of(submission: Submission, dispute: Dispute, cap: VerifierCap, juror: int) -> Juror:
    is_juror = (
        juror < len(dispute.jurors)
        and cap.pool == submission.pool
        and dispute.jurors[juror].pool_index == cap.index
        and dispute.jurors[juror].generation == cap.generation
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
    check_submission(market, task, submission)
    dispute = case_in(submission, DisputePhase.COMMITTING)
    now = clock.timestamp_ms
    require(not is_voting_over(dispute, task.terms, now), "jury.ETooLate")
    voter = _juror_of(submission, dispute, cap, juror)
    require(voter.commitment == b"", "jury.EAlreadyCommitted")
    require(len(commitment) == DIGEST, "jury.EBadDigest")

    voter.commitment = commitment
    ctx.emit(JurorCommitted(submission.id, dispute.challenge, voter.verifier))
    if all(other.commitment != b"" for other in dispute.jurors):
        enter_phase(dispute, DisputePhase.REVEALING, now)


@MODULE.public(ref(Market), ref(Task), mut(Submission), ref(VerifierCap), U64, BYTES, BYTES, CLOCK)
def jury_reveal(
    ctx: MoveContext,
    market: Market,
    task: Task,
    submission: Submission,
    cap: VerifierCap,
    juror: int,
    value: bytes,
    salt: bytes,
    clock: ClockObject,
) -> None:
    """Reveal a juror's value. It may be late as long as the jury is not resolved."""
    check_submission(market, task, submission)
    dispute = case_in(submission, DisputePhase.COMMITTING, DisputePhase.REVEALING)
    now = clock.timestamp_ms
    # All have committed, or their time is over.
    require(is_voting_over(dispute, task.terms, now), "jury.ENoDispute")
    voter = _juror_of(submission, dispute, cap, juror)
    require(voter.value == b"", "jury.EAlreadyRevealed")
    require(len(value) == DIGEST, "jury.EBadDigest")
    require(len(salt) == DIGEST, "jury.EBadDigest")
    address = address_bytes(voter.verifier)
    expected = compute_jury_commitment(dispute.challenge, address, value, salt)
    require(expected == voter.commitment, "jury.EBadReveal")

    if dispute.phase == DisputePhase.COMMITTING:
        enter_phase(dispute, DisputePhase.REVEALING, now)
    voter.value = value
    ctx.emit(JurorRevealed(submission.id, dispute.challenge, voter.verifier, value))
