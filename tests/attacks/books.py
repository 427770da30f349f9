"""Who paid and got what over one submission, by the events of every transaction."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.demo.audit import AuditedTransaction
from walrusd.chain.layouts import events as ev
from walrusd.chain.values.bcs import Layout
from walrusd.core.lifecycle import EndReason, SubmissionState

_TIPPED = (ev.CommitteeSeated, ev.AuditDrawn)
"""Each transaction with one of these turned a crank that has a tip."""
_JUDGED = (ev.CaseResolved, ev.CaseDropped)
"""The end of a case has none, whatever follows from it."""


@dataclass
class Flows:
    """What moved over one submission, by address, in Mist. ``net`` is without tips and gas."""

    ended: ev.SubmissionEnded | None = None
    net: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    penalties: dict[str, int] = field(default_factory=lambda: defaultdict(int))


def compute_flows(transactions: Sequence[AuditedTransaction], tip: int) -> dict[str, Flows]:
    """Return what moved over every submission.

    A penalty names no submission, but its transaction has another event that does.
    """
    flows: dict[str, Flows] = defaultdict(Flows)
    drawn: set[str] = set()
    for transaction in transactions:
        events = transaction.events
        named = [str(event.submission) for event in events if hasattr(event, "submission")]
        for event in events:
            match event:
                case ev.SubmissionJoined():
                    flows[event.submission].net[event.contributor] -= event.stake
                case ev.CaseOpened() if event.bond:
                    flows[event.submission].net[event.accuser] -= event.bond
                case ev.SeatPenalized():
                    flows[named[0]].net[event.verifier] -= event.amount
                    flows[named[0]].penalties[event.verifier] += event.amount
                case ev.SubmissionEnded():
                    flows[event.submission].ended = event
                case ev.CreditClaimed():
                    flows[event.object].net[event.owner] += event.amount
                case _:
                    pass
        if named and _is_tipped(events, is_first_lot=named[0] not in drawn):
            flows[named[0]].net[transaction.sender] -= tip
        drawn.update(event.submission for event in events if isinstance(event, ev.LotDrawn))
    return flows


def _is_tipped(events: Sequence[Layout], *, is_first_lot: bool) -> bool:
    """Return whether a transaction earned a tip, which pays for a crank and is no reward."""
    if any(isinstance(event, _TIPPED) for event in events):
        return True
    if any(isinstance(event, ev.LotDrawn) for event in events):
        return is_first_lot
    if any(isinstance(event, _JUDGED) for event in events):
        return False
    ended = [event for event in events if isinstance(event, ev.SubmissionEnded)]
    if not ended:
        return any(isinstance(event, ev.SeatReplaced) for event in events)
    if ended[0].state == SubmissionState.ACCEPTED:
        return False
    # Asking for an opening again has no tip either: it fines whoever kept the key.
    is_fined = any(isinstance(event, ev.SeatPenalized) for event in events)
    return not (is_fined and ended[0].reason == EndReason.NEVER_OPENED)
