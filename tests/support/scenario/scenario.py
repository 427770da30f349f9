"""The scenario: all verbs, and the two that turn whatever is due."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.contract.entitled import list_cranks
from tests.support.scenario.base import Thing
from tests.support.scenario.cases import CaseVerbs
from tests.support.scenario.stage import Stage
from walrusd.chain.layouts import objects as ob
from walrusd.core.cranks import Crank
from walrusd.core.lifecycle import is_over

ROUNDS = 24
"""How often ``finish`` lets time pass before it says that a market depends on one party."""


class Scenario(CaseVerbs):
    """A market in which people act; a play is the same on every stage."""

    def crank(self, what: Thing | None = None, by: str = "crank") -> str:
        """Let anybody take the step that is due on a task or a submission; return its name, or "".

        An audit needs the contributor's leaf, and so is begun by the contributor only: ``audit``.
        """
        task, submission = self._of(what or self._latest_task)
        self.world.task = task
        due = {c for c in list_cranks(task, submission, self.world.now) if c is not None}
        step = next((crank for crank in due if crank is not Crank.AUDIT), None)
        if step is None:
            return ""
        self._turn(step, submission, by)
        return step.value

    def _turn(self, step: Crank, submission: Any, by: str) -> None:
        world = self.world
        if submission is None:
            getattr(world, step.value)(by)
        elif step in (Crank.DRAW_JURY, Crank.SEAT_JURY):
            getattr(world, step.value)(submission)
        else:
            getattr(world, step.value)(submission, by)

    def finish(self, task: Thing | None = None) -> None:
        """Let strangers end a task, all claim what they are owed, and the publisher reclaim.

        Time passes where nothing is due. Nothing may be left in the task afterwards.
        """
        task = task or self._latest_task
        found = self._task(task)
        for _ in range(ROUNDS):
            if is_over(found.phase):
                break
            if not self._crank_all(task):
                self.advance(max(self._longest_window(found), 1))
        assert is_over(found.phase), "the task waits for somebody: strangers cannot end it"
        works = self._works_of(task)
        for held in (*works, task):
            for entry in list(self._get(held).credits):
                self.claim(self.world.name_of(entry.owner), held)
        self.reclaim(task)
        left = {str(held): self.pot(held) for held in (task, *works) if self.pot(held)}
        assert not left, f"money is left in {left}"

    def _works_of(self, task: Thing) -> list[Thing]:
        mine = {entry.submission for entry in self._get(task).entries}
        return [thing for thing, oid in self._ids.items() if oid in mine]

    def _crank_all(self, task: Thing) -> bool:
        turned = [self.crank(thing) for thing in (task, *self._works_of(task))]
        return any(turned)

    @staticmethod
    def _longest_window(task: ob.Task) -> float:
        terms = task.terms
        late = terms.open_ms + terms.grace_ms, terms.jury_commit_ms + terms.jury_reveal_ms
        return max(terms.join_ms, terms.train_ms, terms.verify_ms, *late) / 1000


@contextmanager
def play_on(stage: Stage) -> Iterator[Scenario]:
    """Yield a scenario on a stage; compare the stage with the specification when it has ended."""
    yield Scenario(stage)
    stage.compare()
