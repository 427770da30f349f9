"""Daemons on the executable specification, in virtual time: no node, no socket, no waiting.

The contract is the specification itself, called in process, which counts all coins after every
call. Services, databases, journals, cryptography and training are the real ones. A play looks with
every service of every daemon until nothing happens, then lets a while pass.
"""

import hashlib
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import trio

from tests.contract.early import required
from tests.contract.world import CHAIN_ID, PACKAGE, World, address
from tests.support.market.bench import DEK, ROW_BYTES, ROWS, MemoryStore
from tests.support.market.spec_chain import PowerCut, SpecChain
from tests.support.market.world import InlineTraining, make_plan
from tests.support.row_tree import RowTree
from walrusd.chain.calls.node import SeatOffer
from walrusd.chain.calls.reads import SeatId
from walrusd.chain.follow.follower import Cursor
from walrusd.chain.layouts import events as ev
from walrusd.chain.layouts import objects as ob
from walrusd.chain.values.types import ChainEvent
from walrusd.control.history import History
from walrusd.core.lifecycle import KeyScope, SubmissionState
from walrusd.core.manifest import TaskManifest
from walrusd.core.protocol import PROGRAM_ROOT
from walrusd.core.seats.eligibility import count_duties
from walrusd.crypto.envelope import dataset_key_info, derive_public_key, seal_key
from walrusd.crypto.envelopes.contexts import PublisherContext, SeatContext
from walrusd.crypto.keystore import KeyBundle
from walrusd.crypto.stream import StreamKind, compute_key_check, encrypt_bytes, stream_aad
from walrusd.engine.chain_watcher import ChainWatcher
from walrusd.engine.service import Service
from walrusd.engine.tools import Tools
from walrusd.market.case import Case
from walrusd.market.envelopes import prove_own_keys
from walrusd.market.fetch import Fetcher
from walrusd.runtime.broadcast import Broadcast
from walrusd.runtime.wakeup import WakeUp
from walrusd.services.committee.verifier import Verifier
from walrusd.services.contributor.committer import Committer
from walrusd.services.contributor.opener import Opener
from walrusd.services.contributor.trainer import Trainer
from walrusd.services.jury.juror import Juror
from walrusd.services.publisher.terms import read_terms
from walrusd.services.upkeep.claimer import Claimer
from walrusd.services.upkeep.cranker import Cranker
from walrusd.services.upkeep.key_sharer import KeySharer
from walrusd.settings.model import (
    DaemonSettings,
    KeysSettings,
    MarketSettings,
    Role,
    Settings,
    SuiSettings,
    TimingSettings,
    WalrusSettings,
)
from walrusd.state.chain_log import ChainLog
from walrusd.state.data_dir import DataDir
from walrusd.state.database import Database
from walrusd.state.journal import Journal
from walrusd.state.protection import Protection
from walrusd.state.stores import KeyValue, Work
from walrusd.training.plan.plan import Plan, read_plan
from walrusd.training.run.weights import compute_state_root_0, init_weights, weights_to_bytes
from walrusd.units import address_bytes

STEP_S = 2
"""How much time passes at once when nothing happens, unless a play says otherwise."""
WINDOWS = {
    "join": 10,
    "train": 60,
    "open": 10,
    "grace": 20,
    "verify": 40,
    "jury_commit": 40,
    "jury_reveal": 20,
}
TERMS = {
    "max_submissions": 1,
    "committee": 2,
    "substitutes": 2,
    "segments_per_seat": 2,
    "jury": 3,
    "audit_bps": 201,
    "reward": "1 SUI",
    "stake": "1 SUI",
    "verifier_fee": "0.01 SUI",
    "juror_fee": "0.01 SUI",
    "verifier_stake": "1 SUI",
    "lapse_penalty": "0.1 SUI",
}
OFFER = SeatOffer(min_fee=0, max_penalty=2_000_000_000, rate=1 << 50, memory=1 << 40)


class Daemon:
    """One peer: its tools and the services it runs; a play may put others in their place.

    ``kill`` ends it as a power cut does; ``restart`` opens its database anew and reads the events
    that it has missed.
    """

    def __init__(self, play: "Play", name: str, role: Role, training: Any) -> None:
        self.play, self.name, self.role = play, name, role
        self.training = training or InlineTraining()
        self.chain = SpecChain(play, name)
        self.read = 0
        """How many batches of events it has read."""
        self.open()

    @property
    def address(self) -> str:
        return address(self.name)

    @property
    def is_on(self) -> bool:
        return bool(self.services)

    def open(self) -> None:
        self._stack = self.play.stack.enter_context(ExitStack())
        self.tools = self.play.make_tools(self, self._stack)
        self.watcher = ChainWatcher(self.tools, None)
        self.make_services()

    def make_services(self) -> None:
        """Make the services anew, as after a restart."""
        tools = self.tools
        self.fetcher = fetcher = Fetcher(tools)
        self.services = [KeySharer(tools, fetcher), Cranker(tools, fetcher), Claimer(tools)]
        if self.role is Role.CONTRIBUTOR:
            more = [Trainer(tools, fetcher), Committer(tools, fetcher), Opener(tools, fetcher)]
        else:
            more = [Verifier(tools, fetcher), Juror(tools, fetcher)]
        self.services += more

    def kill(self) -> None:
        self.services = []
        self._stack.close()

    async def restart(self) -> None:
        self.open()
        await self.play.deliver()

    def use(self, training: Any) -> None:
        """Let another backend run the jobs."""
        self.training = training
        self.tools = replace(self.tools, training=training)
        self.make_services()

    def why(self, subject: str) -> dict[str, Any]:
        return History(self.tools).explain(subject)

    def put(self, service: Service) -> None:
        """Let another service do what the one of its name did."""
        self.services = [service if s.name == service.name else s for s in self.services]

    def drop(self, name: str) -> None:
        self.services = [s for s in self.services if s.name != name]


class Play:
    """A market of one task with one submission, and the daemons around it.

    Without a number there are just so many verifiers as the terms take.
    """

    def __init__(
        self,
        directory: Path,
        stack: ExitStack,
        *,
        verifiers: int | None = None,
        plan: Any = None,
        step_s: int = STEP_S,
        crank_grace_s: float = 2.0,
        **terms: Any,
    ) -> None:
        self.world = World()
        self.blobs: dict[int, bytes] = {}
        self.store = MemoryStore(self.blobs)
        self.received: Counter[str] = Counter()
        self.daemons: dict[str, Daemon] = {}
        self.stack = stack
        self.deaths: dict[tuple[str, str, str], None] = {}
        self._directory, self._step_s, self._crank_grace_s = directory, step_s, crank_grace_s
        self._delivered = 0
        self._batches: list[list[ChainEvent]] = []
        self._snapshots: dict[str, Any] = {}
        self._snapshots_at = -1
        self.plan: Plan = read_plan(plan or make_plan(segments=4, segment_steps=2))
        self.terms = read_terms({**TERMS, **WINDOWS, **terms}, self.plan)
        self.rows = [bytes([n % 17] * 64 + [n % 10]) for n in range(ROWS)]
        count = count_duties(vars(self.terms)) + 3 if verifiers is None else verifiers
        self.verifiers = [self.start(f"v{n}", Role.VERIFIER) for n in range(count)]
        for verifier in self.verifiers:
            self._register(verifier)
        self.world.advance(1)
        self.contributor = self.start("contributor", Role.CONTRIBUTOR)

    # --- daemons --------------------------------------------------------------------------------

    def now_ms(self) -> int:
        return self.world.now

    def start(self, name: str, role: Role, training: Any = None) -> Daemon:
        self.daemons[name] = Daemon(self, name, role, training)
        return self.daemons[name]

    def make_tools(self, daemon: Daemon, stack: ExitStack) -> Tools:
        """Open the collaborators of a daemon; its database is what it was when it was closed."""
        name, home = daemon.name, self._directory / daemon.name
        home.mkdir(mode=0o700, exist_ok=True)
        database = stack.enter_context(Database.open(home / "db"))
        keys = KeyBundle(*(hashlib.sha256(f"{name}{part}".encode()).digest() for part in range(3)))
        return Tools(
            settings=Settings(
                DaemonSettings(home, home / "s", frozenset({daemon.role}), threads=1),
                SuiSettings(("http://x",), "c", PACKAGE, self.world.market.id),
                WalrusSettings(("http://x",), ("http://x",)),
                KeysSettings(home / "k"),
                market=MarketSettings((self.world.pool.id,)),
                timing=TimingSettings(crank_grace_s=self._crank_grace_s, poll_s=2.0),
            ),
            address=address(name),
            keys=keys,
            database=database,
            journal=Journal(database, self),
            work=Work(database),
            records=KeyValue(database),
            chain_log=ChainLog(database),
            protection=stack.enter_context(Protection.open(database, home, address(name))),
            contract=daemon.chain,
            store=self.store,
            clock=self,
            wakeup=WakeUp(),
            training=daemon.training,
            broadcast=Broadcast(),
            files=DataDir(home),
        )

    def _register(self, daemon: Daemon) -> None:
        world, pool = self.world, self.world.pool
        seat = SeatId(pool.id, len(pool.seats), 1)
        context = SeatContext(
            chain_id=CHAIN_ID,
            package=address_bytes(PACKAGE),
            market=address_bytes(world.market.id),
            pool=address_bytes(pool.id),
            index=seat.index,
            generation=seat.generation,
            owner=address_bytes(daemon.address),
        )
        keys = prove_own_keys(daemon.tools.keys, context)
        coin = world.mint(daemon.name, pool.params.stake + pool.params.fee)
        world.call(
            "node::register_seat", daemon.name, world.market, pool, coin, seat.index,
            *vars(keys).values(), *vars(OFFER).values(),
        )  # fmt: skip

    def note_received(self, name: str, amount: int) -> None:
        self.received[name] += amount

    def die_at(self, daemon: Daemon, target: str, when: str = "before") -> None:
        """Let a daemon be killed at its next such call: "before" it is sent, or "after"."""
        self.deaths[daemon.name, target, when] = None

    def note_call(self, name: str, target: str, when: str) -> None:
        """Kill the daemon if it is to die here."""
        if (name, target, when) in self.deaths:
            del self.deaths[name, target, when]
            raise PowerCut(name)

    def snapshot(self, object_id: str) -> Any:
        """Return an object as a node would show it: later calls do not change it."""
        if self._snapshots_at != self.world.calls:
            self._snapshots, self._snapshots_at = {}, self.world.calls
        if object_id not in self._snapshots:
            self._snapshots[object_id] = deepcopy(self.world.objects.get(object_id))
        return self._snapshots[object_id]

    # --- the task -------------------------------------------------------------------------------

    async def open(self) -> None:
        """List the dataset, open the task, let the contributor join."""
        world, rows = self.world, b"".join(self.rows)
        root = RowTree(DEK, self.rows).root
        aad = stream_aad(StreamKind.DATASET, CHAIN_ID, address_bytes(PACKAGE), root)
        sealed = encrypt_bytes(rows, DEK, aad)
        world.call(
            "dataset::list_dataset", "owner", world.market, b"digits", 1, self.store.keep(sealed),
            hashlib.sha256(sealed).digest(), root, ROWS, ROW_BYTES, compute_key_check(DEK, root),
        )  # fmt: skip
        dataset = world.latest(ob.Dataset)
        weights = init_weights(self.plan)
        data = weights_to_bytes(self.plan, weights)
        digest = hashlib.sha256(data).digest()
        manifest = TaskManifest("t", self.plan.to_bytes().decode(), self.store.keep(data), digest)
        coin = world.mint("publisher", required(self.terms))
        keys = prove_own_keys(self.publisher_keys, self._publisher_context())
        world.call(
            "task::open_task", "publisher", world.market, world.pool, self.terms,
            *vars(keys).values(), self.store.keep(manifest.to_bytes()), manifest.digest(),
            compute_state_root_0(self.plan, weights), self.plan.digest(), PROGRAM_ROOT, "0x0",
            [dataset.id], [1], coin,
        )  # fmt: skip
        self.task = world.latest(ob.Task)
        name, key = "contributor", self.contributor.tools.keys.encryption_key
        world.call(
            "dataset::request_key", name, world.market, dataset, 1, derive_public_key(key),
            KeyScope.TRAIN_AND_VERIFY, self.task.id, 86_400_000,
        )  # fmt: skip
        request = world.latest(ob.KeyRequest)
        info = dataset_key_info(
            CHAIN_ID, address_bytes(PACKAGE), address_bytes(dataset.id), 1,
            address_bytes(dataset.owner), address_bytes(address(name)),
        )  # fmt: skip
        envelope = seal_key(derive_public_key(key), DEK, info)
        world.call("dataset::grant_key", "owner", world.market, self.task, request, envelope)
        stake = world.mint(name, self.terms.stake)
        world.call(
            "submission::join", name, world.market, self.task, dataset, request, PROGRAM_ROOT, stake
        )
        self.submission = world.latest(ob.Submission)
        await self.deliver()

    @property
    def publisher_keys(self) -> KeyBundle:
        """The publisher's keystore; it runs no daemon here."""
        return KeyBundle(*(bytes([7 + part]) * 32 for part in range(3)))

    def _publisher_context(self) -> PublisherContext:
        return PublisherContext(
            chain_id=CHAIN_ID,
            package=address_bytes(PACKAGE),
            market=address_bytes(self.world.market.id),
            owner=address_bytes(address("publisher")),
        )

    async def deliver(self) -> None:
        """Let every daemon that is on see the events since it last did, call by call."""
        fresh = self.world.events[self._delivered :]
        if fresh:
            self._delivered = len(self.world.events)
            self._batches.append([self._show(event, n) for n, event in enumerate(fresh)])
        for daemon in self.daemons.values():
            while daemon.is_on and daemon.read < len(self._batches):
                daemon.read += 1
                await daemon.watcher._handle(self._batches[daemon.read - 1], Cursor())

    def _show(self, event: Any, number: int) -> ChainEvent:
        return ChainEvent(
            type=f"{PACKAGE}::events::{type(event).__name__}",
            contents=event.to_bcs(),
            sender=address("nobody"),
            package=PACKAGE,
            module="events",
            checkpoint=self._delivered,
            transaction_index=0,
            event_index=number,
            transaction=f"tx-{self._delivered}",
        )

    async def run(self, until: Callable[[], bool] | None = None, seconds: int = 300) -> None:
        """Play on until the submission has ended, or something else is true.

        ``seconds`` is how long nothing may happen at most.
        """
        done = until or (lambda: self.submission.reason != 0)
        left = seconds
        while not done():
            before = self.world.calls
            if await self._look(done):
                return
            if self.world.calls == before:
                assert left > 0, f"stuck in {SubmissionState(self.submission.state).name}"
                left -= self._step_s
                await self.wait(self._step_s)

    async def wait(self, seconds: int) -> None:
        """Let time pass in which nobody does anything."""
        self.world.advance(seconds * 1000)
        await trio.sleep(seconds)

    async def _look(self, done: Callable[[], bool]) -> bool:
        for daemon in list(self.daemons.values()):
            for service in daemon.services:
                try:
                    await service.run_once()
                except PowerCut:
                    daemon.kill()
                    break
                if done():
                    return True
        return False

    # --- what came of it ------------------------------------------------------------------------

    @property
    def outcome(self) -> tuple[int, int]:
        return self.submission.state, self.submission.reason

    def events(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.world.events if isinstance(event, kind)]

    def penalised(self) -> set[str]:
        """Return the names of daemons whose seat lost anything."""
        lost = {event.verifier for event in self.events(ev.SeatPenalized)}
        return {daemon.name for daemon in self.daemons.values() if daemon.address in lost}

    def seated(self) -> list[Daemon]:
        """Return the daemons of the committee, seat by seat."""
        by_address = {daemon.address: daemon for daemon in self.daemons.values()}
        return [by_address[seat.verifier] for seat in self.submission.committee]

    def jurors(self) -> list[Daemon]:
        """Return the daemons of the last jury."""
        seated = self.events(ev.JurySeated)[-1].jurors
        return [daemon for who in seated for daemon in self.verifiers if daemon.address == who]

    def dealt(self, seat: int) -> list[int]:
        """Return the segments dealt to a seat."""
        return Case(self.world.market, self.task, self.submission).segments_of(seat)

    def credit_of(self, daemon: Daemon) -> int:
        """Return what the submission owes a daemon or has paid it."""
        owed = sum(c.amount for c in self.submission.credits if c.owner == daemon.address)
        return owed + self.received[daemon.name]

    def lost_by(self, daemon: Daemon) -> int:
        """Return what penalties took from a daemon's seat, in Mist."""
        events = self.events(ev.SeatPenalized)
        return sum(event.amount for event in events if event.verifier == daemon.address)
