"""Module ``jury``, second part: drawing a jury, seating it, and giving it the opening's key."""

from walrusd.chain.layouts.events import (
    JuryDrawn,
    JuryReadable,
    JurySeated,
    KeyDelivered,
    LotFailed,
)
from walrusd.chain.layouts.objects import Juror, Lot, Market, Submission, Task, VerifierPool
from walrusd.core.lifecycle import DisputePhase
from walrusd.core.protocol import compute_juror_draw
from walrusd.crypto.envelopes.contexts import Label
from walrusd.crypto.envelopes.schnorr import SchnorrProof
from walrusd.crypto.envelopes.sealing import Envelope
from walrusd.devnet.contract.checks import check_case, check_submission
from walrusd.devnet.contract.constants import DIGEST, NOBODY
from walrusd.devnet.contract.delivering import check_sealed, name_recipient
from walrusd.devnet.contract.dispute import case_in, enter_phase
from walrusd.devnet.contract.functions import Module, require
from walrusd.devnet.contract.lot import begin_lot, choose_seats, end_lot
from walrusd.devnet.contract.node import pin
from walrusd.devnet.contract.terms import compute_jurors
from walrusd.devnet.move.context import ClockObject, MoveContext, Random
from walrusd.devnet.move.signatures import BYTES, CLOCK, RANDOM, U64, mut, ref

MODULE = Module("jury")


@MODULE.entry(ref(Market), ref(Task), mut(VerifierPool), mut(Submission), RANDOM, CLOCK)
def draw_jury(
    ctx: MoveContext,
    market: Market,
    task: Task,
    pool: VerifierPool,
    submission: Submission,
    _random: Random,
    clock: ClockObject,
) -> None:
    """Store who may judge the case, then draw the beacon that picks among them.

    The list may hold the committee, and former accusers, whom the lot then passes over, so it must
    be longer by as many.
    """
    check_case(market, task, pool, submission)
    dispute = case_in(submission, DisputePhase.WAITING)
    now, terms = clock.timestamp_ms, task.terms
    parties = {
        task.publisher,
        submission.contributor,
        submission.dataset_owner,
        dispute.accuser,
    }
    passed_over = _list_passed_over(submission) - parties
    wanted = compute_jurors(terms) + len(passed_over)
    eligible = begin_lot(pool, submission.id, terms, task.opened_ms, parties, wanted, now)

    enter_phase(dispute, DisputePhase.DRAWN, now)
    beacon = ctx.random_bytes(DIGEST)
    dispute.beacon = beacon
    submission.lot = Lot(eligible, beacon, now)
    ctx.emit(
        JuryDrawn(
            task=submission.task,
            submission=submission.id,
            challenge=dispute.challenge,
            beacon=beacon,
            eligible=len(eligible),
            at_ms=now,
        )
    )


def _list_passed_over(submission: Submission) -> set[str]:
    """Return who judges no case of this submission: its committee, and who has accused it."""
    seats = submission.committee + submission.substitutes
    return {seat.verifier for seat in seats} | (set(submission.accusers) - {NOBODY})


@MODULE.public(ref(Market), ref(Task), mut(VerifierPool), mut(Submission), CLOCK)
def seat_jury(
    ctx: MoveContext,
    market: Market,
    task: Task,
    pool: VerifierPool,
    submission: Submission,
    clock: ClockObject,
) -> None:
    """Seat the jurors that the lot picks; if it picks too few, the case waits for another."""
    check_case(market, task, pool, submission)
    dispute, lot = case_in(submission, DisputePhase.DRAWN), submission.lot
    assert lot is not None, "a drawn jury has a lot"
    now, wanted = clock.timestamp_ms, compute_jurors(task.terms)
    taken = _list_passed_over(submission) | {dispute.accuser}

    def draw(attempt: int, remaining: int) -> int:
        return compute_juror_draw(lot.beacon, dispute.challenge, attempt, remaining)

    chosen = choose_seats(pool, lot.eligible, lot.at_ms, wanted, taken, draw)
    end_lot(pool, submission.id)
    submission.lot = None
    if len(chosen) < wanted:
        enter_phase(dispute, DisputePhase.WAITING, now)
        ctx.emit(LotFailed(task.id, submission.id, dispute.challenge, now))
        return
    for index in chosen:
        pin(pool, index)
        drawn = pool.seats[index]
        dispute.jurors.append(
            Juror(index, drawn.generation, drawn.verifier, drawn.keys, b"", b"", b"")
        )
    enter_phase(dispute, DisputePhase.SUMMONED, now)
    ctx.emit(
        JurySeated(
            task=submission.task,
            submission=submission.id,
            challenge=dispute.challenge,
            pool_indices=chosen,
            jurors=[juror.verifier for juror in dispute.jurors],
            at_ms=now,
        )
    )


@MODULE.public(
    ref(Market), ref(Task), mut(Submission), U64, BYTES, BYTES, BYTES, BYTES, BYTES, BYTES, CLOCK
)
def deliver_juror(
    ctx: MoveContext,
    market: Market,
    task: Task,
    submission: Submission,
    juror: int,
    pk1: bytes,
    pk2: bytes,
    r: bytes,
    c: bytes,
    challenge: bytes,
    answer: bytes,
    clock: ClockObject,
) -> None:
    """Deliver to a juror what opens the work; with the last, they may judge."""
    check_submission(market, task, submission)
    dispute = case_in(submission, DisputePhase.SUMMONED)
    require(juror < len(dispute.jurors), "submission.EBadPlace")
    voter = dispute.jurors[juror]
    require(voter.envelope == b"", "submission.EHasEnvelope")
    recipient = name_recipient(market, submission, voter, pk1, pk2)
    envelope = Envelope(r, c, SchnorrProof(challenge, answer))
    check_sealed(market, submission, Label.WORK, recipient, ctx.sender, envelope)

    voter.envelope = r + c
    ctx.emit(
        KeyDelivered(
            task=submission.task,
            submission=submission.id,
            challenge=dispute.challenge,
            attempt=submission.attempt,
            place=juror,
            recipient=voter.verifier,
            sender=ctx.sender,
            envelope=voter.envelope,
        )
    )
    if all(other.envelope != b"" for other in dispute.jurors):
        now = clock.timestamp_ms
        enter_phase(dispute, DisputePhase.COMMITTING, now)
        ctx.emit(JuryReadable(submission.task, submission.id, dispute.challenge, now))
