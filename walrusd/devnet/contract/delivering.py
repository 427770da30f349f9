"""Module ``submission``, fourth part: envelopes with the opening's key.

The contributor delivers them first, but anybody who can open one may: a seat that cannot read is a
fact that everybody sees, and that every holder of the key can end.
"""

from walrusd.chain.layouts.events import KeyDelivered, SubmissionReadable
from walrusd.chain.layouts.objects import (
    CommitteeSeat,
    Juror,
    Market,
    Submission,
    Task,
)
from walrusd.core.lifecycle import SubmissionState, TaskPhase
from walrusd.core.protocol import compute_keys_digest
from walrusd.crypto.envelopes.contexts import Label, SeatContext
from walrusd.crypto.envelopes.recipients import Recipient
from walrusd.crypto.envelopes.schnorr import SchnorrProof
from walrusd.crypto.envelopes.sealing import Envelope
from walrusd.devnet.contract.checks import check_submission
from walrusd.devnet.contract.envelope import check_envelope, open_label
from walrusd.devnet.contract.functions import Module, require
from walrusd.devnet.contract.holdings import check_state, enter_state
from walrusd.devnet.contract.opening import compute_opening_context
from walrusd.devnet.contract.places import compute_readable_state
from walrusd.devnet.contract.terms import add_late_fee
from walrusd.devnet.move.context import ClockObject, MoveContext
from walrusd.devnet.move.signatures import BYTES, CLOCK, U64, mut, ref
from walrusd.units import address_bytes

MODULE = Module("submission")


def check_sealed(
    market: Market,
    submission: Submission,
    label: Label,
    recipient: Recipient,
    sender: str,
    envelope: Envelope,
) -> None:
    """Abort unless a recipient finds the value of the present attempt's label in an envelope."""
    assert submission.opening is not None, "the callers have seen one"
    context = compute_opening_context(market, submission)
    opened = open_label(context, label, submission.opening.p2)
    check_envelope(opened, recipient, sender, envelope)


def name_recipient(
    market: Market, submission: Submission, seat: CommitteeSeat | Juror, pk1: bytes, pk2: bytes
) -> Recipient:
    """Return a seat of the committee or of a jury with its public keys; abort for other keys."""
    require(compute_keys_digest(pk1, pk2) == seat.keys, "submission.EWrongKeys")
    context = SeatContext(
        chain_id=market.chain_id,
        package=address_bytes(market.package),
        market=address_bytes(market.id),
        pool=address_bytes(submission.pool),
        index=seat.pool_index,
        generation=seat.generation,
        owner=address_bytes(seat.verifier),
    )
    return Recipient(context.digest(), pk1, pk2)


@MODULE.public(
    ref(Market), mut(Task), mut(Submission), U64, BYTES, BYTES, BYTES, BYTES, BYTES, BYTES, CLOCK
)
def deliver(
    ctx: MoveContext,
    market: Market,
    task: Task,
    submission: Submission,
    place: int,
    pk1: bytes,
    pk2: bytes,
    r: bytes,
    c: bytes,
    challenge: bytes,
    answer: bytes,
    clock: ClockObject,
) -> None:
    """Deliver to a place of the committee what opens the work; with the last, it may replay."""
    check_submission(market, task, submission)
    check_state(submission, SubmissionState.SEATED)
    require(submission.opening is not None, "submission.ENotOpened")
    require(place < len(submission.committee), "submission.EBadPlace")
    seat = submission.committee[place]
    require(seat.envelope == b"", "submission.EHasEnvelope")
    recipient = name_recipient(market, submission, seat, pk1, pk2)
    envelope = Envelope(r, c, SchnorrProof(challenge, answer))
    check_sealed(market, submission, Label.WORK, recipient, ctx.sender, envelope)

    seat.envelope = r + c
    ctx.emit(
        KeyDelivered(
            task=task.id,
            submission=submission.id,
            challenge=b"",
            attempt=submission.attempt,
            place=place,
            recipient=seat.verifier,
            sender=ctx.sender,
            envelope=seat.envelope,
        )
    )
    if all(other.envelope != b"" for other in submission.committee):
        _let_read(ctx, task, submission, clock.timestamp_ms)


def _let_read(ctx: MoveContext, task: Task, submission: Submission, now: int) -> None:
    """Note that the whole committee has the key. The first time fixes what being late costs."""
    opening = submission.opening
    assert opening is not None, "envelopes are of an opening"
    if not opening.was_complete:
        opening.was_complete = True
        due_ms = submission.window_ms + task.terms.open_ms
        submission.late_fee = add_late_fee(task.terms, submission.late_fee, due_ms, now)
        if submission.attempt == 1:
            task.opened += 1
    enter_state(submission, compute_readable_state(submission), now)
    if task.phase == TaskPhase.OPENING and task.opened == task.committed:
        task.phase = TaskPhase.VERIFYING
        task.phase_ms = now
    ctx.emit(SubmissionReadable(task.id, submission.id, submission.attempt, now))
