"""Module ``audit``: after attestation, a random audit sample goes to a jury.

A contributor could give its digests to bribed seats, so digests alone are not trusted.
"""

from walrusd.chain.layouts.events import AuditDrawn
from walrusd.chain.layouts.objects import Market, Submission, Task
from walrusd.core.lifecycle import CaseKind, SubmissionState
from walrusd.core.protocol import AuditSample, compute_audit_sample
from walrusd.devnet.contract.checks import check_submission
from walrusd.devnet.contract.constants import DIGEST, MAX_SAMPLES
from walrusd.devnet.contract.dealt import compute_places, compute_segment_at, is_leaf
from walrusd.devnet.contract.dispute import open_case
from walrusd.devnet.contract.functions import Module, require
from walrusd.devnet.contract.holdings import check_state, enter_state, pay_tip
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
    """Fix the beacon that decides whether, and where, a jury audits an attested submission."""
    check_submission(market, task, submission)
    check_state(submission, SubmissionState.ATTESTED)

    now = clock.timestamp_ms
    pay_tip(task, submission, ctx.sender)
    enter_state(submission, SubmissionState.AUDITED, now)
    beacon = ctx.random_bytes(DIGEST)
    submission.audit_beacon = beacon
    ctx.emit(AuditDrawn(task.id, submission.id, beacon, now))


def _draw_sample(task: Task, submission: Submission) -> AuditSample:
    return compute_audit_sample(
        submission.audit_beacon,
        address_bytes(submission.id),
        submission.audit_round,
        task.terms.audit_bps,
        compute_places(task),
    )


def is_audit_pending(task: Task, submission: Submission) -> bool:
    """Return whether a segment was drawn that no jury has decided on yet."""
    if submission.audit_beacon == b"" or submission.audit_round == MAX_SAMPLES:
        return False
    return _draw_sample(task, submission).is_selected


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
    """Bring the audit sample before a jury, without an accuser and without a bond."""
    check_submission(market, task, submission)
    check_state(submission, SubmissionState.AUDITED)
    require(is_audit_pending(task, submission), "audit.ENotSelected")
    place = _draw_sample(task, submission).place
    index = compute_segment_at(task, submission, place)
    require(is_leaf(task, submission, index, leaf, path), "audit.EWrongLeaf")

    kind, now = CaseKind.SEGMENT, clock.timestamp_ms
    open_case(ctx, submission, kind, now, index=index, place=place, leaf=leaf)
