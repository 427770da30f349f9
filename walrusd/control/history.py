"""Why: what the daemon decided about something, and what the chain says happened to it.

The journal and the events are told in one order, each event with its transaction, and in the end
what all of it meant for us: every reward, missed reward and penalty.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from walrusd.chain.layouts import events as ev
from walrusd.chain.values.bcs import Layout
from walrusd.engine.tools import Tools
from walrusd.errors import BadRequest
from walrusd.market.event_text import describe_event
from walrusd.market.payouts import explain_payouts
from walrusd.state.chain_log import LoggedEvent
from walrusd.state.journal import SHORTEST_PREFIX
from walrusd.units import format_sui

SEAT = "seat"
_AMOUNTS = {"stake", "bond", "amount", "payout", "burned", "min_fee"}
_FACTS = {"segment", "seat", "position", "step", "code", "challenge", "pool_index", "index"}


@dataclass(frozen=True)
class Told:
    """An event of the log, read."""

    logged: LoggedEvent
    event: Layout

    @property
    def at_ms(self) -> int | None:
        """When it happened, if the event says so."""
        for name in ("at_ms", "opened_ms"):
            if (value := getattr(self.event, name, None)) is not None:
                return int(value)
        return None


class Explainer:
    """Answers ``why``."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    def explain(self, subject: str) -> dict[str, Any]:
        """Return ``{subject, entries, outcome}``, entries oldest first.

        ``subject`` is an id or the beginning of one (task, submission, dataset, request, address),
        ``seat`` for our own seat in the verifier pool, or ``seat:N`` for another.

        Raises:
            BadRequest: if it names no seat.
        """
        told = self._read_seat(subject) if self._is_seat(subject) else self._read_about(subject)
        entries = [self._show_event(*pair) for pair in _with_times(told)]
        # What we decided about our seat stands under our address: there may be no seat yet.
        about = self._tools.address if subject == SEAT else subject
        entries += [
            {**entry.to_json(), "transaction": None} for entry in self._tools.journal.why(about)
        ]
        entries.sort(key=lambda entry: entry["at_ms"])
        return {"subject": subject, "entries": entries, "outcome": self._conclude(told)}

    # --- what there is to tell ------------------------------------------------------------------

    @staticmethod
    def _is_seat(subject: str) -> bool:
        return subject == SEAT or subject.startswith(f"{SEAT}:")

    def _read_about(self, subject: str) -> list[Told]:
        if len(subject) < SHORTEST_PREFIX:
            return []
        log = self._tools.chain_log
        told = [_read(logged) for logged in log.about(subject, others=("SeatPenalized",))]
        if any(isinstance(t.event, ev.TaskOpened) for t in told):
            tasks = {t.event.task for t in told if isinstance(t.event, ev.TaskOpened)}
            told += [
                _read(logged)
                for name in ("SubmissionJoined", "SubmissionEnded")
                for task in sorted(tasks)
                for logged in log.events_of_task(name, task)
            ]
        return sorted(told, key=_place)

    def _read_seat(self, subject: str) -> list[Told]:
        """Return what names a seat of the pool, and what else its transactions did."""
        log, number = self._tools.chain_log, self._read_number(subject)
        if number is None or number >= 1 << 64:
            return []
        sieve = number.to_bytes(8, "little")
        told = [
            t
            for name in ev.EVENTS
            if name in _NAMING_SEATS
            for t in map(_read, log.events_holding(name, sieve))
            if number in _seats_of(t.event)
        ]
        return sorted(told, key=_place)

    def _read_number(self, subject: str) -> int | None:
        _, _, text = subject.partition(":")
        if text:
            if not text.isdecimal():
                raise BadRequest(f"{subject} names no seat", hint="seat, or seat: and its number")
            return int(text)
        ours = self._tools.chain_log.events_by("SeatRegistered", self._tools.address)
        return ev.SeatRegistered.from_bcs(ours[-1].body).index if ours else None

    # --- how it is told -------------------------------------------------------------------------

    def _show_event(self, told: Told, at_ms: int) -> dict[str, Any]:
        event, values = told.event, vars(told.event)
        fields: dict[str, Any] = {f"{k}_mist": values[k] for k in _AMOUNTS if k in values}
        for name in sorted(_FACTS & set(values)):
            value = values[name]
            fields[name] = value.hex() if isinstance(value, bytes) else value
        sentence = (
            self._tell_penalty(told)
            if isinstance(event, ev.SeatPenalized)
            else describe_event(event, self._tools.address)
        )
        return {
            "id": None,
            "at_ms": at_ms,
            "subject": told.logged.subject,
            "kind": "chain",
            "decision": type(event).__name__,
            "reason": sentence,
            "fields": fields,
            "transaction": told.logged.digest,
        }

    def _tell_penalty(self, told: Told) -> str:
        """Say what a seat was penalised for: its transaction tells, by what came before it."""
        assert isinstance(told.event, ev.SeatPenalized)
        together = [_read(e) for e in self._tools.chain_log.in_transactions([told.logged.digest])]
        ours = told.event.verifier == self._tools.address
        who = "Our seat" if ours else f"The seat of {told.event.verifier}"
        amount = format_sui(told.event.amount)
        resolved = [t for t in together if isinstance(t.event, ev.ChallengeResolved)]
        if resolved and _place(told) > _place(resolved[0]):
            return f"{who} lost {amount}: it had attested the segment that a jury found forged."
        if resolved:
            return f"{who} lost {amount}: as a juror it did not reveal a value."
        return f"{who} lost {amount}: it did not attest all of its segments in time."

    def _conclude(self, told: Sequence[Told]) -> list[str]:
        """Return what each submission among the events meant for us."""
        names = dict.fromkeys(getattr(t.event, "submission", None) for t in told)
        submissions = [name for name in names if name is not None]
        found: list[str] = []
        for name in submissions:
            prefix = f"Submission {name}: " if len(submissions) > 1 else ""
            sentences = explain_payouts(self._tools.chain_log, name, self._tools.address)
            found += [prefix + sentence for sentence in sentences]
        return found


_NAMING_SEATS = frozenset(
    {"SeatRegistered", "SeatExited", "SeatWithdrawn", "SeatPenalized"}
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


def _read(logged: LoggedEvent) -> Told:
    return Told(logged, ev.EVENTS[logged.name].from_bcs(logged.body))


def _place(told: Told) -> tuple[int, int, int]:
    return told.logged.checkpoint, told.logged.transaction, told.logged.position


def _with_times(told: Sequence[Told]) -> list[tuple[Told, int]]:
    """Return when each event happened; one that does not say takes it from its neighbours.

    First from its own transaction, then from the one before it in the ledger.
    """
    stated = {t.logged.digest: t.at_ms for t in told if t.at_ms is not None}
    found: list[tuple[Told, int]] = []
    latest = next(iter(stated.values()), 0)
    for one in told:
        at_ms = one.at_ms
        latest = stated.get(one.logged.digest, latest) if at_ms is None else at_ms
        found.append((one, latest))
    return found
