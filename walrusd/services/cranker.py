"""Turn the cranks that are due, so that no task waits for anybody's goodwill.

Whoever has the most at stake goes first; the others follow after a grace, so that usually only one
transaction is paid for. Losing the race is harmless: the contract aborts the second.
"""

from walrusd.chain.layouts import objects as ob
from walrusd.core.cranks import Crank, DueCrank, compute_submission_crank, compute_task_crank
from walrusd.errors import MoveAborted
from walrusd.services.facts import Case, read_cases, read_tasks, submission_facts, task_facts
from walrusd.services.service import Service


class Cranker(Service):
    """Looks at every task and submission for a due crank."""

    name = "cranker"

    async def reconcile(self) -> None:
        """Turn what is due and ours to turn."""
        now = self.tools.clock.now_ms()
        for task in await read_tasks(self.tools):
            due = compute_task_crank(task_facts(task), now)
            if due is not None and self._is_ours(due, task.publisher, now):

                async def turn_task(task: ob.Task = task, due: DueCrank = due) -> None:
                    await self._turn_task(task, due)

                await self.attempt(task.id, turn_task)
        for case in await read_cases(self.tools):
            due = compute_submission_crank(
                task_facts(case.task), submission_facts(case.submission), now
            )
            if due is not None and self._is_ours(due, _first_in_line(case, due), now):

                async def turn(case: Case = case, due: DueCrank = due) -> None:
                    await self._turn_submission(case, due)

                await self.attempt(case.submission.id, turn)

    def _is_ours(self, due: DueCrank, first: str, now: int) -> bool:
        grace_ms = round(self.tools.settings.timing.crank_grace_s * 1000)
        return first == self.tools.address or now >= due.since_ms + grace_ms

    async def _turn_task(self, task: ob.Task, due: DueCrank) -> None:
        contract = self.tools.contract
        try:
            if due.crank is Crank.CLOSE_JOINING:
                await contract.close_joining(task.id)
            else:
                await contract.draw(task.id)
        except MoveAborted as error:
            self._note_race(task.id, due, error)
            return
        self._note_turned(task.id, due)

    async def _turn_submission(self, case: Case, due: DueCrank) -> None:
        contract, task, submission = self.tools.contract, case.task.id, case.submission.id
        try:
            match due.crank:
                case Crank.SEAT:
                    await contract.seat(task, submission)
                case Crank.SETTLE:
                    await contract.settle(task, submission)
                case Crank.DRAW_JURY:
                    assert case.submission.dispute is not None
                    await contract.draw_jury(submission, case.submission.dispute.challenge)
                case Crank.SEAT_JURY:
                    await contract.seat_jury(task, submission)
                case Crank.RESOLVE:
                    await contract.resolve(task, submission)
                case Crank.CLOSE_JOINING | Crank.DRAW:
                    raise AssertionError(f"{due.crank} is not a submission's crank")
        except MoveAborted as error:
            self._note_race(submission, due, error)
            return
        self._note_turned(submission, due)

    def _note_turned(self, subject: str, due: DueCrank) -> None:
        self.tools.journal.record(subject, self.name, due.crank.value, "it was due")
        self.tools.bell.ring()

    def _note_race(self, subject: str, due: DueCrank, error: MoveAborted) -> None:
        self.log.info("crank_lost_race", subject=subject, crank=due.crank.value, error=str(error))


def _first_in_line(case: Case, due: DueCrank) -> str:
    """Return who turns a submission's crank first."""
    if due.crank in {Crank.DRAW_JURY, Crank.SEAT_JURY, Crank.RESOLVE}:
        assert case.submission.dispute is not None
        return case.submission.dispute.accuser
    if due.crank is Crank.SETTLE and not case.submission.opening:
        return case.task.publisher  # a contributor is not the one to end its own failure
    return case.submission.contributor
