"""Why: what the daemon decided about something, and what the chain says happened to it.

Decisions of the journal and events of the chain are listed in one order, each event with its
transaction; then what they earned or cost us: every reward, missed reward and penalty.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from walrusd.chain.layouts import events as ev
from walrusd.chain.values.bcs import Layout
from walrusd.core.lifecycle import CaseOutcome
from walrusd.engine.tools import Tools
from walrusd.errors import BadRequest
from walrusd.market.event_text import describe_event
from walrusd.market.payouts import explain_payouts
from walrusd.state.chain_log import LoggedEvent
from walrusd.state.journal import SHORTEST_PREFIX
from walrusd.units import format_sui

SEAT = "seat"
_AMOUNTS = {"stake", "bond", "amount", "payout", "burned", "min_fee"}
_FACTS = {"segment", "place", "position", "step", "code", "challenge", "pool_index", "index"}


@dataclass(frozen=True)
class DecodedEvent:
    """An event of the log with its decoded body."""

    logged: LoggedEvent
    body: Layout

    @property
    def at_ms(self) -> int | None:
        """When it happened, in milliseconds since the Unix epoch, if the event says so."""
        for name in ("at_ms", "opened_ms"):
            if (value := getattr(self.body, name, None)) is not None:
                return int(value)
        return None

    @property
    def place(self) -> tuple[int, int, int]:
        """Its place in the order of the ledger."""
        return self.logged.checkpoint, self.logged.transaction, self.logged.position


class History:
    """Answers ``why`` from the journal and the log of events."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    def explain(self, subject: str) -> dict[str, Any]:
        """Return ``{subject, entries, outcome}``, entries oldest first.

        ``subject`` is an id or the beginning of one (task, submission, dataset, request, address),
        ``seat`` for our own seat in the verifier pool, or ``seat:N`` for another.

        Raises:
            BadRequest: if it names no seat.
        """
        is_seat = subject == SEAT or subject.startswith(f"{SEAT}:")
        events = self._find_of_seat(subject) if is_seat else self._find_about(subject)
        entries = [self._show(event, at_ms) for event, at_ms in _date(events)]
        # Decisions about our seat are recorded under our address: there may be no seat yet.
        about = self._tools.address if subject == SEAT else subject
        entries += [
            {**entry.to_json(), "transaction": None} for entry in self._tools.journal.why(about)
        ]
        entries.sort(key=lambda entry: entry["at_ms"])
        return {"subject": subject, "entries": entries, "outcome": self._conclude(events)}

    # --- finding the events ---------------------------------------------------------------------

    def _find_about(self, subject: str) -> list[DecodedEvent]:
        if len(subject) < SHORTEST_PREFIX:
            return []
        log = self._tools.chain_log
        events = [_decode(logged) for logged in log.about(subject, others=("SeatPenalized",))]
        tasks = {event.body.task for event in events if isinstance(event.body, ev.TaskOpened)}
        events += [
            _decode(logged)
            for name in ("SubmissionJoined", "SubmissionEnded")
            for task in sorted(tasks)
            for logged in log.events_of_task(name, task)
        ]
        return sorted(events, key=lambda event: event.place)

    def _find_of_seat(self, subject: str) -> list[DecodedEvent]:
        """Return the events that name a seat of the pool."""
        log, number = self._tools.chain_log, self._read_number(subject)
        if number is None or number >= 1 << 64:
            return []
        encoded = number.to_bytes(8, "little")
        events = [
            event
            for name in ev.EVENTS
            if name in _NAMING_SEATS
            for event in map(_decode, log.events_holding(name, encoded))
            if number in _seats_of(event.body)
        ]
        return sorted(events, key=lambda event: event.place)

    def _read_number(self, subject: str) -> int | None:
        """Return the number of the seat that is asked for; None if it is ours and we have none."""
        _, _, text = subject.partition(":")
        if text:
            # ``int`` refuses thousands of digits, and reads digits of every script.
            if not (text.isascii() and text.isdecimal() and len(text) <= 20):
                raise BadRequest(f"{subject} names no seat", hint="seat, or seat: and its number")
            return int(text)
        ours = self._tools.chain_log.events_by("SeatRegistered", self._tools.address)
        return ev.SeatRegistered.from_bcs(ours[-1].body).index if ours else None

    # --- showing them ---------------------------------------------------------------------------

    def _show(self, event: DecodedEvent, at_ms: int) -> dict[str, Any]:
        values = vars(event.body)
        fields: dict[str, Any] = {f"{k}_mist": values[k] for k in _AMOUNTS if k in values}
        for name in sorted(_FACTS & set(values)):
            value = values[name]
            fields[name] = value.hex() if isinstance(value, bytes) else value
        sentence = (
            self._explain_penalty(event, event.body)
            if isinstance(event.body, ev.SeatPenalized)
            else describe_event(event.body, self._tools.address)
        )
        return {
            "id": None,
            "at_ms": at_ms,
            "subject": event.logged.subject,
            "kind": "chain",
            "decision": type(event.body).__name__,
            "reason": sentence,
            "fields": fields,
            "transaction": event.logged.digest,
        }

    def _explain_penalty(self, event: DecodedEvent, penalty: ev.SeatPenalized) -> str:
        """Return what a seat was penalised for: the other events of its transaction show it."""
        together = [
            _decode(e) for e in self._tools.chain_log.in_transactions([event.logged.digest])
        ]
        ours = penalty.verifier == self._tools.address
        who = "Our seat" if ours else f"The seat of {penalty.verifier}"
        amount = format_sui(penalty.amount)
        verdicts = [(e.place, e.body) for e in together if isinstance(e.body, ev.CaseResolved)]
        for place, verdict in verdicts:
            if event.place > place:
                return f"{who} lost {amount}: {_AFTER_VERDICT[CaseOutcome(verdict.outcome)]}."
        if verdicts:
            return f"{who} lost {amount}: as a juror it did not reveal a value."
        if any(isinstance(e.body, ev.OpeningReopened | ev.CaseDropped) for e in together):
            return f"{who} lost {amount}: it held the opening's key and did not pass it on."
        return f"{who} lost {amount}: it did not attest all of its segments in time."

    def _conclude(self, events: Sequence[DecodedEvent]) -> list[str]:
        """Return what each submission among the events earned or cost us."""
        names = dict.fromkeys(getattr(event.body, "submission", None) for event in events)
        submissions = [name for name in names if name is not None]
        found: list[str] = []
        for name in submissions:
            prefix = f"Submission {name}: " if len(submissions) > 1 else ""
            sentences = explain_payouts(self._tools.chain_log, name, self._tools.address)
            found += [prefix + sentence for sentence in sentences]
        return found


_AFTER_VERDICT = {
    CaseOutcome.CONFIRMED: "it had attested the segment that a jury found forged",
    CaseOutcome.REFUTED: "the jury refuted its accusation or report",
    CaseOutcome.REDRAWN: "it did not take part in the jury",
    CaseOutcome.DISMISSED: "it did not take part in the jury",
    CaseOutcome.ABSENT: "it did not take part in the jury",
}
"""What a penalty after the verdict is for, beside the silence of jurors that comes before it."""

_NAMING_SEATS = frozenset(
    {"SeatRegistered", "SeatExited", "SeatWithdrawn", "SeatPenalized"}
    | {"SeatDeclared", "SeatRenewed", "SeatToppedUp"}
    | {"CommitteeSeated", "JurySeated", "SeatReplaced"}
)


def _seats_of(event: Layout) -> list[int]:
    """Return the pool's seats that an event names."""
    match event:
        case ev.CommitteeSeated() | ev.JurySeated():
            return list(event.pool_indices)
        case ev.SeatReplaced():
            return [event.pool_index]
        case _:
            return [int(vars(event)["index"])]


def _decode(logged: LoggedEvent) -> DecodedEvent:
    return DecodedEvent(logged, ev.EVENTS[logged.name].from_bcs(logged.body))


def _date(events: Sequence[DecodedEvent]) -> list[tuple[DecodedEvent, int]]:
    """Return when each event happened; one without a time takes it from its neighbours.

    First from its own transaction, then from the one before it in the ledger.
    """
    stated = {event.logged.digest: event.at_ms for event in events if event.at_ms is not None}
    dated: list[tuple[DecodedEvent, int]] = []
    latest = next(iter(stated.values()), 0)
    for event in events:
        at_ms = event.at_ms
        latest = stated.get(event.logged.digest, latest) if at_ms is None else at_ms
        dated.append((event, latest))
    return dated
