"""Module ``jury``, first part: accusations, by seats on their stake or by others on cash.

A seat's stake is its bond: the share that backs its duty covers a whole case. Outsiders hold no key
of the opening, so they may accuse only what is public: the verification file.
"""

from walrusd.chain.layouts.objects import Market, Submission, Task, VerifierCap
from walrusd.core.lifecycle import CaseKind, SubmissionState
from walrusd.devnet.contract.attestation import find_seat
from walrusd.devnet.contract.audit import is_audit_pending
from walrusd.devnet.contract.checks import check_submission
from walrusd.devnet.contract.constants import MAX_UNPROVED
from walrusd.devnet.contract.dealt import compute_segment_at, is_leaf
from walrusd.devnet.contract.dispute import open_case
from walrusd.devnet.contract.functions import Module, require
from walrusd.devnet.contract.holdings import check_state
from walrusd.devnet.contract.terms import compute_case_cost, compute_silence_penalty
from walrusd.devnet.move.context import ClockObject, Coin, MoveContext
from walrusd.devnet.move.signatures import BYTES, CLOCK, COIN, U8, U64, mut, ref, vector

MODULE = Module("jury")

_KINDS = set(CaseKind) - {CaseKind.ABSENCE}
_KINDS_OF_AN_ABORT = {CaseKind.SEGMENT, CaseKind.OPENING}
"""An abort claim has neither an update nor a verification file."""


@MODULE.public(
    ref(Market),
    ref(Task),
    mut(Submission),
    ref(VerifierCap),
    U64,
    U8,
    U64,
    U64,
    BYTES,
    vector(BYTES),
    BYTES,
    CLOCK,
)
def accuse(
    ctx: MoveContext,
    market: Market,
    task: Task,
    submission: Submission,
    cap: VerifierCap,
    place: int,
    kind: int,
    index: int,
    position: int,
    leaf: bytes,
    path: list[bytes],
    program_root: bytes,
    clock: ClockObject,
) -> None:
    """Accuse one part of a submission, as a seat of its committee.

    ``index`` names a segment, at a ``position`` of the seat's own, or a row; of other kinds there
    is only one.
    """
    check_submission(market, task, submission)
    _check_may_be_accused(task, submission, clock.timestamp_ms)
    seat = find_seat(submission, cap, place)
    require(program_root == task.program_root, "submission.EWrongProgram")
    require(_is_supported(submission, kind), "jury.EUnsupportedKind")
    dealt = place * task.terms.segments_per_seat + position if kind == CaseKind.SEGMENT else 0
    exists = _exists(task, submission, kind, index, position, dealt)
    require(exists, "jury.EBadIndex")
    require(seat.verifier not in submission.accusers, "jury.EAlreadyAccused")
    is_right_leaf = (
        is_leaf(task, submission, index, leaf, path)
        if kind == CaseKind.SEGMENT
        else (leaf == b"" and path == [])
    )
    require(is_right_leaf, "jury.EWrongLeaf")

    open_case(
        ctx,
        submission,
        CaseKind(kind),
        clock.timestamp_ms,
        index=index,
        place=dealt,
        accuser=seat.verifier,
        accuser_seat=place,
        leaf=leaf,
    )


@MODULE.public(ref(Market), ref(Task), mut(Submission), BYTES, COIN, CLOCK)
def accuse_file(
    ctx: MoveContext,
    market: Market,
    task: Task,
    submission: Submission,
    program_root: bytes,
    bond: Coin,
    clock: ClockObject,
) -> None:
    """Accuse the verification file, as an outsider, for the cost of a case and the penalty."""
    check_submission(market, task, submission)
    _check_may_be_accused(task, submission, clock.timestamp_ms)
    require(program_root == task.program_root, "submission.EWrongProgram")
    require(_is_supported(submission, CaseKind.FILE), "jury.EUnsupportedKind")
    seats = {seat.verifier for seat in submission.committee}
    is_outsider = ctx.sender != submission.contributor and ctx.sender not in seats
    require(is_outsider, "jury.EConflict")
    require(ctx.sender not in submission.accusers, "jury.EAlreadyAccused")
    require(submission.unproved < MAX_UNPROVED, "jury.ETooManyUnproved")
    amount = compute_case_cost(task.terms) + compute_silence_penalty(task.terms)
    require(bond.balance == amount, "jury.EWrongBond")

    submission.bond += ctx.take_coin(bond)
    open_case(ctx, submission, CaseKind.FILE, clock.timestamp_ms, accuser=ctx.sender)


def _check_may_be_accused(task: Task, submission: Submission, now: int) -> None:
    check_state(
        submission, SubmissionState.OPENED, SubmissionState.ATTESTED, SubmissionState.AUDITED
    )
    # The audit goes first: whoever colludes with the forger could hold it up.
    require(not is_audit_pending(task, submission), "jury.EAuditPending")
    # A case that no jury was found for was dismissed: no other could be heard either.
    require(now < task.ends_by_ms, "jury.ETooLate")


def _is_supported(submission: Submission, kind: int) -> bool:
    return kind in (_KINDS if submission.abort is None else _KINDS_OF_AN_ABORT)


def _exists(
    task: Task, submission: Submission, kind: int, index: int, position: int, dealt: int
) -> bool:
    """Return whether the accused part exists in the submission, for a segment at this place."""
    if kind == CaseKind.SEGMENT:
        is_own = position < task.terms.segments_per_seat
        return is_own and compute_segment_at(task, submission, dealt) == index
    if kind == CaseKind.ROWS:
        assert submission.commitment is not None, "an opened submission has committed"
        return index < submission.commitment.scheme_rows and position == 0
    return index == 0 and position == 0
