"""Module ``jury``, second part: drawing and seating a jury."""

from walrusd.chain.layouts.events import JuryDrawn, JurySeated
from walrusd.chain.layouts.objects import (
    Dispute,
    Juror,
    Market,
    Seat,
    Submission,
    Task,
    VerifierPool,
)
from walrusd.core.lifecycle import DisputePhase, EndReason, SubmissionState
from walrusd.core.protocol import compute_juror_draw
from walrusd.devnet.contract.constants import DIGEST
from walrusd.devnet.contract.ending import end
from walrusd.devnet.contract.functions import Module, require
from walrusd.devnet.contract.market import check_pool, check_versions
from walrusd.devnet.contract.node import draw_seats, is_eligible, pin
from walrusd.devnet.contract.task import check_belongs
from walrusd.devnet.move.context import ClockObject, MoveContext, Random
from walrusd.devnet.move.signatures import CLOCK, RANDOM, mut, ref

MODULE = Module("jury")


def dispute_in(submission: Submission, *phases: DisputePhase) -> Dispute:
    """Return the dispute in progress; after the end, it is only kept as a record."""
    dispute = submission.dispute
    is_under_way = submission.state == SubmissionState.DISPUTED and dispute is not None
    require(is_under_way, "jury.ENoDispute")
    assert dispute is not None, "checked above"
    require(dispute.phase in phases, "jury.ENoDispute")
    return dispute


@MODULE.entry(ref(Market), ref(VerifierPool), mut(Submission), RANDOM, CLOCK)
def draw_jury(
    ctx: MoveContext,
    market: Market,
    pool: VerifierPool,
    submission: Submission,
    _random: Random,
    clock: ClockObject,
) -> None:
    """Fix the beacon of a jury and the size of the pool it is drawn from."""
    check_versions(market, pool, submission)
    check_pool(market, pool)
    dispute = dispute_in(submission, DisputePhase.WAITING)

    now = clock.timestamp_ms
    dispute.beacon = ctx.random_bytes(DIGEST)
    dispute.pool_len = len(pool.seats)
    dispute.drawn_ms = now
    dispute.phase = DisputePhase.DRAWN
    dispute.phase_ms = now
    ctx.emit(
        JuryDrawn(
            task=submission.task,
            submission=submission.id,
            challenge=dispute.challenge,
            beacon=dispute.beacon,
            pool_len=dispute.pool_len,
            at_ms=now,
        )
    )


def _draw_jurors(
    task: Task, pool: VerifierPool, submission: Submission, dispute: Dispute
) -> list[int]:
    terms = task.terms
    excluded = {task.publisher, submission.contributor, submission.dataset_owner, dispute.accuser}
    excluded.update(seated.verifier for seated in submission.committee)

    def draw(attempt: int) -> int:
        return compute_juror_draw(dispute.beacon, dispute.challenge, attempt, dispute.pool_len)

    def accepts(_index: int, candidate: Seat) -> bool:
        fee, opened, drawn = terms.juror_fee, task.opened_ms, dispute.drawn_ms
        return is_eligible(candidate, terms, fee, opened, drawn, excluded)

    return draw_seats(pool, dispute.pool_len, terms.jury, draw, accepts)


@MODULE.public(ref(Market), mut(Task), mut(VerifierPool), mut(Submission), CLOCK)
def seat_jury(
    ctx: MoveContext,
    market: Market,
    task: Task,
    pool: VerifierPool,
    submission: Submission,
    clock: ClockObject,
) -> None:
    """Seat the jury that its beacon picks; with too few verifiers, it stays undecided."""
    check_versions(market, task, pool, submission)
    check_pool(market, pool)
    check_belongs(task, submission)
    dispute = dispute_in(submission, DisputePhase.DRAWN)

    now = clock.timestamp_ms
    chosen = _draw_jurors(task, pool, submission, dispute)
    if len(chosen) < task.terms.jury:
        reason = EndReason.TOO_FEW_JURORS
        end(ctx, market, task, pool, submission, SubmissionState.UNDECIDED, reason, now)
        return
    for index in chosen:
        pin(pool, index)
        drawn = pool.seats[index]
        dispute.jurors.append(Juror(index, drawn.verifier, drawn.key, b"", b"", b""))
    dispute.phase = DisputePhase.COMMITTING
    dispute.phase_ms = now
    ctx.emit(
        JurySeated(
            task=task.id,
            submission=submission.id,
            challenge=dispute.challenge,
            pool_indices=chosen,
            jurors=[juror.verifier for juror in dispute.jurors],
            at_ms=now,
        )
    )
