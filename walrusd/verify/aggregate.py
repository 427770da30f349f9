"""Check the published sum of a task from public data alone."""

import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from walrusd.chain.calls.reads import MarketReader
from walrusd.chain.layouts import objects as ob
from walrusd.chain.nodes.connect import open_client
from walrusd.core.aggregate import Aggregate
from walrusd.core.lifecycle import Scheme
from walrusd.crypto.checklist import Checklist
from walrusd.crypto.vfile.checks import VerifiedFile
from walrusd.errors import BadRequest, PeerFault
from walrusd.market.aggregate import AggregateParts, check_parts, read_accepted, read_aggregate
from walrusd.market.case import Case
from walrusd.market.contract_check import verify_contract
from walrusd.market.fetch import Fetcher
from walrusd.market.ids import match_id
from walrusd.market.schemes import check_aggregate, compute_decryption_context
from walrusd.market.summed import check_left_out
from walrusd.settings.load import load_settings
from walrusd.settings.model import ContractIds
from walrusd.settings.network import read_network
from walrusd.state.chain_log import find_in_file
from walrusd.state.data_dir import DataDir
from walrusd.state.database import DATABASE_NAME, Database
from walrusd.storage.walrus import WalrusStore
from walrusd.training.plan.plan import Plan
from walrusd.units import ObjectId

OnStep = Callable[[str], None]


@dataclass(frozen=True)
class Places:
    """Where the public data is."""

    urls: tuple[str, ...]
    chain_id: str | None
    ids: ContractIds
    aggregators: tuple[str, ...]
    nodes: tuple[str, ...]
    shards: int
    state: Path | None = None
    """The database of a daemon, which knows the ids of tasks."""


@dataclass(frozen=True)
class Public:
    """Everything that reading needs; implements ``engine.tools.PublicTools``."""

    contract: MarketReader
    store: WalrusStore
    files: DataDir


def read_places(network: str | None, config: Path | None) -> Places:
    """Return where to read, from a network's profile or from a daemon's configuration.

    Raises:
        BadRequest: if not exactly one of them is given.
        ConfigError, ContractNotPublished: if it cannot be read, or names no contract.
    """
    if (network is None) == (config is None):
        raise BadRequest(
            "give --network or --config, to say which chain to ask",
            hint="--network takes the name or the file of a profile, or JSON of `walrusd devnet`",
        )
    if config is not None:
        settings = load_settings(config)
        sui, walrus = settings.sui, settings.walrus
        return Places(
            sui.urls,
            sui.chain_id,
            settings.require_contract(),
            walrus.aggregators,
            walrus.nodes,
            walrus.shards,
            settings.daemon.data_dir / DATABASE_NAME,
        )
    document = read_network(str(network))
    sui_table, walrus_table = document["sui"], document["walrus"]
    if "package_id" not in sui_table or "market_id" not in sui_table:
        raise BadRequest(f"{network} names no contract")
    package = ObjectId(sui_table["package_id"])
    latest = ObjectId(sui_table.get("upgraded_package_id", package))
    return Places(
        tuple(sui_table["urls"]),
        sui_table.get("chain_id"),
        ContractIds(package, latest, ObjectId(sui_table["market_id"])),
        tuple(walrus_table["aggregators"]),
        tuple(walrus_table.get("nodes", ())),
        int(walrus_table.get("shards", 1000)),
    )


@asynccontextmanager
async def open_public(places: Places) -> AsyncIterator[Public]:
    """Open chain and blobs for reading; files are kept in a temporary directory."""
    async with AsyncExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="walrusd-")))
        database = stack.enter_context(Database.open(directory / "ledger.sqlite"))
        client = await stack.enter_async_context(open_client(places.urls, chain_id=places.chain_id))
        store = await stack.enter_async_context(
            WalrusStore(
                places.aggregators,
                (),
                places.shards,
                directory / "blobs",
                database.connection,
                nodes=places.nodes,
            )
        )
        reader = MarketReader(client, places.ids.package, places.ids.market)
        yield Public(reader, store, DataDir(directory))


async def check_aggregate_of(
    places: Places, task_id: str, checks: Checklist, on_step: OnStep, threads: int
) -> dict[str, Any]:
    """Run every check of a task's published sum; return the facts that a report shows.

    Raises:
        BadRequest, ObjectNotFound: if there is no such task.
        ContractMismatch, WrongNetwork: if the contract on chain is not the one known here.
        WorldFault: if chain or Walrus cannot be reached.
    """

    def find(head: str, tail: str) -> list[str]:
        return [] if places.state is None else find_in_file(places.state, head, tail, kind="task")

    name = match_id(task_id, "task", find)
    async with open_public(places) as public:
        on_step("reading the chain")
        verified = await verify_contract(public.contract, places.ids)
        checks.passed("contract", f"package {verified.package.id}")
        task = await public.contract.task(name)
        facts = {"task": name, "scheme": Scheme(task.terms.scheme).name.lower()}
        return {**facts, **await _check(public, task, checks, on_step, threads)}


async def _check(
    public: Public, task: ob.Task, checks: Checklist, on_step: OnStep, threads: int
) -> dict[str, Any]:
    if task.aggregate is None:
        checks.failed("task", "its publisher has recorded no sum")
        return {}
    checks.passed("task", f"{task.accepted.bit_count()} accepted submissions")
    fetcher = Fetcher(public)
    try:
        plan = (await fetcher.plan_of(task)).plan
    except PeerFault as fault:
        checks.failed("terms", fault)
        return {}
    checks.passed("terms")
    on_step("reading the sum")
    aggregate = await _read(public, task, plan, checks)
    accepted = await read_accepted(public, task)
    parts = None
    if aggregate is not None:
        parts = checks.find("parts", lambda: check_parts(task, aggregate, accepted))
    summed = accepted if parts is None else list(parts.summed)
    files = await _check_files(fetcher, task, summed, checks, on_step)
    if parts is not None:
        on_step("reading what was left out")
        await _check_left_out(public, fetcher, task, parts, checks)
    if aggregate is None or parts is None or len(files) != len(summed):
        checks.skipped("sum", "a check before it failed")
        return {}
    on_step("checking the sum")
    context = compute_decryption_context(await public.contract.market(), task)

    def report(done: int, pieces: int) -> None:
        on_step(f"checking the sum, {100 * done // pieces} %")

    try:
        await check_aggregate(
            context, aggregate, parts.weights, files, report=report, threads=threads
        )
    except PeerFault as fault:
        checks.failed("sum", fault)
    else:
        checks.passed("sum", f"{plan.weight_count} numbers, of {len(files)} submissions")
    return {
        "root": aggregate.root.hex(),
        "entries": plan.weight_count,
        "submissions": [sub.id for sub in parts.summed],
        "left_out": [sub.id for sub, _value in parts.left_out],
        "weights": parts.weights,
    }


async def _check_left_out(
    public: Public, fetcher: Fetcher, task: ob.Task, parts: AggregateParts, checks: Checklist
) -> None:
    market = await public.contract.market()
    for sub, value in parts.left_out:
        name = f"left out: {sub.id[:10]}…"
        try:
            await check_left_out(fetcher, Case(market, task, sub), value)
        except PeerFault as fault:
            checks.failed(name, fault)
        else:
            checks.passed(name, "it cannot be read")


async def _read(public: Public, task: ob.Task, plan: Plan, checks: Checklist) -> Aggregate | None:
    try:
        aggregate = await read_aggregate(public, task, plan)
    except PeerFault as fault:
        checks.failed("recorded sum", fault)
        return None
    checks.passed("recorded sum", f"root {aggregate.root.hex()}")
    return aggregate


async def _check_files(
    fetcher: Fetcher,
    task: ob.Task,
    accepted: list[ob.Submission],
    checks: Checklist,
    on_step: OnStep,
) -> list[VerifiedFile]:
    files = []
    for submission in accepted:
        subject = f"of {submission.id[:10]}…"
        on_step(f"checking the file {subject}")
        try:
            files.append(await fetcher.file_of(task, submission))
        except PeerFault as fault:
            checks.failed("file", fault, subject=subject)
        else:
            checks.passed("file", subject=subject)
    return files
