"""Module ``submission``, third part: a contributor opens its work; its key is re-encrypted."""

from walrusd.chain.layouts.events import KeyResealed, SubmissionOpened
from walrusd.chain.layouts.objects import Market, Opening, Submission, Task
from walrusd.core.economics import compute_late_fee
from walrusd.core.lifecycle import CostRule, SubmissionState, TaskPhase
from walrusd.devnet.contract import pedersen
from walrusd.devnet.contract.constants import DIGEST, MAX_ENVELOPE
from walrusd.devnet.contract.functions import Module, require
from walrusd.devnet.contract.holdings import check_state, enter_state
from walrusd.devnet.contract.market import check_versions
from walrusd.devnet.contract.task import check_belongs
from walrusd.devnet.move.context import ClockObject, MoveContext
from walrusd.devnet.move.signatures import (
    ADDRESS,
    BYTES,
    CLOCK,
    U64,
    U256,
    mut,
    option,
    ref,
    vector,
)

MODULE = Module("submission")


def check_envelope(envelope: bytes) -> None:
    """Abort for an envelope that cannot hold an encrypted key."""
    require(1 <= len(envelope) <= MAX_ENVELOPE, "submission.EBadEnvelopes")


@MODULE.public(
    ref(Market),
    mut(Task),
    mut(Submission),
    U256,
    BYTES,
    BYTES,
    vector(BYTES),
    option(U64),
    BYTES,
    CLOCK,
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
    cost: int | None,
    blinding: bytes,
    clock: ClockObject,
) -> None:
    """Open the work to the committee, again if a seat reported that it cannot read.

    Being late costs a growing fee; it is possible until the crank that punishes absence is run.
    """
    check_versions(market, task, submission)
    check_belongs(task, submission)
    require(ctx.sender == submission.contributor, "submission.ENotContributor")
    check_state(submission, SubmissionState.SEATED)
    require(len(digest) == DIGEST, "submission.EBadDigest")
    require(len(key_check) == DIGEST, "submission.EBadDigest")
    require(len(envelopes) == len(submission.committee), "submission.EBadEnvelopes")
    for envelope in envelopes:
        check_envelope(envelope)
    _check_cost(task, submission, cost, blinding)

    now, terms = clock.timestamp_ms, task.terms
    submission.late_fee = compute_late_fee(
        stake=terms.stake,
        late_fee=submission.late_fee,
        window_ms=submission.window_ms,
        open_ms=terms.open_ms,
        grace_ms=terms.grace_ms,
        now_ms=now,
    )
    submission.opening = Opening(blob, digest, key_check, list(envelopes), cost)
    enter_state(submission, SubmissionState.OPENED, now)
    if not submission.reopened:
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


def _check_cost(task: Task, submission: Submission, cost: int | None, blinding: bytes) -> None:
    """Abort for a public cost that is not the committed one, or where there must be none.

    There is none where costs are private, and in an abort claim.
    """
    if task.terms.cost_rule == CostRule.PRIVATE or submission.abort is not None:
        require(cost is None, "submission.EBadCost")
        require(blinding == b"", "submission.EBadCost")
        return
    require(cost is not None, "submission.EBadCost")
    assert cost is not None, "required above"
    assert submission.commitment is not None, "a seated submission has committed"
    pedersen.check_opening(submission.commitment.cost_commitment, cost, blinding)


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
    """Pass the opening's key, re-encrypted, to one more recipient: a juror or the publisher."""
    check_versions(market, submission)
    require(submission.opening is not None, "submission.EWrongState")
    check_envelope(envelope)
    require(ctx.sender in _parties(submission), "submission.ENotParty")

    ctx.emit(KeyResealed(submission.id, recipient, ctx.sender, envelope))
