"""Module ``jury``, last part: the verdict that follows from the revealed values."""

from walrusd.chain.layouts.events import CaseResolved
from walrusd.chain.layouts.objects import (
    Dispute,
    Market,
    Submission,
    Task,
    Terms,
    VerifierPool,
)
from walrusd.core.lifecycle import CaseKind, CaseOutcome, DisputePhase
from walrusd.core.protocol import compute_leaf, compute_slot_tree, compute_verdict
from walrusd.devnet.contract.checks import check_case
from walrusd.devnet.contract.constants import DIGEST, SILENCE_FEES
from walrusd.devnet.contract.credit import burn
from walrusd.devnet.contract.dispute import (
    Finding,
    case_in,
    compute_majority,
    compute_revealed_ms,
    find_word,
    have_all_revealed,
    is_voting_over,
)
from walrusd.devnet.contract.functions import Module, require
from walrusd.devnet.contract.node import note_service, note_silence, penalize, unpin
from walrusd.devnet.contract.outcome import confirm, dismiss, find_absent, redraw, refute
from walrusd.devnet.move.context import ClockObject, MoveContext
from walrusd.devnet.move.signatures import BYTES, CLOCK, mut, ref

MODULE = Module("jury")


@MODULE.public(ref(Market), mut(Task), mut(VerifierPool), mut(Submission), BYTES, BYTES, CLOCK)
def resolve(
    ctx: MoveContext,
    market: Market,
    task: Task,
    pool: VerifierPool,
    submission: Submission,
    chain: bytes,
    state_root: bytes,
    clock: ClockObject,
) -> None:
    """Decide by what the majority's value hides; for a segment, by the leaf that it rebuilds.

    Both are empty if there is no majority, or if nobody has told in time what its value hides.
    """
    check_case(market, task, pool, submission)
    dispute = case_in(submission, DisputePhase.COMMITTING, DisputePhase.REVEALING)
    now, terms = clock.timestamp_ms, task.terms
    require(_may_resolve(dispute, terms, now), "jury.ETooEarly")
    value = compute_majority(dispute, terms.jury)
    if value != b"" and chain == b"":
        told_ms = compute_revealed_ms(dispute, terms) + terms.jury_reveal_ms
        require(now >= told_ms, "jury.EBadPreimage")
        value = b""
    is_told = _is_told(dispute, value, chain, state_root)
    require(is_told, "jury.EBadPreimage")

    _dismiss_jurors(ctx, pool, dispute, terms)
    finding, is_replay = _find(task, submission, dispute, chain, state_root)
    outcome = _decide(dispute, finding)
    ctx.emit(CaseResolved(submission.task, submission.id, dispute.challenge, outcome, value, now))
    if outcome == CaseOutcome.REDRAWN:
        redraw(submission, dispute, now)
    elif outcome == CaseOutcome.DISMISSED:
        dismiss(ctx, task, pool, submission, dispute, now)
    elif outcome == CaseOutcome.ABSENT:
        find_absent(ctx, task, pool, submission, dispute, value, now)
    elif outcome == CaseOutcome.REFUTED:
        refute(ctx, task, pool, submission, dispute, value, now)
    else:
        confirm(ctx, task, pool, submission, dispute, value, is_replay, now)


def _may_resolve(dispute: Dispute, terms: Terms, now: int) -> bool:
    if is_voting_over(dispute, terms, now) and have_all_revealed(dispute):
        return True
    return now >= compute_revealed_ms(dispute, terms)


def _is_told(dispute: Dispute, value: bytes, chain: bytes, state_root: bytes) -> bool:
    if value == b"":
        return chain == b"" and state_root == b""
    are_digests = len(chain) == DIGEST and len(state_root) == DIGEST
    return are_digests and compute_verdict(dispute.challenge, chain, state_root) == value


def _dismiss_jurors(ctx: MoveContext, pool: VerifierPool, dispute: Dispute, terms: Terms) -> None:
    """End the duty of every juror, and burn a part of the stake of those that were silent.

    An alternate that committed but was not needed has done its duty.
    """
    committed, taken = 0, 0
    for juror in dispute.jurors:
        has_committed = juror.commitment != b""
        is_needed = has_committed and committed < terms.jury
        committed += has_committed
        if has_committed and not (is_needed and juror.value == b""):
            note_service(pool, juror.pool_index)
        else:
            taken += penalize(ctx, pool, juror.pool_index, SILENCE_FEES * terms.juror_fee)
            note_silence(pool, juror.pool_index)
        unpin(pool, juror.pool_index)
    burn(ctx, taken)


def _find(
    task: Task, submission: Submission, dispute: Dispute, chain: bytes, state_root: bytes
) -> tuple[Finding, bool]:
    """Return what the jury found, and whether a replay shows it."""
    if chain == b"":
        return Finding.NONE, False
    word = find_word(chain)
    if dispute.kind != CaseKind.SEGMENT or word in (Finding.FAULT, Finding.ABSENT):
        return word, False
    if word is Finding.SOUND:
        return Finding.NONE, False  # nobody has replayed anything
    slots = task.terms.committee + task.terms.substitutes
    tree = compute_slot_tree(submission.ctx, dispute.index, slots, chain)
    is_same = compute_leaf(dispute.index, state_root, tree.root) == dispute.leaf
    return (Finding.SOUND if is_same else Finding.FAULT), True


def _decide(dispute: Dispute, finding: Finding) -> CaseOutcome:
    if finding is Finding.NONE:
        return CaseOutcome.REDRAWN if dispute.round == 0 else CaseOutcome.DISMISSED
    return {
        Finding.ABSENT: CaseOutcome.ABSENT,
        Finding.SOUND: CaseOutcome.REFUTED,
        Finding.FAULT: CaseOutcome.CONFIRMED,
    }[finding]
