"""The composition root: builds all parts of a daemon, once and in one place.

First the adapters and the state that every service is given (``open_tools``), then the services and
what they share (``build_parts``), then the owner's commands (``build_api``). Nothing else builds
shared parts; a service may build private parts that nothing else uses. ``walrusd.app`` runs the
result.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import NamedTuple

import structlog

from walrusd.chain.calls.contract import ContractClient
from walrusd.chain.nodes.client import SuiClient
from walrusd.chain.send.failures import AbortSentences
from walrusd.control.api import DaemonApi
from walrusd.control.daemon_commands import DaemonCommands
from walrusd.control.dataset_commands import DatasetCommands
from walrusd.control.history import History
from walrusd.control.key_commands import KeyCommands
from walrusd.control.node_commands import NodeCommands
from walrusd.control.task_commands import TaskCommands
from walrusd.core.aborts import SENTENCES
from walrusd.engine.adapters import make_sender, open_chain, open_store
from walrusd.engine.chain_clock import ChainClock
from walrusd.engine.chain_watcher import read_cursor
from walrusd.engine.local_state import LocalState, open_state
from walrusd.engine.readiness import Readiness, ReadinessWatch
from walrusd.engine.service import Service
from walrusd.engine.starting import Starting, check_not_behind, wait_out
from walrusd.engine.supervisor import Supervisor
from walrusd.engine.tools import Tools, TrainingBackend
from walrusd.market.aggregate import AggregateChecker
from walrusd.market.contract_check import verify_contract
from walrusd.market.fetch import Fetcher
from walrusd.market.ids import Ids
from walrusd.runtime.broadcast import Broadcast
from walrusd.runtime.wakeup import WakeUp
from walrusd.services.committee.registrar import Registrar, check_stake
from walrusd.services.committee.verifier import Verifier
from walrusd.services.contributor.committer import Committer
from walrusd.services.contributor.opener import Opener
from walrusd.services.contributor.staker import Staker
from walrusd.services.contributor.trainer import Trainer
from walrusd.services.data_owner.key_grantor import KeyGrantor
from walrusd.services.data_owner.listings import Listings
from walrusd.services.jury.juror import Juror
from walrusd.services.publisher.publisher import Publisher
from walrusd.services.upkeep.claimer import Claimer
from walrusd.services.upkeep.cranker import Cranker
from walrusd.services.upkeep.key_sharer import KeySharer
from walrusd.settings.model import Role, Settings
from walrusd.state.chain_log import ChainLog
from walrusd.state.data_dir import DataDir
from walrusd.state.journal import Journal
from walrusd.state.stores import KeyValue, Work
from walrusd.units import Mist

log = structlog.get_logger(__name__)

MakeTraining = Callable[[], TrainingBackend]


class Opened(NamedTuple):
    """The services' tools, and the two of them that the daemon itself keeps running."""

    tools: Tools
    clock: ChainClock
    client: SuiClient


@asynccontextmanager
async def open_tools(
    settings: Settings,
    make_training: MakeTraining,
    *,
    state: LocalState | None = None,
    broadcast: Broadcast | None = None,
    starting: Starting | None = None,
) -> AsyncIterator[Opened]:
    """Open everything the services need, and close it in reverse.

    Nothing is signed before the contract on chain is verified to be the one we were built for.
    With ``starting`` an outage is waited out; without it, an outage raises.

    Raises:
        ContractNotPublished: if the settings name no contract.
        WalrusdError: if keys, database or contract cannot be used.
    """
    ids = settings.require_contract()
    async with AsyncExitStack() as stack:
        if state is None:
            state = stack.enter_context(open_state(settings))
        database, signer = state.database, state.signer
        client = await stack.enter_async_context(open_chain(settings.sui))
        sender = make_sender(
            client,
            state,
            aborts=AbortSentences(ids.versions, SENTENCES),
            max_budget=Mist(settings.sui.gas_budget),
        )
        contract = ContractClient(
            client,
            sender,
            ids.package,
            ids.market,
            called_package_id=ids.latest,
            pool_ids=ids.pools,
        )
        store = await stack.enter_async_context(open_store(settings, state))
        wakeup, records = WakeUp(), KeyValue(database)
        clock = ChainClock(client, wakeup, settings.timing.poll_s)

        async def connect_network() -> None:
            await check_not_behind(client, read_cursor(records).checkpoint)
            verified = await verify_contract(contract, ids)
            if complaint := check_stake(settings, verified.pools[0]):
                log.warning("setting_too_low", reason=complaint)
            await clock.read()
            await sender.recover()

        if starting is None:
            await connect_network()
        else:
            await wait_out(connect_network, starting)
        tools = Tools(
            settings=settings,
            address=signer.address,
            keys=state.keys,
            database=database,
            journal=Journal(database, clock),
            work=Work(database),
            records=records,
            chain_log=ChainLog(database),
            protection=state.protection,
            contract=contract,
            store=store,
            clock=clock,
            wakeup=wakeup,
            training=make_training(),
            broadcast=broadcast or Broadcast(),
            files=DataDir(settings.daemon.data_dir),
        )
        yield Opened(tools, clock, client)


@dataclass(frozen=True)
class Parts:
    """The parts built from a daemon's tools, whatever its roles; ``services`` are those that run.

    The owner may ask about a role that the daemon does not have: what a task would earn, which
    keys were requested. So these parts exist in every daemon, and act only if their role is set.
    """

    fetcher: Fetcher
    checker: AggregateChecker
    readiness: Readiness
    staker: Staker
    publisher: Publisher
    key_grantor: KeyGrantor
    listings: Listings
    services: tuple[Service, ...]
    """In the order of their starts."""


BuildParts = Callable[[Tools], Parts]


def build_parts(tools: Tools) -> Parts:
    """Build the services of this daemon's roles, and what they share."""
    settings = tools.settings
    fetcher = Fetcher(tools)
    checker = AggregateChecker(tools, fetcher)
    readiness = Readiness(tools)
    staker = Staker(tools, fetcher, checker, readiness)
    publisher = Publisher(tools, fetcher, checker)
    key_grantor = KeyGrantor(tools)

    services: list[Service] = [ReadinessWatch(tools, readiness)]
    if settings.has_role(Role.DATASET_OWNER):
        services.append(key_grantor)
    if settings.has_role(Role.PUBLISHER):
        services.append(publisher)
    if settings.has_role(Role.CONTRIBUTOR):
        services += [
            staker,
            Trainer(tools, fetcher),
            Committer(tools, fetcher),
            Opener(tools, fetcher),
        ]
    if settings.has_role(Role.VERIFIER):
        services += [
            Registrar(tools, readiness),
            Verifier(tools, fetcher),
            Juror(tools, fetcher),
        ]
    if settings.has_role(Role.CONTRIBUTOR) or settings.has_role(Role.VERIFIER):
        services.append(KeySharer(tools, fetcher))
    services += [Cranker(tools, fetcher), Claimer(tools)]

    return Parts(
        fetcher=fetcher,
        checker=checker,
        readiness=readiness,
        staker=staker,
        publisher=publisher,
        key_grantor=key_grantor,
        listings=Listings(tools, fetcher),
        services=tuple(services),
    )


def build_api(tools: Tools, parts: Parts, supervisor: Supervisor) -> DaemonApi:
    """Build the implementation of the control interface."""
    ids = Ids(tools)
    return DaemonApi(
        daemon=DaemonCommands(
            tools, supervisor, ids, History(tools), parts.readiness, parts.services
        ),
        tasks=TaskCommands(tools, ids, parts.fetcher, parts.checker, parts.staker, parts.publisher),
        datasets=DatasetCommands(tools, ids, parts.listings),
        keys=KeyCommands(tools, ids, parts.key_grantor),
        node=NodeCommands(tools, parts.readiness),
    )
