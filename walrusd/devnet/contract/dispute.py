"""Module ``dispute``: opening a case before a jury, and evaluating what the jurors revealed."""

from enum import Enum

from walrusd.chain.layouts.events import CaseOpened
from walrusd.chain.layouts.objects import Dispute, Juror, Submission, Terms
from walrusd.core.lifecycle import CaseKind, DisputePhase, SubmissionState
from walrusd.core.protocol import Word, compute_challenge_id
from walrusd.devnet.contract.constants import NO_SEAT, NOBODY
from walrusd.devnet.contract.functions import require
from walrusd.devnet.move.context import MoveContext
from walrusd.units import address_bytes


class Finding(Enum):
    """What a jury's majority says, if there is one."""

    NONE = 0
    SOUND = 1
    FAULT = 2
    ABSENT = 3


def open_case(
    ctx: MoveContext,
    submission: Submission,
    kind: CaseKind,
    now: int,
    *,
    index: int = 0,
    place: int = 0,
    accuser: str = NOBODY,
    accuser_seat: int = NO_SEAT,
    leaf: bytes = b"",
) -> None:
    """Bring a case before a jury. The submission's window stands still meanwhile.

    ``submission.bond`` holds the bond of an accuser on cash.
    """
    number = submission.cases
    challenge = compute_challenge_id(address_bytes(submission.id), number, 0)
    submission.cases += 1
    if accuser != NOBODY or kind == CaseKind.ABSENCE:
        submission.accusers.append(accuser)
    submission.dispute = Dispute(
        kind=kind,
        index=index,
        place=place,
        round=0,
        number=number,
        challenge=challenge,
        phase=DisputePhase.WAITING,
        phase_ms=now,
        opened_ms=now,
        resume_state=submission.state,
        accuser=accuser,
        accuser_seat=accuser_seat,
        leaf=leaf,
        beacon=b"",
        jurors=[],
    )
    submission.state = SubmissionState.DISPUTED
    ctx.emit(
        CaseOpened(
            task=submission.task,
            submission=submission.id,
            accuser=accuser,
            accuser_seat=accuser_seat,
            kind=kind,
            index=index,
            place=place,
            challenge=challenge,
            bond=submission.bond,
            at_ms=now,
        )
    )


def case_in(submission: Submission, *phases: DisputePhase) -> Dispute:
    """Return the case in progress; after the end, it is only kept as a record."""
    dispute = submission.dispute
    is_under_way = submission.state == SubmissionState.DISPUTED and dispute is not None
    require(is_under_way, "jury.ENoDispute")
    assert dispute is not None, "checked above"
    require(dispute.phase in phases, "jury.ENoDispute")
    return dispute


def enter_phase(dispute: Dispute, phase: DisputePhase, now: int) -> None:
    """Change the phase, which starts its window."""
    dispute.phase = phase
    dispute.phase_ms = now


def has_accuser(dispute: Dispute) -> bool:
    """Return whether somebody accuses: nobody does in an audit, or for an absent opening."""
    return dispute.accuser != NOBODY


def is_audit(dispute: Dispute) -> bool:
    """Return whether the case is an audit."""
    return not has_accuser(dispute) and dispute.kind == CaseKind.SEGMENT


# --- what the jurors revealed -------------------------------------------------------------------


def list_jury(dispute: Dispute, size: int) -> list[Juror]:
    """Return the jury: the first ``size`` jurors, in order, that committed."""
    return [juror for juror in dispute.jurors if juror.commitment != b""][:size]


def compute_majority(dispute: Dispute, size: int) -> bytes:
    """Return the value that more than half of a jury of ``size`` revealed; no bytes if none."""
    jury = list_jury(dispute, size)
    for candidate in jury:
        count = sum(1 for juror in jury if juror.value == candidate.value)
        if candidate.value != b"" and 2 * count > size:
            return candidate.value
    return b""


def list_holders(dispute: Dispute, value: bytes) -> list[str]:
    """Return the addresses of all jurors, alternates too, that revealed ``value``."""
    return [juror.verifier for juror in dispute.jurors if juror.value == value]


def have_all_revealed(dispute: Dispute) -> bool:
    """Return whether every juror that committed has revealed."""
    return all(juror.value != b"" for juror in dispute.jurors if juror.commitment != b"")


def is_voting_over(dispute: Dispute, terms: Terms, now: int) -> bool:
    """Return whether no juror can commit any more."""
    is_revealing = dispute.phase == DisputePhase.REVEALING
    return is_revealing or now >= dispute.phase_ms + terms.jury_commit_ms


def compute_revealed_ms(dispute: Dispute, terms: Terms) -> int:
    """Return when the time to reveal is over at the latest."""
    commit_ms = 0 if dispute.phase == DisputePhase.REVEALING else terms.jury_commit_ms
    return dispute.phase_ms + commit_ms + terms.jury_reveal_ms


def find_word(chain: bytes) -> Finding:
    """Return what ``chain'`` says about anything but a segment's replay; NONE if it is no word."""
    return {
        Word.SOUND.chain: Finding.SOUND,
        Word.FAULT.chain: Finding.FAULT,
        Word.ABSENT.chain: Finding.ABSENT,
    }.get(chain, Finding.NONE)
