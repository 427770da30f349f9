"""Who paid and got what over one submission, by the events of every transaction."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.demo.audit import AuditedTransaction
from walrusd.chain.layouts import events as ev
from walrusd.core.lifecycle import EndReason

_TIPPED = (ev.CommitteeSeated, ev.AuditDrawn, ev.SeatReplaced)
"""Each transaction with one of these turned a crank that has a tip."""


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
    for transaction in transactions:
        events = transaction.events
        named = [str(event.submission) for event in events if hasattr(event, "submission")]
        for event in events:
            match event:
                case ev.SubmissionJoined():
                    flows[event.submission].net[event.contributor] -= event.stake
                case ev.ChallengeOpened() if event.bond:
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
        if named and _is_tipped(events):
            flows[named[0]].net[transaction.sender] -= tip
    return flows


def _is_tipped(events: Sequence[object]) -> bool:
    """Return whether a transaction earned a tip, which pays for a crank and is no reward."""
    if any(isinstance(event, _TIPPED) for event in events):
        return True
    # A jury's cranks have none: its verdict, and the draw that found too few jurors.
    ended = [event for event in events if isinstance(event, ev.SubmissionEnded)]
    judged = any(isinstance(event, ev.ChallengeResolved) for event in events)
    return bool(ended) and not judged and ended[0].reason != EndReason.TOO_FEW_JURORS
