"""Verbs about accusations, audits and the juries that judge them."""

from typing import Any

from tests.contract.market import FAULT, NOBODY_ID, SOUND
from tests.contract.work import Replay
from tests.contract.world import digest
from tests.support.scenario.base import Thing
from tests.support.scenario.works import PARTS, WorkVerbs
from walrusd.chain.layouts import events as ev
from walrusd.core.lifecycle import ChallengeKind, ChallengeOutcome

KINDS = {
    "segment": ChallengeKind.SEGMENT,
    **PARTS,
    "opening": ChallengeKind.UNAVAILABLE,
}
"""What may be accused."""

SAYS = ("truth", "sound", "fault", "absent", "abstain")
"""What a juror may say; see ``vote``."""


class CaseVerbs(WorkVerbs):
    """Accusing, drawing juries, voting, resolving."""

    def __init__(self, stage: Any) -> None:
        super().__init__(stage)
        self._said: dict[tuple[bytes, str], Replay] = {}

    # --- how a case begins ----------------------------------------------------------------------

    def accuse(
        self,
        work: Thing,
        what: str = "segment",
        index: int | None = None,
        *,
        by: str = "accuser",
        says: str = "truth",
    ) -> None:
        """Let somebody accuse a "segment", "update", "rows", "cost", "file" or "opening".

        ``index`` is the segment, by default a forged one that was dealt, else the first that was;
        of rows, the row. ``says`` is what the accuser will reveal, as in ``vote``.
        """
        found, kind = self._work(work), KINDS[what]
        if kind == ChallengeKind.SEGMENT:
            index = self._find_segment(found) if index is None else index
            value = self._think(work, kind, index, by, says, is_audit=False) or FAULT
            self.world.challenge(found, index, by, value)
        else:
            index = index or 0
            value = self._think(work, kind, index, by, says, is_audit=False) or FAULT
            self.world.accuse(found, kind, index, by, value)
        self._said[found.dispute.challenge, by] = value

    def _find_segment(self, submission: Any) -> int:
        work, places = self.world.works[submission.id], self.world.places(submission)
        forged = [each for each in places if work.honest[each] != work.claimed[each]]
        return [*forged, *places][0]

    def draw_audit(self, work: Thing, *, selected: bool | None = False, by: str = "crank") -> None:
        """Let anybody draw whether a jury audits a fully attested submission.

        ``selected`` is how the lot falls: nobody in the market can choose that, but a play can.
        None leaves it to chance, which differs from stage to stage.
        """
        self.world.draw_audit(self._work(work), by, selected)

    def audited(self, work: Thing) -> int:
        """Return the segment that the audit selected."""
        return self.world.audited_segment(self._work(work))

    def audit(self, work: Thing, by: str = "crank") -> None:
        """Let anybody bring the segment that an audit selected before a jury."""
        self.world.audit(self._work(work), by)

    # --- the jury -------------------------------------------------------------------------------

    def convene(self, work: Thing) -> None:
        """Let anybody draw a jury and seat it."""
        self.world.convene(self._work(work))

    def jury(self, work: Thing) -> list[str]:
        """Return the jurors of a submission's case."""
        dispute = self._work(work).dispute
        return [self.world.name_of(juror.verifier) for juror in dispute.jurors]

    def accuser(self, work: Thing) -> str:
        """Return who accused, "" if nobody did: in an audit, or without a case."""
        dispute = self._work(work).dispute
        is_accused = dispute is not None and dispute.accuser != NOBODY_ID
        return self.world.name_of(dispute.accuser) if is_accused else ""

    def vote(self, work: Thing, says: str = "truth", by: str | int | None = None) -> None:
        """Let a juror, or all of them, commit to what they say.

        "truth": what honest people find, who abstain if the opening was withheld from them, but in
        an audit and about an opening say so. "sound": the work as it was committed to. "fault": it
        is not, whether that is true or not. "absent": the opening was withheld. "abstain": a value
        that nobody else has.
        """
        found = self._work(work)
        dispute, jury = found.dispute, self.jury(work)
        for number, juror in enumerate(jury):
            if by is None or by in (number, juror):
                is_audit = dispute.accuser == NOBODY_ID
                value = self._think(work, dispute.kind, dispute.index, juror, says, is_audit)
                self.world.jury_commit(found, number, value)
                self._said[dispute.challenge, juror] = value

    def reveal(self, work: Thing, by: str | int | None = None) -> None:
        """Let a juror, the accuser, or all who have committed, reveal what they said."""
        found = self._work(work)
        case, jury, accuser = found.dispute.challenge, self.jury(work), self.accuser(work)
        for number, juror in enumerate(jury):
            if by in (number, juror) or (by is None and (case, juror) in self._said):
                self.world.jury_reveal(found, number, self._said[case, juror])
        if accuser and by in (None, accuser) and (case, accuser) in self._said:
            self.world.accuser_reveal(found, self._said[case, accuser], accuser)

    def resolve(self, work: Thing, by: str = "crank") -> None:
        """Let anybody make the contract decide, once all have revealed or the windows are over."""
        self.world.resolve(self._work(work), by)

    def judge(self, work: Thing, says: str = "truth") -> str:
        """Convene a jury in which all say the same, and resolve; return the ``outcome``."""
        self.convene(work)
        self.vote(work, says)
        self.reveal(work)
        self.resolve(work)
        return self.outcome(work)

    def outcome(self, work: Thing) -> str:
        """Return what came of the latest case: "confirmed", "refuted", "redrawn" or "undecided"."""
        resolved = [
            event
            for event in self.world.events
            if isinstance(event, ev.ChallengeResolved) and event.submission == self._ids[work]
        ]
        return ChallengeOutcome(resolved[-1].outcome).name.lower() if resolved else ""

    def _think(
        self, work: Thing, kind: int, index: int, who: str, says: str, is_audit: bool
    ) -> Replay:
        """Return the value that stands for what somebody says about a part of a submission."""
        assert says in SAYS, f"a juror says one of {', '.join(SAYS)}, not {says}"
        is_withheld = work in self._withheld
        if says == "truth" and is_withheld and kind != ChallengeKind.FILE:
            says = "absent" if is_audit or kind == ChallengeKind.UNAVAILABLE else "abstain"
        if says == "absent":
            return FAULT
        if says == "abstain":
            return Replay(digest("nothing of", who), digest("nothing to", who))
        if kind == ChallengeKind.SEGMENT:
            trace = self.world.works[self._ids[work]]
            honest, claimed = trace.honest[index], trace.claimed[index]
            false = Replay(digest("false", index), digest("false state", index))
            return {
                "truth": honest,
                "sound": claimed,
                "fault": honest if honest != claimed else false,
            }[says]
        is_wrong = kind in self._wrong[work]
        return FAULT if says == "fault" or (says == "truth" and is_wrong) else SOUND
