"""What all verbs share: things by name, time, money, refusals."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.support.scenario.stage import Stage
from tests.support.scenario.terms import compute_window_end
from walrusd.chain.layouts import objects as ob
from walrusd.core.aborts import ABORTS
from walrusd.core.lifecycle import EndReason, RequestState, SubmissionState, TaskPhase
from walrusd.devnet.move.aborts import MoveAbort
from walrusd.devnet.move.packages import compute_held_sui
from walrusd.units import MIST_PER_SUI

SUI = MIST_PER_SUI
PURSE = 1_000 * SUI
"""What everybody has when a play begins, in Mist; of a verifier's, a part is in its seat, or paid
for it."""

BURN = "0xdead"
_STATES = {ob.Task: TaskPhase, ob.Submission: SubmissionState, ob.KeyRequest: RequestState}


@dataclass(frozen=True)
class Thing:
    """A task, submission, dataset or key request, as plays hold it. Look at it with verbs only."""

    kind: str
    number: int
    who: str

    def __str__(self) -> str:
        """Return words for messages."""
        return f"{self.kind} {self.number} of {self.who}"


class Base:
    """People, money and time."""

    def __init__(self, stage: Stage) -> None:
        self.stage, self.world = stage, stage.world
        self._ids: dict[Thing, str] = {}
        self._latest_task: Thing | None = None
        self._first_seats = dict.fromkeys(self.world.caps, self.world.pool.params.fee)

    # --- things ---------------------------------------------------------------------------------

    def _hold(self, kind: str, made: Any, who: str) -> Thing:
        number = sum(thing.kind == kind for thing in self._ids)
        thing = Thing(kind, number, who)
        self._ids[thing] = made.id
        return thing

    def _get(self, thing: Thing) -> Any:
        return self.world.objects[self._ids[thing]]

    def _task(self, task: Thing | None) -> Any:
        """Return a task, by default the latest, and let the world's next calls be about it."""
        assert task or self._latest_task, "no task was opened"
        self.world.task = found = self._get(task or self._latest_task)
        return found

    def _work(self, work: Thing) -> Any:
        found = self._get(work)
        self.world.task = self.world.objects[found.task]
        return found

    def _of(self, thing: Thing) -> tuple[Any, Any]:
        """Return the task that something belongs to, and the submission if it is one."""
        found = self._get(thing)
        if isinstance(found, ob.Submission):
            return self.world.objects[found.task], found
        return found, None

    @property
    def task(self) -> Thing:
        """The task that was opened last."""
        assert self._latest_task, "no task was opened"
        return self._latest_task

    # --- what one sees --------------------------------------------------------------------------

    def state(self, thing: Thing) -> str:
        """Return where a task, submission or request stands, such as "accepted"."""
        found = self._get(thing)
        value = found.phase if isinstance(found, ob.Task) else found.state
        return _STATES[type(found)](value).name.lower()

    def reason(self, work: Thing) -> str:
        """Return why a submission ended as it did, such as "attested"; "" if it has not ended."""
        reason = self._get(work).reason
        return EndReason(reason).name.lower() if reason else ""

    def money(self, who: str) -> int:
        """Return what somebody has in coins, in Mist, as if transactions cost no gas."""
        return PURSE + self.stage.gain(who)

    def seat_stake(self, who: str) -> int:
        """Return the stake that somebody's seat holds, in Mist; 0 without a seat."""
        mine = self.world.address(who)
        return sum(seat.stake for seat in self.world.pool.seats if seat.verifier == mine)

    def _seat_of(self, who: str) -> Any:
        mine = self.world.address(who)
        found = [seat for seat in self.world.pool.seats if seat.verifier == mine]
        assert found, f"{who} has no seat"
        return found[0]

    def gain(self, who: str) -> int:
        """Return what somebody has won, or lost if below 0, coins and seat together, in Mist.

        What is staked on a submission, or owed, is not counted before it is claimed; what the seats
        that are there from the start have paid is not counted at all.
        """
        return self.stage.gain(who) + self.seat_stake(who) + self._first_seats.get(who, 0)

    def owed(self, who: str) -> int:
        """Return what somebody may claim, in Mist."""
        mine = self.world.address(who)
        holders = [*self.world.of_type(ob.Task), *self.world.of_type(ob.Submission)]
        return sum(c.amount for each in holders for c in each.credits if c.owner == mine)

    def pot(self, what: Thing | str) -> int:
        """Return the Mist in a task or a submission, in all "seats", or "burned"."""
        if what == "burned":
            return self.stage.gain(BURN) - sum(self._first_seats.values())
        if what == "seats":
            return int(self.world.pool.stakes)
        assert isinstance(what, Thing)
        return int(compute_held_sui(self._get(what)))

    def terms(self, task: Thing | None = None) -> ob.Terms:
        """Return the terms of a task: amounts in Mist, windows as ``…_ms``."""
        return self._task(task).terms

    # --- time -----------------------------------------------------------------------------------

    @property
    def now(self) -> float:
        """The time in seconds."""
        return self.world.now / 1000

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.world.advance(round(seconds * 1000))

    def advance_to(self, window: str, what: Thing | str | None = None, early: float = 0) -> None:
        """Let time pass until a window is over, or until ``early`` seconds before that.

        ``what`` is the task (by default the latest) or the submission that it is a window of, a
        verifier for "unbonding" and "renewal", or a request for "key".
        """
        left = self._window_end(window, what) - self.world.now - round(early * 1000)
        assert left >= 0, f"{window} was over {-left} ms ago"
        self.world.advance(left)

    def _window_end(self, window: str, what: Thing | str | None) -> int:
        if window in ("unbonding", "renewal"):
            assert isinstance(what, str), f"{window} is the window of somebody's seat"
            seat, params = self._seat_of(what), self.world.pool.params
            if window == "renewal":
                return int(seat.renewed_ms + params.seat_life_ms)
            return int(seat.exiting_at_ms + params.unbonding_ms)
        if window == "key":
            return int(self._get(what).expires_ms)
        task, submission = self._of(what or self._latest_task)
        return compute_window_end(task, submission, window)

    # --- refusals -------------------------------------------------------------------------------

    @contextmanager
    def expect_refused(self, code: str) -> Iterator[None]:
        """Expect that the contract refuses what is done next, with this code.

        ``code`` is a name of the table in docs/contract.md: "ETooEarly", or "settlement.ETooEarly"
        where the module matters.

        Raises:
            AssertionError: if it is not refused, or with another code.
        """
        try:
            yield
        except MoveAbort as abort:
            error = ABORTS[abort.module, abort.code]
            assert code in (error.name, f"{error.module}.{error.name}"), (
                f"expected {code}, was refused with {error.module}.{error.name}: {error.sentence}"
            )
        else:
            raise AssertionError(f"expected {code}, but it was allowed")
