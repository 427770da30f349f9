"""Re-encrypt an opening's key to those who need it later.

These are jurors, substitutes, and seats whose envelope was unusable. The contributor sends the key
immediately, and so does an accuser to its jury. Any other holder waits for a grace; if someone has
already sent an envelope, for half of the window: only the recipient can tell if it is garbage.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from walrusd.chain.layouts import events as ev
from walrusd.core.duties import Duty, Party
from walrusd.core.lifecycle import CaseKind, has_attested, is_disputed
from walrusd.engine.service import Attempt, Attempts, Service
from walrusd.engine.tools import Tools
from walrusd.market.case import Case, read_cases
from walrusd.market.keys import find_opening_key, find_shared_envelopes, share_opening_key


@dataclass(frozen=True)
class Need:
    """A recipient that needs the key within a window, and whether it was sent an envelope."""

    recipient: str
    key: bytes
    since_ms: int
    window_ms: int
    has_envelope: bool = False


class KeySharer(Service):
    """Sends the opening keys that we hold to the parties that need them."""

    name = "key_sharer"

    async def list_due(self) -> Attempts:
        """Send every key that is needed, if it is our turn."""
        for case in await read_cases(self.tools):
            if case.submission.opening is None or not is_party(case, self.tools.address):
                continue
            for need in list_key_needs(self.tools, case):
                if need.recipient != self.tools.address and self._is_our_turn(case, need):
                    pass_on = partial(self._pass_on, case, need)
                    yield Attempt(case.submission.id, pass_on, part=f":{need.recipient}")

    def _is_our_turn(self, case: Case, need: Need) -> bool:
        tools, dispute = self.tools, case.submission.dispute
        posted = find_shared_envelopes(tools, case.submission.id, need.recipient)
        if tools.address in posted:
            return False
        if case.submission.contributor == tools.address:
            return not need.has_envelope
        disputed = is_disputed(case.submission.state)
        if disputed and dispute is not None and dispute.accuser == tools.address:
            return True
        grace_ms = min(round(tools.settings.timing.crank_grace_s * 1000), need.window_ms // 4)
        if posted or need.has_envelope:
            grace_ms = need.window_ms // 2
        return tools.clock.now_ms() >= need.since_ms + grace_ms

    async def _pass_on(self, case: Case, need: Need) -> None:
        key = find_opening_key(self.tools, case)
        if key is not None:
            await share_opening_key(self.tools, case, need.recipient, need.key, key)


def is_party(case: Case, address: str) -> bool:
    """Return whether an address may send the key to others: jurors only while they judge."""
    submission, dispute = case.submission, case.submission.dispute
    judging = [] if dispute is None else [dispute.accuser, *(j.verifier for j in dispute.jurors)]
    seats = [seat.verifier for seat in submission.committee]
    return address in {submission.contributor, *seats, *judging}


def list_key_needs(tools: Tools, case: Case) -> Iterator[Need]:
    """Return who needs the key of a submission's opening now."""
    submission, terms = case.submission, case.task.terms
    dispute, now_ms = submission.dispute, tools.clock.now_ms()
    if dispute is not None and Duty.VOTE in case.list_duties(Party.JUROR, now_ms):
        for juror in dispute.jurors:
            if not juror.commitment:
                yield Need(juror.verifier, juror.key, dispute.phase_ms, terms.jury_commit_ms)
    if Duty.EXAMINE not in case.list_duties(Party.SEAT, now_ms):
        return
    reported = _reported_seats(tools, submission.id)
    if any(judged.kind == CaseKind.ABSENCE for judged in submission.judged):
        # A jury could read it, so a seat that cannot was left out, and cannot report it again.
        reported = set(range(len(submission.committee)))
    for number, seat in enumerate(submission.committee):
        substitute = seat.slot >= terms.committee
        if has_attested(seat.status) or not (substitute or number in reported):
            continue
        # The seats at the time of the opening have an envelope in it, which may be unusable.
        has_envelope = not substitute or _is_opened_since_replaced(tools, submission.id)
        yield Need(seat.verifier, seat.key, submission.window_ms, terms.verify_ms, has_envelope)


def _reported_seats(tools: Tools, submission: str) -> set[int]:
    found = tools.chain_log.events("OpeningReported", submission)
    return {ev.OpeningReported.from_bcs(logged.body).seat for logged in found}


def _is_opened_since_replaced(tools: Tools, submission: str) -> bool:
    places = [
        max(
            (
                (e.checkpoint, e.transaction, e.position)
                for e in tools.chain_log.events(name, submission)
            ),
            default=(0, 0, 0),
        )
        for name in ("SeatReplaced", "SubmissionOpened")
    ]
    return places[1] > places[0]
