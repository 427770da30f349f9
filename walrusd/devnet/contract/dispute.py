"""Module ``dispute``: opening a case before a jury, and evaluating the revealed values."""

from typing import NamedTuple

from walrusd.chain.layouts.events import ChallengeOpened
from walrusd.chain.layouts.objects import Dispute, Juror, Submission
from walrusd.core.lifecycle import ChallengeKind, DisputePhase, SubmissionState
from walrusd.core.protocol import VERDICT_FAULT, compute_challenge_id
from walrusd.devnet.contract.constants import DIGEST, NOBODY
from walrusd.devnet.contract.holdings import enter_state
from walrusd.devnet.move.context import MoveContext
from walrusd.units import address_bytes


class Revealed(NamedTuple):
    """The result of replaying a segment: the work chain and the state root, 32 bytes each.

    Juries about anything else answer ``FAULT`` or another value, and so does an audit jury from
    which the opening is withheld.
    """

    chain: bytes
    state_root: bytes


FAULT = Revealed(VERDICT_FAULT, bytes(DIGEST))
"""What a majority must reveal to confirm a claim not about a segment, or a withheld audit."""


def open_dispute(
    ctx: MoveContext,
    submission: Submission,
    kind: ChallengeKind,
    index: int,
    place: int,
    accuser: str,
    commitment: bytes,
    leaf: bytes,
    now: int,
) -> None:
    """Bring a case before a jury; ``submission.bond`` holds the accuser's bond."""
    challenge_id = compute_challenge_id(address_bytes(submission.id), kind, index, 0)
    submission.dispute = Dispute(
        kind=kind,
        index=index,
        place=place,
        round=0,
        challenge=challenge_id,
        phase=DisputePhase.WAITING,
        phase_ms=now,
        resume_state=submission.state,
        accuser=accuser,
        accuser_commitment=commitment,
        accuser_chain=b"",
        accuser_state_root=b"",
        leaf=leaf,
        beacon=b"",
        pool_len=0,
        drawn_ms=0,
        jurors=[],
    )
    enter_state(submission, SubmissionState.DISPUTED, now)
    ctx.emit(
        ChallengeOpened(
            task=submission.task,
            submission=submission.id,
            accuser=accuser,
            kind=kind,
            index=index,
            challenge=challenge_id,
            bond=submission.bond,
            at_ms=now,
        )
    )


def is_audit(dispute: Dispute) -> bool:
    """Return whether the case is an audit and so has no accuser."""
    return dispute.accuser == NOBODY


def is_withheld(dispute: Dispute, value: Revealed) -> bool:
    """Return whether ``value`` means that the opening was withheld from the audit jury."""
    return is_audit(dispute) and value == FAULT


def compute_majority(dispute: Dispute) -> Revealed | None:
    """Return the value that more than half of all jurors revealed, if there is one."""
    for candidate in dispute.jurors:
        value = Revealed(candidate.chain, candidate.state_root)
        count = sum(1 for juror in dispute.jurors if holds_value(juror, value))
        if candidate.chain and 2 * count > len(dispute.jurors):
            return value
    return None


def holds_value(juror: Juror, value: Revealed) -> bool:
    """Return whether a juror revealed ``value``."""
    return juror.chain == value.chain and juror.state_root == value.state_root


def accuser_holds_value(dispute: Dispute, value: Revealed) -> bool:
    """Return whether the accuser revealed ``value``."""
    return dispute.accuser_chain == value.chain and dispute.accuser_state_root == value.state_root


def have_all_revealed(dispute: Dispute) -> bool:
    """Return whether every juror and, unless it is an audit, the accuser have revealed."""
    is_accuser_done = is_audit(dispute) or dispute.accuser_chain != b""
    return is_accuser_done and all(juror.chain != b"" for juror in dispute.jurors)
