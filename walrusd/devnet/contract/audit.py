"""Module ``audit``: a lot after the attestation sends some segments to a jury.

A contributor could hand its digests to bribed seats, so digests alone are not trusted.
"""

from walrusd.chain.layouts.events import AuditDrawn
from walrusd.chain.layouts.objects import Judged, Market, Submission, Task
from walrusd.core.lifecycle import ChallengeKind, SubmissionState
from walrusd.core.protocol import AuditSample, compute_audit_sample
from walrusd.devnet.contract.constants import DIGEST, NOBODY
from walrusd.devnet.contract.dealt import compute_places, compute_segment_at, is_leaf
from walrusd.devnet.contract.dispute import open_dispute
from walrusd.devnet.contract.functions import Module, require
from walrusd.devnet.contract.holdings import check_state, enter_state, pay_from_escrow
from walrusd.devnet.contract.market import check_versions
from walrusd.devnet.contract.task import check_belongs
from walrusd.devnet.move.context import ClockObject, MoveContext, Random
from walrusd.devnet.move.signatures import BYTES, CLOCK, RANDOM, mut, ref, vector
from walrusd.units import address_bytes

MODULE = Module("audit")


@MODULE.entry(ref(Market), ref(Task), mut(Submission), RANDOM, CLOCK)
def draw_audit(
    ctx: MoveContext,
    market: Market,
    task: Task,
    submission: Submission,
    _random: Random,
    clock: ClockObject,
) -> None:
    """Fix the beacon that says whether, and where, a jury looks at an attested submission."""
    check_versions(market, task, submission)
    check_belongs(task, submission)
    check_state(submission, SubmissionState.ATTESTED)

    now = clock.timestamp_ms
    submission.audit_beacon = ctx.random_bytes(DIGEST)
    pay_from_escrow(submission, ctx.sender, task.tip)
    enter_state(submission, SubmissionState.AUDITED, now)
    ctx.emit(AuditDrawn(task.id, submission.id, submission.audit_beacon, now))


def _draw_lot(task: Task, submission: Submission) -> AuditSample:
    name, beacon = address_bytes(submission.id), submission.audit_beacon
    return compute_audit_sample(beacon, name, task.terms.audit_bps, compute_places(task))


def is_audit_pending(task: Task, submission: Submission) -> bool:
    """Return whether the lot fell on a segment about which no verdict stands."""
    lot = _draw_lot(task, submission)
    if not lot.is_selected:
        return False
    segment = compute_segment_at(task, submission, lot.place)
    return Judged(ChallengeKind.SEGMENT, segment) not in submission.judged


@MODULE.public(ref(Market), ref(Task), mut(Submission), BYTES, vector(BYTES), CLOCK)
def audit(
    ctx: MoveContext,
    market: Market,
    task: Task,
    submission: Submission,
    leaf: bytes,
    path: list[bytes],
    clock: ClockObject,
) -> None:
    """Bring the segment of the lot before a jury; nobody accuses, nobody risks a bond."""
    check_versions(market, task, submission)
    check_belongs(task, submission)
    check_state(submission, SubmissionState.AUDITED)
    require(is_audit_pending(task, submission), "audit.ENotSelected")
    place = _draw_lot(task, submission).place
    segment = compute_segment_at(task, submission, place)
    require(is_leaf(task, submission, segment, leaf, path), "audit.EWrongLeaf")

    kind, now = ChallengeKind.SEGMENT, clock.timestamp_ms
    open_dispute(ctx, submission, kind, segment, place, NOBODY, b"", leaf, now)
