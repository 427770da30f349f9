"""Module ``committee``, second part: substitutes for silent seats, at those seats' cost."""

from walrusd.chain.layouts.events import SeatReplaced
from walrusd.chain.layouts.objects import Market, Submission, Task, VerifierPool
from walrusd.core.lifecycle import EndReason, SeatStatus, SubmissionState
from walrusd.devnet.contract.committee import draw_verifiers, make_seat
from walrusd.devnet.contract.constants import SILENCE_FEES
from walrusd.devnet.contract.credit import burn
from walrusd.devnet.contract.ending import end
from walrusd.devnet.contract.functions import Module, require
from walrusd.devnet.contract.holdings import check_state, enter_state, pay_from_escrow
from walrusd.devnet.contract.market import check_pool, check_versions
from walrusd.devnet.contract.node import penalize, unpin
from walrusd.devnet.contract.task import check_belongs
from walrusd.devnet.move.context import ClockObject, MoveContext
from walrusd.devnet.move.signatures import CLOCK, mut, ref

MODULE = Module("committee")


@MODULE.public(ref(Market), mut(Task), mut(VerifierPool), mut(Submission), CLOCK)
def replace(
    ctx: MoveContext,
    market: Market,
    task: Task,
    pool: VerifierPool,
    submission: Submission,
    clock: ClockObject,
) -> None:
    """Replace silent seats by the next that the beacon picks; with too few, end undecided."""
    check_versions(market, task, pool, submission)
    check_pool(market, pool)
    check_belongs(task, submission)
    check_state(submission, SubmissionState.OPENED)
    require(not submission.replaced, "committee.EAlreadyReplaced")
    now = clock.timestamp_ms
    require(now >= submission.window_ms + task.terms.verify_ms, "committee.ETooEarly")

    pay_from_escrow(submission, ctx.sender, task.tip)
    penalize_silent(ctx, task, pool, submission)
    silent = _find_silent(submission)
    taken = {seat.pool_index for seat in submission.committee}
    chosen = draw_verifiers(task, pool, submission, len(silent), now, taken)
    if len(chosen) < len(silent):
        reason = EndReason.TOO_FEW_SEATS
        end(ctx, market, task, pool, submission, SubmissionState.UNDECIDED, reason, now)
        return
    for at, index in zip(silent, chosen, strict=True):
        unpin(pool, submission.committee[at].pool_index)
        substitute = make_seat(pool, index, slot=task.terms.committee + at)
        submission.committee[at] = substitute
        ctx.emit(SeatReplaced(task.id, submission.id, at, index, substitute.verifier, now))
    submission.replaced = True
    enter_state(submission, SubmissionState.OPENED, now)


def _find_silent(submission: Submission) -> list[int]:
    return [
        at for at, seat in enumerate(submission.committee) if seat.status != SeatStatus.ATTESTED
    ]


def penalize_silent(
    ctx: MoveContext, task: Task, pool: VerifierPool, submission: Submission
) -> None:
    """Burn part of the stake of every seat that has not attested everything, as one coin."""
    penalty = SILENCE_FEES * task.terms.verifier_fee
    seats = [submission.committee[at] for at in _find_silent(submission)]
    burn(ctx, sum(penalize(ctx, pool, seat.pool_index, penalty) for seat in seats))
