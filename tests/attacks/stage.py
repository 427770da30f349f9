"""One market with cheats in it, played to its end; then nothing may be amiss for the others."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import trio

from tests.attacks.attack import ACCEPTED, Attack, Culprit, End, Loss
from tests.attacks.books import Flows, compute_flows
from tests.attacks.casting import Casting, JurorAct, SeatAct
from tests.attacks.clockhand import ClockHand
from tests.attacks.table import ATTACKS
from tests.demo.audit import BURN, AuditedTransaction, Rules, Supply, find_discrepancies
from tests.demo.observer import Observer, open_observer
from tests.support.guards import PLAY_S
from tests.support.market.world import (
    DIGITS,
    SCHEMA,
    InlineTraining,
    Peer,
    World,
    make_plan,
    open_world,
    wait_for,
)
from tests.support.patience import patiently
from tests.support.scenario.terms import PRICES, make_terms
from walrusd.chain.layouts import events as ev
from walrusd.chain.layouts import objects as ob
from walrusd.compose import BuildParts, build_parts
from walrusd.core.lifecycle import TERMINAL, EndReason, SubmissionState, TaskPhase
from walrusd.core.seats.eligibility import is_vacant
from walrusd.engine.tools import TrainingBackend
from walrusd.settings.model import Role
from walrusd.units import Mist

WINDOW_S = 1200
TERMS: dict[str, Any] = {
    "committee": 2,
    "substitutes": 1,
    "segments_per_seat": 2,
    # Two jurors are drawn, so that five verifiers suffice for a committee and a jury.
    "jury": 1,
    "verifier_stake": "2 SUI",
    "verifier_fee": "0.001 SUI",
    "juror_fee": "0.0005 SUI",
    # As low as the contract lets it be, so that lots fall where a play wants them.
    "audit_bps": 25,
    "join": WINDOW_S,
    "train": WINDOW_S,
    "open": WINDOW_S,
    "grace": 4 * WINDOW_S,
    "verify": WINDOW_S,
    "jury_commit": WINDOW_S,
    "jury_reveal": WINDOW_S,
}
HONEST = "honest"
SEATS = 2
"""How many seats of the pool each verifier holds."""
SEATED = frozenset({Culprit.VERIFIER, Culprit.JUROR})
PAID = frozenset(
    {
        EndReason.ATTESTED,
        EndReason.PLAN_ABORTED,
        EndReason.CHALLENGE_CONFIRMED,
        EndReason.AUDIT_CONFIRMED,
    }
)
"""The ends in which every seat that is not guilty earns its fee."""
OVER = frozenset({TaskPhase.SETTLED, TaskPhase.AGGREGATED, TaskPhase.VOID})


class Stage:
    """The people of one play. A contributor is called by the attack that its submission suffers."""

    def __init__(self, world: World, observer: Observer) -> None:
        self.world, self.observer = world, observer
        self.casting = Casting()
        self.peers: list[Peer] = []
        self.verifiers: list[Peer] = []
        self.contributors: dict[str, Peer] = {}
        self.tasks: list[str] = []
        self.dataset = ""
        self.transactions: list[AuditedTransaction] = []
        self.flows: dict[str, Flows] = {}
        self._before: tuple[dict[str, int], Supply]

    async def begin(self, **parts: BuildParts) -> None:
        """Count the money, and start the owner and the publisher."""
        self._before = await self._read_books()
        owner, publisher = (parts.get(who, build_parts) for who in ("owner", "publisher"))
        self.owner = await self.start("owner", Role.DATASET_OWNER, build=owner)
        self.publisher = await self.start("publisher", Role.PUBLISHER, build=publisher)
        listed = await self.owner.api.dataset_add(str(DIGITS), "digits", "digits", SCHEMA)
        self.dataset = listed["dataset"]

    async def start(self, name: str, *roles: Role, **parts: Any) -> Peer:
        """Start a daemon, honest unless parts are given. Cranks are left to who comes first."""
        peer = await self.world.start(name, *roles, **({"grace_s": 600.0, "poll_s": 10.0} | parts))
        self.peers.append(peer)
        return peer

    async def add_verifiers(self, count: int, min_fee: int = 0) -> None:
        """Fill the pool. Each verifier is honest until the draw gives it a part."""
        for number in range(count):
            name = f"verifier-{number}"
            peer = await self.start(
                name, Role.VERIFIER, build=self.casting.build, min_fee=Mist(min_fee)
            )
            self.verifiers.append(peer)
        await self._wait_seats(count)

    async def _wait_seats(self, count: int) -> None:
        async def are_there() -> bool:
            pool = await self.observer.pool()
            return sum(not is_vacant(seat) for seat in pool.seats) == SEATS * count

        await wait_for(are_there)

    async def add_contributor(
        self,
        name: str,
        *,
        training: Callable[[], TrainingBackend] = InlineTraining,
        build: BuildParts = build_parts,
        seats: dict[int, SeatAct] | None = None,
        jurors: dict[tuple[int, int], JurorAct] | None = None,
        also_verifies: bool = False,
    ) -> Peer:
        """Start a contributor, whose submission the attack of that name is about."""
        roles = [Role.CONTRIBUTOR, *([Role.VERIFIER] if also_verifies else [])]
        peer = await self.start(name, *roles, training=training, build=build)
        if also_verifies:
            await self._wait_seats(len(self.verifiers) + 1)
        self.contributors[name] = peer
        self.casting.seats[peer.address] = seats or {}
        self.casting.jurors[peer.address] = jurors or {}
        return peer

    async def open_task(
        self, plan: dict[str, Any] | None = None, parent: str | None = None, **terms: Any
    ) -> str:
        """Open a task that all contributors will join."""
        terms = make_terms(TERMS, **{"max_submissions": len(self.contributors)} | terms)
        params = {
            "title": "digits",
            "plan": plan or make_plan(),
            "datasets": [{"dataset": self.dataset, "version": 1}],
            "terms": terms,
            "again": str(len(self.tasks)),
        }
        published = await self.publisher.api.task_publish(
            params if parent is None else {**params, "parent": parent}
        )
        self.tasks.append(published["task"])
        return published["task"]

    async def approve_all(self) -> None:
        """Grant every contributor the dataset's key as they ask, until cancelled."""
        while True:
            for request in (await self.owner.api.keys_pending())["requests"]:
                await self.owner.api.keys_approve(request["request"])
            await trio.sleep(0.5)

    async def play(self, seconds: float = PLAY_S, *, approve: bool = True) -> None:
        """Let everything happen until all tasks have ended and everybody has been paid."""
        async with self.running(seconds, approve=approve):
            pass

    @asynccontextmanager
    async def running(
        self, seconds: float = PLAY_S, *, approve: bool = True
    ) -> AsyncIterator[None]:
        """Let time pass while the block runs, and then until everything is over."""
        with trio.fail_after(seconds):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(ClockHand(self).run)
                if approve:
                    nursery.start_soon(self.approve_all)
                yield
                await wait_for(self._is_over, seconds, every_s=1.0)
                nursery.cancel_scope.cancel()
            await self._settle_down()

    async def wait_phase(self, task: str, phase: TaskPhase) -> None:
        """Wait until a task has come to a phase, or beyond it."""

        async def reached() -> bool:
            found, _submissions = await patiently(lambda: self.observer.task(task))
            return bool(found.phase >= phase)

        await wait_for(reached, PLAY_S, every_s=0.5)

    async def checkpoint(self) -> int:
        """Return the newest checkpoint."""
        info = await patiently(self.observer.client.service_info)
        return int(info.checkpoint)

    async def look(self) -> list[tuple[ob.Task, list[ob.Submission]]]:
        """Return all tasks with their submissions as they are now."""
        return [await patiently(lambda: self.observer.task(task)) for task in self.tasks]  # noqa: B023

    async def _is_over(self) -> bool:
        for task, submissions in await self.look():
            aggregated = (
                task.phase != TaskPhase.SETTLED or task.accepted.bit_count() < task.terms.k_min
            )
            owed = task.credits or any(submission.credits for submission in submissions)
            left = task.funds + task.bond + task.tips
            if task.phase not in OVER or not aggregated or owed or left:
                return False
        return True

    async def _settle_down(self) -> None:
        """Wait until no transaction has come for a while."""
        quiet, seen = 0, -1
        while quiet < 6:
            await trio.sleep(0.4)
            now = await self.checkpoint()
            quiet, seen = (quiet + 1 if now == seen else 0), now

    async def _read_books(self) -> tuple[dict[str, int], Supply]:
        addresses = [account["address"] for account in self.world.info.accounts]
        balances = {a: int(await self.observer.client.balance(a)) for a in addresses}
        return balances, Supply.from_json(await self.world.admin("/supply"))

    # --- afterwards -----------------------------------------------------------------------------

    async def check(self) -> None:
        """Check how every submission ended, and that everybody's money adds up."""
        market = await self.observer.reader.market()
        self.transactions = await self.observer.transactions()
        self.flows = compute_flows(self.transactions, market.params.tip)
        await self._check_money(Rules(market.params.tip, (await self.observer.pool()).params))
        await self._check_nothing_is_stuck()
        for task, submissions in await self.look():
            for submission in submissions:
                self._check_submission(task, submission)

    async def _check_money(self, rules: Rules) -> None:
        before, supply_before = self._before
        after, supply_after = await self._read_books()
        wrong = find_discrepancies(
            self.transactions,
            rules=rules,
            before=before,
            after=after,
            burned=await self.observer.client.balance(BURN),
            supply_before=supply_before,
            supply_after=supply_after,
        )
        assert not wrong, wrong
        assert (await self.world.admin("/supply"))["conserved"] is True

    async def _check_nothing_is_stuck(self) -> None:
        for task, submissions in await self.look():
            assert task.phase in OVER
            assert not task.credits
            assert task.funds + task.bond + task.tips == 0
            for submission in submissions:
                assert submission.state in TERMINAL
                assert submission.stake + submission.escrow + submission.bond == 0
                assert not submission.credits
        pool = await self.observer.pool()
        assert all(seat.duties == 0 for seat in pool.seats)
        assert (pool.booked, int(pool.lot, 16)) == (0, 0)

    def name_of(self, address: str) -> str:
        """Return what a contributor is called."""
        return next(n for n, peer in self.contributors.items() if peer.address == address)

    def gain(self, address: str, submission: ob.Submission) -> int:
        """Return what somebody has won over a submission, or lost if below 0, in Mist."""
        return self.flows[submission.id].net[address]

    def _check_submission(self, task: ob.Task, submission: ob.Submission) -> None:
        name = self.name_of(submission.contributor)
        attack = None if name.startswith(HONEST) else ATTACKS[name]
        expected = ACCEPTED if attack is None else attack.end
        assert expected is not None, f"{name} is not about a submission"
        end = End(SubmissionState(submission.state), EndReason(submission.reason))
        assert end == expected, f"{name} ended {end}"
        flows = self.flows[submission.id]
        culprits = self.culprits(attack, submission)
        if attack is not None and attack.culprit in SEATED:
            assert self.casting.culprits.get(submission.id), f"nobody played {name}"
        for address, net in flows.net.items():
            if address not in culprits:
                assert net >= 0, f"{name}: the honest {address} lost {-net}"
                assert address not in flows.penalties, f"{name}: the honest {address} was punished"
        self._check_payments(name, task, submission, culprits)
        if attack is not None:
            self._check_loss(attack, task, submission, culprits)

    def culprits(self, attack: Attack | None, submission: ob.Submission) -> set[str]:
        """Return who attacked in one submission."""
        found = set(self.casting.culprits.get(submission.id, ()))
        if attack is None:
            return found
        by_contributor = attack.culprit in {Culprit.CONTRIBUTOR, Culprit.RING}
        # Who lies for a forger, or about one, is not the only culprit.
        beside_forger = attack.culprit in SEATED and attack.end != ACCEPTED
        if by_contributor or beside_forger:
            found.add(submission.contributor)
        return found

    def _check_payments(
        self, name: str, task: ob.Task, submission: ob.Submission, culprits: set[str]
    ) -> None:
        """Check that honest people got what their work earns under this end."""
        contributor = submission.contributor
        if submission.state == SubmissionState.ACCEPTED:
            late = submission.late_fee if contributor in culprits else 0
            assert self.gain(contributor, submission) == task.terms.reward - late, name
        paid = submission.reason in PAID
        for seat in submission.committee if paid else []:
            if seat.verifier not in culprits:
                earned = self.gain(seat.verifier, submission)
                assert earned >= PRICES["seat fee"](task.terms), f"{name}: an unpaid seat"

    def _check_loss(
        self, attack: Attack, task: ob.Task, submission: ob.Submission, culprits: set[str]
    ) -> None:
        """Check what the attack has cost, beside what was earned by honest work."""
        terms = task.terms
        if attack.culprit in {Culprit.CONTRIBUTOR, Culprit.RING}:
            lost = -self.gain(submission.contributor, submission)
            if submission.state == SubmissionState.ACCEPTED:
                lost += terms.reward
        else:
            cast = culprits - {submission.contributor}
            seated = [seat.verifier for seat in submission.committee if seat.verifier in cast]
            # Whom the second jury took again served it honestly.
            redrawn = self.events(ev.JurySeated, submission=submission.id)[1:]
            again = sum(address in jury.jurors for jury in redrawn for address in cast)
            earned = len(seated) * terms.verifier_fee + again * terms.juror_fee
            lost = earned - sum(self.gain(address, submission) for address in cast)
        expected = attack.loss.amount(terms)
        if attack.loss is Loss.LATE_FEE:
            assert 0 < lost <= terms.late_fee, f"{attack.name} lost {lost}"
        else:
            assert lost == expected, f"{attack.name} lost {lost}, not {expected}"

    def events(self, kind: type, **fields: Any) -> list[Any]:
        """Return the events of a kind with these fields, oldest first."""
        return [
            event
            for transaction in self.transactions
            for event in transaction.events
            if isinstance(event, kind)
            and all(getattr(event, key) == value for key, value in fields.items())
        ]

    def submission_of(self, name: str) -> str:
        """Return the submission of a contributor."""
        (event,) = self.events(ev.SubmissionJoined, contributor=self.contributors[name].address)
        return str(event.submission)


@asynccontextmanager
async def open_stage(
    directory: Path, *, verifiers: int = 6, min_fee: int = 0, **parts: BuildParts
) -> AsyncIterator[Stage]:
    """Yield a market with a publisher, a dataset and honest verifiers, and nothing to do yet.

    ``parts`` builds the services of an ``owner`` or ``publisher`` that is not honest.
    """
    async with open_world(directory, 24) as world, open_observer(asdict(world.info)) as seen:
        stage = Stage(world, seen)
        await stage.begin(**parts)
        await stage.add_verifiers(verifiers, min_fee)
        yield stage


def kinds(transactions: Sequence[AuditedTransaction]) -> list[str]:
    """Return the names of all events, in order."""
    return [type(event).__name__ for transaction in transactions for event in transaction.events]
