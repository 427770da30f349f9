"""Module ``settlement``, second part: an opening that is asked for once more.

Either it is absent, or somebody who needs its key got none from anybody. Whoever held the key and
let that happen pays.
"""

from walrusd.chain.layouts.events import CaseDropped, OpeningReopened
from walrusd.chain.layouts.objects import Dispute, Market, Submission, Task, VerifierPool
from walrusd.core.lifecycle import DisputePhase, SubmissionState
from walrusd.devnet.contract.checks import check_case
from walrusd.devnet.contract.constants import MAX_ATTEMPTS
from walrusd.devnet.contract.dispute import case_in, has_accuser
from walrusd.devnet.contract.ending import end_never_opened
from walrusd.devnet.contract.functions import Module, require
from walrusd.devnet.contract.holdings import (
    add_full_late_fee,
    check_state,
    enter_state,
    return_bond,
)
from walrusd.devnet.contract.node import unpin
from walrusd.devnet.contract.places import penalize_places
from walrusd.devnet.move.context import ClockObject, MoveContext
from walrusd.devnet.move.signatures import CLOCK, mut, ref

MODULE = Module("settlement")


@MODULE.public(ref(Market), mut(Task), mut(VerifierPool), mut(Submission), CLOCK)
def reopen(
    ctx: MoveContext,
    market: Market,
    task: Task,
    pool: VerifierPool,
    submission: Submission,
    clock: ClockObject,
) -> None:
    """Ask for the opening again because a substitute or juror got its key from nobody.

    Every seat that holds the key pays the silence penalty, the contributor the whole late fee. The
    second time the submission ends as never opened.
    """
    check_case(market, task, pool, submission)
    check_state(submission, SubmissionState.SEATED, SubmissionState.DISPUTED)
    now, terms = clock.timestamp_ms, task.terms
    is_disputed = submission.state == SubmissionState.DISPUTED
    if is_disputed:
        began_ms = case_in(submission, DisputePhase.SUMMONED).phase_ms
    else:
        began_ms = submission.window_ms
        opening = submission.opening
        was_complete = opening is not None and opening.was_complete
        require(was_complete, "submission.ENotReopened")
    require(now >= began_ms + terms.open_ms + terms.grace_ms, "submission.ETooEarly")

    holders = [at for at, seat in enumerate(submission.committee) if seat.envelope != b""]
    penalize_places(ctx, task, pool, submission, holders)
    add_full_late_fee(terms, submission)
    if is_disputed:
        _drop_case(ctx, pool, submission, now)
    if submission.attempt == MAX_ATTEMPTS:
        end_never_opened(ctx, task, pool, submission, now)
    else:
        ask_again(ctx, submission, now)


def _drop_case(ctx: MoveContext, pool: VerifierPool, submission: Submission, now: int) -> None:
    """End a case that no juror could judge; its accuser may accuse again."""
    dispute = submission.dispute
    assert dispute is not None, "a summoned jury has a case"
    for juror in dispute.jurors:
        unpin(pool, juror.pool_index)
    ctx.emit(CaseDropped(submission.task, submission.id, dispute.challenge, now))
    return_accusation(submission, dispute)


def return_accusation(submission: Submission, dispute: Dispute) -> None:
    """Close a case as if it had not been opened: its accuser has its bond, and may accuse again."""
    if has_accuser(dispute):
        submission.accusers.remove(dispute.accuser)
    return_bond(submission)
    submission.dispute = None


def ask_again(ctx: MoveContext, submission: Submission, now: int) -> None:
    """Begin the next attempt at opening. What seats have attested stays."""
    submission.attempt += 1
    submission.opening = None
    submission.reported = 0
    for seat in submission.committee:
        seat.envelope = b""
    enter_state(submission, SubmissionState.SEATED, now)
    ctx.emit(OpeningReopened(submission.task, submission.id, submission.attempt, now))
