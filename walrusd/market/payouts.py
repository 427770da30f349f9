"""What one submission earned or cost us: every reward, missed reward and penalty, with its reason.

All of it follows from the submission's events and its task's terms.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from walrusd.chain.layouts import events as ev
from walrusd.chain.layouts.objects import Terms
from walrusd.chain.values.bcs import Layout
from walrusd.core.faults import Charge, is_audit
from walrusd.core.lifecycle import ChallengeKind, ChallengeOutcome, EndReason, SubmissionState
from walrusd.market.event_text import REASONS
from walrusd.state.chain_log import ChainLog
from walrusd.units import format_sui

PENALTY_FEES = 10
"""The penalty of a silent seat or juror, in fees."""

Value = tuple[bytes, bytes]


@dataclass
class Jury:
    """One challenge or audit, by its events; ``bond`` in Mist."""

    charge: Charge
    accuser: str
    bond: int
    jurors: list[str] = field(default_factory=list)
    values: dict[str, Value] = field(default_factory=dict)
    outcome: ChallengeOutcome | None = None

    @property
    def majority(self) -> Value | None:
        """The value that more than half of the jurors revealed, if any."""
        counted = Counter(v for juror, v in self.values.items() if juror in self.jurors)
        for value, votes in counted.most_common(1):
            if 2 * votes > len(self.jurors):
                return value
        return None


def explain_payouts(log: ChainLog, submission: str, me: str) -> list[str]:
    """Return what a submission earned or cost ``me``, by its events in the log."""
    about = [
        ev.EVENTS[logged.name].from_bcs(logged.body)
        for logged in log.about(submission, others=("SeatPenalized",))
    ]
    terms = _find_terms(log, about)
    return [] if terms is None else describe_payouts(about, terms, me)


def _find_terms(log: ChainLog, about: Sequence[Layout]) -> Terms | None:
    """Return the terms of a submission's task, which the event of its opening holds."""
    for event in about:
        if isinstance(event, ev.SubmissionJoined):
            for logged in log.events("TaskOpened", event.task):
                return ev.TaskOpened.from_bcs(logged.body).terms
    return None


def describe_payouts(events: Sequence[Layout], terms: Terms, me: str) -> list[str]:
    """Return sentences about what ``me`` earned, missed and lost, ordered by role."""
    end = next((e for e in events if isinstance(e, ev.SubmissionEnded)), None)
    juries = _read_juries(events)
    found = [sentence for jury in juries for sentence in _tell_jury(jury, terms, me)]
    found += _tell_replaced(events, terms, me)
    if end is not None:
        if end.contributor == me:
            found.append(_tell_contributor(end, terms, juries))
        is_judged = any(jury.outcome == ChallengeOutcome.CONFIRMED for jury in juries)
        found += _tell_seats(events, end, terms, me, is_judged=is_judged)
    return found


def _read_juries(events: Sequence[Layout]) -> list[Jury]:
    """Return each challenge with its last jury, which decides."""
    juries: list[Jury] = []
    for event in events:
        match event:
            case ev.ChallengeOpened():
                charge = Charge(ChallengeKind(event.kind), event.index)
                juries.append(Jury(charge, event.accuser, event.bond))
            case ev.JurySeated() if juries:
                juries[-1].jurors = list(event.jurors)
                accuser = juries[-1].accuser
                juries[-1].values = {
                    who: value for who, value in juries[-1].values.items() if who == accuser
                }
            case ev.JurorRevealed() if juries:
                juries[-1].values[event.juror] = event.chain, event.state_root
            case ev.ChallengeResolved() if juries:
                juries[-1].outcome = ChallengeOutcome(event.outcome)
    return juries


def _tell_jury(jury: Jury, terms: Terms, me: str) -> Iterator[str]:
    if jury.outcome is None:
        return
    case = f"the audit of segment {jury.charge.index}" if is_audit(jury.accuser) else jury.charge
    majority = jury.majority
    if me in jury.jurors:
        fee = format_sui(terms.juror_fee)
        if me not in jury.values:
            lost = format_sui(PENALTY_FEES * terms.juror_fee)
            yield f"As a juror of {case} we did not reveal: our seat lost up to {lost}."
        elif majority is None:
            yield f"As a juror of {case} we earned nothing: there was no majority."
        elif jury.values[me] == majority:
            yield f"As a juror of {case} we were in the majority and are credited {fee}."
        else:
            yield f"As a juror of {case} we earned nothing: the majority found another value."
    if jury.accuser == me:
        yield _tell_accuser(jury, jury.values.get(me))


def _tell_accuser(jury: Jury, revealed: Value | None) -> str:
    bond = format_sui(jury.bond)
    if jury.outcome == ChallengeOutcome.CONFIRMED:
        if jury.charge.kind == ChallengeKind.UNAVAILABLE:
            return f"Our claim {jury.charge} was right: the bond of {bond} is credited back."
        if revealed == jury.majority:
            return (
                f"Our challenge {jury.charge} was right: a share of the stake and {bond} of bond."
            )
        return (
            f"Our challenge {jury.charge} was right, but we did not reveal the jury's value: only "
            f"the bond of {bond} is credited back."
        )
    if jury.outcome == ChallengeOutcome.REFUTED:
        if jury.charge.kind == ChallengeKind.UNAVAILABLE:
            return f"The jury could read the opening: the bond of {bond} is credited back."
        return f"The jury refuted our challenge {jury.charge}: the bond of {bond} is lost."
    return f"No jury decided our challenge {jury.charge}: the bond of {bond} is credited back."


def _tell_contributor(end: ev.SubmissionEnded, terms: Terms, juries: Sequence[Jury]) -> str:
    reason = REASONS[EndReason(end.reason)]
    paid, burned = format_sui(end.payout), format_sui(end.burned)
    match SubmissionState(end.state):
        case SubmissionState.ACCEPTED:
            late = terms.stake + terms.reward - end.payout
            fee = f", less {format_sui(late)} for opening late" if late > 0 else ""
            return f"Our work is accepted: stake and reward, {paid}{fee}."
        case SubmissionState.ABORTED:
            return f"The plan could not be carried out: the stake and a part of the reward, {paid}."
        case SubmissionState.REJECTED:
            confirmed = [j.charge for j in juries if j.outcome == ChallengeOutcome.CONFIRMED]
            what = f" ({confirmed[-1]})" if confirmed else ""
            return f"No reward, and the stake is lost: {reason}{what}. {burned} were burned."
        case SubmissionState.LAPSED:
            return f"No reward: {reason}. {burned} were burned as the penalty, {paid} came back."
        case _:
            return f"No reward: {reason}. {paid} of the stake came back."


def _tell_replaced(events: Sequence[Layout], terms: Terms, me: str) -> Iterator[str]:
    for event in events:
        if isinstance(event, ev.SeatReplaced):
            before = _committee(events, until=event)
            if before.get(event.seat) == me != event.verifier:
                lost = format_sui(PENALTY_FEES * terms.verifier_fee)
                yield f"Our seat did not attest in time and was replaced: it lost up to {lost}."


def _committee(events: Sequence[Layout], until: Layout | None = None) -> dict[int, str]:
    """Return the holder of each seat, at the end or just before an event."""
    seats: dict[int, str] = {}
    for event in events:
        if event is until:
            break
        if isinstance(event, ev.CommitteeSeated):
            seats = dict(enumerate(event.verifiers))
        elif isinstance(event, ev.SeatReplaced):
            seats[event.seat] = event.verifier
    return seats


def _tell_seats(
    events: Sequence[Layout], end: ev.SubmissionEnded, terms: Terms, me: str, *, is_judged: bool
) -> Iterator[str]:
    """Yield what our committee seats earned and lost.

    ``is_judged``: a jury ended the submission, so the stake pays seats even if they could read
    nothing.
    """
    fee = format_sui(terms.verifier_fee)
    penalised = sum(
        e.amount for e in events if isinstance(e, ev.SeatPenalized) and e.verifier == me
    )
    for seat, verifier in _committee(events).items():
        if verifier != me:
            continue
        attested = sum(
            isinstance(e, ev.SegmentAttested) and e.seat == seat and e.verifier == me
            for e in events
        )
        whole = attested == terms.segments_per_seat
        match SubmissionState(end.state):
            case SubmissionState.ACCEPTED | SubmissionState.ABORTED:
                yield f"Our seat {seat} is credited its fee of {fee}."
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
