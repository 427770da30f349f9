"""Module ``jury``, first part: an accusation."""

from walrusd.chain.layouts.objects import Judged, Market, Submission, Task
from walrusd.core.lifecycle import ChallengeKind, SeatStatus, SubmissionState
from walrusd.devnet.contract.audit import is_audit_pending
from walrusd.devnet.contract.constants import DIGEST, MAX_VERDICTS
from walrusd.devnet.contract.dealt import compute_places, compute_segment_at, is_leaf
from walrusd.devnet.contract.dispute import open_dispute
from walrusd.devnet.contract.functions import Module, require
from walrusd.devnet.contract.holdings import check_state
from walrusd.devnet.contract.market import check_versions
from walrusd.devnet.contract.task import check_belongs
from walrusd.devnet.move.context import ClockObject, Coin, MoveContext
from walrusd.devnet.move.signatures import BYTES, CLOCK, COIN, U8, U64, mut, ref, vector

MODULE = Module("jury")

_KINDS_OF_AN_ABORT = {ChallengeKind.SEGMENT, ChallengeKind.UNAVAILABLE}
"""An abort claim has neither an update nor a verification file."""


@MODULE.public(
    ref(Market),
    ref(Task),
    mut(Submission),
    U8,
    U64,
    U64,
    BYTES,
    vector(BYTES),
    BYTES,
    COIN,
    CLOCK,
)
def challenge(
    ctx: MoveContext,
    market: Market,
    task: Task,
    submission: Submission,
    kind: int,
    index: int,
    place: int,
    leaf: bytes,
    path: list[bytes],
    commitment: bytes,
    bond: Coin,
    clock: ClockObject,
) -> None:
    """Accuse one part of a submission; ``commitment`` hides the accuser's own finding.

    ``index`` names a segment or a row, and ``place`` a place that the segment was dealt to; of
    other kinds there is only one.
    """
    check_versions(market, task, submission)
    check_belongs(task, submission)
    check_state(
        submission, SubmissionState.OPENED, SubmissionState.ATTESTED, SubmissionState.AUDITED
    )
    # An accuser who colludes with the forger could bring a jury that receives no key.
    is_audited = submission.state == SubmissionState.AUDITED
    require(not (is_audited and is_audit_pending(task, submission)), "jury.EAuditPending")
    require(_is_supported(submission, kind), "jury.EUnsupportedKind")
    require(_exists(task, submission, kind, index, place), "jury.EBadIndex")
    require(Judged(kind, index) not in submission.judged, "jury.EAlreadyJudged")
    require(len(submission.judged) < MAX_VERDICTS, "jury.ETooManyVerdicts")
    require(ctx.sender != submission.contributor, "jury.EConflict")
    is_unavailable = kind == ChallengeKind.UNAVAILABLE
    may_claim = not is_unavailable or _may_claim_unavailable(submission, ctx.sender)
    require(may_claim, "jury.ENotReported")
    require(len(commitment) == DIGEST, "jury.EBadDigest")
    is_of_segment = kind == ChallengeKind.SEGMENT
    is_right_leaf = (
        is_leaf(task, submission, index, leaf, path)
        if is_of_segment
        else (leaf == b"" and path == [])
    )
    require(is_right_leaf, "jury.EWrongLeaf")
    require(bond.balance == task.terms.accuser_bond, "jury.EWrongBond")

    submission.bond += ctx.take_coin(bond)
    open_dispute(
        ctx,
        submission,
        ChallengeKind(kind),
        index,
        place,
        ctx.sender,
        commitment,
        leaf,
        clock.timestamp_ms,
    )


def _is_supported(submission: Submission, kind: int) -> bool:
    kinds = set(ChallengeKind) if submission.abort is None else _KINDS_OF_AN_ABORT
    return kind in kinds


def _exists(task: Task, submission: Submission, kind: int, index: int, place: int) -> bool:
    """Return whether the challenged part exists in the submission."""
    if kind == ChallengeKind.SEGMENT:
        is_dealt = place < compute_places(task)
        return is_dealt and compute_segment_at(task, submission, place) == index
    if kind == ChallengeKind.ROWS:
        assert submission.commitment is not None, "an opened submission has committed"
        return index < submission.commitment.scheme_rows and place == 0
    return index == 0 and place == 0


def _may_claim_unavailable(submission: Submission, sender: str) -> bool:
    """Allow it only to a seat that still has to attest after the contributor has opened again."""
    return submission.reopened and any(
        seat.verifier == sender and seat.status != SeatStatus.ATTESTED
        for seat in submission.committee
    )
