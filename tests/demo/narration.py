"""The chain's events as sentences."""

from collections.abc import Mapping

from tests.demo.board import Board
from walrusd.chain.layouts import events as ev
from walrusd.chain.values.bcs import Layout
from walrusd.core.lifecycle import CaseKind, CaseOutcome, EndReason, SubmissionState
from walrusd.units import format_sui


class Narrator:
    """Tells a board what happens, by name instead of by address."""

    def __init__(self, board: Board, names: Mapping[str, str]) -> None:
        self._board = board
        self._names = names
        self._workers: dict[str, str] = {}

    def name(self, address: str) -> str:
        """Return an actor's name."""
        return self._names.get(address, address[:10])

    def _list(self, addresses: list[str]) -> str:
        return ", ".join(self.name(address) for address in addresses)

    def tell(self, event: Layout) -> None:
        """Tell one event, if it is worth a line."""
        told = self._sentence(event)
        if told is not None:
            self._board.tell(*told)

    def _sentence(self, event: Layout) -> tuple[str, str] | None:
        match event:
            case ev.SeatRegistered():
                return self.name(event.verifier), f"took seat {event.index}"
            case ev.DatasetListed():
                return self.name(event.owner), f"listed {event.title.decode()!r}, encrypted"
            case ev.TaskOpened():
                reward = format_sui(event.terms.reward)
                return self.name(event.publisher), f"opened a task: {reward} each"
            case ev.KeyRequested():
                return self.name(event.requester), "asks for the dataset's key"
            case ev.KeyGranted():
                return self.name(event.requester), "was granted the key"
            case ev.SubmissionJoined():
                self._workers[event.submission] = self.name(event.contributor)
                return self.name(event.contributor), f"staked {format_sui(event.stake)}"
            case ev.JoiningClosed():
                return "chain", f"joining has closed with {event.joined}; the seeds are drawn"
            case ev.TrainingClosed():
                return "chain", f"training has closed with {event.committed} commitments"
            case ev.TaskVoided():
                return "chain", f"the task is void: {_reason(event.reason)}"
            case ev.TaskSettled():
                return "chain", f"the task is settled, {event.accepted} accepted"
            case ev.AggregateRecorded():
                return "publisher", "published the aggregate"
            case ev.FundsReclaimed():
                return "publisher", f"took back {format_sui(event.amount)}"
            case ev.CreditClaimed():
                return self.name(event.owner), f"claimed {format_sui(event.amount)}"
            case _:
                return self._sentence_of_work(event)

    def _sentence_of_work(self, event: Layout) -> tuple[str, str] | None:
        submission = getattr(event, "submission", "")
        worker = self._workers.get(submission, submission[:10])
        match event:
            case ev.SubmissionCommitted():
                return worker, "committed its work"
            case ev.AbortCommitted():
                return worker, f"says that the plan cannot go beyond segment {event.segment}"
            case ev.CommitteeSeated():
                return worker, f"will be verified by the first of {self._list(event.verifiers)}"
            case ev.SubmissionOpened():
                return worker, "opened what was drawn"
            case ev.SubmissionReadable():
                return worker, "can be read by its whole committee"
            case ev.SegmentAttested():
                return self.name(event.verifier), f"attests segment {event.segment} of {worker}"
            case ev.OpeningReported():
                return self.name(event.verifier), f"does not find the opening of {worker}"
            case ev.OpeningReopened():
                return worker, "must open once more"
            case ev.SeatReplaced():
                return self.name(event.verifier), f"takes over a place and verifies {worker}"
            case ev.UpdateDelivered():
                return worker, "gave the publisher the key of its update"
            case ev.AuditDrawn():
                return "chain", f"the audit of {worker} is drawn"
            case ev.CaseOpened():
                return self._case(event, worker)
            case ev.JurySeated():
                return "jury", f"of {worker}'s case: {self._list(event.jurors)}"
            case ev.CaseResolved():
                outcome = CaseOutcome(event.outcome).name.lower()
                return "jury", f"case about {worker}: {outcome}"
            case ev.CaseDropped():
                return "jury", f"case about {worker} is dropped: a juror got no key"
            case ev.SubmissionEnded():
                return worker, self._end(event)
            case _:
                return None

    def _case(self, event: ev.CaseOpened, worker: str) -> tuple[str, str]:
        kind = CaseKind(event.kind)
        if kind is CaseKind.ABSENCE:
            return "chain", f"a jury is asked whether the opening of {worker} is absent"
        if int(event.accuser, 16) == 0:
            return "chain", f"the audit sends segment {event.index} of {worker} to a jury"
        what = f"segment {event.index} replays otherwise"
        if kind is not CaseKind.SEGMENT:
            what = f"its {kind.name.lower()} is not what it committed to"
        return self.name(event.accuser), f"accuses {worker}: {what}"

    @staticmethod
    def _end(event: ev.SubmissionEnded) -> str:
        reason = _reason(event.reason)
        state = SubmissionState(event.state).name.lower()
        money = f"gets {format_sui(event.payout)}, {format_sui(event.burned)} burned"
        return f"{state} ({reason}): {money}"


def _reason(reason: int) -> str:
    return EndReason(reason).name.lower().replace("_", " ")
