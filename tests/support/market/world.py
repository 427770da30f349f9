"""A whole market in one process: the real devnet over loopback, real services, real training.

Only two things differ from daemons of their own: all share one event loop, and training runs in
this process instead of a child, which saves importing torch for every job.
"""

import contextlib
import io
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import trio

from tests.support import patience
from tests.support.guards import GUARD_S
from walrusd.app import run_services
from walrusd.chain.send.signer import Signer
from walrusd.compose import BuildParts, Parts, build_api, build_parts, open_tools
from walrusd.control.api import DaemonApi
from walrusd.crypto.keystore import KeyBundle, RawKek, seal_keystore
from walrusd.devnet.app import DevnetInfo, DevnetOptions, serve_devnet
from walrusd.engine.service import Service
from walrusd.engine.supervisor import Supervisor
from walrusd.engine.tools import OnLine, Tools, TrainingBackend
from walrusd.settings.model import (
    DaemonSettings,
    KeysSettings,
    MarketSettings,
    PolicySettings,
    Role,
    Settings,
    SuiSettings,
    TimingSettings,
    VerifierSettings,
    WalrusSettings,
)
from walrusd.training.process.execution import run_job, run_replay, run_train
from walrusd.training.run.jobs import Job, ReplayJob, SelftestJob, TrainJob
from walrusd.training.selftest.selftest import selftest
from walrusd.units import MIST_PER_SUI, Mist, ObjectId

SCHEMA = {"kind": "tabular-u8", "features": 64, "scale_log2": -4, "classes": 10}
DIGITS = Path(__file__).parents[2] / "demo" / "data" / "digits.bin"


@cache
def check_machine() -> None:
    """Do what a training child does before every job once: it takes seconds."""
    selftest()


def run_quickly(job: Job) -> dict[str, Any]:
    """Run a job as the training child does."""
    if isinstance(job, SelftestJob):
        check_machine()
        return {}
    if isinstance(job, TrainJob | ReplayJob):
        check_machine()
        return run_train(job) if isinstance(job, TrainJob) else run_replay(job)
    return run_job(job)


class InlineTraining:
    """Runs jobs on the event loop's own thread."""

    async def run(self, job: Job, on_line: OnLine) -> dict[str, Any]:
        """Run a job; its progress is not reported."""
        await trio.lowlevel.checkpoint()
        before = signal.getsignal(signal.SIGTERM)
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                return run_quickly(job)
        finally:
            signal.signal(signal.SIGTERM, before)


@dataclass
class Peer:
    """One running daemon without its control interface."""

    name: str
    tools: Tools
    api: DaemonApi
    parts: Parts
    scope: trio.CancelScope
    ended: trio.Event

    @property
    def address(self) -> str:
        return self.tools.address

    @property
    def services(self) -> tuple[Service, ...]:
        """Those that run."""
        return self.parts.services

    async def die(self) -> None:
        """Cancel everything at once, wherever it is: as abrupt as one process allows."""
        self.scope.cancel()
        await self.ended.wait()


class World:
    """A devnet and the peers on it."""

    def __init__(self, info: DevnetInfo, directory: Path, nursery: trio.Nursery) -> None:
        self.info = info
        self.directory = directory
        self._nursery = nursery
        self._accounts: dict[str, int] = {}

    def settings(self, name: str, roles: set[Role], **changes: Any) -> Settings:
        home = self.directory / name
        data = DaemonSettings(home / "data", home / "s", frozenset(roles), threads=1)
        return Settings(
            daemon=data,
            sui=SuiSettings(
                (self.info.sui_url,),
                self.info.chain_id,
                self.info.package_id,
                self.info.market_id,
                Mist(MIST_PER_SUI),
            ),
            walrus=WalrusSettings(
                (self.info.walrus_url,),
                (self.info.walrus_url,),
                (self.info.walrus_url,),
                shards=self.info.shards,
            ),
            keys=KeysSettings(home / "keys.wkb", home / "kek"),
            market=MarketSettings((ObjectId(self.info.pool_id),)),
            policy=changes.get(
                "policy",
                PolicySettings(
                    max_stake_per_task=Mist(10 * MIST_PER_SUI),
                    max_stake_per_day=Mist(10 * MIST_PER_SUI),
                    min_grace_s=0,
                    min_jury=1,
                    rate=10**12,
                ),
            ),
            verifier=VerifierSettings(
                max_stake=Mist(100 * MIST_PER_SUI),
                rate=changes.get("rate", 10**9),
                seats=changes.get("seats", 2),
                min_fee=changes.get("min_fee", Mist(0)),
                auto_register=Role.VERIFIER in roles,
            ),
            timing=TimingSettings(
                crank_grace_s=changes.get("grace_s", 3600.0), poll_s=changes.get("poll_s", 1.0)
            ),
        )

    def write_keys(self, name: str) -> None:
        """Give a peer one of the devnet's accounts; the same one after a restart."""
        home = self.directory / name
        if home.exists():
            return
        home.mkdir()
        number = self._accounts.setdefault(name, len(self._accounts))
        seed = Signer.from_bech32(self.info.accounts[number]["key"])._key.private_bytes_raw()
        kek = os.urandom(32)
        bundle = KeyBundle(seed, os.urandom(32), os.urandom(32))
        for file, data in (("kek", kek), ("keys.wkb", seal_keystore(bundle, RawKek(kek)))):
            (home / file).write_bytes(data)
            (home / file).chmod(0o600)

    async def start(
        self,
        name: str,
        *roles: Role,
        training: Callable[[], TrainingBackend] = InlineTraining,
        build: BuildParts = build_parts,
        **changes: Any,
    ) -> Peer:
        """Start a peer, or start it again on the state it left."""
        self.write_keys(name)
        settings = self.settings(name, set(roles), **changes)
        peer: Peer = await self._nursery.start(self._run, name, settings, training, build)
        return peer

    async def _run(
        self,
        name: str,
        settings: Settings,
        training: Callable[[], TrainingBackend],
        build: BuildParts,
        *,
        task_status: trio.TaskStatus[Peer],
    ) -> None:
        ended = trio.Event()
        with trio.CancelScope() as scope:
            async with open_tools(settings, training) as opened:
                tools, supervisor = opened.tools, Supervisor(opened.clock)
                parts = build(tools)
                api = build_api(tools, parts, supervisor)
                async with trio.open_nursery() as nursery:
                    await nursery.start(run_services, opened, parts, supervisor)
                    task_status.started(Peer(name, tools, api, parts, scope, ended))
        ended.set()

    async def admin(self, path: str, **body: Any) -> dict[str, Any]:
        async with httpx.AsyncClient(timeout=GUARD_S) as client:
            url = self.info.admin_url + path
            answer = await (client.post(url, json=body) if body else client.get(url))
            answer.raise_for_status()
            return answer.json()


@asynccontextmanager
async def open_world(directory: Path, accounts: int = 16) -> AsyncIterator[World]:
    """Start a devnet with its own state in ``directory``, for at most ``accounts`` peers."""
    async with trio.open_nursery() as nursery:
        options = DevnetOptions(directory / "devnet", seed=5, accounts=accounts)
        info = await nursery.start(serve_devnet, options)
        async with trio.open_nursery() as peers:
            yield World(info, directory, peers)
            peers.cancel_scope.cancel()
        nursery.cancel_scope.cancel()


def make_plan(segments: int = 4, segment_steps: int = 5, hidden: int = 16) -> dict[str, Any]:
    """Return a small plan for the digits."""
    return {
        "version": 1,
        "profile": "exact-q20/2",
        "model": {"kind": "mlp", "inputs": 64, "hidden": [hidden], "classes": 10},
        "init_seed": "11" * 32,
        "loss": "softmax-cross-entropy",
        "optimizer": {"kind": "sgd", "lr": "0.05", "momentum": "0.9"},
        "schedule": "constant",
        "batch": 32,
        "micro_batches": [16, 16],
        "steps": segments * segment_steps,
        "segments": segments,
        "segment_steps": segment_steps,
        "dataset": SCHEMA,
        "update": {"scale_bits": 20, "value_bits": 28},
        "clipping": "none",
    }


async def wait_for(
    condition: Callable[[], Any], seconds: float = GUARD_S, *, every_s: float = 0.1
) -> Any:
    """Poll an async condition until it gives something true; fail loudly if it never does.

    A busy machine may answer a read of the chain too late: it is repeated.
    """
    with trio.fail_after(seconds):
        while True:
            found = await patience.patiently(condition)
            if found:
                return found
            await trio.sleep(every_s)
