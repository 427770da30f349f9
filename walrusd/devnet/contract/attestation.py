"""Module ``attestation``: a seat proves that it replayed a segment."""

from walrusd.chain.layouts.events import SegmentAttested, SubmissionAttested
from walrusd.chain.layouts.objects import Market, Submission, Task, VerifierCap
from walrusd.core.dealing import compute_dealt_segment
from walrusd.core.lifecycle import SeatStatus, SubmissionState
from walrusd.core.protocol import compute_deal_seed, compute_leaf, compute_slot
from walrusd.crypto.merkle import compute_root_from_path, verify_path
from walrusd.devnet.contract.constants import DIGEST
from walrusd.devnet.contract.functions import Module, require
from walrusd.devnet.contract.holdings import check_state, enter_state
from walrusd.devnet.contract.market import check_versions
from walrusd.devnet.contract.task import check_belongs
from walrusd.devnet.move_env import BYTES, CLOCK, U64, Clock, MoveContext, mut, ref, vector
from walrusd.errors import VerificationFailed
from walrusd.units import address_bytes

MODULE = Module("attestation")


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
    clock: Clock,
) -> None:
    """Vote valid on one dealt segment with a digest that only a replay yields."""
    check_versions(market, task, submission)
    check_belongs(task, submission)
    check_state(submission, SubmissionState.OPENED)
    is_seated = (
        seat < len(submission.committee)
        and cap.pool == market.pool
        and submission.committee[seat].pool_index == cap.index
    )
    require(is_seated, "attestation.ENotSeated")
    terms, voter = task.terms, submission.committee[seat]
    require(position < terms.segments_per_seat, "attestation.EBadPosition")
    require(voter.attested & (1 << position) == 0, "attestation.EAlreadyAttested")
    segment = _compute_segment(task, submission, seat, position)
    is_proved = _proves_replay(
        task, submission, seat, segment, digest, slot_path, state_root, trace_path
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


def _compute_segment(task: Task, submission: Submission, seat: int, position: int) -> int:
    segments, per_seat = task.terms.segments, task.terms.segments_per_seat
    seed = compute_deal_seed(task.beacon, address_bytes(submission.id))
    return compute_dealt_segment(seed, segments, (seat * per_seat + position) % segments)


def _proves_replay(
    task: Task,
    submission: Submission,
    seat: int,
    segment: int,
    digest: bytes,
    slot_path: list[bytes],
    state_root: bytes,
    trace_path: list[bytes],
) -> bool:
    commitment = submission.commitment
    assert commitment is not None, "an opened submission has committed"
    if len(digest) != DIGEST or len(state_root) != DIGEST:
        return False
    try:
        slots = 2 * task.terms.committee
        slot_root = compute_root_from_path(compute_slot(digest), seat, slots, slot_path)
        leaf = compute_leaf(segment, state_root, slot_root)
        size = task.terms.segments + 1
        verify_path(commitment.trace_root, leaf, segment, size, trace_path)
    except VerificationFailed:
        return False
    return True
