"""Module ``attestation``: a seat proves its replay of a segment, or reports the opening."""

from walrusd.chain.layouts.events import OpeningReported, SegmentAttested, SubmissionAttested
from walrusd.chain.layouts.objects import CommitteeSeat, Market, Submission, Task, VerifierCap
from walrusd.core.lifecycle import SeatStatus, SubmissionState
from walrusd.core.protocol import compute_leaf, compute_slot
from walrusd.crypto.merkle import compute_root_from_path
from walrusd.devnet.contract.constants import DIGEST
from walrusd.devnet.contract.dealt import compute_segment_at, is_leaf
from walrusd.devnet.contract.functions import Module, require
from walrusd.devnet.contract.holdings import check_state, enter_state
from walrusd.devnet.contract.market import check_versions
from walrusd.devnet.contract.task import check_belongs
from walrusd.devnet.move.context import ClockObject, MoveContext
from walrusd.devnet.move.signatures import BYTES, CLOCK, U64, mut, ref, vector
from walrusd.errors import VerificationFailed

MODULE = Module("attestation")


def _seat_of(market: Market, submission: Submission, cap: VerifierCap, seat: int) -> CommitteeSeat:
    is_seated = (
        seat < len(submission.committee)
        and cap.pool == market.pool
        and submission.committee[seat].pool_index == cap.index
    )
    require(is_seated, "attestation.ENotSeated")
    return submission.committee[seat]


@MODULE.public(
    ref(Market),
    ref(Task),
    mut(Submission),
    ref(VerifierCap),
    U64,
    U64,
    BYTES,
    vector(BYTES),
    BYTES,
    vector(BYTES),
    CLOCK,
)
def attest(
    ctx: MoveContext,
    market: Market,
    task: Task,
    submission: Submission,
    cap: VerifierCap,
    seat: int,
    position: int,
    digest: bytes,
    slot_path: list[bytes],
    state_root: bytes,
    trace_path: list[bytes],
    clock: ClockObject,
) -> None:
    """Vote valid on one dealt segment, with a digest that only a replay yields."""
    check_versions(market, task, submission)
    check_belongs(task, submission)
    check_state(submission, SubmissionState.OPENED)
    voter, terms = _seat_of(market, submission, cap, seat), task.terms
    require(position < terms.segments_per_seat, "attestation.EBadPosition")
    require(voter.attested & (1 << position) == 0, "attestation.EAlreadyAttested")
    segment = compute_segment_at(task, submission, seat * terms.segments_per_seat + position)
    is_proved = _proves_replay(
        task, submission, voter.slot, segment, digest, slot_path, state_root, trace_path
    )
    require(is_proved, "attestation.EWrongDigest")

    now = clock.timestamp_ms
    voter.attested |= 1 << position
    ctx.emit(SegmentAttested(task.id, submission.id, seat, voter.verifier, segment))
    if voter.attested == (1 << terms.segments_per_seat) - 1:
        voter.status = SeatStatus.ATTESTED
    if all(seated.status == SeatStatus.ATTESTED for seated in submission.committee):
        enter_state(submission, SubmissionState.ATTESTED, now)
        ctx.emit(SubmissionAttested(task.id, submission.id, now))


def _proves_replay(
    task: Task,
    submission: Submission,
    slot: int,
    segment: int,
    digest: bytes,
    slot_path: list[bytes],
    state_root: bytes,
    trace_path: list[bytes],
) -> bool:
    if len(digest) != DIGEST or len(state_root) != DIGEST:
        return False
    try:
        slots = 2 * task.terms.committee
        slot_root = compute_root_from_path(compute_slot(digest), slot, slots, slot_path)
    except VerificationFailed:
        return False
    leaf = compute_leaf(segment, state_root, slot_root)
    return is_leaf(task, submission, segment, leaf, trace_path)


@MODULE.public(ref(Market), ref(Task), mut(Submission), ref(VerifierCap), U64, CLOCK)
def report(
    ctx: MoveContext,
    market: Market,
    task: Task,
    submission: Submission,
    cap: VerifierCap,
    seat: int,
    clock: ClockObject,
) -> None:
    """Report that the opening cannot be read or is wrong: the contributor must open again."""
    check_versions(market, task, submission)
    check_belongs(task, submission)
    check_state(submission, SubmissionState.OPENED)
    voter = _seat_of(market, submission, cap, seat)
    require(voter.status != SeatStatus.ATTESTED, "attestation.EAlreadyAttested")
    require(not submission.reopened, "attestation.EAlreadyReported")

    now = clock.timestamp_ms
    submission.reopened = True
    enter_state(submission, SubmissionState.SEATED, now)
    ctx.emit(OpeningReported(task.id, submission.id, seat, voter.verifier, now))
