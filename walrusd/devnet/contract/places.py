"""Module ``committee``, second part: who takes a place that is given on."""

from collections.abc import Sequence

from walrusd.chain.layouts.events import SeatReplaced
from walrusd.chain.layouts.objects import Submission, Task, VerifierPool
from walrusd.core.lifecycle import EndReason, SeatStatus, SubmissionState
from walrusd.devnet.contract.constants import MAX_PLACE_TRIES
from walrusd.devnet.contract.credit import burn
from walrusd.devnet.contract.ending import end_undecided
from walrusd.devnet.contract.holdings import enter_state
from walrusd.devnet.contract.node import note_silence, penalize, unpin
from walrusd.devnet.contract.terms import compute_silence_penalty
from walrusd.devnet.move.context import MoveContext


def has_attested(submission: Submission, place: int) -> bool:
    """Return whether the seat at a place has attested everything that was dealt to it."""
    return submission.committee[place].status == SeatStatus.ATTESTED


def has_reported(submission: Submission, place: int) -> bool:
    """Return whether the seat at a place says that the opening is absent."""
    return bool(submission.reported >> place & 1)


def compute_readable_state(submission: Submission) -> SubmissionState:
    """Return where a submission is once its whole committee can read it.

    Nothing that was reached before is lost, the beacon of its audit least of all: otherwise a
    forger would withhold the opening until another beacon does not pick it.
    """
    if submission.audit_beacon != b"":
        return SubmissionState.AUDITED
    if all(seat.status == SeatStatus.ATTESTED for seat in submission.committee):
        return SubmissionState.ATTESTED
    return SubmissionState.OPENED


def give_on(
    ctx: MoveContext,
    task: Task,
    pool: VerifierPool,
    submission: Submission,
    places: Sequence[int],
    reason: EndReason,
    now: int,
) -> None:
    """Give places to the next substitutes, who need envelopes; with too few, end undecided."""
    are_exhausted = any(submission.committee[at].tries >= MAX_PLACE_TRIES for at in places)
    if are_exhausted or len(submission.substitutes) < len(places):
        end_undecided(ctx, task, pool, submission, reason, now)
        return
    for at in places:
        former = submission.committee[at]
        unpin(pool, former.pool_index)
        successor = submission.substitutes.pop(0)
        successor.tries = former.tries + 1
        submission.committee[at] = successor
        submission.reported &= ~(1 << at)
        index, verifier = successor.pool_index, successor.verifier
        ctx.emit(SeatReplaced(task.id, submission.id, at, index, verifier, now))
    enter_state(submission, SubmissionState.SEATED, now)


def penalize_places(
    ctx: MoveContext, task: Task, pool: VerifierPool, submission: Submission, places: Sequence[int]
) -> None:
    """Take the silence penalty from the seats at these places, and burn it as one coin."""
    penalty, taken = compute_silence_penalty(task.terms), 0
    for at in places:
        index = submission.committee[at].pool_index
        taken += penalize(ctx, pool, index, penalty)
        note_silence(pool, index)
    burn(ctx, taken)
