"""One sentence for people about each event of the contract."""

from collections.abc import Callable
from typing import Any

from walrusd.chain.layouts import events as ev
from walrusd.chain.values.bcs import Layout
from walrusd.core.faults import Charge, is_audit
from walrusd.core.lifecycle import (
    ChallengeKind,
    ChallengeOutcome,
    EndReason,
    KeyScope,
    SubmissionState,
)
from walrusd.core.protocol import VERDICT_FAULT, VERDICT_SOUND
from walrusd.training.run.aborts import SENTENCES, AbortCode
from walrusd.units import format_sui

REASONS = {
    EndReason.ATTESTED: "every dealt segment was attested, and no audit found anything",
    EndReason.NO_COMMIT: "nothing was committed before the committee was drawn",
    EndReason.NEVER_OPENED: "it was not opened within the grace, or the opening could not be read",
    EndReason.CHALLENGE_CONFIRMED: "a jury confirmed a challenge",
    EndReason.NOT_FULLY_ATTESTED: "not every seat attested in time, substitutes included",
    EndReason.NO_MAJORITY: "two juries reached no majority",
    EndReason.TOO_FEW_SEATS: "the pool has too few eligible seats for the committee",
    EndReason.TOO_FEW_JURORS: "the pool has too few eligible seats for a jury",
    EndReason.NOBODY_JOINED: "no one joined",
    EndReason.PLAN_ABORTED: "the committee confirmed that the plan cannot be carried out",
    EndReason.AUDIT_CONFIRMED: "a jury found a forged segment in an audit",
}
VERDICTS = {
    ChallengeOutcome.CONFIRMED: "The jury found a fault.",
    ChallengeOutcome.REFUTED: "The jury found nothing wrong.",
    ChallengeOutcome.REDRAWN: "The jury had no majority; a second one is drawn.",
    ChallengeOutcome.UNDECIDED: "The second jury had no majority either.",
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


def _tell_challenge(e: Any, n: Names) -> str:
    if is_audit(e.accuser):
        return f"The audit sampled segment {e.index}: a jury replays it."
    charge = Charge(ChallengeKind(e.kind), e.index)
    return f"{n.begin(e.accuser)} challenged it with {charge} and a bond of {format_sui(e.bond)}."


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
    ev.CommitteeDrawn: lambda _e, _n: "The committees are drawn; uncommitted submissions lapse.",
    ev.TaskSettled: lambda e, _n: f"Every submission has ended; {e.accepted} are accepted.",
    ev.TaskVoided: lambda e, _n: f"It ended without work: {REASONS[EndReason(e.reason)]}.",
    ev.AggregateRecorded: lambda _e, _n: "The publisher recorded the aggregate.",
    ev.FundsReclaimed: lambda e, _n: f"The publisher reclaimed the unspent {format_sui(e.amount)}.",
    ev.SubmissionJoined: lambda e, n: f"{n.begin(e.contributor)} staked {format_sui(e.stake)}.",
    ev.SubmissionCommitted: lambda _e, _n: "The contributor committed its work.",
    ev.AbortCommitted: _tell_abort,
    ev.CommitteeSeated: lambda e, n: (
        f"The beacon gave it a committee of {len(e.verifiers)}.{n.seats(e.verifiers)}"
    ),
    ev.SubmissionOpened: lambda _e, _n: "The contributor opened it to its committee.",
    ev.OpeningReported: lambda e, n: (
        f"Seat {e.seat} ({n.who(e.verifier)}) cannot use the opening; it must be made again."
    ),
    ev.SeatReplaced: lambda e, n: f"Seat {e.seat} was silent; {n.who(e.verifier)} took its place.",
    ev.SegmentAttested: lambda e, n: (
        f"Seat {e.seat} ({n.who(e.verifier)}) attested segment {e.segment}."
    ),
    ev.SubmissionAttested: lambda _e, _n: "Every dealt segment is attested.",
    ev.AuditDrawn: lambda _e, _n: "The audit sample is drawn; it may send a segment to a jury.",
    ev.ChallengeOpened: _tell_challenge,
    ev.JuryDrawn: lambda _e, _n: "The beacon of the jury is drawn.",
    ev.JurySeated: lambda e, n: f"The beacon gave it a jury of {len(e.jurors)}.{n.seats(e.jurors)}",
    ev.JurorCommitted: lambda e, n: f"{n.begin(e.juror)} committed to a value.",
    ev.JurorRevealed: lambda e, n: f"{n.begin(e.juror)} revealed {describe_value(e)}.",
    ev.ChallengeResolved: lambda e, _n: VERDICTS[ChallengeOutcome(e.outcome)],
    ev.KeyResealed: lambda e, n: (
        f"{n.begin(e.sender)} encrypted the opening's key to {n.who(e.recipient)}."
    ),
    ev.SubmissionEnded: _tell_end,
    ev.CreditClaimed: lambda e, n: f"{n.begin(e.owner)} claimed {format_sui(e.amount)}.",
    ev.SeatRegistered: lambda e, n: (
        f"{n.begin(e.verifier)} staked {format_sui(e.stake)} on the seat."
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


def describe_value(event: ev.JurorRevealed) -> str:
    """Return what a revealed value means, without knowing the claim."""
    if event.state_root == bytes(32) and event.chain == VERDICT_FAULT:
        return "that there is a fault, or that the opening was withheld"
    if event.state_root == bytes(32) and event.chain == VERDICT_SOUND:
        return "that nothing is wrong"
    return f"the value {event.chain.hex()[:8]}…/{event.state_root.hex()[:8]}…"
