"""Who plays which part. The beacon chooses seats, so a verifier's malice waits for its seat.

All verifiers of a play run these services. They are honest unless the draw gives them the seat
that the play has a part for; so exactly one seat of a submission is malicious, whoever holds it.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from tests.attacks.plug import meddle, substitute
from walrusd.chain.layouts import objects as ob
from walrusd.compose import Parts
from walrusd.core.duties import Party
from walrusd.core.lifecycle import is_disputed
from walrusd.engine.tools import Tools
from walrusd.market.case import Case
from walrusd.market.fetch import Fetcher
from walrusd.services.committee.verifier import Verifier
from walrusd.services.jury.juror import Juror
from walrusd.services.upkeep.key_sharer import KeySharer

SeatAct = Callable[["CastVerifier", Case, int], Awaitable[bool]]
"""What a seat does instead of its duty; True if it then does its duty too."""

JurorAct = Callable[["CastJuror", Case, ob.Dispute, int], Awaitable[bool]]
"""The same of a juror."""


@dataclass
class Casting:
    """The parts, by the contributor whose submission they are for."""

    seats: dict[str, dict[int, SeatAct]] = field(default_factory=dict)
    jurors: dict[str, dict[tuple[int, int], JurorAct]] = field(default_factory=dict)
    """By round and number of the juror."""
    culprits: dict[str, set[str]] = field(default_factory=dict)
    """Who turned out to play them, by submission."""
    overheard: dict[tuple[str, int, int], bytes] = field(default_factory=dict)
    """Digests that seats have sent, which are public: by submission, seat and position."""
    keepers: set[str] = field(default_factory=set)
    """Contributors whose bribed seats give no jury the key."""
    refused: list[tuple[str, str]] = field(default_factory=list)
    """What the contract refused: the submission, and the code's name."""

    def blame(self, case: Case, address: str) -> None:
        """Note that somebody plays a part in a submission."""
        self.culprits.setdefault(case.submission.id, set()).add(address)

    def build(self, tools: Tools) -> Parts:
        """Return an ordinary verifier's services, whose seats and juries take up parts."""
        return substitute(
            {
                Verifier: lambda tools, parts: CastVerifier(tools, parts.fetcher, self),
                Juror: lambda tools, parts: CastJuror(tools, parts.fetcher, self),
                KeySharer: lambda tools, parts: CastKeySharer(tools, parts.fetcher, self),
            }
        )(tools)

    async def overhear(
        self, attest: Any, task: str, submission: ob.Submission, **named: Any
    ) -> Any:
        """Send an attestation, and note its digest once it is on the chain."""
        done = await attest(task, submission, **named)
        self.overheard[submission.id, named["seat"], named["position"]] = named["digest"]
        return done


class CastVerifier(Verifier):
    """Serves its seats honestly, but for those that it has a part for."""

    def __init__(self, tools: Tools, fetcher: Fetcher, casting: Casting) -> None:
        super().__init__(meddle(tools, "attest", casting.overhear), fetcher)
        self.fetcher, self.casting = fetcher, casting

    async def _serve(self, case: Case, place: int) -> None:
        drawn = case.submission.committee[place].slot < case.task.terms.committee
        parts = self.casting.seats.get(case.submission.contributor, {})
        act = parts.get(place) if drawn else None
        if act is not None:
            self.casting.blame(case, self.tools.address)
            if not await act(self, case, place):
                return
        await super()._serve(case, place)


class CastJuror(Juror):
    """Judges honestly, but where it has a part."""

    def __init__(self, tools: Tools, fetcher: Fetcher, casting: Casting) -> None:
        super().__init__(tools, fetcher)
        self.fetcher, self.casting = fetcher, casting

    async def _acts(self, case: Case, dispute: ob.Dispute, number: int) -> bool:
        """Play the part, if there is one; return whether the duty is done all the same."""
        act = self.casting.jurors.get(case.submission.contributor, {}).get((dispute.round, number))
        if act is None:
            return True
        self.casting.blame(case, self.tools.address)
        return await act(self, case, dispute, number)

    async def _commit(self, case: Case, dispute: ob.Dispute, number: int) -> None:
        if await self._acts(case, dispute, number):
            await super()._commit(case, dispute, number)

    async def _commit_late(self, case: Case, dispute: ob.Dispute, number: int) -> None:
        if await self._acts(case, dispute, number):
            await super()._commit_late(case, dispute, number)

    async def _abstain(self, case: Case, dispute: ob.Dispute, number: int) -> None:
        if await self._acts(case, dispute, number):
            await super()._abstain(case, dispute, number)


class CastKeySharer(KeySharer):
    """Passes keys on, but not to the jury of a contributor that has bribed its seat."""

    def __init__(self, tools: Tools, fetcher: Fetcher, casting: Casting) -> None:
        super().__init__(tools, fetcher)
        self.casting = casting

    def _is_our_turn(self, case: Case, party: Party, *, is_update: bool = False) -> bool:
        is_kept = (
            is_disputed(case.submission.state)
            and case.submission.contributor in self.casting.keepers
            and case.seat_of(self.tools.address) is not None
        )
        return not is_kept and super()._is_our_turn(case, party, is_update=is_update)
