"""One daemon's collaborators without a network: the chain is a dict, Walrus another one.

Database, protection, journal, cryptography and training are the real ones. What is sent to the
chain is written down in ``chain.sent`` and takes effect only if a test makes it.
"""

import copy
import hashlib
import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import trio

from tests.support.clocks import SetClock
from tests.support.market.world import InlineTraining, make_plan
from tests.support.market_params import DEFAULT_PARAMS, DEFAULT_POOL
from tests.support.row_tree import RowTree
from walrusd.chain.calls.audit import AuditCalls
from walrusd.chain.calls.committee import CommitteeCalls
from walrusd.chain.calls.contract import ContractClient
from walrusd.chain.calls.dataset import DatasetCalls
from walrusd.chain.calls.delivery import DeliveryCalls
from walrusd.chain.calls.jury import JuryCalls
from walrusd.chain.calls.node import NodeCalls
from walrusd.chain.calls.reads import SeatId
from walrusd.chain.calls.submission import SubmissionCalls
from walrusd.chain.calls.task import TaskCalls
from walrusd.chain.layouts import objects as ob
from walrusd.compose import build_api, build_parts
from walrusd.control.api import DaemonApi
from walrusd.core.dealing import compute_seat_segments
from walrusd.core.lifecycle import (
    CaseKind,
    DisputePhase,
    KeyScope,
    RequestState,
    SubmissionState,
    TaskPhase,
)
from walrusd.core.manifest import TaskManifest
from walrusd.core.protocol import PROGRAM_ROOT, compute_deal_seed, compute_keys_digest
from walrusd.core.secrets import derive_recipient_secret
from walrusd.crypto.envelope import dataset_key_info, derive_public_key, seal_key
from walrusd.crypto.envelopes.contexts import PublisherContext, SeatContext
from walrusd.crypto.envelopes.openings import LabelValue
from walrusd.crypto.envelopes.recipients import Recipient, RecipientSecret
from walrusd.crypto.envelopes.sealing import seal
from walrusd.crypto.keystore import KeyBundle
from walrusd.crypto.stream import StreamKind, compute_key_check, encrypt_bytes, stream_aad
from walrusd.engine.readiness import Readiness
from walrusd.engine.supervisor import Supervisor
from walrusd.engine.tools import Tools
from walrusd.errors import BlobNotFound, BlobTooLarge, ObjectNotFound
from walrusd.market.aggregate import AggregateChecker
from walrusd.market.fetch import Fetcher
from walrusd.runtime.broadcast import Broadcast
from walrusd.runtime.wakeup import WakeUp
from walrusd.services.contributor.staker import Staker
from walrusd.services.publisher.terms import read_terms
from walrusd.settings.model import (
    DaemonSettings,
    KeysSettings,
    MarketSettings,
    PolicySettings,
    Role,
    Settings,
    SuiSettings,
    TimingSettings,
    WalrusSettings,
)
from walrusd.state.chain_log import ChainLog, LoggedEvent
from walrusd.state.data_dir import DataDir
from walrusd.state.database import Database
from walrusd.state.journal import Journal
from walrusd.state.protection import Protection
from walrusd.state.stores import KeyValue, Work
from walrusd.storage.receipt import BlobStatus
from walrusd.storage.spans import FileSpan
from walrusd.storage.walrus import WalrusStore
from walrusd.training.plan.plan import Plan, read_plan
from walrusd.training.run.weights import compute_state_root_0, init_weights, weights_to_bytes
from walrusd.units import MIST_PER_SUI, Mist, address_bytes, normalize_address

PACKAGE, MARKET, POOL = (normalize_address(text) for text in ("0xac", "0xa", "0xb"))
TASK, SUBMISSION, DATASET, REQUEST = (normalize_address(t) for t in ("0x1", "0x2", "0x3", "0x4"))
PUBLISHER, OWNER = normalize_address("0xcafe"), normalize_address("0xd0")
NOBODY = normalize_address("0x0")
NOW = 1_700_000_000_000
ROWS, ROW_BYTES = 160, 65
DEK = bytes(range(32))
WRITES = frozenset(
    name
    for calls in (
        AuditCalls,
        CommitteeCalls,
        DatasetCalls,
        DeliveryCalls,
        JuryCalls,
        NodeCalls,
        SubmissionCalls,
        TaskCalls,
    )
    for name in vars(calls)
    if not name.startswith("_")
)
"""Every call of the contract."""


class MemoryChain(ContractClient):
    """Objects by id. Writes are noted; ``fail`` holds what the next write of a name raises."""

    def __init__(self, address: str, objects: dict[str, Any]) -> None:
        self.package_id, self.market_id, self.pool_ids = PACKAGE, MARKET, (POOL,)
        self.me = address
        self.objects = objects
        self.sent: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
        self.fail: dict[str, list[Exception]] = {}
        self.balances: dict[str, int] = {}
        self.done: dict[str, Any] = {}

    @property
    def address(self) -> str:
        return self.me

    def forget(self, object_id: str) -> None:
        pass

    async def _read(self, layout, object_id):
        found = self.objects.get(object_id)
        if not isinstance(found, layout):
            raise ObjectNotFound(f"{object_id} is no {layout.__name__}")
        # A copy, as a node would give: later changes must not reach whoever read it before.
        return copy.deepcopy(found)

    async def read_many(self, layout, object_ids):
        wanted = [i for i in object_ids if isinstance(self.objects.get(i), layout)]
        return {i: await self._read(layout, i) for i in wanted}

    async def verifier_caps(self, owner: str) -> Any:
        """Return a capability for every seat of the pool that an address holds."""
        keys = self.objects.get("recipients", {})
        return [
            (
                None,
                ob.VerifierCap(f"0x{index:064x}", MARKET, POOL, index, s.generation, *keys[seat]),
            )
            for index, s in enumerate(self.objects[POOL].seats)
            if s.verifier == owner and (seat := SeatId(POOL, index, s.generation)) in keys
        ]

    async def balance(self, owner: str) -> Mist:
        return Mist(self.balances.get(owner, 1000 * MIST_PER_SUI))

    async def find_done(self, once: str) -> Any:
        return self.done.get(once)

    def calls(self, name: str) -> list[dict[str, Any]]:
        return [keywords for sent, _arguments, keywords in self.sent if sent == name]

    def arguments(self, name: str) -> list[tuple[Any, ...]]:
        return [arguments for sent, arguments, _keywords in self.sent if sent == name]


def _make_write(name: str) -> Any:
    async def write(self, *arguments: Any, **keywords: Any) -> Any:
        if self.fail.get(name):
            raise self.fail[name].pop(0)
        self.sent.append((name, arguments, keywords))
        return SimpleNamespace(digest=f"{name}-{len(self.sent)}")

    return write


for _name in sorted(WRITES):
    setattr(MemoryChain, _name, _make_write(_name))


class MemoryStore(WalrusStore):
    """Blobs by the digest of their bytes; files are blobs too."""

    def __init__(self, blobs: dict[int, bytes]) -> None:
        self.blobs = blobs
        self.deletable: set[int] = set()
        self.read: list[int] = []

    def keep(self, data: bytes) -> int:
        blob_id = int.from_bytes(hashlib.sha256(data).digest(), "little")
        self.blobs[blob_id] = data
        return blob_id

    async def find_publisher_trouble(self) -> str | None:
        return None

    async def find_aggregator_trouble(self) -> str | None:
        return None

    async def put(self, data: bytes | Path | FileSpan, **_options: Any) -> Any:
        content = await trio.Path(data).read_bytes() if isinstance(data, Path) else data
        if isinstance(data, FileSpan):
            content = await trio.to_thread.run_sync(data.read)
        return SimpleNamespace(blob_id=self.keep(content))

    async def put_file(self, path: Path, **_options: Any) -> Any:
        data = await trio.Path(path).read_bytes()
        return SimpleNamespace(blob_id=self.keep(data), digest=hashlib.sha256(data).digest())

    async def find_status(self, blob_id: int) -> BlobStatus | None:
        return BlobStatus(True, blob_id not in self.deletable, 99)

    async def get(self, blob_id: int, max_bytes: int) -> bytes:
        self.read.append(blob_id)
        if blob_id not in self.blobs:
            raise BlobNotFound(f"no blob {blob_id}")
        if len(self.blobs[blob_id]) > max_bytes:
            raise BlobTooLarge("too large")
        return self.blobs[blob_id]

    async def download(self, blob_id: int, path: Path, max_bytes: int) -> None:
        await trio.Path(path).write_bytes(await self.get(blob_id, max_bytes))

    async def get_file(self, blob_id, expected_digest, path, *, max_bytes) -> Any:
        await trio.Path(path).write_bytes(await self.get(blob_id, max_bytes))


class Network:
    """What all daemons of a test share: a task on a dataset, by default of 160 rows, in memory."""

    def __init__(
        self,
        terms: dict[str, Any] | None = None,
        plan: Plan | None = None,
        rows: Sequence[bytes] | None = None,
    ) -> None:
        self.objects: dict[str, Any] = {}
        self.blobs: dict[int, bytes] = {}
        self.store = MemoryStore(self.blobs)
        self.clock = SetClock(NOW)
        self.plan = plan or read_plan(make_plan(segments=4, segment_steps=2))
        self.rows = rows or [bytes([n % 17] * 64 + [n % 10]) for n in range(ROWS)]
        self._positions = itertools.count()
        self.recipients: dict[SeatId, Recipient] = {}
        self.log: list[LoggedEvent] = []
        given = {
            "max_submissions": 4, "committee": 1, "substitutes": 1, "segments_per_seat": 4,
            "jury": 3,
        }  # fmt: skip
        self.terms = read_terms({**given, **(terms or {})}, self.plan)
        params = replace(DEFAULT_PARAMS, tip=5)
        self.market = ob.Market(MARKET, 1, bytes(32), PACKAGE, False, [1], params)
        self.pool = ob.VerifierPool(POOL, 1, MARKET, DEFAULT_POOL, [], 0, NOBODY, 0)
        self.objects |= {MARKET: self.market, POOL: self.pool}
        self._make_dataset()
        self._make_task()

    def _make_dataset(self) -> None:
        data, root = b"".join(self.rows), RowTree(DEK, self.rows).root
        aad = stream_aad(StreamKind.DATASET, bytes(32), address_bytes(PACKAGE), root)
        sealed = encrypt_bytes(data, DEK, aad)
        self.version = ob.DatasetVersion(
            1,
            self.store.keep(sealed),
            hashlib.sha256(sealed).digest(),
            root,
            len(self.rows),
            len(self.rows[0]),
            compute_key_check(DEK, root),
        )
        self.objects[DATASET] = ob.Dataset(DATASET, 1, OWNER, b"digits", 0, [self.version])

    def _make_task(self) -> None:
        weights = init_weights(self.plan)
        data = weights_to_bytes(self.plan, weights)
        context = PublisherContext(
            bytes(32), *map(address_bytes, (PACKAGE, MARKET, PUBLISHER))
        ).digest()
        self.publisher = RecipientSecret(7).describe(context)
        manifest = TaskManifest(
            "t",
            self.plan.to_bytes().decode(),
            self.store.keep(data),
            hashlib.sha256(data).digest(),
        )
        self.task = ob.Task(
            id=TASK,
            version=1,
            market=MARKET,
            pool=POOL,
            publisher=PUBLISHER,
            publisher_pk1=self.publisher.pk1,
            publisher_pk2=self.publisher.pk2,
            phase=TaskPhase.JOINING,
            opened_ms=NOW,
            phase_ms=NOW,
            ends_by_ms=NOW + 10**10,
            manifest_blob=self.store.keep(manifest.to_bytes()),
            manifest_digest=manifest.digest(),
            state_root_0=compute_state_root_0(self.plan, weights),
            plan_digest=self.plan.digest(),
            program_root=PROGRAM_ROOT,
            parent=normalize_address("0x0"),
            datasets=[ob.DatasetRef(DATASET, 1)],
            terms=self.terms,
            tip=5,
            entries=[],
            join_beacon=b"",
            committed=0,
            opened=0,
            ended=0,
            accepted=0,
            accepted_weight=0,
            aggregate=None,
            funds=10,
            bond=0,
            tips=0,
            credits=[],
            credited=0,
        )
        self.objects[TASK] = self.task

    def grant(self, requester: str, encryption_key: bytes, state=RequestState.GRANTED) -> None:
        info = dataset_key_info(
            bytes(32),
            address_bytes(PACKAGE),
            address_bytes(DATASET),
            1,
            address_bytes(OWNER),
            address_bytes(requester),
        )
        key = derive_public_key(encryption_key)
        envelope = seal_key(key, DEK, info)
        self.objects[REQUEST] = ob.KeyRequest(
            REQUEST, 1, DATASET, 1, OWNER, requester, key, KeyScope.TRAIN_AND_VERIFY, TASK, state,
            NOW, NOW + 10**9, envelope, b"",
        )  # fmt: skip

    def join(self, contributor: str, state=SubmissionState.JOINED) -> ob.Submission:
        """Let a contributor be joined, and the task be training."""
        version = self.version
        self.task.phase, self.task.join_beacon = TaskPhase.TRAINING, b"\x01" * 32
        self.task.entries.append(ob.Entry(contributor, SUBMISSION))
        self.submission = ob.Submission(
            id=SUBMISSION, version=1, market=MARKET, pool=POOL, task=TASK, number=0,
            contributor=contributor, state=state,
            window_ms=NOW, dataset=DATASET, dataset_version=1, dataset_owner=OWNER,
            dataset_blob=version.blob, dataset_root=version.row_root, dataset_rows=version.rows,
            dataset_key_check=version.key_check, weight=1, ctx=b"", commitment=None, abort=None,
            lot=None, beacon=b"", committee=[], substitutes=[], attempt=1, opening=None, reported=0,
            rounds=0, audit_beacon=b"", audit_round=0, update_envelope=b"", dispute=None, cases=0,
            accusers=[], unproved=0, reason=0, late_fee=0, stake=1, escrow=1, bond=0,
            credits=[], credited=0,
        )  # fmt: skip
        self.objects[SUBMISSION] = self.submission
        return self.submission

    def register(self, verifier: str, keys: KeyBundle | None = None, **declared: Any) -> SeatId:
        """Let a verifier hold a seat, with the keys of a keystore or with useless ones."""
        index, params = len(self.pool.seats), self.pool.params
        seat = SeatId(POOL, index, 1)
        recipient = self.recipient(verifier, seat, keys)
        values = {
            "verifier": verifier, "generation": 1,
            "keys": compute_keys_digest(recipient.pk1, recipient.pk2), "stake": params.stake,
            "min_fee": 0, "max_penalty": params.stake // params.duties, "rate": 10**12,
            "memory": 1 << 40, "active_from_ms": NOW - 1, "renewed_ms": NOW, "exiting_at_ms": 0,
            "duties": 0, "silent": 0, **declared,
        }  # fmt: skip
        self.pool.seats.append(ob.Seat(**values))
        self.recipients[seat] = recipient
        self.objects.setdefault("recipients", {})[seat] = recipient.pk1, recipient.pk2
        return seat

    def fill_pool(self, seats: int = 24) -> None:
        """Let strangers hold seats that can serve anything; nobody has their keys."""
        self.register(NOBODY.replace("0x0", "0x1"))
        template = self.pool.seats[-1]
        self.pool.seats += [replace(template, verifier=f"0x{n:064x}") for n in range(2, seats + 1)]

    def recipient(self, verifier: str, seat: SeatId, keys: KeyBundle | None) -> Recipient:
        """Return the public keys of a seat; without a keystore nobody has their secret."""
        context = SeatContext(
            bytes(32), *map(address_bytes, (PACKAGE, MARKET, POOL)), seat.index, seat.generation,
            address_bytes(verifier),
        ).digest()  # fmt: skip
        secret = RecipientSecret(5) if keys is None else derive_recipient_secret(keys, context)
        return secret.describe(context)

    def seat(self, verifier: str, keys: KeyBundle | None) -> None:
        """Draw and seat one verifier, whose keys are of ``keys``, or useless."""
        self.submission.beacon, self.task.phase = b"\x02" * 32, TaskPhase.OPENING
        held = self.register(verifier, keys)
        seat = self.pool.seats[held.index]
        self.submission.committee = [
            ob.CommitteeSeat(held.index, 1, verifier, seat.keys, b"", 0, 0, 0, 0)
        ]
        self.submission.state = SubmissionState.SEATED

    def seal_to(self, place: ob.CommitteeSeat | ob.Juror, value: LabelValue) -> None:
        """Give a seat or juror its envelope on chain."""
        recipient = self.recipients[SeatId(POOL, place.pool_index, place.generation)]
        envelope = seal(value, recipient, address_bytes(self.submission.contributor))
        place.envelope = envelope.r + envelope.c

    def juror(self, verifier: str, keys: KeyBundle | None) -> ob.Juror:
        """Return a juror, whose keys are of ``keys``, or useless."""
        held = self.register(verifier, keys)
        digest = self.pool.seats[held.index].keys
        return ob.Juror(held.index, 1, verifier, digest, b"", b"", b"")

    def segments(self) -> list[int]:
        seed = compute_deal_seed(self.submission.beacon, address_bytes(SUBMISSION))
        return compute_seat_segments(seed, self.plan.segments, 0, self.terms.segments_per_seat)

    def dispute(
        self, accuser: str, index: int, jurors: list[ob.Juror], kind: int = CaseKind.SEGMENT
    ) -> ob.Dispute:
        self.submission.state = SubmissionState.DISPUTED
        self.submission.dispute = ob.Dispute(
            kind=kind, index=index, place=0, round=0, number=1, challenge=b"\x09" * 32,
            phase=DisputePhase.COMMITTING, phase_ms=self.clock.ms, opened_ms=self.clock.ms,
            resume_state=SubmissionState.OPENED, accuser=accuser, accuser_seat=0, leaf=bytes(32),
            beacon=b"\x03" * 32, jurors=jurors,
        )  # fmt: skip
        return self.submission.dispute

    def emit(self, event: Any, subject: str, *daemons: Tools) -> None:
        """Let daemons have seen an event."""
        logged = LoggedEvent(
            1, next(self._positions), 0, "d", type(event).__name__, subject, event.to_bcs()
        )
        for tools in daemons:
            tools.chain_log.append(logged)

    @contextmanager
    def daemon(self, directory: Path, name: str, training: Any = None, **policy: Any):
        """Open a daemon's tools; the same name in the same directory is the same daemon."""
        home = directory / name
        home.mkdir(mode=0o700, exist_ok=True)
        number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:2], "little")
        address = normalize_address(f"{number:x}")
        keys = KeyBundle(*(hashlib.sha256(f"{name}{part}".encode()).digest() for part in range(3)))
        with (
            Database.open(home / "db") as database,
            Protection.open(database, home, address) as protection,
        ):
            log = ChainLog(database)
            for kind, object_id, parent in (
                ("task", TASK, ""),
                ("submission", SUBMISSION, TASK),
                ("request", REQUEST, DATASET),
            ):
                log.note(kind, object_id, parent)
            yield Tools(
                settings=_settings(home, policy),
                address=address,
                keys=keys,
                database=database,
                journal=Journal(database, self.clock),
                work=Work(database),
                records=KeyValue(database),
                chain_log=log,
                protection=protection,
                contract=MemoryChain(address, self.objects),
                store=self.store,
                clock=self.clock,
                wakeup=WakeUp(),
                training=training or InlineTraining(),
                broadcast=Broadcast(),
                files=DataDir(home),
            )


def _settings(home: Path, policy: dict[str, Any]) -> Settings:
    limit = Mist(10 * MIST_PER_SUI)
    return Settings(
        DaemonSettings(home, home / "s", frozenset(Role), threads=1),
        SuiSettings(("http://x",), "c", PACKAGE, MARKET),
        WalrusSettings(("http://x",), ("http://x",)),
        KeysSettings(home / "k"),
        market=MarketSettings((POOL,)),
        policy=PolicySettings(
            **{"max_stake_per_task": limit, "max_stake_per_day": limit, **policy}
        ),
        timing=TimingSettings(crank_grace_s=30.0, poll_s=2.0),
    )


def make_staker(
    tools: Tools, fetcher: Fetcher | None = None, readiness: Readiness | None = None
) -> Staker:
    """Return the service that stakes, with its usual parts."""
    fetcher = fetcher or Fetcher(tools)
    return Staker(tools, fetcher, AggregateChecker(tools, fetcher), readiness)


def make_api(tools: Tools) -> DaemonApi:
    """Return what a daemon's owner commands, with its usual parts."""
    return build_api(tools, build_parts(tools), Supervisor(tools.clock))


def decisions(tools: Tools, subject: str) -> list[str]:
    return [entry.decision for entry in tools.journal.why(subject)]


def failures(tools: Tools, subject: str) -> Iterator[str]:
    return (e.fields["code"] for e in tools.journal.why(subject) if e.decision == "failed")
