"""Daemons on the executable specification, in virtual time: no node, no socket, no waiting.

The contract is the specification itself, called in process, which counts all coins after every
call. Services, databases, journals, cryptography and training are the real ones. A play looks with
every service of every daemon until nothing happens, then lets a second pass.
"""

import hashlib
from collections.abc import Callable
from contextlib import ExitStack
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import trio

from tests.contract.market import required
from tests.contract.world import CHAIN_ID, PACKAGE, World, address
from tests.support.market.bench import DEK, ROW_BYTES, ROWS, MemoryStore
from tests.support.market.world import InlineTraining, make_plan
from tests.support.row_tree import RowTree
from walrusd.chain.calls.contract import ContractClient
from walrusd.chain.follow.follower import Cursor
from walrusd.chain.layouts import events as ev
from walrusd.chain.layouts import objects as ob
from walrusd.chain.values.types import ChainEvent
from walrusd.control.history import History
from walrusd.core.aborts import ABORTS
from walrusd.core.lifecycle import KeyScope, SubmissionState
from walrusd.core.manifest import TaskManifest
from walrusd.crypto.envelope import dataset_key_info, derive_public_key, seal_key
from walrusd.crypto.keystore import KeyBundle
from walrusd.crypto.stream import StreamKind, compute_key_check, encrypt_bytes, stream_aad
from walrusd.devnet.move.aborts import MoveAbort
from walrusd.engine.chain_watcher import ChainWatcher
from walrusd.engine.service import Service
from walrusd.engine.tools import Tools
from walrusd.errors import MoveAborted, ObjectNotFound
from walrusd.market.case import Case
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
from walrusd.units import MIST_PER_SUI, address_bytes

STEP_S = 2
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
    "segments_per_seat": 2,
    "jury": 3,
    "audit_bps": 201,
    "reward": "1 SUI",
    "stake": "1 SUI",
    "verifier_fee": "0.01 SUI",
    "juror_fee": "0.01 SUI",
    "verifier_stake": "1 SUI",
    "accuser_bond": "0.1 SUI",
    "lapse_penalty": "0.1 SUI",
}


class SpecChain(ContractClient):
    """One daemon's view of the specification. A named action is done once, as the Sender does."""

    def __init__(self, play: "Play", name: str) -> None:
        self.package_id, self.market_id = PACKAGE, play.world.market.id
        self._play, self._name = play, name
        self._done: set[str] = set()

    @property
    def address(self) -> str:
        return address(self._name)

    def forget(self, object_id: str) -> None:
        pass

    async def _read(self, layout, object_id):
        found = self._play.snapshot(object_id)
        if not isinstance(found, layout):
            raise ObjectNotFound(f"{object_id} is no {layout.__name__}")
        return found

    async def read_many(self, layout, object_ids):
        found = {i: self._play.snapshot(i) for i in object_ids}
        return {i: value for i, value in found.items() if isinstance(value, layout)}

    async def verifier_cap(self, owner: str) -> Any:
        world = self._play.world
        for cap in world.of_type(ob.VerifierCap):
            if world.owners[cap.id] == owner:
                return None, cap
        return None

    async def call(self, target: str, *arguments: Any, once: str | None = None) -> Any:
        await trio.lowlevel.checkpoint()
        if once in self._done:
            return None
        try:
            result = self._play.world.call(target, self._name, *arguments)
        except MoveAbort as error:
            abort = ABORTS[error.module, error.code]
            raise MoveAborted(
                f"{abort.name}: {abort.sentence}", module=error.module, abort_code=error.code
            ) from error
        finally:
            await self._play.deliver()
        if once is not None:
            self._done.add(once)
        return result

    def _objects(self, task: str | None, submission: str | None) -> list[Any]:
        found = self._play.world.objects
        return [found[i] for i in (task, submission) if i is not None]

    async def _crank(self, module, function, task, submission):
        world = self._play.world
        on = world.objects[task], world.pool, world.objects[submission]
        return await self.call(f"{module}::{function}", world.market, *on)

    async def _act(self, target, task, submission, *arguments, once=None):
        world = self._play.world
        on = self._objects(task, submission)
        return await self.call(target, world.market, *on, *arguments, once=once)

    async def _vote(self, target, task, submission, *arguments, once):
        _ref, cap = await self.verifier_cap(self.address)
        return await self._act(target, task, submission, cap, *arguments, once=once)

    async def close_joining(self, task):
        return await self._act("task::close_joining", task, None)

    async def draw(self, task):
        world = self._play.world
        return await self.call("task::draw", world.market, world.pool, world.objects[task])

    async def commit(self, task, submission, commitment, *, leaf_zero_path, cost_proof):
        c = commitment
        return await self._act(
            "submission::commit", task, submission, c.trace_root, c.update_root, c.scheme_root,
            c.scheme_rows, leaf_zero_path, c.cost_commitment, cost_proof, c.file_digest,
            c.file_blob, once=f"commit:{submission}",
        )  # fmt: skip

    async def commit_abort(self, task, submission, claim, *, trace_root, leaf_zero_path):
        return await self._act(
            "submission::commit_abort", task, submission, claim.segment, claim.step, claim.code,
            trace_root, leaf_zero_path, once=f"commit:{submission}",
        )  # fmt: skip

    async def open(self, task, submission, opening, *, blinding, again=False):
        o = opening
        return await self._act(
            "submission::open", task, submission, o.blob, o.digest, o.key_check, o.envelopes,
            o.cost, blinding, once=f"open:{submission}:{again}",
        )  # fmt: skip

    async def reseal(self, submission, recipient, envelope):
        once = f"reseal:{submission}:{recipient}"
        return await self._act(
            "submission::reseal", None, submission, recipient, envelope, once=once
        )

    async def claim(self, submission):
        coin = await self._act("settlement::claim", None, submission)
        self._play.received[self._name] = self._play.received.get(self._name, 0) + coin.balance

    async def claim_task(self, task):
        await self._act("task::claim_task", task, None)

    async def attest(self, task, submission, *, seat, position, **proof):
        return await self._vote(
            "attestation::attest", task, submission, seat, position, *proof.values(),
            once=f"attest:{submission}:{seat}:{position}",
        )  # fmt: skip

    async def report(self, task, submission, *, seat):
        once = f"report:{submission}:{seat}"
        return await self._vote("attestation::report", task, submission, seat, once=once)

    async def challenge(self, task, submission, *, bond, **claim):
        coin = self._play.world.mint(self._name, bond)
        once = f"challenge:{submission}:{claim['kind']}:{claim['index']}"
        return await self._act(
            "jury::challenge", task, submission, *claim.values(), coin, once=once
        )

    async def draw_jury(self, submission, challenge):
        world = self._play.world
        return await self.call(
            "jury::draw_jury", world.market, world.pool, world.objects[submission],
            once=f"draw_jury:{challenge.hex()}",
        )  # fmt: skip

    async def jury_commit(self, task, submission, *, juror, challenge, commitment):
        once = f"jury_commit:{challenge.hex()}:{juror}"
        return await self._vote("jury::jury_commit", task, submission, juror, commitment, once=once)

    async def jury_reveal(self, task, submission, *, juror, challenge, **value):
        once = f"jury_reveal:{challenge.hex()}:{juror}"
        return await self._vote(
            "jury::jury_reveal", task, submission, juror, *value.values(), once=once
        )

    async def accuser_reveal(self, task, submission, *, challenge, **value):
        once = f"accuser_reveal:{challenge.hex()}"
        return await self._act("jury::accuser_reveal", task, submission, *value.values(), once=once)

    async def draw_audit(self, task, submission):
        return await self._act("audit::draw_audit", task, submission)

    async def audit(self, task, submission, *, leaf, path):
        return await self._act("audit::audit", task, submission, leaf, path)


class Daemon:
    """One peer: its tools and the services it runs; a play may put others in their place."""

    def __init__(self, name: str, tools: Tools, role: Role) -> None:
        self.name, self.tools, self._role = name, tools, role
        self.make_services()
        self.watcher = ChainWatcher(tools, None)

    @property
    def address(self) -> str:
        return self.tools.address

    def make_services(self) -> None:
        """Make the services anew, as after a restart."""
        tools = self.tools
        self.fetcher = fetcher = Fetcher(tools)
        self.services = [KeySharer(tools), Cranker(tools, fetcher), Claimer(tools)]
        if self._role is Role.CONTRIBUTOR:
            more = [Trainer(tools, fetcher), Committer(tools, fetcher), Opener(tools, fetcher)]
        else:
            more = [Verifier(tools, fetcher), Juror(tools, fetcher)]
        self.services += more

    def use(self, training: Any) -> None:
        """Let another backend run the jobs."""
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
    """A market of one task with one submission, and the daemons around it."""

    def __init__(
        self,
        directory: Path,
        stack: ExitStack,
        *,
        verifiers: int = 8,
        plan: Any = None,
        **terms: Any,
    ) -> None:
        self.world = World()
        self.blobs: dict[int, bytes] = {}
        self.store = MemoryStore(self.blobs)
        self.received: dict[str, int] = {}
        self.daemons: dict[str, Daemon] = {}
        self._directory, self._stack = directory, stack
        self._delivered = 0
        self._snapshots: dict[str, Any] = {}
        self._snapshots_at = -1
        self.plan: Plan = read_plan(plan or make_plan(segments=4, segment_steps=2))
        windows = dict(WINDOWS)
        self.terms = read_terms({**TERMS, **windows, **terms}, self.plan)
        self.rows = [bytes([n % 17] * 64 + [n % 10]) for n in range(ROWS)]
        self.verifiers = [self.start(f"v{n}", Role.VERIFIER) for n in range(verifiers)]
        for verifier in self.verifiers:
            self._register(verifier)
        self.world.advance(1)
        self.contributor = self.start("contributor", Role.CONTRIBUTOR)

    # --- daemons --------------------------------------------------------------------------------

    def now_ms(self) -> int:
        return self.world.now

    def start(self, name: str, role: Role, training: Any = None) -> Daemon:
        home = self._directory / name
        home.mkdir(mode=0o700)
        enter = self._stack.enter_context
        database = enter(Database.open(home / "db"))
        keys = KeyBundle(*(hashlib.sha256(f"{name}{part}".encode()).digest() for part in range(3)))
        tools = Tools(
            settings=Settings(
                DaemonSettings(home, home / "s", frozenset({role}), threads=1),
                SuiSettings(("http://x",), "c", PACKAGE, self.world.market.id),
                WalrusSettings(("http://x",), ("http://x",)),
                KeysSettings(home / "k"),
                timing=TimingSettings(crank_grace_s=2.0, poll_s=2.0),
            ),
            address=address(name),
            keys=keys,
            database=database,
            journal=Journal(database, self),
            work=Work(database),
            records=KeyValue(database),
            chain_log=ChainLog(database),
            protection=enter(Protection.open(database, home, address(name))),
            contract=SpecChain(self, name),
            store=self.store,
            clock=self,
            wakeup=WakeUp(),
            training=training or InlineTraining(),
            broadcast=Broadcast(),
            files=DataDir(home),
        )
        self.daemons[name] = Daemon(name, tools, role)
        return self.daemons[name]

    def _register(self, daemon: Daemon) -> None:
        world, key = self.world, derive_public_key(daemon.tools.keys.encryption_key)
        coin = world.mint(daemon.name, 20 * MIST_PER_SUI)
        world.call(
            "node::register_seat", daemon.name, world.market, world.pool, coin, key, 0,
            1 << 30, 1 << 50,
        )  # fmt: skip

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
        world.call(
            "task::open_task", "publisher", world.market, self.terms,
            derive_public_key(bytes([7]) * 32), self.store.keep(manifest.to_bytes()),
            manifest.digest(), compute_state_root_0(self.plan, weights), self.plan.digest(), "0x0",
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
        world.call("dataset::grant_key", "owner", world.market, request, envelope)
        stake = world.mint(name, self.terms.stake)
        world.call("submission::join", name, world.market, self.task, dataset, request, stake)
        self.submission = world.latest(ob.Submission)
        await self.deliver()

    async def deliver(self) -> None:
        """Let every daemon see the events since the last time, as those of one transaction."""
        fresh = self.world.events[self._delivered :]
        if not fresh:
            return
        self._delivered += len(fresh)
        batch = [
            ChainEvent(
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
            for number, event in enumerate(fresh)
        ]
        for daemon in self.daemons.values():
            await daemon.watcher._handle(batch, Cursor())

    async def run(self, until: Callable[[], bool] | None = None, seconds: int = 300) -> None:
        """Play on until the submission has ended, or something else is true."""
        done = until or (lambda: self.submission.reason != 0)
        left = seconds
        while not done():
            before = self.world.calls
            if await self._look(done):
                return
            if self.world.calls == before:
                assert left > 0, f"stuck in {SubmissionState(self.submission.state).name}"
                left -= STEP_S
                self.world.advance(STEP_S * 1000)
                await trio.sleep(STEP_S)

    async def _look(self, done: Callable[[], bool]) -> bool:
        for daemon in list(self.daemons.values()):
            for service in daemon.services:
                await service.run_once()
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
        return owed + self.received.get(daemon.name, 0)
