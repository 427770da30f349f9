"""Module ``settlement``, third part: the delivery of an update, with which its work is accepted."""

from walrusd.chain.layouts.events import UpdateDelivered
from walrusd.chain.layouts.objects import Market, Submission, Task, VerifierPool
from walrusd.core.lifecycle import EndReason, SubmissionState
from walrusd.crypto.envelopes.contexts import Label
from walrusd.crypto.envelopes.recipients import Recipient
from walrusd.crypto.envelopes.schnorr import SchnorrProof
from walrusd.crypto.envelopes.sealing import Envelope
from walrusd.devnet.contract.audit import is_audit_pending
from walrusd.devnet.contract.checks import check_case
from walrusd.devnet.contract.delivering import check_sealed
from walrusd.devnet.contract.ending import end
from walrusd.devnet.contract.functions import Module, require
from walrusd.devnet.contract.holdings import check_state
from walrusd.devnet.contract.payment import pay_accepted
from walrusd.devnet.contract.task import compute_publisher_context
from walrusd.devnet.move.context import ClockObject, MoveContext
from walrusd.devnet.move.signatures import BYTES, CLOCK, mut, ref

MODULE = Module("settlement")


@MODULE.public(
    ref(Market),
    mut(Task),
    mut(VerifierPool),
    mut(Submission),
    BYTES,
    BYTES,
    BYTES,
    BYTES,
    CLOCK,
)
def deliver_update(
    ctx: MoveContext,
    market: Market,
    task: Task,
    pool: VerifierPool,
    submission: Submission,
    r: bytes,
    c: bytes,
    challenge: bytes,
    answer: bytes,
    clock: ClockObject,
) -> None:
    """Deliver to the publisher what opens the update: with that the submission is accepted.

    It earns no tip, as the reward depends on it.
    """
    check_case(market, task, pool, submission)
    check_state(submission, SubmissionState.AUDITED)
    require(submission.abort is None, "submission.EWrongState")
    require(not is_audit_pending(task, submission), "jury.EAuditPending")
    context = compute_publisher_context(market, task.publisher)
    recipient = Recipient(context, task.publisher_pk1, task.publisher_pk2)
    envelope = Envelope(r, c, SchnorrProof(challenge, answer))
    check_sealed(market, submission, Label.UPDATE, recipient, ctx.sender, envelope)

    now = clock.timestamp_ms
    submission.update_envelope = r + c
    ctx.emit(
        UpdateDelivered(
            task=task.id,
            submission=submission.id,
            contributor=submission.contributor,
            envelope=submission.update_envelope,
            at_ms=now,
        )
    )
    payout = pay_accepted(task, submission)
    state, reason = SubmissionState.ACCEPTED, EndReason.ATTESTED
    end(ctx, task, pool, submission, state, reason, payout, now)
