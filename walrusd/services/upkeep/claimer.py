"""After the end of a submission: deliver its key to the publisher, claim our credit, clean up."""

import shutil
from collections.abc import Iterator
from functools import partial

from walrusd.chain.layouts import objects as ob
from walrusd.core.duties import Duty, Party
from walrusd.core.lifecycle import (
    SubmissionState,
    is_accepted,
    is_final,
    is_over,
    may_be_aggregated,
)
from walrusd.engine.service import Attempt, Attempts, Service
from walrusd.engine.tools import Tools
from walrusd.market.case import Case, list_duties_about, read_cases, read_tasks
from walrusd.market.keys import find_opening_key, find_shared_envelopes, share_opening_key
from walrusd.market.payouts import explain_payouts

FORGET_AFTER_MS = 24 * 3600 * 1000
KEEP_ACCEPTED_MS = 30 * FORGET_AFTER_MS
"""How long publisher and contributor keep an accepted update that is in no sum yet."""
SECOND_DELIVERY_GRACES = 10
"""After this many graces the committee assumes that the contributor's envelope is unusable."""


def credit_of(entries: list[ob.Credit], owner: str) -> int:
    """Return an owner's credit in Mist."""
    return sum(credit.amount for credit in entries if credit.owner == owner)


class Claimer(Service):
    """Delivers and claims; objects are forgotten a day after they owe us nothing."""

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
        waiting = {case.task.id for case in cases}
        for task in await read_tasks(self.tools):
            if credit_of(task.credits, self.tools.address):
                yield Attempt(task.id, partial(self.tools.contract.claim_task, task.id))
            elif task.id not in waiting and self._is_done(task):
                self.tools.chain_log.mark_ended(task.id)

    def _list_due_about(self, case: Case, used: set[bytes]) -> Iterator[Attempt]:
        """Claim and deliver separately: a delivery that fails must not cost us our money."""
        tools, submission = self.tools, case.submission
        self._note_end(case)
        amount = credit_of(submission.credits, tools.address)
        if amount:
            yield Attempt(submission.id, partial(self._claim, case, amount))
        if self._must_deliver(case):
            yield Attempt(submission.id, partial(self._deliver, case), part=":deliver")
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

    def _must_deliver(self, case: Case) -> bool:
        """Return whether to deliver the opening's key to the publisher now.

        The contributor does so immediately; the committee after a grace if the contributor has not,
        and after a long one if the publisher has still not aggregated.
        """
        tools, submission, task = self.tools, case.submission, case.task
        now_ms = tools.clock.now_ms()
        if submission.contributor == tools.address:
            return Duty.DELIVER_KEY in case.list_duties(Party.CONTRIBUTOR, now_ms)
        is_seat = case.seat_of(tools.address) is not None
        if not is_seat or Duty.DELIVER_KEY not in case.list_duties(Party.SEAT, now_ms):
            return False
        posted = find_shared_envelopes(tools, submission.id, task.publisher)
        graces = 1
        if posted:
            others = set(posted) - {submission.contributor}
            if others or Duty.AGGREGATE not in list_duties_about(task, Party.PUBLISHER):
                return False
            graces = SECOND_DELIVERY_GRACES
        grace_ms = round(tools.settings.timing.crank_grace_s * 1000) * graces
        return now_ms >= max(submission.window_ms, task.phase_ms) + grace_ms

    async def _deliver(self, case: Case) -> None:
        tools, task = self.tools, case.task
        if tools.address in find_shared_envelopes(tools, case.submission.id, task.publisher):
            return
        key = find_opening_key(tools, case)
        if key is not None:
            await share_opening_key(tools, case, task.publisher, task.publisher_key, key)

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
        tools.records.delete("concluded", submission.id)
        tools.chain_log.mark_ended(submission.id)
    shutil.rmtree(tools.files.submission(submission.id), ignore_errors=True)
