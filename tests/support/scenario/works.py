"""Verbs about a submission, from the commitment to the claim."""

from collections.abc import Collection, Iterable
from typing import Any

from tests.contract.world import digest
from tests.support.scenario.base import Thing
from tests.support.scenario.tasks import TaskVerbs
from tests.support.scenario.terms import compute_window_end
from walrusd.chain.layouts import objects as ob
from walrusd.core.lifecycle import CaseKind, SeatStatus, SubmissionState, TaskPhase
from walrusd.devnet.contract.audit import is_audit_pending

EVERYTHING = "everything"
PARTS = {
    "update": CaseKind.UPDATE,
    "rows": CaseKind.ROWS,
    "cost": CaseKind.COST,
    "file": CaseKind.FILE,
}
"""What may be wrong with a submission besides its segments."""

WITHHELD = (False, True, "blob", "garbage", "keys")
"""What may be kept from those who must read an opening; see ``open``."""


class WorkVerbs(TaskVerbs):
    """Committing, opening, attesting, settling, claiming."""

    def __init__(self, stage: Any) -> None:
        super().__init__(stage)
        self._wrong: dict[Thing, set[int]] = {}
        self._withheld: dict[Thing, str] = {}

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
        """Let anybody close the training, once all have committed or the grace is over.

        Then committees are drawn, and seated, for all that have committed and wait for one.
        """
        found, world = self._task(task), self.world
        works = [world.objects[entry.submission] for entry in found.entries]
        is_closed = found.phase in (TaskPhase.OPENING, TaskPhase.VERIFYING)
        if not is_closed or all(w.state != SubmissionState.COMMITTED for w in works):
            world.close_training(by)
        for work in works:
            if work.state == SubmissionState.COMMITTED:
                world.seat(work, by)

    # --- opening --------------------------------------------------------------------------------

    def open(
        self,
        work: Thing,
        *,
        withheld: bool | str = False,
        without: Collection[int | str] = (),
        by: str | None = None,
    ) -> None:
        """Let a contributor open its work, and deliver the key to its committee.

        ``withheld``: nobody can read it. That is True or "blob" if the key is delivered, but what
        it opens is not stored; "garbage" if that is something else than the work; "keys" if nobody
        gets the key. ``without`` are seats that get none, by number or holder.
        """
        assert withheld in WITHHELD, f"withheld is one of {WITHHELD}"
        found = self._work(work)
        left_out = {self._seat(work, seat) for seat in without}
        self.world.open(found, by)
        self._withheld[work] = "blob" if withheld is True else str(withheld or "")
        for place in range(len(found.committee)):
            if withheld != "keys" and place not in left_out and not found.committee[place].envelope:
                self.world.deliver(found, place, by)

    def deliver(self, work: Thing, who: int | str | None = None, by: str | None = None) -> None:
        """Let the contributor, or whoever else has the key, seal it to a seat or juror.

        ``who`` is its number or holder: of the jury while one is summoned, else of the committee;
        without it all that have none get it. Whoever has no key can only make one up.
        """
        found, world = self._work(work), self.world
        is_summoned = found.dispute is not None and found.state == SubmissionState.DISPUTED
        waiting = found.dispute.jurors if is_summoned else found.committee
        send = world.deliver_juror if is_summoned else world.deliver
        wrong = {} if by is None or self._has_key(found, by) else {"answer": digest("made up")}
        if who is None:
            for at, each in enumerate(waiting):
                if not each.envelope:
                    send(found, at, by, **wrong)
            return
        holders = [world.name_of(each.verifier) for each in waiting]
        send(found, who if isinstance(who, int) else holders.index(who), by, **wrong)

    def _has_key(self, submission: Any, who: str) -> bool:
        jurors = submission.dispute.jurors if submission.dispute else ()
        mine = self.world.address(who)
        holders = {s.verifier for s in (*submission.committee, *jurors) if s.envelope}
        return mine in holders | {submission.contributor}

    def deliver_update(self, work: Thing, by: str | None = None) -> None:
        """Let the contributor seal the update's key to the publisher: it is accepted and paid.

        Whoever else tries can only make one up.
        """
        found = self._work(work)
        is_known = by in (None, self.world.contributor_of(found))
        self.world.deliver_update(found, by, **({} if is_known else {"answer": digest("made up")}))

    def reopen(self, work: Thing, by: str = "crank") -> None:
        """Let anybody ask for another opening, as a substitute or a juror got the key from nobody.

        Everybody who had the key is fined. The second time the contributor loses its stake.
        """
        self.world.reopen(self._work(work), by)

    # --- the committee --------------------------------------------------------------------------

    def committee(self, work: Thing) -> list[str]:
        """Return who holds the seats of a submission, or held them until its end, seat by seat."""
        return [self.world.name_of(seat.verifier) for seat in self._work(work).committee]

    def substitutes(self, work: Thing) -> list[str]:
        """Return who will take seats that are given on, in this order."""
        return [self.world.name_of(seat.verifier) for seat in self._work(work).substitutes]

    def dealt(self, work: Thing, seat: int | str) -> list[int]:
        """Return the segments dealt to a seat, by its number or its holder."""
        return self.world.dealt(self._work(work), self._seat(work, seat))

    def _seat(self, work: Thing, seat: int | str) -> int:
        return seat if isinstance(seat, int) else self.committee(work).index(seat)

    def attest(self, work: Thing, seat: int | str | None = None) -> None:
        """Let a seat attest all its segments; without one, let every seat that has not."""
        found = self._work(work)
        if seat is None:
            self.world.attest_all(found)
            return
        place = self._seat(work, seat)
        if found.committee[place].status == SeatStatus.ATTESTED:
            self.world.attest(found, place, 0)
        self.world.attest_seat(found, place)

    def report(self, work: Thing, seat: int | str | None = None) -> None:
        """Let a seat report that the opening is absent; without one, let as many as it takes.

        If most seats say so the contributor must open again, and the second time a jury is asked.
        """
        found = self._work(work)
        if seat is not None:
            self.world.report(found, self._seat(work, seat))
            return
        for place, each in enumerate(found.committee):
            if found.state != SubmissionState.OPENED:
                return
            if each.status != SeatStatus.ATTESTED and not found.reported >> place & 1:
                self.world.report(found, place)

    def replace(self, work: Thing, by: str = "crank", *, keys: bool = True) -> None:
        """Let anybody replace the silent seats by substitutes, once their window is over.

        The contributor seals the key to them, unless ``keys`` is False.
        """
        found = self._work(work)
        self.world.replace(found, by)
        if keys:
            self._deliver_on(found)

    def _deliver_on(self, submission: Any) -> None:
        """Let the contributor deliver to those who take a place that was given on."""
        if submission.state == SubmissionState.SEATED and submission.opening is not None:
            self.world.deliver_all(submission)

    # --- the end --------------------------------------------------------------------------------

    def settle(self, work: Thing, by: str = "crank") -> None:
        """End a submission that has nothing left to wait for.

        Audited work ends with the contributor's delivering the update, as long as it is in time;
        whatever else, and what is late, anybody ends.
        """
        found = self._work(work)
        if self._may_deliver_update(found):
            self.world.deliver_update(found)
        else:
            self.world.settle(found, by)

    def _may_deliver_update(self, submission: Any) -> bool:
        task = self.world.task
        return (
            submission.state == SubmissionState.AUDITED
            and submission.abort is None
            and not is_audit_pending(task, submission)
            and self.world.now < compute_window_end(task, submission, "grace")
        )

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
