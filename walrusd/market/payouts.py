"""What one submission earned or cost us: every reward, missed reward and penalty, with its reason.

All of it follows from the submission's events and its task's terms.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from walrusd.chain.layouts import events as ev
from walrusd.chain.layouts.objects import Terms
from walrusd.chain.values.bcs import Layout
from walrusd.core.faults import Charge, is_audit
from walrusd.core.lifecycle import CaseKind, CaseOutcome, EndReason, SubmissionState
from walrusd.market.event_text import REASONS
from walrusd.state.chain_log import ChainLog
from walrusd.units import format_sui

PENALTY_FEES = 10
"""The penalty of a silent seat or juror, in fees."""

PRIZE_FEES, PRIZE_SHARE = 5, 5
"""What a conviction pays the accuser: so many verifier fees, at most one part in so many of the
stake."""


@dataclass
class Jury:
    """One case, by the events of its last jury; ``bond`` in Mist.

    ``value`` is the majority's, empty if there is none.
    """

    charge: Charge
    accuser: str
    bond: int
    jurors: list[str] = field(default_factory=list)
    committed: set[str] = field(default_factory=set)
    values: dict[str, bytes] = field(default_factory=dict)
    outcome: CaseOutcome | None = None
    value: bytes = b""

    def must_reveal(self, size: int) -> list[str]:
        """Return who judges: the first ``size`` jurors that committed, in the list's order."""
        return [juror for juror in self.jurors if juror in self.committed][:size]


def explain_payouts(log: ChainLog, submission: str, me: str) -> list[str]:
    """Return what a submission earned or cost ``me``, by its events in the log."""
    about = [
        ev.EVENTS[logged.name].from_bcs(logged.body)
        for logged in log.about(submission, others=("SeatPenalized",))
    ]
    task = next((event.task for event in about if isinstance(event, ev.SubmissionJoined)), None)
    if task is None:
        return []
    opened = [ev.TaskOpened.from_bcs(logged.body) for logged in log.events("TaskOpened", task)]
    about += [ev.TaskVoided.from_bcs(logged.body) for logged in log.events("TaskVoided", task)]
    # The terms are those of the event.
    return describe_payouts(about, opened[0].terms, me) if opened else []


def describe_payouts(events: Sequence[Layout], terms: Terms, me: str) -> list[str]:
    """Return sentences about what ``me`` earned, missed and lost, ordered by role."""
    end = next((e for e in events if isinstance(e, ev.SubmissionEnded)), None)
    juries = _read_juries(events)
    found = [sentence for jury in juries for sentence in _tell_jury(jury, terms, me)]
    found += _tell_replaced(events, terms, me)
    if end is not None:
        if end.contributor == me:
            voided = next((e for e in events if isinstance(e, ev.TaskVoided)), None)
            found.append(
                _tell_contributor(end, terms, juries)
                if voided is None
                else _tell_void(end, terms, voided)
            )
        is_judged = end.reason in (EndReason.CHALLENGE_CONFIRMED, EndReason.AUDIT_CONFIRMED)
        found += _tell_seats(events, end, terms, me, is_judged=is_judged)
    return found


def _read_juries(events: Sequence[Layout]) -> list[Jury]:
    """Return each case with its last jury, which decides."""
    juries: list[Jury] = []
    for event in events:
        match event:
            case ev.CaseOpened():
                charge = Charge(CaseKind(event.kind), event.index)
                juries.append(Jury(charge, event.accuser, event.bond))
            case ev.JurySeated() if juries:
                juries[-1].jurors = list(event.jurors)
                juries[-1].committed, juries[-1].values = set(), {}
            case ev.JurorCommitted() if juries:
                juries[-1].committed.add(event.juror)
            case ev.JurorRevealed() if juries:
                juries[-1].values[event.juror] = event.value
            case ev.CaseResolved() if juries:
                juries[-1].outcome = CaseOutcome(event.outcome)
                juries[-1].value = event.value
    return juries


def _tell_jury(jury: Jury, terms: Terms, me: str) -> Iterator[str]:
    if jury.outcome is None:
        return
    case = f"the audit of segment {jury.charge.index}" if is_audit(jury.accuser) else jury.charge
    if me in jury.jurors:
        fee = format_sui(terms.juror_fee)
        lost = format_sui(PENALTY_FEES * terms.juror_fee)
        if me not in jury.committed:
            yield f"As a juror of {case} we did not commit: our seat lost up to {lost}."
        elif me not in jury.values and me in jury.must_reveal(terms.jury):
            yield f"As a juror of {case} we did not reveal: our seat lost up to {lost}."
        elif not jury.value:
            yield f"As a juror of {case} we earned nothing: there was no majority."
        elif jury.values.get(me) == jury.value:
            yield f"As a juror of {case} we were in the majority and are credited {fee}."
        elif me in jury.values:
            yield f"As a juror of {case} we earned nothing: the majority found another value."
        else:
            yield f"As an alternate of {case} we were not needed, and earned nothing."
    if jury.accuser == me:
        yield _tell_accuser(jury, terms)


def _tell_accuser(jury: Jury, terms: Terms) -> str:
    bond = f", and the bond of {format_sui(jury.bond)}," if jury.bond else ""
    match jury.outcome:
        case CaseOutcome.CONFIRMED:
            prize = format_sui(min(PRIZE_FEES * terms.verifier_fee, terms.stake // PRIZE_SHARE))
            return f"Our accusation {jury.charge} was right: {prize}{bond} are credited."
        case CaseOutcome.REFUTED if jury.bond:
            bond = format_sui(jury.bond)
            return f"The jury refuted our accusation {jury.charge}: the bond of {bond} is lost."
        case CaseOutcome.REFUTED:
            silence = format_sui(PENALTY_FEES * terms.verifier_fee)
            return (
                f"The jury refuted our accusation {jury.charge}: our seat lost its cost and "
                f"{silence}."
            )
        case _:
            back = f" The bond of {format_sui(jury.bond)} is credited back." if jury.bond else ""
            return f"No jury decided our accusation {jury.charge}: it costs us nothing.{back}"


def _tell_contributor(end: ev.SubmissionEnded, terms: Terms, juries: Sequence[Jury]) -> str:
    reason = REASONS[EndReason(end.reason)]
    paid, burned = format_sui(end.payout), format_sui(end.burned)
    match SubmissionState(end.state):
        case SubmissionState.ACCEPTED:
            late = terms.stake + terms.reward - end.payout
            fee = f", less {format_sui(late)} for being late" if late > 0 else ""
            return f"Our work is accepted: stake and reward, {paid}{fee}."
        case SubmissionState.ABORTED:
            return f"The plan could not be carried out: the stake and a part of the reward, {paid}."
        case SubmissionState.REJECTED:
            confirmed = [j.charge for j in juries if j.outcome == CaseOutcome.CONFIRMED]
            what = f" ({confirmed[-1]})" if confirmed else ""
            return f"No reward, and the stake is lost: {reason}{what}. {burned} were burned."
        case SubmissionState.LAPSED:
            return f"No reward: {reason}. {burned} were burned as the penalty, {paid} came back."
        case _:
            return f"No reward: {reason}. {paid} of the stake came back."


def _tell_void(end: ev.SubmissionEnded, terms: Terms, voided: ev.TaskVoided) -> str:
    """Return what a task cost us for which nobody has trained."""
    reason, paid = REASONS[EndReason(voided.reason)], format_sui(end.payout)
    fee = end.payout - terms.stake
    extra = f", {format_sui(fee)} of it for our gas" if fee > 0 else ""
    return f"Nothing was to be done, as the task is void: {reason}. {paid} came back{extra}."


def _tell_replaced(events: Sequence[Layout], terms: Terms, me: str) -> Iterator[str]:
    penalised = 0
    for event in events:
        if isinstance(event, ev.SeatPenalized):
            penalised = event.amount if event.verifier == me else penalised
        elif not isinstance(event, ev.SeatReplaced):
            penalised = 0
        elif _committee(events, terms, until=event).get(event.place) == me != event.verifier:
            lost = f": it lost {format_sui(penalised)}" if penalised else ""
            yield f"Our seat {event.place} was given on to another verifier{lost}."


def _committee(
    events: Sequence[Layout], terms: Terms, until: Layout | None = None
) -> dict[int, str]:
    """Return the holder of each seat, at the end or just before an event."""
    seats: dict[int, str] = {}
    for event in events:
        if event is until:
            break
        if isinstance(event, ev.CommitteeSeated):
            # The substitutes come after the committee.
            seats = dict(enumerate(event.verifiers[: terms.committee]))
        elif isinstance(event, ev.SeatReplaced):
            seats[event.place] = event.verifier
    return seats


def _tell_seats(
    events: Sequence[Layout], end: ev.SubmissionEnded, terms: Terms, me: str, *, is_judged: bool
) -> Iterator[str]:
    """Yield what our committee seats earned and lost.

    ``is_judged``: a jury found a fault, so the stake pays every seat that is not guilty.
    """
    fee = format_sui(terms.verifier_fee)
    penalised = sum(
        e.amount for e in events if isinstance(e, ev.SeatPenalized) and e.verifier == me
    )
    for seat, verifier in _committee(events, terms).items():
        if verifier != me:
            continue
        attested = sum(
            isinstance(e, ev.SegmentAttested) and e.place == seat and e.verifier == me
            for e in events
        )
        whole = attested == terms.segments_per_seat
        match SubmissionState(end.state):
            case SubmissionState.ACCEPTED | SubmissionState.ABORTED:
                yield f"Our seat {seat} is credited its fee of {fee}."
            case SubmissionState.REJECTED if not is_judged and whole:
                yield f"Our seat {seat} attested all its segments and is credited its fee of {fee}."
            case SubmissionState.REJECTED if not is_judged:
                yield f"Our seat {seat} earned nothing: {REASONS[EndReason(end.reason)]}."
            case SubmissionState.REJECTED if (
                penalised and attested and end.reason != EndReason.NEVER_OPENED
            ):
                lost = format_sui(penalised)
                yield f"Our seat {seat} attested the forged segment: it lost {lost}."
            case SubmissionState.REJECTED:
                yield f"Our seat {seat} is credited its fee of {fee}, paid whatever the verdict."
            case SubmissionState.UNDECIDED if whole:
                yield f"Our seat {seat} attested all its segments and is credited its fee of {fee}."
            case SubmissionState.UNDECIDED:
                lost = f", and lost {format_sui(penalised)} for it" if penalised else ""
                yield f"Our seat {seat} earned nothing: it did not attest all its segments{lost}."
            case _:
                yield f"Our seat {seat} earned nothing: {REASONS[EndReason(end.reason)]}."
