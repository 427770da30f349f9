"""One sentence for people about each event of the contract."""

from collections.abc import Callable
from typing import Any

from walrusd.chain.layouts import events as ev
from walrusd.chain.values.bcs import Layout
from walrusd.core.faults import Charge, is_audit
from walrusd.core.lifecycle import (
    CaseKind,
    CaseOutcome,
    EndReason,
    KeyScope,
    SubmissionState,
)
from walrusd.training.run.aborts import SENTENCES, AbortCode
from walrusd.units import format_sui

REASONS = {
    EndReason.ATTESTED: "every dealt segment was attested, and no audit found anything",
    EndReason.NO_COMMIT: "nothing was committed before training was closed",
    EndReason.NEVER_OPENED: "it was not opened to all in time, or its blobs are gone",
    EndReason.CHALLENGE_CONFIRMED: "a jury confirmed an accusation",
    EndReason.NOT_FULLY_ATTESTED: "not every seat attested in time, substitutes included",
    EndReason.NO_MAJORITY: "the juries of two audits reached no majority",
    EndReason.TOO_FEW_SEATS: "no seat was left for a place of the committee",
    EndReason.NOBODY_JOINED: "no one joined",
    EndReason.PLAN_ABORTED: "the committee confirmed that the plan cannot be carried out",
    EndReason.AUDIT_CONFIRMED: "a jury found a forged segment in an audit",
    EndReason.CANCELLED: "its publisher cancelled it",
    EndReason.POOL_BUSY: "the pool's seats had promised too much of their time already",
    EndReason.TASK_VOID: "its task ended before anybody trained",
    EndReason.UPDATE_WITHHELD: "nobody delivered the key of the update to the publisher",
    EndReason.STALLED: "the task's time was up",
}
VERDICTS = {
    CaseOutcome.CONFIRMED: "The jury found a fault.",
    CaseOutcome.REFUTED: "The jury found nothing wrong.",
    CaseOutcome.REDRAWN: "The jury had no majority; a second one is drawn.",
    CaseOutcome.DISMISSED: "The second jury had no majority either: the case is dismissed.",
    CaseOutcome.ABSENT: "The jury found the opening absent: it must be made again.",
}


class Names:
    """Writes addresses, ours as "we"."""

    def __init__(self, me: str) -> None:
        self._me = me

    def who(self, address: str) -> str:
        """Return an address within a sentence."""
        return "we" if address == self._me else address

    def begin(self, address: str) -> str:
        """Return an address that begins a sentence."""
        return "We" if address == self._me else address

    def seats(self, holders: list[str]) -> str:
        """Return a remark if we hold one of some seats."""
        return " We have a seat." if self._me in holders else ""


def _tell_case(e: Any, n: Names) -> str:
    charge = Charge(CaseKind(e.kind), e.index)
    if charge.kind is CaseKind.ABSENCE:
        return "Most of the committee says again that the opening is absent: a jury looks for it."
    if is_audit(e.accuser):
        return f"The audit sampled segment {e.index}: a jury replays it."
    bond = f" on a bond of {format_sui(e.bond)}" if e.bond else ""
    return f"{n.begin(e.accuser)} accused it of {charge}{bond}."


def _tell_delivery(e: Any, n: Names) -> str:
    who = f"juror {e.place}" if e.challenge else f"seat {e.place}"
    return f"{n.begin(e.sender)} delivered the opening's key to {who} ({n.who(e.recipient)})."


def _tell_failed_lot(e: Any, _names: Names) -> str:
    what = "the jury" if e.challenge else "the committee"
    return f"The lot filled too few places of {what}; another is drawn."


def _tell_end(e: Any, _names: Names) -> str:
    state = SubmissionState(e.state).name.lower()
    return (
        f"It ended as {state}: {REASONS[EndReason(e.reason)]}. Its contributor is credited "
        f"{format_sui(e.payout)}; {format_sui(e.burned)} were burned."
    )


def _tell_abort(e: Any, _names: Names) -> str:
    known = e.code in set(AbortCode)
    why = SENTENCES[AbortCode(e.code)] if known else f"unknown code {e.code}"
    return f"The contributor claims that the plan cannot be carried out at step {e.step}: {why}."


def _tell_denied(e: Any, _names: Names) -> str:
    return f"The owner refused the key: {e.reason.decode('utf-8', 'replace') or 'no reason given'}."


def _tell_request(e: Any, n: Names) -> str:
    scope = KeyScope(e.scope).name.lower().replace("_", " ")
    return f"{n.begin(e.requester)} asked {n.who(e.owner)} for the key, to {scope}."


_SENTENCES: dict[type[Layout], Callable[[Any, Names], str]] = {
    ev.TaskOpened: lambda e, n: f"{n.begin(e.publisher)} opened the task.",
    ev.JoiningClosed: lambda e, _n: f"Joining closed with {e.joined} submissions; seeds are fixed.",
    ev.TrainingClosed: lambda e, _n: f"Training closed with {e.committed} commitments.",
    ev.TaskSettled: lambda e, _n: f"Every submission has ended; {e.accepted} are accepted.",
    ev.TaskVoided: lambda e, _n: f"It ended without work: {REASONS[EndReason(e.reason)]}.",
    ev.AggregateRecorded: lambda _e, _n: "The publisher recorded the aggregate.",
    ev.FundsReclaimed: lambda e, _n: f"The publisher reclaimed the unspent {format_sui(e.amount)}.",
    ev.SubmissionJoined: lambda e, n: f"{n.begin(e.contributor)} staked {format_sui(e.stake)}.",
    ev.SubmissionCommitted: lambda _e, _n: "The contributor committed its work.",
    ev.AbortCommitted: _tell_abort,
    ev.LotDrawn: lambda e, _n: (
        f"The beacon that draws its committee from {e.eligible} eligible seats is fixed."
    ),
    ev.LotFailed: _tell_failed_lot,
    ev.CommitteeSeated: lambda e, n: (
        f"The beacon gave it {len(e.verifiers)} seats, substitutes included.{n.seats(e.verifiers)}"
    ),
    ev.SubmissionOpened: lambda e, _n: f"The contributor opened it, attempt {e.attempt}.",
    ev.KeyDelivered: _tell_delivery,
    ev.SubmissionReadable: lambda _e, _n: "Every seat of the committee can read the opening.",
    ev.OpeningReported: lambda e, n: (
        f"Seat {e.place} ({n.who(e.verifier)}) says that the opening is absent."
    ),
    ev.OpeningReopened: lambda e, _n: f"It must be opened again: attempt {e.attempt}.",
    ev.SeatReplaced: lambda e, n: f"{n.begin(e.verifier)} took over seat {e.place}.",
    ev.SegmentAttested: lambda e, n: (
        f"Seat {e.place} ({n.who(e.verifier)}) attested segment {e.segment}."
    ),
    ev.SubmissionAttested: lambda _e, _n: "Every dealt segment is attested.",
    ev.AuditDrawn: lambda _e, _n: "The audit sample is drawn; it may send a segment to a jury.",
    ev.CaseOpened: _tell_case,
    ev.JuryDrawn: lambda e, _n: (
        f"The beacon that draws the jury from {e.eligible} eligible seats is fixed."
    ),
    ev.JurySeated: lambda e, n: (
        f"The beacon gave it {len(e.jurors)} jurors, alternates included.{n.seats(e.jurors)}"
    ),
    ev.JuryReadable: lambda _e, _n: "Every juror can read the opening.",
    ev.JurorCommitted: lambda e, n: f"{n.begin(e.juror)} committed to a value.",
    ev.JurorRevealed: lambda e, n: f"{n.begin(e.juror)} revealed the value {e.value.hex()[:8]}….",
    ev.CaseResolved: lambda e, _n: VERDICTS[CaseOutcome(e.outcome)],
    ev.CaseDropped: lambda _e, _n: "The case ended without a verdict.",
    ev.UpdateDelivered: lambda _e, _n: "The publisher can read the update.",
    ev.SubmissionEnded: _tell_end,
    ev.CreditClaimed: lambda e, n: f"{n.begin(e.owner)} claimed {format_sui(e.amount)}.",
    ev.PoolCreated: lambda e, _n: (
        f"The pool was created: a seat stakes {format_sui(e.params.stake)} for "
        f"{e.params.duties} duties at once."
    ),
    ev.SeatRegistered: lambda e, n: f"{n.begin(e.verifier)} took the seat for the pool's stake.",
    ev.SeatDeclared: lambda e, _n: (
        f"The seat now asks for at least {format_sui(e.min_fee)} and does {e.rate} units a second."
    ),
    ev.SeatRenewed: lambda e, n: f"{n.begin(e.verifier)} renewed the seat.",
    ev.SeatToppedUp: lambda e, n: (
        f"{n.begin(e.verifier)} added {format_sui(e.amount)} to the seat's stake."
    ),
    ev.SeatExited: lambda _e, _n: "The seat is no longer drawn, and is unbonding.",
    ev.SeatWithdrawn: lambda e, _n: f"The seat's stake of {format_sui(e.amount)} was returned.",
    ev.SeatPenalized: lambda e, n: f"The seat of {n.who(e.verifier)} lost {format_sui(e.amount)}.",
    ev.KeyRequested: _tell_request,
    ev.KeyGranted: lambda e, n: f"The owner granted the key to {n.who(e.requester)}.",
    ev.KeyDenied: _tell_denied,
    ev.KeyExpired: lambda _e, _n: "The owner did not answer in time, and the request expired.",
    ev.DatasetListed: lambda e, n: f"{n.begin(e.owner)} listed the dataset.",
    ev.DatasetVersionAdded: lambda e, _n: f"Version {e.number} was added, of {e.rows} rows.",
    ev.MarketCreated: lambda _e, _n: "The market was created.",
}


def describe_event(event: Layout, me: str) -> str:
    """Return the sentence of an event; ``me`` is called "we"."""
    return _SENTENCES[type(event)](event, Names(me))
