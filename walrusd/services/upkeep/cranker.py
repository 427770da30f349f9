"""Turn the cranks that are due, so that no task depends on one party.

The party with the most at stake goes first; the others follow after a grace, so that usually only
one transaction is paid for. Losing the race is harmless: the contract aborts the second one.
"""

from collections.abc import Iterator
from functools import partial

import trio

from walrusd.chain.calls.reads import SeatId
from walrusd.chain.layouts import objects as ob
from walrusd.core.aborts import is_abort
from walrusd.core.cranks import Crank, compute_submission_crank, compute_task_crank
from walrusd.core.faults import is_audit
from walrusd.core.lifecycle import is_disputed
from walrusd.core.seats.steps import SeatStep, compute_seat_step
from walrusd.crypto.merkle import Tree
from walrusd.engine.service import Attempt, Attempts, Service
from walrusd.engine.tools import Tools
from walrusd.errors import MoveAborted
from walrusd.market.case import Case, read_cases, read_tasks, submission_facts, task_facts
from walrusd.market.fetch import Fetcher
from walrusd.market.leaves import read_leaves

Step = Crank | SeatStep
"""Something that anyone may turn: of a task, a submission, or a seat."""

RACE_PAUSE_S = 5.0
"""The pause after an abort: another was first, or our clock is ahead of the chain's."""
SEATS_PAUSE_S = 60.0
"""The pause while too few seats are free for a draw."""
RACES = 4
"""More aborts in a row mean that there was no race: the contract refuses the crank."""


class Cranker(Service):
    """Turns the due cranks of all tasks and submissions, and of the seats of our pools."""

    name = "cranker"

    def __init__(self, tools: Tools, fetcher: Fetcher) -> None:
        super().__init__(tools)
        self._fetcher = fetcher
        self._seen: dict[tuple[str, Step], float] = {}
        self._not_before: dict[tuple[str, Step], float] = {}
        self._aborts: dict[tuple[str, Step], int] = {}

    async def list_due(self) -> Attempts:
        """Turn the cranks that are due and ours to turn."""
        now = self.tools.clock.now_ms()
        still_due: set[tuple[str, Step]] = set()
        for task in await read_tasks(self.tools):
            due = compute_task_crank(task_facts(task), now)
            if due is not None:
                still_due.add((task.id, due))
            if due is not None and self._is_ours(task.id, due, task.publisher):
                yield Attempt(task.id, partial(self._turn_task, task, due))
        pools = {pool.id: pool for pool in await self.tools.contract.pools()}
        for case in await read_cases(self.tools):
            task, submission = case.task, case.submission
            facts = submission_facts(task, submission, pools.get(task.pool))
            due = compute_submission_crank(task_facts(task), facts, now)
            if due is not None:
                still_due.add((case.submission.id, due))
            if due is not None and self._is_ours(submission.id, due, _first_in_line(case, due)):
                yield Attempt(case.submission.id, partial(self._turn_submission, case, due))
        for pool in pools.values():
            for seat, step in list_pool_steps(pool, now):
                subject = f"{seat.pool}:{seat.index}:{seat.generation}"
                still_due.add((subject, step))
                if self._is_ours(subject, step, pool.seats[seat.index].verifier):
                    yield Attempt(pool.id, partial(self._turn_seat, seat, step), f":{seat.index}")
        self._seen = {key: at for key, at in self._seen.items() if key in still_due}
        self._not_before = {k: at for k, at in self._not_before.items() if k in still_due}
        self._aborts = {k: count for k, count in self._aborts.items() if k in still_due}

    def _is_ours(self, subject: str, due: Step, first: str) -> bool:
        """Return whether it is our turn. The grace counts from when we first saw the crank due.

        If it counted from when the crank became due, all daemons that were suspended, or whose
        clocks jumped, would wake after the grace and race.
        """
        seen = self._seen.setdefault((subject, due), trio.current_time())
        grace = self.tools.settings.timing.crank_grace_s
        now = trio.current_time()
        if now < self._not_before.get((subject, due), 0.0):
            return False
        return first == self.tools.address or now >= seen + grace

    async def _turn_task(self, task: ob.Task, due: Crank) -> None:
        contract = self.tools.contract
        try:
            if due is Crank.CLOSE_JOINING:
                await contract.close_joining(task.id)
            else:
                await contract.close_training(task.id)
        except MoveAborted as error:
            self._note_race(task.id, due, error)
            return
        self._note_turned(task.id, due)

    async def _turn_submission(self, case: Case, due: Crank) -> None:
        contract, task, submission = self.tools.contract, case.task.id, case.submission.id
        try:
            match due:
                case Crank.DRAW_COMMITTEE:
                    await contract.draw_committee(task, submission)
                case Crank.SEAT_COMMITTEE:
                    await contract.seat_committee(task, submission)
                case Crank.REOPEN:
                    await contract.reopen(task, submission)
                case Crank.REPLACE:
                    await contract.replace(task, submission)
                case Crank.DRAW_AUDIT:
                    await contract.draw_audit(task, submission)
                case Crank.AUDIT:
                    await self._start_audit(case)
                case Crank.SETTLE:
                    await contract.settle(task, submission)
                case Crank.DRAW_JURY:
                    await contract.draw_jury(task, submission)
                case Crank.SEAT_JURY:
                    await contract.seat_jury(task, submission)
                case Crank.RESOLVE:
                    # A juror tells what the majority's value hides; this is for want of one.
                    await contract.resolve(task, submission, chain=b"", state_root=b"")
                case Crank.CLOSE_JOINING | Crank.CLOSE_TRAINING:
                    raise AssertionError(f"{due} is not a submission's crank")
        except MoveAborted as error:
            if due in _DRAWS and _waits_for_seats(error):
                self._note_waiting(submission, due, error)
                return
            self._note_race(submission, due, error)
            return
        self._note_turned(submission, due)

    async def _turn_seat(self, seat: SeatId, step: SeatStep) -> None:
        contract, subject = self.tools.contract, f"{seat.pool}:{seat.index}:{seat.generation}"
        try:
            if step is SeatStep.EVICT:
                await contract.evict_seat(seat)
            else:
                await contract.release_seat(seat)
        except MoveAborted as error:
            self._note_race(subject, step, error)
            return
        self._note_turned(subject, step)

    def _note_waiting(self, subject: str, due: Crank, error: MoveAborted) -> None:
        """Wait for seats: nothing is lost meanwhile, as no clock runs."""
        self.tools.journal.record_once(subject, self.name, "waiting", error.message, step=due.value)
        # Another lot is used within seconds; seats are free again when somebody's work has ended.
        is_short = is_abort(error, "node", "ELotPending")
        pause_s = RACE_PAUSE_S if is_short else SEATS_PAUSE_S
        self._not_before[subject, due] = trio.current_time() + pause_s

    async def _start_audit(self, case: Case) -> None:
        """Bring the sampled segment before a jury.

        Raises:
            VerificationFailed: if we cannot read its leaf; others may.
        """
        segment = case.find_audited_segment()
        assert segment is not None, "an audit is due"
        leaves = await read_leaves(self.tools, self._fetcher, case)
        await self.tools.contract.audit(
            case.task.id,
            case.submission,
            leaf=leaves[segment],
            path=Tree(leaves).path(segment),
        )

    def _note_turned(self, subject: str, due: Step) -> None:
        self._aborts.pop((subject, due), None)
        self.tools.journal.record(subject, self.name, due.value, "it was due")
        self.tools.wakeup.wake()

    def _note_race(self, subject: str, due: Step, error: MoveAborted) -> None:
        """Pause until the winner's transaction is visible.

        Raises:
            MoveAborted: if the crank has aborted too often to be a lost race.
        """
        self._aborts[subject, due] = self._aborts.get((subject, due), 0) + 1
        if self._aborts[subject, due] > RACES:
            raise error
        self.log.info("crank_lost_race", subject=subject, crank=due.value, error=str(error))
        self._not_before[subject, due] = trio.current_time() + RACE_PAUSE_S


def _first_in_line(case: Case, due: Crank) -> str:
    """Return the address that turns a submission's crank first."""
    submission, dispute = case.submission, case.submission.dispute
    if due is Crank.REOPEN or (due is Crank.SETTLE and not submission.opening):
        return case.task.publisher  # a contributor has no interest in ending its own failure
    if is_disputed(submission.state) and dispute is not None and not is_audit(dispute.accuser):
        return dispute.accuser
    return submission.contributor


def list_pool_steps(pool: ob.VerifierPool, now_ms: int) -> Iterator[tuple[SeatId, SeatStep]]:
    """Yield the dead seats of a pool, each with the step that is due."""
    for index, seat in enumerate(pool.seats):
        step = compute_seat_step(seat, pool.params, now_ms)
        if step is not None:
            yield SeatId(pool.id, index, seat.generation), step


_DRAWS = frozenset({Crank.DRAW_COMMITTEE, Crank.DRAW_JURY})


def _waits_for_seats(error: MoveAborted) -> bool:
    """Return whether a draw only has to be tried again later."""
    return is_abort(error, "node", "ELotPending", "ETooFewSeats", "EPoolBusy")
