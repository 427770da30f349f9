"""The scenario: all verbs, and the two that turn whatever is due."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.contract.entitled import CRANKS, MAY_WAIT, list_cranks
from tests.support.scenario.base import Thing
from tests.support.scenario.cases import CaseVerbs
from tests.support.scenario.stage import Stage
from walrusd.chain.layouts import objects as ob
from walrusd.core.aborts import ABORTS
from walrusd.core.cranks import Crank
from walrusd.core.lifecycle import TERMINAL, is_over
from walrusd.devnet.move.aborts import MoveAbort

TARGETS = {crank: target for target, crank in CRANKS.items()}
TURNED = (Crank.SETTLE, *(each for each in Crank if each not in (Crank.SETTLE, Crank.AUDIT)))
"""What anybody may turn without knowing anything; if more than one is due, the first."""

ROUNDS = 60
"""How often ``finish`` lets time pass before it says that a market depends on one party."""


class Scenario(CaseVerbs):
    """A market in which people act; a play is the same on every stage."""

    def crank(self, what: Thing | None = None, by: str = "crank") -> str:
        """Let anybody take the step that is due on a task or a submission; return its name, or "".

        An audit needs the contributor's leaf, and so is begun by the contributor only: ``audit``.
        """
        task, submission = self._of(what or self._latest_task)
        self.world.task = task
        due = {c for c in list_cranks(self.world, task, submission) if c in TURNED}
        step = next((crank for crank in TURNED if crank in due), None)
        if step is None:
            return ""
        self._turn(step, submission, by)
        return step.value

    def _turn(self, step: Crank, submission: Any, by: str) -> None:
        world = self.world
        if submission is None:
            getattr(world, step.value)(by)
        elif step is Crank.RESOLVE:
            world.resolve(submission, self._find_verdict(submission), by)
        elif step is Crank.DRAW_AUDIT:
            world.draw_audit(submission, by)
        else:
            world.turn(TARGETS[step], submission, by)

    def finish(self, task: Thing | None = None) -> None:
        """Let strangers end a task, all claim what they are owed, and the publisher reclaim.

        Time passes where nothing is due. Nothing may be left in the task afterwards.
        """
        task = task or self._latest_task
        found = self._task(task)
        for _ in range(ROUNDS):
            if self._has_ended(task):
                break
            if not self._crank_all(task):
                self.advance(max(self._longest_window(found), 1))
        if not self._has_ended(task) and self.world.now < found.ends_by_ms:
            self.advance_to("life", task)  # it waits for seats that never came
            self._crank_all(task)
        assert self._has_ended(task), "the task waits for somebody: strangers cannot end it"
        works = self._works_of(task)
        for held in (*works, task):
            for entry in list(self._get(held).credits):
                self.claim(self.world.name_of(entry.owner), held)
        if found.funds + found.bond + found.tips:
            self.reclaim(task)
        left = {str(held): self.pot(held) for held in (task, *works) if self.pot(held)}
        assert not left, f"money is left in {left}"

    def _has_ended(self, task: Thing) -> bool:
        """Return whether a task has, and all its submissions, which a void one ends later."""
        are_over = all(self._get(work).state in TERMINAL for work in self._works_of(task))
        return is_over(self._get(task).phase) and are_over

    def _works_of(self, task: Thing) -> list[Thing]:
        mine = {entry.submission for entry in self._get(task).entries}
        return [thing for thing, oid in self._ids.items() if oid in mine]

    def _crank_all(self, task: Thing) -> bool:
        turned = [self._crank_if_possible(thing) for thing in (task, *self._works_of(task))]
        return any(turned)

    def _crank_if_possible(self, thing: Thing) -> str:
        """Turn what is due, unless it waits for seats of the pool."""
        try:
            return self.crank(thing)
        except MoveAbort as abort:
            error = ABORTS[abort.module, abort.code]
            if (error.module, error.name) not in MAY_WAIT:
                raise
            return ""

    @staticmethod
    def _longest_window(task: ob.Task) -> float:
        terms = task.terms
        late = terms.open_ms + terms.grace_ms, terms.jury_commit_ms + 2 * terms.jury_reveal_ms
        return max(terms.join_ms, terms.train_ms, terms.verify_ms, *late) / 1000


@contextmanager
def play_on(stage: Stage) -> Iterator[Scenario]:
    """Yield a scenario on a stage; compare the stage with the specification when it has ended."""
    yield Scenario(stage)
    stage.compare()
