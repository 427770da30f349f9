"""The composition root: builds adapters and services, and runs them until told to stop.

Nesting is the order of shutdown, outermost last: database and locks, chain and blob sessions,
services, control interface. Everything else in the package receives ready collaborators.
"""

import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import structlog
import trio

from walrusd.chain.client import SuiClient, open_client
from walrusd.chain.contract import ContractClient
from walrusd.chain.events import Cursor, Follower
from walrusd.chain.failures import AbortSentences
from walrusd.chain.outbox import SqliteOutbox
from walrusd.chain.signer import Signer
from walrusd.chain.transactions import Sender
from walrusd.core.aborts import SENTENCES
from walrusd.crypto.keystore import KeyBundle, RawKek, open_keystore
from walrusd.errors import ConfigError
from walrusd.rpc.app import make_rpc_app
from walrusd.rpc.listen import open_control_socket, serve_rpc
from walrusd.runtime.broadcast import Broadcast
from walrusd.runtime.logs import configure_logs
from walrusd.runtime.metrics import Metrics
from walrusd.runtime.notify import Canary, Notifier
from walrusd.services.api import DaemonApi
from walrusd.services.bell import Bell
from walrusd.services.chain_clock import ChainClock
from walrusd.services.chain_watcher import ChainWatcher
from walrusd.services.committer import Committer
from walrusd.services.contract_check import verify_contract
from walrusd.services.cranker import Cranker
from walrusd.services.juror import Juror
from walrusd.services.opener import Opener
from walrusd.services.readiness import ReadinessWatch
from walrusd.services.registrar import Registrar
from walrusd.services.resealer import Resealer
from walrusd.services.settler import Settler
from walrusd.services.supervisor import Service, Supervisor
from walrusd.services.tools import Tools, TrainingBackend
from walrusd.services.trainer import Trainer
from walrusd.services.training_backend import ChildTraining
from walrusd.services.verifier import Verifier
from walrusd.settings.load import load_settings
from walrusd.settings.model import Role, Settings
from walrusd.settings.secrets import read_kek, read_secret_file
from walrusd.state.chain_log import ChainLog
from walrusd.state.database import DATABASE_NAME, Database
from walrusd.state.journal import Journal
from walrusd.state.protection import Protection
from walrusd.state.stores import KeyValue, Work
from walrusd.storage.manifest import compute_leaf_size
from walrusd.storage.walrus import WalrusStore
from walrusd.units import Mist

log = structlog.get_logger(__name__)

DRAIN_S = 5.0
"""Longer than the control interface waits for its requests."""

MakeTraining = Callable[[], TrainingBackend]
BuildServices = Callable[[Tools, DaemonApi], list[Service]]


def read_keys(settings: Settings) -> KeyBundle:
    """Open the keystore that the settings name.

    Raises:
        KeyFileMissing, KeyFileMode, KeystoreLocked: as their names say.
    """
    kek = read_kek(settings.keys)
    return open_keystore(read_secret_file(settings.keys.keystore, "keystore"), RawKek(kek))


@asynccontextmanager
async def open_tools(
    settings: Settings, make_training: MakeTraining
) -> AsyncIterator[tuple[Tools, ChainClock, SuiClient]]:
    """Open everything the services need, and close it in reverse.

    Nothing is signed before the contract on chain has proved to be the one we were built for.
    """
    ids = settings.sui.require_contract()
    keys = read_keys(settings)
    signer = Signer(keys.sui_seed)
    data_dir = settings.daemon.data_dir
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        database = stack.enter_context(Database.open(data_dir / DATABASE_NAME))
        protection = stack.enter_context(Protection.open(database, data_dir, signer.address))
        client = await stack.enter_async_context(
            open_client(
                settings.sui.urls,
                chain_id=settings.sui.chain_id,
                archive_urls=settings.sui.archive_urls,
            )
        )
        sender = Sender(
            client,
            signer,
            SqliteOutbox(database.connection),
            aborts=AbortSentences(ids.versions, SENTENCES),
            max_budget=Mist(settings.sui.gas_budget),
        )
        contract = ContractClient(
            client, sender, ids.package, ids.market, called_package_id=ids.latest
        )
        await verify_contract(contract, ids)
        store = await stack.enter_async_context(
            WalrusStore(
                settings.walrus.aggregators,
                settings.walrus.publishers,
                settings.walrus.shards,
                data_dir / "blobs",
                database.connection,
                nodes=settings.walrus.nodes,
                owner=signer.address,
                chunk_size=settings.walrus.chunk_bytes,
                leaf_size=compute_leaf_size(settings.walrus.chunk_bytes),
                max_blob=settings.walrus.max_blob_bytes,
            )
        )
        bell = Bell()
        clock = ChainClock(client, bell, settings.timing.poll_s)
        await clock.read()
        await sender.recover()
        yield (
            Tools(
                settings=settings,
                address=signer.address,
                keys=keys,
                database=database,
                journal=Journal(database, clock),
                work=Work(database),
                records=KeyValue(database),
                chain_log=ChainLog(database),
                protection=protection,
                contract=contract,
                store=store,
                clock=clock,
                bell=bell,
                training=make_training(),
                broadcast=Broadcast(),
            ),
            clock,
            client,
        )


def build_services(tools: Tools, api: DaemonApi) -> list[Service]:
    """Return the services of this daemon's roles, in the order of their starts."""
    services: list[Service] = [ReadinessWatch(tools, api.readiness)]
    if tools.settings.has_role(Role.DATASET_OWNER):
        services.append(api.keykeeper)
    if tools.settings.has_role(Role.PUBLISHER):
        services.append(api.publisher)
    if tools.settings.has_role(Role.CONTRIBUTOR):
        services += [
            api.staker,
            Trainer(tools, api.fetcher),
            Committer(tools, api.fetcher),
            Opener(tools, api.fetcher),
        ]
    if tools.settings.has_role(Role.VERIFIER):
        services += [
            Registrar(tools, api.readiness),
            Verifier(tools, api.fetcher),
            Juror(tools, api.fetcher),
        ]
    if tools.settings.has_role(Role.CONTRIBUTOR) or tools.settings.has_role(Role.VERIFIER):
        services.append(Resealer(tools))
    return [*services, Cranker(tools, api.fetcher), Settler(tools)]


async def run_services(
    tools: Tools,
    api: DaemonApi,
    supervisor: Supervisor,
    clock: ChainClock,
    client: SuiClient,
    *,
    build: BuildServices = build_services,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Run everything but the control interface; started once all services are usable."""
    saved = tools.records.get("chain", "cursor")
    cursor = Cursor() if saved is None else Cursor.from_json(saved)
    settings = tools.settings
    versions = settings.sui.require_contract().versions
    follower = Follower(client, versions, cursor, poll=settings.timing.poll_s)
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.keep_running, clock)
        await nursery.start(supervisor.keep_running, ChainWatcher(tools, follower))
        # Services decide on what is known; before the first catching up that would be old news.
        await follower.wait_caught_up()
        for service in build(tools, api):
            await nursery.start(supervisor.keep_running, service)
        task_status.started()


async def run_daemon(
    settings: Settings,
    make_training: MakeTraining = ChildTraining,
    build: BuildServices = build_services,
) -> None:
    """Run until SIGTERM or SIGINT.

    ``make_training`` gives what runs training jobs, ``build`` the services that act.

    Raises:
        WalrusdError: if the configuration, the keys or the network do not fit.
    """
    notifier = Notifier.from_environment()
    async with open_tools(settings, make_training) as (tools, clock, client):
        supervisor = Supervisor(clock)
        api = DaemonApi(tools, supervisor)
        canary = Canary(notifier)
        control = open_control_socket(settings.daemon.socket)
        async with trio.open_nursery() as nursery:
            stop = trio.Event()
            nursery.start_soon(_set_on_signal, stop, notifier)
            nursery.start_soon(_drain, stop, tools, nursery.cancel_scope)
            run = partial(run_services, tools, api, supervisor, clock, client, build=build)
            await nursery.start(run)
            app = make_rpc_app(
                api,
                broadcast=tools.broadcast,
                readiness=lambda: (
                    supervisor.is_healthy,
                    {"services": [health.to_json() for health in supervisor.healths]},
                ),
                metrics=_measure(tools, supervisor, canary).registry
                if settings.daemon.metrics
                else None,
            )
            await nursery.start(canary.run)
            notifier.ready()
            log.info("ready", address=tools.address, socket=str(settings.daemon.socket))
            # Requests in flight end before the services they use are cancelled.
            await serve_rpc(app, control, stop=stop)
            nursery.cancel_scope.cancel()


def _measure(tools: Tools, supervisor: Supervisor, canary: Canary) -> Metrics:
    metrics = Metrics()
    metrics.watch_lateness(lambda: canary.last_lateness_s)
    metrics.watch_decisions(tools.journal.count)
    for health in supervisor.healths:
        metrics.watch_restarts(health.name, lambda health=health: health.restarts)  # type: ignore[misc]  # mypy cannot type a lambda's default
    return metrics


async def _set_on_signal(stop: trio.Event, notifier: Notifier) -> None:
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async for number in signals:
            log.info("stopping", signal=signal.Signals(number).name)
            notifier.stopping()
            stop.set()
            return


async def _drain(stop: trio.Event, tools: Tools, scope: trio.CancelScope) -> None:
    """Let open event streams end; whatever still runs after the grace is cut off."""
    await stop.wait()
    tools.broadcast.close()
    await trio.sleep(DRAIN_S)
    scope.cancel()


def main(
    config: Path,
    make_training: MakeTraining = ChildTraining,
    build: BuildServices = build_services,
) -> None:
    """Load the configuration and run the daemon; arguments as of ``run_daemon``.

    Raises:
        WalrusdError: if it cannot start.
    """
    os.umask(0o077)
    settings = load_settings(config)
    if not settings.daemon.roles:
        raise ConfigError(f"{config}: daemon.roles is empty, so there is nothing to do")
    configure_logs(settings.daemon.log_level, settings.daemon.log_format)
    trio.run(run_daemon, settings, make_training, build)
