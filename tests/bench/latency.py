"""From an event's checkpoint to what a daemon makes of it, over real processes and sockets.

A stranger opens tasks and asks for keys at random moments. One daemon, with the roles of a
contributor and of a dataset's owner, decides about every task and grants every key. A decision is
the daemon's journal entry, on the chain's clock; an action is done when its own event is sealed.
The baseline is a bare follower of the same endpoint that does nothing with what it hears.
"""

import os
import random
import sqlite3
import statistics
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pysui.sui.sui_grpc.suimsgs.sui.rpc.v2 as pb
import trio
from pysui.sui.sui_grpc.suimsgs.google.protobuf import FieldMask

from tests.bench.measure import Measurement
from tests.contract.early import required, terms_with
from tests.demo.control import Control
from tests.demo.task import SCHEMA
from tests.demo.world import short_directory, spawn, stop_all
from tests.support.guards import GUARD_S
from walrusd.chain.calls.contract import ContractClient
from walrusd.chain.calls.node import ProvenKeys, SeatOffer
from walrusd.chain.calls.reads import SeatId
from walrusd.chain.follow.follower import Cursor, Follower
from walrusd.chain.grpc import GrpcMethod
from walrusd.chain.layouts.events import KeyGranted, KeyRequested, TaskOpened
from walrusd.chain.layouts.objects import DatasetRef
from walrusd.chain.nodes.client import SuiClient
from walrusd.chain.nodes.connect import open_client
from walrusd.chain.send.outbox import SqliteOutbox
from walrusd.chain.send.signer import Signer
from walrusd.chain.send.transactions import Sender
from walrusd.chain.values.types import ChainEvent
from walrusd.cli.init import initialize
from walrusd.core.lifecycle import KeyScope
from walrusd.core.protocol import PROGRAM_ROOT
from walrusd.crypto.envelope import derive_public_key
from walrusd.crypto.envelopes.contexts import PublisherContext, SeatContext
from walrusd.crypto.keystore import KeyBundle
from walrusd.devnet.launch import run_devnet
from walrusd.market.envelopes import prove_own_keys
from walrusd.units import MIST_PER_SUI, address_bytes

SEAL_MS = 250
"""About as often as Sui seals a checkpoint."""

MEAN_PAUSE_S = 0.35
"""Between two events, exponentially distributed."""

WAIT_S = GUARD_S
NOBODY = "0x0"
TERMS = terms_with(
    reward=MIST_PER_SUI // 1_000,
    cancel_fee=0,
    verifier_fee=1_000_000,
    publisher_bond=0,
    max_submissions=3,
)
SEATS = 16
"""As many as the contract asks for before it opens a task under ``TERMS``."""
_GET_CHECKPOINT = GrpcMethod(
    "/sui.rpc.v2.LedgerService/GetCheckpoint",
    pb.GetCheckpointRequest,
    pb.GetCheckpointResponse,
)


@dataclass
class Heard:
    """Events of the market as a bare follower hears them: when (Unix, ms), and in which order."""

    events: list[tuple[float, ChainEvent]] = field(default_factory=list)

    def of(self, layout: type[Any]) -> dict[str, tuple[float, ChainEvent]]:
        """Return events of one type by the task or request that they name."""
        name = "task" if layout is TaskOpened else "request"
        return {
            getattr(layout.from_bcs(event.contents), name): (at, event)
            for at, event in self.events
            if event.type.endswith(f"::{layout.__name__}")
        }


def measure_latency(directory: Path, events: int) -> list[Measurement]:
    """Start a devnet and a daemon, and return how long ``events`` of each kind took."""
    with run_devnet(directory / "devnet", "--checkpoint-ms", str(SEAL_MS)) as devnet:
        return trio.run(_measure, vars(devnet.info), directory, events)


async def _measure(network: Mapping[str, Any], directory: Path, count: int) -> list[Measurement]:
    stranger = Signer.from_bech32(network["accounts"][1]["key"])
    heard, load_before = Heard(), os.getloadavg()[0]
    async with (
        open_client([network["sui_url"]], chain_id=network["chain_id"]) as client,
        _run_daemon(network, directory, stranger) as control,
        trio.open_nursery() as nursery,
    ):
        follower = Follower(client, [network["package_id"]], Cursor())
        nursery.start_soon(follower.run, _note_in(heard))
        dataset = await _list_dataset(control, directory)
        await _give_funds(network, stranger)
        await _make_events(client, network, stranger, dataset, count, directory)
        with trio.fail_after(WAIT_S):
            while len(heard.of(KeyGranted)) < count:  # noqa: ASYNC110 - another process is waited for
                await trio.sleep(0.1)
        decided = await _wait_for_decisions(directory, heard.of(TaskOpened))
        sealed = await _read_seals(client, heard)
        nursery.cancel_scope.cancel()
    note = f"{count} events, load average {load_before:.1f} before, {os.getloadavg()[0]:.1f} after"
    return summarize(_take_times(heard, decided, sealed), note)


@dataclass(frozen=True)
class Times:
    """Milliseconds from an event's checkpoint, in the order in which they were taken."""

    decisions: Sequence[float]
    actions: Sequence[float]
    bare: Sequence[float]


def _take_times(heard: Heard, decided: Mapping[str, int], sealed: Mapping[int, float]) -> Times:
    opened, asked, granted = heard.of(TaskOpened), heard.of(KeyRequested), heard.of(KeyGranted)
    return Times(
        [decided[task] - sealed[event.checkpoint] for task, (_, event) in opened.items()],
        [
            sealed[event.checkpoint] - sealed[asked[request][1].checkpoint]
            for request, (_, event) in granted.items()
        ],
        [at - sealed[event.checkpoint] for at, event in (*opened.values(), *asked.values())],
    )


def summarize(times: Times, note: str) -> list[Measurement]:
    """Return median and 99th percentile of decisions and of actions."""
    return [
        Measurement(
            f"latency.event_to_{name}.{label}",
            compute_quantile(samples, share),
            "ms",
            compute_quantile(times.bare, share),
            f"{what}; baseline: a bare follower hears of it; {note}",
        )
        for name, samples, what in (
            ("decision", times.decisions, "checkpoint of TaskOpened to the journal's decision"),
            ("action", times.actions, "checkpoint of KeyRequested to that of KeyGranted"),
        )
        for label, share in (("median", 0.5), ("p99", 0.99))
    ]


def compute_quantile(samples: Sequence[float], share: float) -> float:
    """Return the value that ``share`` of the samples do not exceed."""
    return statistics.quantiles(samples, n=1_000, method="inclusive")[round(share * 1_000) - 1]


def _note_in(heard: Heard) -> Any:
    async def handle(events: Sequence[ChainEvent], _cursor: Cursor) -> None:
        await trio.lowlevel.checkpoint()
        now = time.time() * 1_000
        heard.events += [(now, event) for event in events]

    return handle


# --- the daemon -----------------------------------------------------------------------------------


@asynccontextmanager
async def _run_daemon(
    network: Mapping[str, Any], directory: Path, stranger: Signer
) -> AsyncIterator[Control]:
    with short_directory() as sockets:
        socket = sockets / "s"
        document = {
            "daemon": {
                "data_dir": "state",
                "socket": str(socket),
                "roles": ["contributor", "dataset_owner"],
                "threads": 1,
            },
            "sui": {
                "urls": [network["sui_url"]],
                "chain_id": network["chain_id"],
                "package_id": network["package_id"],
                "market_id": network["market_id"],
            },
            "market": {"pools": [network["pool_id"]]},
            "walrus": {
                "aggregators": [network["walrus_url"]],
                "publishers": [network["walrus_url"]],
                "shards": network["shards"],
            },
            "policy": {"min_reward": MIST_PER_SUI},
            "dataset_owner": {"auto_approve": [stranger.address]},
        }
        made = initialize(directory / "daemon", document, network["accounts"][0]["key"])
        log = directory / "daemon.log"
        argv = [sys.executable, "-m", "walrusd", "run", "--config", str(made.config)]
        process = spawn(argv, log)
        control = Control(socket)
        try:
            with trio.fail_after(WAIT_S):
                while not await control.is_ready():
                    assert process.poll() is None, log.read_text()
                    await trio.sleep(0.1)
            yield control
        finally:
            stop_all([process])
            with trio.CancelScope(shield=True):
                await control.close()


async def _list_dataset(control: Control, directory: Path) -> str:
    rows = directory / "rows.bin"
    rows.write_bytes(bytes(65 * 128))
    listed = await control.call(
        "dataset.add", path=str(rows), title="zeros", description="", schema=SCHEMA, raw=True
    )
    return str(listed["dataset"])


async def _wait_for_decisions(directory: Path, tasks: Mapping[str, object]) -> dict[str, int]:
    database = directory / "daemon" / "state" / "walrusd.sqlite"
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        with trio.fail_after(WAIT_S):
            while True:
                rows = connection.execute(
                    "SELECT subject, min(at_ms) FROM journal WHERE kind = 'staker' GROUP BY subject"
                ).fetchall()
                if tasks.keys() <= dict(rows).keys():
                    return dict(rows)
                await trio.sleep(0.1)
    finally:
        connection.close()


# --- the stranger ---------------------------------------------------------------------------------


async def _make_events(
    client: SuiClient,
    network: Mapping[str, Any],
    signer: Signer,
    dataset: str,
    count: int,
    directory: Path,
) -> None:
    chance = random.Random(1)
    connection = sqlite3.connect(directory / "stranger.sqlite")
    try:
        sender = Sender(client, signer, SqliteOutbox(connection))
        ids = (network[name] for name in ("package_id", "market_id"))
        market = ContractClient(client, sender, *ids, pool_ids=(network["pool_id"],))
        stranger = await _take_seats(market)
        kinds = ["task", "key"] * count
        chance.shuffle(kinds)
        async with trio.open_nursery() as nursery:
            for number, kind in enumerate(kinds):
                act = stranger.open_task if kind == "task" else stranger.ask_for_key
                nursery.start_soon(act, dataset, f"{kind} {number}")
                await trio.sleep(chance.expovariate(1 / MEAN_PAUSE_S))
    finally:
        connection.close()


@dataclass(frozen=True)
class _Stranger:
    """Opens tasks and asks for keys."""

    market: ContractClient
    pool: str
    keys: ProvenKeys

    async def open_task(self, dataset: str, once: str) -> None:
        await self.market.open_task(
            TERMS,
            pool=self.pool,
            funds=required(TERMS),
            keys=self.keys,
            manifest_blob=1,
            manifest_digest=bytes(32),
            state_root_0=bytes(32),
            plan_digest=bytes(32),
            program_root=PROGRAM_ROOT,
            parent=NOBODY,
            datasets=[DatasetRef(dataset, 1)],
            once=once,
        )

    async def ask_for_key(self, dataset: str, once: str) -> None:
        await self.market.request_key(
            dataset,
            number=1,
            key=derive_public_key(bytes(range(32))),
            scope=KeyScope.TRAIN,
            task=NOBODY,
            lifetime_ms=3_600_000,
            once=once,
        )


async def _take_seats(market: ContractClient) -> _Stranger:
    """Let the pool have seats enough for a task; none of them will be drawn."""
    (name,) = market.pool_ids
    on_chain, bundle = await market.market(), KeyBundle.generate()
    pool = await market.pool(name)
    share = pool.params.stake // pool.params.duties
    offer = SeatOffer(min_fee=0, max_penalty=share, rate=10**9, memory=1 << 30)
    chain, me = on_chain.chain_id, address_bytes(market.address)
    package, market_id = address_bytes(on_chain.package), address_bytes(on_chain.id)
    for index in range(SEATS):
        context = SeatContext(
            chain_id=chain,
            package=package,
            market=market_id,
            pool=address_bytes(name),
            index=index,
            generation=1,
            owner=me,
        )
        await market.register_seat(
            SeatId(name, index, 1),
            payment=pool.params.stake + pool.params.fee,
            keys=prove_own_keys(bundle, context),
            offer=offer,
            once=f"seat {index}",
        )
    published = PublisherContext(chain, package, market_id, me)
    return _Stranger(market, name, prove_own_keys(bundle, published))


async def _give_funds(network: Mapping[str, Any], signer: Signer) -> None:
    async with httpx.AsyncClient(timeout=GUARD_S) as client:
        body = {"address": signer.address, "amount": 2 * SEATS * 64 * MIST_PER_SUI}
        (await client.post(network["admin_url"] + "/faucet", json=body)).raise_for_status()


async def _read_seals(client: SuiClient, heard: Heard) -> dict[int, float]:
    """Return when each checkpoint with an event was sealed."""
    sealed: dict[int, float] = {}
    for number in {event.checkpoint for _, event in heard.events}:
        request = pb.GetCheckpointRequest(
            sequence_number=number, read_mask=FieldMask(["summary.timestamp"])
        )
        reply = await client.endpoints.ask(_GET_CHECKPOINT, request, seconds=10)
        sealed[number] = reply.checkpoint.summary.timestamp.timestamp() * 1_000
    return sealed
