"""Run the daemon: from the first reading of the settings until it is told to stop.

Nesting is the order of shutdown, outermost last: database and locks, control interface, chain and
blob sessions, services; requests in progress end first. ``walrusd.compose`` builds the parts.
"""

import os
from functools import partial
from pathlib import Path
from typing import cast

import structlog
import trio
from starlette.types import ASGIApp

from walrusd.chain.follow.follower import Follower
from walrusd.compose import (
    BuildParts,
    MakeTraining,
    Opened,
    Parts,
    build_api,
    build_parts,
    open_tools,
)
from walrusd.control.starting_api import StartingApi
from walrusd.engine.chain_watcher import ChainWatcher, read_cursor
from walrusd.engine.local_state import LocalState, open_state
from walrusd.engine.starting import WAITING, Starting
from walrusd.engine.supervisor import Supervisor
from walrusd.engine.training_backend import ChildTraining
from walrusd.errors import ConfigError
from walrusd.rpc.api import Api
from walrusd.rpc.app import Front, make_rpc_app
from walrusd.rpc.listen import control_socket, serve_rpc
from walrusd.runtime.broadcast import Broadcast
from walrusd.runtime.logs import configure_logs
from walrusd.runtime.metrics import Metrics
from walrusd.runtime.notify import Canary, Notifier
from walrusd.runtime.signals import handling_signals, ignore_hangup, ignore_stop_signals
from walrusd.settings.load import load_settings
from walrusd.settings.model import Settings

log = structlog.get_logger(__name__)

DRAIN_S = 5.0
"""Longer than the control interface waits for its requests."""


def main(
    config: Path,
    make_training: MakeTraining = ChildTraining,
    build: BuildParts = build_parts,
    *,
    accept_new_database: bool = False,
) -> None:
    """Load the configuration and run the daemon; arguments as for ``run_daemon``.

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


async def run_daemon(
    settings: Settings,
    make_training: MakeTraining = ChildTraining,
    build: BuildParts = build_parts,
    *,
    accept_new_database: bool = False,
) -> None:
    """Run until SIGTERM, SIGINT or SIGQUIT.

    ``make_training`` makes the training backend, ``build`` the services. The control interface
    answers immediately; while the network cannot be reached, ``status`` says so.

    Raises:
        WalrusdError: if the configuration, the keys or the network do not fit.
    """
    settings.require_contract()
    notifier = Notifier.from_environment()
    with (
        open_state(settings, accept_new_database=accept_new_database) as state,
        control_socket(settings.daemon.socket) as control,
    ):
        starting = Starting(notifier.status)
        starting.enter(WAITING)
        broadcast = Broadcast()
        interface = ControlInterface(settings, state, starting, broadcast)
        canary = Canary(notifier)
        # Signals are handled until everything else has ended: the default action would kill us.
        stop, hurry = trio.Event(), trio.Event()
        async with handling_signals(stop, hurry, notifier), trio.open_nursery() as nursery:
            nursery.start_soon(_drain, stop, hurry, broadcast, nursery.cancel_scope)
            await nursery.start(canary.run)

            async def work() -> None:
                async with open_tools(
                    settings, make_training, state=state, broadcast=broadcast, starting=starting
                ) as opened:
                    supervisor = Supervisor(opened.clock)
                    parts = build(opened.tools)
                    starting.list_services = lambda: [h.to_json() for h in supervisor.healths]
                    starting.enter("catching up with the chain")
                    async with trio.open_nursery() as services:
                        await services.start(run_services, opened, parts, supervisor)
                        interface.hand_over(opened, parts, supervisor, canary)
                        notifier.status("running")
                        log.info(
                            "ready",
                            address=opened.tools.address,
                            socket=str(settings.daemon.socket),
                        )

            nursery.start_soon(work)
            # systemd need not wait for the chain, which may be away for longer than any timeout.
            notifier.ready()
            # Requests in flight end before the services they use are cancelled.
            await serve_rpc(interface.front, control, stop=stop)
            nursery.cancel_scope.cancel()


async def run_services(
    opened: Opened,
    parts: Parts,
    supervisor: Supervisor,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Run everything but the control interface; started once all services are usable."""
    tools, clock, client = opened
    settings = tools.settings
    versions = settings.require_contract().versions
    cursor = read_cursor(tools.records)
    follower = Follower(client, versions, cursor, poll=settings.timing.poll_s)
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.keep_running, clock)
        await nursery.start(supervisor.keep_running, ChainWatcher(tools, follower))
        # Services decide on the known state, which would be outdated before this.
        await follower.wait_caught_up()
        for service in parts.services:
            await nursery.start(supervisor.keep_running, service)
        task_status.started()


class ControlInterface:
    """The control interface, while the daemon starts and afterwards."""

    def __init__(
        self, settings: Settings, state: LocalState, starting: Starting, broadcast: Broadcast
    ) -> None:
        self._early = StartingApi(settings, state.signer.address, starting)
        self.front = Front(
            make_rpc_app(
                cast("Api", self._early),
                broadcast=broadcast,
                readiness=lambda: (False, starting.to_json()),
            )
        )

    def hand_over(
        self, opened: Opened, parts: Parts, supervisor: Supervisor, canary: Canary
    ) -> None:
        """Let the daemon's services answer from now on, including calls that are waiting."""
        api = build_api(opened.tools, parts, supervisor)
        self.front.app = _make_app(opened, api, supervisor, canary)
        self._early.hand_over_to(api)


def _make_app(opened: Opened, api: Api, supervisor: Supervisor, canary: Canary) -> ASGIApp:
    tools = opened.tools
    return make_rpc_app(
        api,
        broadcast=tools.broadcast,
        readiness=lambda: (
            supervisor.is_healthy,
            {"services": [health.to_json() for health in supervisor.healths]},
        ),
        metrics=_measure(opened, supervisor, canary).registry
        if tools.settings.daemon.metrics
        else None,
    )


def _measure(opened: Opened, supervisor: Supervisor, canary: Canary) -> Metrics:
    metrics = Metrics()
    metrics.watch_lateness(lambda: canary.last_lateness_s)
    metrics.watch_decisions(opened.tools.journal.count)
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
