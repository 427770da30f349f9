"""Verbs about accusations, audits and the juries that judge them."""

from typing import Any

from tests.contract.market import ABSENT, FAULT, NOBODY_ID, SOUND
from tests.contract.work import Replay
from tests.contract.world import digest
from tests.support.scenario.base import Thing
from tests.support.scenario.works import PARTS, WorkVerbs
from walrusd.chain.layouts import events as ev
from walrusd.core.aborts import abort_named
from walrusd.core.lifecycle import CaseKind, CaseOutcome, DisputePhase
from walrusd.core.protocol import Word
from walrusd.devnet.move.aborts import MoveAbort

Verdict = Replay | Word

KINDS = {
    "segment": CaseKind.SEGMENT,
    **PARTS,
    "opening": CaseKind.OPENING,
}
"""What may be accused."""

SAYS = ("truth", "sound", "fault", "absent", "abstain")
"""What a juror may say; see ``vote``."""


class CaseVerbs(WorkVerbs):
    """Accusing, drawing juries, voting, resolving."""

    def __init__(self, stage: Any) -> None:
        super().__init__(stage)
        self._said: dict[tuple[bytes, str], Verdict] = {}

    # --- how a case begins ----------------------------------------------------------------------

    def accuse(
        self,
        work: Thing,
        what: str = "segment",
        index: int | None = None,
        *,
        by: str | int | None = None,
        says: str = "truth",
    ) -> None:
        """Let somebody accuse a "segment", "update", "rows", "cost", "file" or "opening".

        ``by`` is a seat of the committee, which accuses on its stake, or somebody else, who may
        accuse the file only, on cash; by default the first seat to which it was dealt and that has
        not accused yet, and of a file "accuser". ``index`` is the segment, by default a forged one
        that was dealt, else the first that was; of rows, the row. An accusation says that there is
        a fault, whatever the accuser ``says``.
        """
        assert says in SAYS, f"one says one of {', '.join(SAYS)}, not {says}"
        found, kind = self._work(work), KINDS[what]
        if by is None:
            by = "accuser" if what == "file" else self._find_accuser(found, kind, index)
        name = self.committee(work)[by] if isinstance(by, int) else by
        if name not in self.committee(work):
            self._accuse_from_outside(found, kind, name)
            return
        place, changes = self._seat(work, by), {}
        if kind == CaseKind.SEGMENT:
            dealt = self.world.dealt(found, place)
            index = self._find_segment(found, dealt) if index is None else index
            changes = {"position": dealt.index(index) if index in dealt else 0}
        self.world.accuse(found, kind, place, index or 0, **changes)

    def _find_segment(self, submission: Any, dealt: list[int]) -> int:
        work = self.world.works[submission.id]
        forged = [each for each in dealt if work.honest[each] != work.claimed[each]]
        return [*forged, *dealt][0]

    def _find_accuser(self, submission: Any, kind: int, index: int | None) -> int:
        """Return a place whose seat may accuse: if it can be, one that was dealt the segment."""
        places = [
            at
            for at, seat in enumerate(submission.committee)
            if seat.verifier not in submission.accusers
        ]
        if kind != CaseKind.SEGMENT:
            return [*places, 0][0]
        wanted = self._find_segment(submission, self.world.places(submission))
        wanted = wanted if index is None else index
        return [*(at for at in places if wanted in self.world.dealt(submission, at)), 0][0]

    def _accuse_from_outside(self, submission: Any, kind: int, who: str) -> None:
        """Let somebody accuse who has no seat of the committee: only the file is public."""
        if kind == CaseKind.FILE:
            self.world.accuse_file(submission, who)
        elif who in self.world.caps and submission.committee:
            world, args = self.world, (0, kind, 0, 0, b"", [], self.world.task.program_root)
            on = world.market, world.task, submission, world.caps[who]
            world.call("jury::accuse", who, *on, *args)
        else:
            refused = abort_named("attestation", "ENotSeated")
            raise MoveAbort(refused.module, refused.code, "accuse")

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

    def convene(self, work: Thing, *, keys: bool = True) -> None:
        """Let anybody draw a jury and seat it, and the contributor seal the key to its jurors.

        With ``keys`` False they get none.
        """
        found = self._work(work)
        self.world.summon(found)
        if keys and found.dispute.phase == DisputePhase.SUMMONED:
            self.world.brief(found)

    def jury(self, work: Thing) -> list[str]:
        """Return the jurors of a submission's case, alternates too; they vote alike.

        The jury is the first of them that commit, as many as the terms say.
        """
        dispute = self._work(work).dispute
        return [self.world.name_of(juror.verifier) for juror in dispute.jurors]

    def accuser(self, work: Thing) -> str:
        """Return who accused, "" if nobody did: in an audit, or without a case."""
        dispute = self._work(work).dispute
        is_accused = dispute is not None and dispute.accuser != NOBODY_ID
        return self.world.name_of(dispute.accuser) if is_accused else ""

    def vote(self, work: Thing, says: str = "truth", by: str | int | None = None) -> None:
        """Let a juror, or all of them, commit to what they say.

        "truth": what honest people find. "sound": the work as it was committed to. "fault": it
        is not, whether that is true or not. "absent": the opening cannot be had. "abstain": a value
        that nobody else has.
        """
        found = self._work(work)
        dispute, jury = found.dispute, self.jury(work)
        for number, juror in enumerate(jury):
            if by is None or by in (number, juror):
                value = self._think(work, dispute.kind, dispute.index, juror, says)
                self.world.jury_commit(found, number, value)
                self._said[dispute.challenge, juror] = value

    def reveal(self, work: Thing, by: str | int | None = None) -> None:
        """Let a juror, or all who have committed, reveal the digest of what they said."""
        found = self._work(work)
        case, jury = found.dispute.challenge, self.jury(work)
        for number, juror in enumerate(jury):
            if by in (number, juror) or (by is None and (case, juror) in self._said):
                self.world.jury_reveal(found, number, self._said[case, juror])

    def resolve(
        self, work: Thing, by: str = "crank", *, told: bool = True, keys: bool = True
    ) -> None:
        """Let anybody make the contract decide, once all have revealed or the windows are over.

        Somebody of the majority tells what they found, unless ``told`` is False. If a place goes to
        a substitute the contributor seals the key to it, unless ``keys`` is False.
        """
        found = self._work(work)
        self.world.resolve(found, self._find_verdict(found) if told else None, by)
        if keys:
            self._deliver_on(found)

    def _find_verdict(self, submission: Any) -> Verdict | None:
        """Return what the majority has said, if there is one."""
        if submission.dispute is None or not submission.dispute.jurors:
            return None
        majority = self.world.majority(submission)
        case, world = submission.dispute.challenge, self.world
        said = [value for (about, _), value in self._said.items() if about == case]
        found = (value for value in said if world.hide(submission, value) == majority)
        return next(found, None)

    def judge(self, work: Thing, says: str = "truth") -> str:
        """Convene a jury in which all say the same, and resolve; return the ``outcome``."""
        self.convene(work)
        self.vote(work, says)
        self.reveal(work)
        self.resolve(work)
        return self.outcome(work)

    def outcome(self, work: Thing) -> str:
        """Return what came of the latest case.

        "confirmed", "refuted", "redrawn", "dismissed" or "absent".
        """
        resolved = [
            event
            for event in self.world.events
            if isinstance(event, ev.CaseResolved) and event.submission == self._ids[work]
        ]
        return CaseOutcome(resolved[-1].outcome).name.lower() if resolved else ""

    def _think(self, work: Thing, kind: int, index: int, who: str, says: str) -> Verdict:
        """Return the verdict that stands for what a juror says about a part of a submission."""
        assert says in SAYS, f"a juror says one of {', '.join(SAYS)}, not {says}"
        if says == "truth":
            says = self._find_truth(work, kind, index)
        if says == "absent":
            return ABSENT
        if says == "abstain":
            return Replay(digest("nothing of", who), digest("nothing to", who))
        if kind != CaseKind.SEGMENT:
            return FAULT if says == "fault" else SOUND
        trace = self.world.works[self._ids[work]]
        honest, claimed = trace.honest[index], trace.claimed[index]
        if says == "sound":
            return claimed
        is_readable = not self._withheld.get(work)
        return honest if honest != claimed and is_readable else FAULT

    def _find_truth(self, work: Thing, kind: int, index: int) -> str:
        """Return what honest people say; the file is public, all else they must read."""
        withheld = self._withheld.get(work)
        if kind == CaseKind.ABSENCE:
            return "fault" if withheld in ("blob", "keys") else "sound"
        if withheld and kind != CaseKind.FILE:
            return "fault" if withheld == "garbage" else "absent"
        if kind == CaseKind.SEGMENT:
            trace = self.world.works[self._ids[work]]
            return "sound" if trace.honest[index] == trace.claimed[index] else "fault"
        return "fault" if kind in self._wrong[work] else "sound"
