"""Give an opening's keys to those who need them: places, jurors, and the publisher.

The contributor delivers at once, and so does an accuser to its jury. Any other holder of the key
does after a grace, one after another, as each pays if nobody has: an envelope is on chain or it is
not, and the contract checks it. So what is due follows from the chain alone, after a restart too.
"""

from collections.abc import Awaitable, Callable, Iterator
from functools import partial

from walrusd.core.aborts import is_abort
from walrusd.core.duties import Duty, Party
from walrusd.core.lifecycle import is_disputed
from walrusd.crypto.envelopes.contexts import Label
from walrusd.crypto.envelopes.openings import LabelValue
from walrusd.engine.service import Attempt, Attempts, Service
from walrusd.engine.tools import Tools
from walrusd.errors import MoveAborted
from walrusd.market.case import Case, read_cases
from walrusd.market.envelopes import (
    deliver_to_juror,
    deliver_to_place,
    deliver_update,
    read_update_value,
)
from walrusd.market.fetch import Fetcher
from walrusd.market.keys import Place, find_label_value, find_opening_keys

GRACE_PARTS = 4
"""Others wait at most one part in so many of the window for those who should deliver first."""
UPDATE_PARTS = 2
"""Seats deliver the update, which the contributor earns by, once one part in so many is over."""


class KeySharer(Service):
    """Delivers the keys of openings that we hold to the parties that need them."""

    name = "key_sharer"

    def __init__(self, tools: Tools, fetcher: Fetcher) -> None:
        super().__init__(tools)
        self._fetcher = fetcher

    async def list_due(self) -> Attempts:
        """Deliver every key that is needed, if it is our turn."""
        for case in await read_cases(self.tools):
            for due in self._list_due_about(case):
                yield due

    def _list_due_about(self, case: Case) -> Iterator[Attempt]:
        tools, submission = self.tools, case.submission
        party = find_party(case, tools.address)
        if submission.opening is None or party is None:
            return
        duties, name = case.list_duties(party, tools.clock.now_ms()), submission.id
        is_late = party is not Party.CONTRIBUTOR and not submission.opening.was_complete
        # Until the committee could read once, only the contributor is at fault.
        if Duty.DELIVER_WORK in duties and not is_late and self._is_our_turn(case, party):
            for number, place in enumerate(submission.committee):
                if not place.envelope:
                    send = partial(
                        self._deliver_work, case, partial(deliver_to_place, number=number)
                    )
                    yield Attempt(name, send, part=f":place:{submission.attempt}:{number}")
        dispute = submission.dispute
        if dispute is not None and Duty.SUMMON in duties and self._is_our_turn(case, party):
            for number, juror in enumerate(dispute.jurors):
                if not juror.envelope:
                    send = partial(
                        self._deliver_work, case, partial(deliver_to_juror, number=number)
                    )
                    yield Attempt(name, send, part=f":juror:{dispute.challenge.hex()}:{number}")
        is_update_due = Duty.DELIVER_UPDATE in duties
        if is_update_due and self._is_our_turn(case, party, is_update=True):
            yield Attempt(name, partial(self._deliver_update, case), part=":update")

    def _is_our_turn(self, case: Case, party: Party, *, is_update: bool = False) -> bool:
        """Return whether those who should deliver first have had their time.

        All holders see the same need at the same moment: each waits a little longer than the one
        before it, and sends nothing if that one did.
        """
        tools, submission, terms = self.tools, case.submission, case.task.terms
        dispute, since_ms = submission.dispute, submission.window_ms
        if party is Party.CONTRIBUTOR:
            return True
        if dispute is not None and is_disputed(submission.state):
            since_ms = dispute.phase_ms
            if dispute.accuser == tools.address:
                return True
        grace_ms = min(
            round(tools.settings.timing.crank_grace_s * 1000), terms.open_ms // GRACE_PARTS
        )
        holders = list_holders(case)
        wait_ms = grace_ms + grace_ms * holders.index(tools.address) // len(holders)
        if is_update:
            wait_ms += terms.open_ms // UPDATE_PARTS - grace_ms
        return tools.clock.now_ms() >= since_ms + wait_ms

    async def _deliver_work(self, case: Case, send: Callable[..., Awaitable[None]]) -> None:
        value = find_label_value(self.tools, case, Label.WORK)
        if value is None:
            return
        try:
            await send(self.tools, case, value=value)
        except MoveAborted as error:
            self._check_race(case, error)

    async def _deliver_update(self, case: Case) -> None:
        value = await self._find_update_value(case)
        if value is None:
            return
        try:
            await deliver_update(self.tools, case, value)
        except MoveAborted as error:
            self._check_race(case, error)

    def _check_race(self, case: Case, error: MoveAborted) -> None:
        """Go on if another holder was first, which nothing was lost by but gas.

        Raises:
            MoveAborted: if the contract refused for another reason.
        """
        is_delivered = is_abort(error, "submission", "EHasEnvelope", "EWrongState")
        if not is_delivered and not is_abort(error, "jury", "ENoDispute"):
            raise error
        self.log.info("key_lost_race", subject=case.submission.id, error=error.message)
        self.tools.contract.forget(case.submission.id)

    async def _find_update_value(self, case: Case) -> LabelValue | None:
        """Return what the publisher needs; a seat finds it in the manifest of the opening.

        Raises:
            VerificationFailed: if the manifest hands out another value than the opening fixes.
        """
        value = find_label_value(self.tools, case, Label.UPDATE)
        keys = find_opening_keys(self.tools, case)
        if value is not None or keys is None:
            return value
        found = await self._fetcher.update_value_of(case, keys)
        return read_update_value(case, found)


def list_holders(case: Case) -> list[str]:
    """Return the seats and jurors that hold the key of a submission's opening, in their order."""
    submission, dispute = case.submission, case.submission.dispute
    places: list[Place] = [*submission.committee]
    if dispute is not None:
        places += dispute.jurors
    return [place.verifier for place in places if place.envelope]


def find_party(case: Case, address: str) -> Party | None:
    """Return as what an address holds the key of a submission's opening, if it does."""
    if case.submission.contributor == address:
        return Party.CONTRIBUTOR
    if any(seat.verifier == address and seat.envelope for seat in case.submission.committee):
        return Party.SEAT
    return Party.JUROR if address in list_holders(case) else None
