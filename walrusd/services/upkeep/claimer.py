"""After the end of a submission: claim our credit, clean up."""

import shutil
from collections.abc import Iterator
from functools import partial

from walrusd.chain.calls.dataset import names_task
from walrusd.chain.layouts import objects as ob
from walrusd.core.duties import Duty, Party
from walrusd.core.lifecycle import (
    SubmissionState,
    is_accepted,
    is_final,
    is_over,
    is_unanswered,
    may_be_aggregated,
    takes_contributors,
)
from walrusd.engine.service import Attempt, Attempts, Service
from walrusd.engine.tools import Tools
from walrusd.market.case import Case, list_duties_about, read_cases, read_tasks
from walrusd.market.payouts import explain_payouts

FORGET_AFTER_MS = 24 * 3600 * 1000
KEEP_ACCEPTED_MS = 30 * FORGET_AFTER_MS
"""How long publisher and contributor keep an accepted update that is in no sum yet."""


def credit_of(entries: list[ob.Credit], owner: str) -> int:
    """Return an owner's credit in Mist."""
    return sum(credit.amount for credit in entries if credit.owner == owner)


class Claimer(Service):
    """Claims; objects are forgotten a day after they owe us nothing."""

    name = "claimer"

    def __init__(self, tools: Tools) -> None:
        super().__init__(tools)

    async def list_due(self) -> Attempts:
        """Act on every ended submission, and on every task that holds our credit."""
        cases = await read_cases(self.tools)
        used = {c.submission.dataset_root for c in cases if not is_final(c.submission.state)}
        for case in cases:
            if is_final(case.submission.state):
                for due in self._list_due_about(case, used):
                    yield due
        async for due in self._list_lapsed():
            yield due
        waiting = {case.task.id for case in cases}
        for task in await read_tasks(self.tools):
            if credit_of(task.credits, self.tools.address):
                yield Attempt(task.id, partial(self.tools.contract.claim_task, task.id))
            elif task.id not in waiting and self._is_done(task):
                self.tools.chain_log.mark_ended(task.id)

    async def _list_lapsed(self) -> Attempts:
        """End our requests for keys of tasks that take no contributors any more."""
        tools = self.tools
        known = tools.chain_log.known("request")
        requests = await tools.contract.read_many(ob.KeyRequest, [k.id for k in known])
        waiting = [
            request
            for request in requests.values()
            if request.requester == tools.address
            and is_unanswered(request.state)
            and names_task(request)
        ]
        tasks = await tools.contract.read_many(ob.Task, dict.fromkeys(r.task for r in waiting))
        for request in waiting:
            task = tasks.get(request.task)
            if task is not None and not self._takes_contributors(task):
                yield Attempt(request.id, partial(tools.contract.lapse_key, request))

    def _takes_contributors(self, task: ob.Task) -> bool:
        is_over = self.tools.clock.now_ms() >= task.phase_ms + task.terms.join_ms
        return takes_contributors(task.phase) and not is_over

    def _list_due_about(self, case: Case, used: set[bytes]) -> Iterator[Attempt]:
        """Claim what is ours, and forget what owes us nothing any more."""
        tools, submission = self.tools, case.submission
        self._note_end(case)
        amount = credit_of(submission.credits, tools.address)
        if amount:
            yield Attempt(submission.id, partial(self._claim, case, amount))
        keep_ms = KEEP_ACCEPTED_MS if self._is_for_sum(case) else FORGET_AFTER_MS
        if not amount and tools.clock.now_ms() > submission.window_ms + keep_ms:
            forget_submission(tools, case)
            if submission.dataset_root not in used:
                tools.files.rows(submission.dataset_root).unlink(missing_ok=True)

    def _is_for_sum(self, case: Case) -> bool:
        """Return whether the sum still needs this submission, of which we keep a copy."""
        ours = self.tools.address in (case.task.publisher, case.submission.contributor)
        is_open = case.task.aggregate is None and may_be_aggregated(case.task.phase)
        return ours and is_open and is_accepted(case.submission.state)

    def _note_end(self, case: Case) -> None:
        """Journal once what the end of a submission meant for us, including penalties."""
        tools, name = self.tools, case.submission.id
        if tools.records.get("concluded", name) is not None:
            return
        outcome = explain_payouts(tools.chain_log, name, tools.address)
        with tools.database.transaction():
            tools.records.put("concluded", name, True)
            if outcome:
                state = SubmissionState(case.submission.state).name.lower()
                tools.journal.record(name, self.name, "ended", " ".join(outcome), state=state)

    async def _claim(self, case: Case, amount: int) -> None:
        tools, submission = self.tools, case.submission
        await tools.contract.claim(submission.id)
        tools.journal.record(
            submission.id,
            self.name,
            "claimed",
            f"the submission ended as {SubmissionState(submission.state).name.lower()}",
            amount=amount,
        )

    def _is_done(self, task: ob.Task) -> bool:
        """Return whether we have nothing more to do with a task."""
        ours = task.publisher == self.tools.address
        has_funds = Duty.RECLAIM in list_duties_about(task, Party.PUBLISHER)
        return (
            is_over(task.phase)
            and self.tools.clock.now_ms() > task.phase_ms + FORGET_AFTER_MS
            and not (ours and (has_funds or may_be_aggregated(task.phase)))
        )


def forget_submission(tools: Tools, case: Case) -> None:
    """Forget an ended submission, and remove the states, rows and updates kept for it."""
    submission = case.submission
    with tools.database.transaction():
        for kind in ("trained", "commit", "open", "replayed"):
            tools.work.delete(kind, submission.id)
        for kind in ("concluded", "late"):
            tools.records.delete(kind, submission.id)
        tools.chain_log.mark_ended(submission.id)
    shutil.rmtree(tools.files.submission(submission.id), ignore_errors=True)
