"""Module ``attestation``: a seat proves its replay of a segment, or reports the opening."""

from walrusd.chain.layouts.events import OpeningReported, SegmentAttested, SubmissionAttested
from walrusd.chain.layouts.objects import (
    CommitteeSeat,
    Market,
    Submission,
    Task,
    VerifierCap,
)
from walrusd.core.lifecycle import CaseKind, SeatStatus, SubmissionState
from walrusd.core.protocol import compute_leaf, compute_slot
from walrusd.crypto.merkle import compute_root_from_path
from walrusd.devnet.contract.checks import check_submission
from walrusd.devnet.contract.constants import DIGEST, MAX_ATTEMPTS, NOBODY
from walrusd.devnet.contract.dealt import compute_segment_at, is_leaf
from walrusd.devnet.contract.dispute import open_case
from walrusd.devnet.contract.functions import Module, require
from walrusd.devnet.contract.holdings import check_state, enter_state
from walrusd.devnet.contract.places import has_attested, has_reported
from walrusd.devnet.contract.reopening import ask_again
from walrusd.devnet.move.context import ClockObject, MoveContext
from walrusd.devnet.move.signatures import BYTES, CLOCK, U64, mut, ref, vector
from walrusd.errors import VerificationFailed

MODULE = Module("attestation")


def find_seat(submission: Submission, cap: VerifierCap, place: int) -> CommitteeSeat:
    """Return the seat at a place of the committee; abort unless the capability holds it."""
    is_seated = (
        place < len(submission.committee)
        and cap.pool == submission.pool
        and submission.committee[place].pool_index == cap.index
        and submission.committee[place].generation == cap.generation
    )
    require(is_seated, "attestation.ENotSeated")
    return submission.committee[place]


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
    BYTES,
    CLOCK,
)
def attest(
    ctx: MoveContext,
    market: Market,
    task: Task,
    submission: Submission,
    cap: VerifierCap,
    place: int,
    position: int,
    digest: bytes,
    slot_path: list[bytes],
    state_root: bytes,
    trace_path: list[bytes],
    program_root: bytes,
    clock: ClockObject,
) -> None:
    """Vote valid on one dealt segment, with a digest that only a replay yields.

    ``program_root`` is the program that the seat knows: it stakes on no other.
    """
    check_submission(market, task, submission)
    check_state(submission, SubmissionState.OPENED)
    voter, terms = find_seat(submission, cap, place), task.terms
    require(program_root == task.program_root, "submission.EWrongProgram")
    require(position < terms.segments_per_seat, "attestation.EBadPosition")
    require(voter.attested & (1 << position) == 0, "attestation.EAlreadyAttested")
    segment = compute_segment_at(task, submission, place * terms.segments_per_seat + position)
    is_proved = _proves_replay(
        task, submission, voter.slot, segment, digest, slot_path, state_root, trace_path
    )
    require(is_proved, "attestation.EWrongDigest")

    now = clock.timestamp_ms
    voter.attested |= 1 << position
    ctx.emit(SegmentAttested(task.id, submission.id, place, voter.verifier, segment))
    if voter.attested == (1 << terms.segments_per_seat) - 1:
        voter.status = SeatStatus.ATTESTED
        submission.reported &= ~(1 << place)
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
        slots = task.terms.committee + task.terms.substitutes
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
    place: int,
    clock: ClockObject,
) -> None:
    """Say that the opening is absent. If most places do, the contributor must open again.

    The second time a jury is asked, once: a committee alone takes no stake.
    """
    check_submission(market, task, submission)
    check_state(submission, SubmissionState.OPENED)
    voter = find_seat(submission, cap, place)
    require(not has_attested(submission, place), "attestation.EAlreadyAttested")
    was_judged = NOBODY in submission.accusers
    is_new = not has_reported(submission, place) and not was_judged
    require(is_new, "attestation.EAlreadyReported")

    now = clock.timestamp_ms
    submission.reported |= 1 << place
    attempt, verifier = submission.attempt, voter.verifier
    ctx.emit(OpeningReported(task.id, submission.id, attempt, place, verifier, now))
    if 2 * submission.reported.bit_count() <= len(submission.committee):
        return
    if attempt == MAX_ATTEMPTS:
        open_case(ctx, submission, CaseKind.ABSENCE, now)
    else:
        ask_again(ctx, submission, now)
