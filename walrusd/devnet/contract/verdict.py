"""Module ``jury``, last part: the verdict that follows from the revealed values."""

from walrusd.chain.layouts.events import ChallengeResolved
from walrusd.chain.layouts.objects import (
    Dispute,
    Judged,
    Market,
    Submission,
    Task,
    Terms,
    VerifierPool,
)
from walrusd.core.lifecycle import (
    ChallengeKind,
    ChallengeOutcome,
    DisputePhase,
    EndReason,
    SubmissionState,
)
from walrusd.core.protocol import compute_challenge_id, compute_leaf, compute_slot_tree
from walrusd.devnet.contract.constants import SILENCE_FEES
from walrusd.devnet.contract.credit import burn
from walrusd.devnet.contract.dispute import (
    FAULT,
    Revealed,
    compute_majority,
    have_all_revealed,
    holds_value,
    is_audit,
    is_withheld,
)
from walrusd.devnet.contract.ending import end
from walrusd.devnet.contract.functions import Module, require
from walrusd.devnet.contract.holdings import enter_state, pay_from_bond, pay_from_escrow
from walrusd.devnet.contract.jury import dispute_in
from walrusd.devnet.contract.market import check_pool, check_versions
from walrusd.devnet.contract.node import penalize, unpin
from walrusd.devnet.contract.task import check_belongs
from walrusd.devnet.move.context import ClockObject, MoveContext
from walrusd.devnet.move.signatures import CLOCK, mut, ref
from walrusd.units import address_bytes

MODULE = Module("jury")


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
    clock: ClockObject,
) -> None:
    """Decide by the majority's value; for a segment, by the leaf that it rebuilds."""
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
    elif not _confirms(task, submission, dispute, value):
        _emit_outcome(ctx, submission, dispute, ChallengeOutcome.REFUTED, now)
        _refute(ctx, submission, dispute, terms, value, now)
    else:
        _emit_outcome(ctx, submission, dispute, ChallengeOutcome.CONFIRMED, now)
        reason = _decide_reason(dispute, value)
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


def _confirms(task: Task, submission: Submission, dispute: Dispute, value: Revealed) -> bool:
    if dispute.kind != ChallengeKind.SEGMENT:
        return value == FAULT
    if is_withheld(dispute, value):
        return True  # whichever leaf it rebuilds: the forger chose the committed one
    slots = compute_slot_tree(submission.ctx, dispute.index, task.terms.committee, value.chain)
    return compute_leaf(dispute.index, value.state_root, slots.root) != dispute.leaf


def _decide_reason(dispute: Dispute, value: Revealed) -> EndReason:
    if dispute.kind == ChallengeKind.UNAVAILABLE or is_withheld(dispute, value):
        return EndReason.NEVER_OPENED
    if is_audit(dispute):
        return EndReason.AUDIT_CONFIRMED
    return EndReason.CHALLENGE_CONFIRMED


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
    """Pay the majority's jurors from the accuser's bond, burn the rest, and continue the work.

    The publisher pays for an audit, which has no bond, and for a claim that an opening is
    unavailable, since an accuser who cannot read it need not be at fault.
    """
    is_free = is_audit(dispute) or dispute.kind == ChallengeKind.UNAVAILABLE
    pay = pay_from_escrow if is_free else pay_from_bond
    for juror in dispute.jurors:
        if holds_value(juror, value):
            pay(submission, juror.verifier, terms.juror_fee)
    if is_free:
        pay_from_bond(submission, dispute.accuser, submission.bond)
    rest, submission.bond = submission.bond, 0
    burn(ctx, rest)
    submission.judged.append(Judged(dispute.kind, dispute.index))
    submission.dispute = None
    enter_state(submission, SubmissionState(dispute.resume_state), now)
