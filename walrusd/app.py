"""The composition root: builds adapters and services, and runs them until told to stop.

Nesting is the order of shutdown, outermost last: database and locks, control interface, chain and
blob sessions, services; requests in progress end first. Everything else in the package receives
ready collaborators.
"""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import cast

import structlog
import trio
from starlette.types import ASGIApp

from walrusd.chain.calls.contract import ContractClient
from walrusd.chain.follow.follower import Cursor, Follower
from walrusd.chain.nodes.client import SuiClient, open_client
from walrusd.chain.send.failures import AbortSentences
from walrusd.chain.send.outbox import SqliteOutbox
from walrusd.chain.send.transactions import Sender
from walrusd.control.api import DaemonApi
from walrusd.core.aborts import SENTENCES
from walrusd.engine.chain_clock import ChainClock
from walrusd.engine.chain_watcher import ChainWatcher
from walrusd.engine.local_state import LocalState, open_state, read_keys
from walrusd.engine.readiness import ReadinessWatch
from walrusd.engine.starting import (
    WAITING,
    Starting,
    StartingApi,
    check_not_behind,
    outlast,
)
from walrusd.engine.supervisor import Supervised, Supervisor
from walrusd.engine.tools import Tools, TrainingBackend
from walrusd.engine.training_backend import ChildTraining
from walrusd.engine.wakeup import WakeUp
from walrusd.errors import ConfigError
from walrusd.market.contract_check import verify_contract
from walrusd.rpc.api import Api
from walrusd.rpc.app import Front, make_rpc_app
from walrusd.rpc.listen import control_socket, serve_rpc
from walrusd.runtime.broadcast import Broadcast
from walrusd.runtime.logs import configure_logs
from walrusd.runtime.metrics import Metrics
from walrusd.runtime.notify import Canary, Notifier
from walrusd.runtime.signals import heeding_signals, ignore_hangup, ignore_stop_signals
from walrusd.services.committee.registrar import Registrar, check_stake
from walrusd.services.committee.verifier import Verifier
from walrusd.services.contributor.committer import Committer
from walrusd.services.contributor.opener import Opener
from walrusd.services.contributor.trainer import Trainer
from walrusd.services.jury.juror import Juror
from walrusd.services.upkeep.claims import Settler
from walrusd.services.upkeep.cranks import Cranker
from walrusd.services.upkeep.key_sharing import Resealer
from walrusd.settings.load import load_settings
from walrusd.settings.model import Role, Settings
from walrusd.state.chain_log import ChainLog
from walrusd.state.journal import Journal
from walrusd.state.stores import KeyValue, Work
from walrusd.storage.manifest import compute_leaf_size
from walrusd.storage.walrus import WalrusStore
from walrusd.units import Mist

log = structlog.get_logger(__name__)

DRAIN_S = 5.0
"""Longer than the control interface waits for its requests."""

__all__ = ["main", "open_state", "open_tools", "read_keys", "run_daemon", "run_services"]

MakeTraining = Callable[[], TrainingBackend]
BuildServices = Callable[[Tools, DaemonApi], list[Supervised]]


@asynccontextmanager
async def open_tools(
    settings: Settings,
    make_training: MakeTraining,
    *,
    state: LocalState | None = None,
    broadcast: Broadcast | None = None,
    starting: Starting | None = None,
) -> AsyncIterator[tuple[Tools, ChainClock, SuiClient]]:
    """Open everything the services need, and close it in reverse.

    Nothing is signed before the contract on chain has proved to be the one we were built for.
    With ``starting`` an outage is waited out; without, it is raised.
    """
    ids = settings.sui.require_contract()
    data_dir = settings.daemon.data_dir
    async with AsyncExitStack() as stack:
        if state is None:
            state = stack.enter_context(open_state(settings))
        database, signer = state.database, state.signer
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
        wakeup = WakeUp()
        clock = ChainClock(client, wakeup, settings.timing.poll_s)

        async def meet_network() -> None:
            await check_not_behind(client, read_cursor(KeyValue(database)).checkpoint)
            verified = await verify_contract(contract, ids)
            if complaint := check_stake(settings, verified.market):
                log.warning("setting_too_low", reason=complaint)
            await clock.read()
            await sender.recover()

        if starting is None:
            await meet_network()
        else:
            await outlast(meet_network, starting)
        yield (
            Tools(
                settings=settings,
                address=signer.address,
                keys=state.keys,
                database=database,
                journal=Journal(database, clock),
                work=Work(database),
                records=KeyValue(database),
                chain_log=ChainLog(database),
                protection=state.protection,
                contract=contract,
                store=store,
                clock=clock,
                wakeup=wakeup,
                training=make_training(),
                broadcast=broadcast or Broadcast(),
            ),
            clock,
            client,
        )


def read_cursor(records: KeyValue) -> Cursor:
    """Return how far the chain's events have been read."""
    saved = records.get("chain", "cursor")
    return Cursor() if saved is None else Cursor.from_json(saved)


def build_services(tools: Tools, api: DaemonApi) -> list[Supervised]:
    """Return the services of this daemon's roles, in the order of their starts."""
    services: list[Supervised] = [ReadinessWatch(tools, api.readiness)]
    if tools.settings.has_role(Role.DATASET_OWNER):
        services.append(api.key_grantor)
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
    cursor = read_cursor(tools.records)
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
    *,
    accept_new_database: bool = False,
) -> None:
    """Run until SIGTERM, SIGINT or SIGQUIT.

    ``make_training`` gives what runs training jobs, ``build`` the services that act. The control
    interface answers at once; while the network is not there, ``status`` says so.

    Raises:
        WalrusdError: if the configuration, the keys or the network do not fit.
    """
    notifier = Notifier.from_environment()
    with (
        open_state(settings, accept_new_database=accept_new_database) as state,
        control_socket(settings.daemon.socket) as control,
    ):
        starting = Starting(notifier.status)
        starting.enter(WAITING)
        broadcast = Broadcast()
        early = StartingApi(settings, state.signer.address, starting)
        front = Front(
            make_rpc_app(
                cast("Api", early),
                broadcast=broadcast,
                readiness=lambda: (False, starting.to_json()),
            )
        )
        canary = Canary(notifier)
        # Signals are taken until everything else has ended: meanwhile the default would kill us.
        stop, hurry = trio.Event(), trio.Event()
        async with heeding_signals(stop, hurry, notifier), trio.open_nursery() as nursery:
            nursery.start_soon(_drain, stop, hurry, broadcast, nursery.cancel_scope)
            await nursery.start(canary.run)

            async def work() -> None:
                async with open_tools(
                    settings, make_training, state=state, broadcast=broadcast, starting=starting
                ) as (tools, clock, client):
                    supervisor = Supervisor(clock)
                    api = DaemonApi(tools, supervisor)
                    run = partial(run_services, tools, api, supervisor, clock, client, build=build)
                    starting.list_services = lambda: [h.to_json() for h in supervisor.healths]
                    starting.enter("catching up with the chain")
                    async with trio.open_nursery() as services:
                        await services.start(run)
                        front.app = _make_app(tools, api, supervisor, canary)
                        early.pass_on(api)
                        notifier.status("running")
                        log.info("ready", address=tools.address, socket=str(settings.daemon.socket))

            nursery.start_soon(work)
            # systemd need not wait for the chain: it may be away for longer than any time-out.
            notifier.ready()
            # Requests in flight end before the services they use are cancelled.
            await serve_rpc(front, control, stop=stop)
            nursery.cancel_scope.cancel()


def _make_app(tools: Tools, api: DaemonApi, supervisor: Supervisor, canary: Canary) -> ASGIApp:
    return make_rpc_app(
        api,
        broadcast=tools.broadcast,
        readiness=lambda: (
            supervisor.is_healthy,
            {"services": [health.to_json() for health in supervisor.healths]},
        ),
        metrics=_measure(tools, supervisor, canary).registry
        if tools.settings.daemon.metrics
        else None,
    )


def _measure(tools: Tools, supervisor: Supervisor, canary: Canary) -> Metrics:
    metrics = Metrics()
    metrics.watch_lateness(lambda: canary.last_lateness_s)
    metrics.watch_decisions(tools.journal.count)
    for health in supervisor.healths:
        metrics.watch_restarts(health.name, lambda health=health: health.restarts)  # type: ignore[misc]  # mypy cannot type a lambda's default
    return metrics


async def _drain(
    stop: trio.Event, hurry: trio.Event, broadcast: Broadcast, scope: trio.CancelScope
) -> None:
    """Let open event streams end; whatever still runs after the grace is cut off."""
    await stop.wait()
    broadcast.close()
    with trio.move_on_after(DRAIN_S):
        await hurry.wait()
    scope.cancel()


def main(
    config: Path,
    make_training: MakeTraining = ChildTraining,
    build: BuildServices = build_services,
    *,
    accept_new_database: bool = False,
) -> None:
    """Load the configuration and run the daemon; arguments as of ``run_daemon``.

    Raises:
        WalrusdError: if it cannot start.
    """
    os.umask(0o077)
    ignore_hangup()
    settings = load_settings(config)
    if not settings.daemon.roles:
        raise ConfigError(f"{config}: daemon.roles is empty, so there is nothing to do")
    configure_logs(settings.daemon.log_level, settings.daemon.log_format)
    run = partial(run_daemon, accept_new_database=accept_new_database)
    trio.run(run, settings, make_training, build)
    ignore_stop_signals()
