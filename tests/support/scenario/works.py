"""Verbs about a submission, from the commitment to the claim."""

from collections.abc import Collection, Iterable
from typing import Any

from tests.support.scenario.base import Thing
from tests.support.scenario.tasks import TaskVerbs
from walrusd.chain.layouts import objects as ob
from walrusd.core.lifecycle import ChallengeKind

EVERYTHING = "everything"
PARTS = {
    "update": ChallengeKind.UPDATE,
    "rows": ChallengeKind.ROWS,
    "cost": ChallengeKind.COST,
    "file": ChallengeKind.FILE,
}
"""What may be wrong with a submission besides its segments."""


class WorkVerbs(TaskVerbs):
    """Committing, opening, attesting, settling, claiming."""

    def __init__(self, stage: Any) -> None:
        super().__init__(stage)
        self._wrong: dict[Thing, set[int]] = {}
        self._withheld: set[Thing] = set()

    # --- committing -----------------------------------------------------------------------------

    def commit(
        self,
        work: Thing,
        *,
        forged: Collection[int] | str = (),
        wrong: Iterable[str] = (),
        by: str | None = None,
    ) -> None:
        """Let a contributor commit to its work.

        ``forged`` are the segments that nobody trained, or "everything"; ``wrong`` other parts that
        do not fit the training: "update", "rows", "cost", "file". What honest people find later
        follows from both.
        """
        found = self._work(work)
        if forged == EVERYTHING:
            forged = range(1, self.world.task.terms.segments + 1)
        self.world.commit(found, by, forged)
        self._wrong[work] = {int(PARTS[part]) for part in wrong}

    def commit_abort(
        self, work: Thing, segment: int = 2, *, forged: bool = False, by: str | None = None
    ) -> None:
        """Let a contributor claim that the plan cannot be carried out beyond a segment.

        ``forged``: it can.
        """
        false = {segment} if forged else ()
        self.world.commit_abort(self._work(work), segment, by, false)
        self._wrong[work] = set()

    def draw(self, task: Thing | None = None, by: str = "crank") -> None:
        """Let anybody draw the committees, once all have committed or the window is over.

        All that have committed are seated.
        """
        found = self._task(task)
        self.world.draw(by)
        for entry in found.entries:
            submission = self.world.objects[entry.submission]
            if submission.commitment is not None or submission.abort is not None:
                self.world.seat(submission, by)

    # --- opening --------------------------------------------------------------------------------

    def open(self, work: Thing, *, withheld: bool = False, by: str | None = None) -> None:
        """Let a contributor open to its committee: give it what it must replay.

        ``withheld``: what it gives cannot be read by anybody.
        """
        found = self._work(work)
        garbage = {"envelopes": [b"garbage"] * len(found.committee)} if withheld else {}
        self.world.open(found, by, **garbage)
        (self._withheld.add if withheld else self._withheld.discard)(work)

    # --- the committee --------------------------------------------------------------------------

    def committee(self, work: Thing) -> list[str]:
        """Return who holds the seats of a submission, or held them until its end, seat by seat."""
        return [self.world.name_of(seat.verifier) for seat in self._work(work).committee]

    def dealt(self, work: Thing, seat: int | str) -> list[int]:
        """Return the segments dealt to a seat, by its number or its holder."""
        return self.world.dealt(self._work(work), self._seat(work, seat))

    def _seat(self, work: Thing, seat: int | str) -> int:
        return seat if isinstance(seat, int) else self.committee(work).index(seat)

    def attest(self, work: Thing, seat: int | str | None = None) -> None:
        """Let a seat attest all its segments; without one, let every seat."""
        found = self._work(work)
        if seat is None:
            self.world.attest_all(found)
        else:
            self.world.attest_seat(found, self._seat(work, seat))

    def report(self, work: Thing, seat: int | str) -> None:
        """Let a seat report that it cannot read the opening: the contributor must open again."""
        self.world.report(self._work(work), self._seat(work, seat))

    def replace(self, work: Thing, by: str = "crank") -> None:
        """Let anybody replace the silent seats by substitutes, once their window is over."""
        self.world.replace(self._work(work), by)

    # --- the end --------------------------------------------------------------------------------

    def settle(self, work: Thing, by: str = "crank") -> None:
        """Let anybody end a submission that has nothing left to wait for."""
        self.world.settle(self._work(work), by)

    def claim(self, who: str, of: Thing | None = None) -> int:
        """Let somebody take what is owed, everywhere or of one thing; return the Mist."""
        world, mine = self.world, self.world.address(who)
        if of is None:
            held = [*world.of_type(ob.Task), *world.of_type(ob.Submission)]
            due = [each for each in held if any(c.owner == mine for c in each.credits)]
        else:
            due = [self._get(of)]
        return sum(self._claim(who, each) for each in due)

    def _claim(self, who: str, held: Any) -> int:
        world = self.world
        if isinstance(held, ob.Task):
            return int(world.call("task::claim_task", who, world.market, held).balance)
        return int(world.claim(held, who))
