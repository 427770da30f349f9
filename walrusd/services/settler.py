"""After a verdict: hand accepted work to its publisher, and collect what is ours."""

from walrusd.chain.layouts import objects as ob
from walrusd.core.lifecycle import TERMINAL, SubmissionState
from walrusd.services.facts import Case, read_cases, read_tasks
from walrusd.services.holdings import find_opening_key, reseal_to
from walrusd.services.service import Service

FORGET_AFTER_MS = 24 * 3600 * 1000


def credit_of(entries: list[ob.Credit], owner: str) -> int:
    """Return an owner's credit in Mist."""
    return sum(credit.amount for credit in entries if credit.owner == owner)


class Settler(Service):
    """Delivers and claims. Objects that owe us nothing any more are forgotten after a day."""

    name = "settler"

    async def reconcile(self) -> None:
        """Look at every submission and task that may owe us, or that we may owe."""
        for case in await read_cases(self.tools):

            async def settle(case: Case = case) -> None:
                await self._settle(case)

            await self.attempt(case.submission.id, settle)
        for task in await read_tasks(self.tools):
            if credit_of(task.credits, self.tools.address):

                async def claim(task: ob.Task = task) -> None:
                    await self.tools.contract.claim_task(task.id)

                await self.attempt(task.id, claim)

    async def _settle(self, case: Case) -> None:
        tools, submission = self.tools, case.submission
        if submission.state not in TERMINAL:
            return
        if submission.state == SubmissionState.ACCEPTED:
            await self._deliver(case)
        amount = credit_of(submission.credits, tools.address)
        if amount:
            await tools.contract.claim(submission.id)
            tools.journal.record(
                submission.id,
                self.name,
                "claimed",
                f"the submission ended as {SubmissionState(submission.state).name.lower()}",
                amount=amount,
            )
        elif tools.clock.now_ms() > submission.window_ms + FORGET_AFTER_MS:
            tools.chain_log.mark_ended(submission.id)

    async def _deliver(self, case: Case) -> None:
        """Seal the opening's key to the publisher: the contributor at once, the committee later."""
        tools, submission = self.tools, case.submission
        mine = submission.contributor == tools.address
        if not mine and case.seat_of(tools.address) is None:
            return
        grace_ms = round(tools.settings.timing.crank_grace_s * 1000)
        if not mine and tools.clock.now_ms() < submission.window_ms + grace_ms:
            return
        key = find_opening_key(tools, case)
        if key is not None:
            task = case.task
            await reseal_to(tools, case, task.publisher, task.publisher_key, key)
