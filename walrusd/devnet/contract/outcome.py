"""Module ``outcome``: what follows from a jury's finding, or from none.

Only a finding of fault ends a submission. Any other way out leads back to where it was, with the
window longer by exactly the time that the case took.
"""

from walrusd.chain.layouts.objects import Dispute, Submission, Task, VerifierPool
from walrusd.core.lifecycle import CaseKind, DisputePhase, EndReason, SubmissionState
from walrusd.core.protocol import compute_challenge_id
from walrusd.devnet.contract.constants import MAX_ATTEMPTS, MAX_SAMPLES, NO_SEAT
from walrusd.devnet.contract.credit import burn
from walrusd.devnet.contract.dealt import compute_segments
from walrusd.devnet.contract.dispute import (
    enter_phase,
    has_accuser,
    is_audit,
    list_holders,
)
from walrusd.devnet.contract.ending import end, end_undecided
from walrusd.devnet.contract.holdings import pay_from_escrow, pay_from_loser, return_bond
from walrusd.devnet.contract.node import penalize
from walrusd.devnet.contract.payment import pay_accuser, pay_verdict
from walrusd.devnet.contract.places import (
    give_on,
    has_attested,
    has_reported,
    penalize_places,
)
from walrusd.devnet.contract.reopening import ask_again, return_accusation
from walrusd.devnet.contract.terms import compute_silence_penalty
from walrusd.devnet.move.context import MoveContext
from walrusd.units import address_bytes


def redraw(submission: Submission, dispute: Dispute, now: int) -> None:
    """Ask for a second jury. What the first one revealed names another case."""
    dispute.round = 1
    name = address_bytes(submission.id)
    dispute.challenge = compute_challenge_id(name, dispute.number, dispute.round)
    dispute.jurors = []
    dispute.beacon = b""
    enter_phase(dispute, DisputePhase.WAITING, now)


def dismiss(
    ctx: MoveContext,
    task: Task,
    pool: VerifierPool,
    submission: Submission,
    dispute: Dispute,
    now: int,
) -> None:
    """End a case that two juries could not decide. Nobody pays; an audit draws another sample."""
    if is_audit(dispute):
        submission.audit_round += 1
        if submission.audit_round == MAX_SAMPLES:
            reason = EndReason.NO_MAJORITY
            end_undecided(ctx, task, pool, submission, reason, now)
            return
    submission.unproved += _is_on_cash(dispute)
    return_bond(submission)
    _go_on(ctx, task, pool, submission, dispute, now)


def refute(
    ctx: MoveContext,
    task: Task,
    pool: VerifierPool,
    submission: Submission,
    dispute: Dispute,
    value: bytes,
    now: int,
) -> None:
    """End a case in which the work held: who accused pays the jury and the silence penalty."""
    terms, holders = task.terms, list_holders(dispute, value)
    if not has_accuser(dispute):
        for juror in holders:
            pay_from_escrow(submission, juror, terms.juror_fee)
        if is_audit(dispute):
            submission.audit_round = MAX_SAMPLES
        else:
            penalize_places(ctx, task, pool, submission, _list_reporters(submission))
    elif _is_on_cash(dispute):
        submission.unproved += 1
        lost, submission.bond = submission.bond, 0
        pay_from_loser(ctx, submission, holders, terms.juror_fee, lost)
    else:
        index = submission.committee[dispute.accuser_seat].pool_index
        owed = len(holders) * terms.juror_fee + compute_silence_penalty(terms)
        lost = penalize(ctx, pool, index, owed)
        pay_from_loser(ctx, submission, holders, terms.juror_fee, lost)
    _go_on(ctx, task, pool, submission, dispute, now)


def find_absent(
    ctx: MoveContext,
    task: Task,
    pool: VerifierPool,
    submission: Submission,
    dispute: Dispute,
    value: bytes,
    now: int,
) -> None:
    """Ask for an opening that a jury found absent; the second time the stake is lost."""
    if submission.attempt == MAX_ATTEMPTS:
        pay_verdict(task, submission, dispute, value, ())
        state, reason = SubmissionState.REJECTED, EndReason.NEVER_OPENED
        end(ctx, task, pool, submission, state, reason, 0, now)
        return
    return_accusation(submission, dispute)
    ask_again(ctx, submission, now)


def confirm(
    ctx: MoveContext,
    task: Task,
    pool: VerifierPool,
    submission: Submission,
    dispute: Dispute,
    value: bytes,
    is_replay: bool,
    now: int,
) -> None:
    """End a submission that a jury found at fault.

    If a replay shows it, the seats that attested the segment lose their stake: at any place, as
    two may hold the same segment. Otherwise nothing shows that one of them lied.
    """
    guilty = _list_guilty(task, submission, dispute) if is_replay else []
    indices = [submission.committee[at].pool_index for at in guilty]
    taken = [penalize(ctx, pool, index, task.terms.verifier_stake) for index in indices]
    burn(ctx, sum(taken))
    pay_verdict(task, submission, dispute, value, guilty)
    pay_accuser(task, submission, dispute)
    reason = EndReason.CHALLENGE_CONFIRMED
    if is_audit(dispute):
        reason = EndReason.AUDIT_CONFIRMED
    elif dispute.kind == CaseKind.ABSENCE:
        reason = EndReason.NEVER_OPENED
    end(ctx, task, pool, submission, SubmissionState.REJECTED, reason, 0, now)


def _go_on(
    ctx: MoveContext,
    task: Task,
    pool: VerifierPool,
    submission: Submission,
    dispute: Dispute,
    now: int,
) -> None:
    """Resume where the case began. Places that it called in question go to substitutes.

    What waits for an audit gets its whole window again: nobody could act on it before.
    """
    submission.dispute = None
    submission.state = dispute.resume_state
    submission.window_ms += now - dispute.opened_ms
    if is_audit(dispute):
        submission.window_ms = now
    places = _list_reporters(submission) if dispute.kind == CaseKind.ABSENCE else []
    seat = dispute.accuser_seat
    if seat != NO_SEAT and not has_attested(submission, seat):
        places = [seat]
    if places:
        give_on(ctx, task, pool, submission, places, EndReason.TOO_FEW_SEATS, now)


def _is_on_cash(dispute: Dispute) -> bool:
    return has_accuser(dispute) and dispute.accuser_seat == NO_SEAT


def _list_reporters(submission: Submission) -> list[int]:
    places = range(len(submission.committee))
    return [at for at in places if has_reported(submission, at)]


def _list_guilty(task: Task, submission: Submission, dispute: Dispute) -> list[int]:
    """Return the places whose seats attested the segment of the case."""
    segments, per_seat = compute_segments(task, submission), task.terms.segments_per_seat
    return [
        at
        for at, seat in enumerate(submission.committee)
        if any(
            seat.attested >> k & 1 and (at * per_seat + k) % segments == dispute.place % segments
            for k in range(per_seat)
        )
    ]
