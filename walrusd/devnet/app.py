"""One process that is a Sui network and a Walrus network: three listeners around one ledger."""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import hypercorn
import hypercorn.trio
import trio
from starlette.applications import Starlette

from walrusd.chain.grpc import Handler, serve_connection
from walrusd.devnet.admin import create_admin_app
from walrusd.devnet.chain_file import open_chain_file, read_account_count
from walrusd.devnet.ledger.accounts import derive_accounts
from walrusd.devnet.ledger.dynamic_fields import compute_table_id
from walrusd.devnet.ledger.genesis import compute_package_id
from walrusd.devnet.ledger.ledger import Ledger
from walrusd.devnet.move.packages import Contract
from walrusd.devnet.ports import check_distinct, check_port
from walrusd.devnet.rpc.endpoints import NodeOptions, SuiEndpoints
from walrusd.devnet.walrus import MAX_BODY, create_walrus_app
from walrusd.errors import DoubleAction

_FIRST_WALRUS_EPOCH = 1


@dataclass(frozen=True)
class DevnetOptions:
    """The options of ``walrusd devnet``. Port 0 means any free one.

    ``endpoints``: full nodes, the first of them at ``sui_port``. ``checkpoint_ms``: how often
    checkpoints are sealed; 0 seals one after every transaction. ``epoch_ms``: the length of an
    epoch in real time; 0 means until the admin ends it. ``further``: other contracts that may be
    published, or upgraded to. ``walrus_max_body``: the most bytes that the publisher accepts.
    """

    directory: Path
    sui_port: int = 0
    walrus_port: int = 0
    admin_port: int = 0
    shards: int = 100
    seed: int | None = None
    accounts: int | None = None
    host: str = "127.0.0.1"
    endpoints: int = 1
    checkpoint_ms: int = 0
    epoch_ms: int = 0
    nodes: NodeOptions = field(default_factory=NodeOptions)
    further: tuple[Contract, ...] = ()
    walrus_max_body: int = MAX_BODY


@dataclass(frozen=True)
class DevnetInfo:
    """What a client needs to know about a running devnet."""

    sui_url: str
    walrus_url: str
    admin_url: str
    chain_id: str
    package_id: str
    market_id: str
    pool_id: str
    shards: int
    accounts: list[dict[str, str]]
    sui_urls: list[str] = field(default_factory=list)
    account_table: str = ""
    max_blob_bytes: int = MAX_BODY

    def to_json(self) -> str:
        """Return one line of JSON. Its keys are worthless outside this devnet."""
        return json.dumps(asdict(self))


def find_shared(ledger: Ledger, name: str) -> str:
    """Return the id of the only object of type ``module::Name`` of the chain's package."""
    wanted = f"{compute_package_id(ledger.seed)}::{name}"
    (found,) = (obj.id for obj in ledger.list_objects() if obj.type == wanted)
    return found


def describe_chain(
    ledger: Ledger,
    sui: str,
    walrus: str,
    admin: str,
    shards: int = 100,
    *,
    sui_urls: Sequence[str] = (),
    max_blob_bytes: int = MAX_BODY,
) -> DevnetInfo:
    """Return what a client needs to know, for listeners at three URLs."""
    accounts = derive_accounts(ledger.seed, read_account_count(ledger.store))
    return DevnetInfo(
        sui_url=sui,
        walrus_url=walrus,
        admin_url=admin,
        chain_id=ledger.chain_id,
        package_id=compute_package_id(ledger.seed),
        market_id=find_shared(ledger, "market::Market"),
        pool_id=find_shared(ledger, "node::VerifierPool"),
        shards=shards,
        accounts=[{"address": a.address, "key": a.exported} for a in accounts],
        sui_urls=list(sui_urls) or [sui],
        account_table=compute_table_id(ledger.seed),
        max_blob_bytes=max_blob_bytes,
    )


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Hold the lock of a devnet's directory, which is made if it is missing.

    Raises:
        DoubleAction: if another process holds it.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    fd = os.open(directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as e:
            raise DoubleAction(
                f"another devnet runs in {directory}", hint="stop it, or use another --dir"
            ) from e
        yield
    finally:
        os.close(fd)


async def serve_devnet(
    options: DevnetOptions,
    *,
    task_status: "trio.TaskStatus[DevnetInfo]" = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve until cancelled; ``task_status`` receives the ``DevnetInfo`` once all ports listen.

    Raises:
        ConfigError: if the directory holds a chain with another seed or number of accounts, or a
            port is taken or given twice.
        DoubleAction: if another devnet runs in it.
        OSError: if the directory cannot be used.
    """
    with locked(options.directory):
        ports = {
            "--sui-port": options.sui_port,
            "--walrus-port": options.walrus_port,
            "--admin-port": options.admin_port,
        }
        check_distinct(ports)
        for option, port in ports.items():
            check_port(options.host, port, option)
        ledger = open_chain_file(
            options.directory / "sui.sqlite",
            seed=options.seed,
            accounts=options.accounts,
            further=options.further,
            seal_at_once=options.checkpoint_ms == 0,
        )
        try:
            await _serve(options, ledger, task_status)
        finally:
            ledger.store.close()


async def _serve(
    options: DevnetOptions, ledger: Ledger, task_status: "trio.TaskStatus[DevnetInfo]"
) -> None:
    walrus_app = create_walrus_app(
        options.directory / "walrus",
        options.shards,
        epoch=lambda: ledger.epoch + _FIRST_WALRUS_EPOCH,
        max_body=options.walrus_max_body,
    )
    # Cancelled, hypercorn does not wait for the application's own shutdown.
    with closing(walrus_app.state.store):
        await _serve_until_cancelled(options, ledger, walrus_app, task_status)


async def _serve_until_cancelled(
    options: DevnetOptions,
    ledger: Ledger,
    walrus_app: Starlette,
    task_status: "trio.TaskStatus[DevnetInfo]",
) -> None:
    stop = trio.Event()
    async with trio.open_nursery() as http, trio.open_nursery() as nursery:
        try:
            serve_http = partial(_start_http, http, stop, options.host)
            walrus_url = await serve_http(walrus_app, options.walrus_port)
            endpoints = SuiEndpoints(ledger, options.endpoints, options.nodes)
            admin_url = await serve_http(create_admin_app(ledger, endpoints), options.admin_port)
            ports = [options.sui_port] + [0] * (options.endpoints - 1)
            urls = [
                await _start_grpc(nursery, services.table, options.host, port)
                for services, port in zip(endpoints.nodes, ports, strict=True)
            ]
            nursery.start_soon(_keep_sealing, ledger, options.checkpoint_ms)
            nursery.start_soon(_keep_epochs, ledger, options.epoch_ms)
            task_status.started(
                describe_chain(
                    ledger,
                    urls[0],
                    walrus_url,
                    admin_url,
                    options.shards,
                    sui_urls=urls,
                    max_blob_bytes=options.walrus_max_body,
                )
            )
            await trio.sleep_forever()
        finally:
            stop.set()  # hypercorn runs the applications' shutdown before it ends


async def _keep_sealing(ledger: Ledger, interval_ms: int) -> None:
    while interval_ms:
        await trio.sleep(interval_ms / 1000)
        if ledger.has_unsealed:
            ledger.seal()


async def _keep_epochs(ledger: Ledger, length_ms: int) -> None:
    while length_ms:
        await trio.sleep(length_ms / 1000)
        ledger.advance_epoch()


async def _start_grpc(
    nursery: trio.Nursery, table: Mapping[str, Handler], host: str, port: int
) -> str:
    async def serve_one(stream: trio.SocketStream) -> None:
        await serve_connection(stream, table)

    listeners = await nursery.start(partial(trio.serve_tcp, serve_one, port, host=host))
    return f"http://{host}:{listeners[0].socket.getsockname()[1]}"


async def _start_http(
    nursery: trio.Nursery, stop: trio.Event, host: str, app: Any, port: int
) -> str:
    config = hypercorn.Config()
    config.bind = [f"{host}:{port}"]
    config.accesslog = None
    config.errorlog = None
    config.graceful_timeout = 1.0
    binds: list[str] = await nursery.start(
        partial(hypercorn.trio.serve, app, config, shutdown_trigger=stop.wait)
    )
    return binds[0]
