"""One process that is a Sui network and a Walrus network: three listeners around one ledger."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import hypercorn
import hypercorn.trio
import trio

from walrusd.chain.grpc import serve_connection
from walrusd.devnet.accounts import derive_accounts
from walrusd.devnet.admin import create_admin_app
from walrusd.devnet.ledger import Ledger
from walrusd.devnet.ledger_genesis import compute_package_id
from walrusd.devnet.opening import open_chain, read_account_count
from walrusd.devnet.sui_services import build_services
from walrusd.devnet.walrus import create_walrus_app
from walrusd.errors import DoubleAction

_FIRST_WALRUS_EPOCH = 1


@dataclass(frozen=True)
class DevnetOptions:
    """What ``walrusd devnet`` was told. Port 0 means any free one."""

    directory: Path
    sui_port: int = 0
    walrus_port: int = 0
    admin_port: int = 0
    shards: int = 100
    seed: int | None = None
    accounts: int | None = None
    host: str = "127.0.0.1"


@dataclass(frozen=True)
class DevnetInfo:
    """What a client needs to know of a devnet that is ready."""

    sui_url: str
    walrus_url: str
    admin_url: str
    chain_id: str
    package_id: str
    market_id: str
    pool_id: str
    shards: int
    accounts: list[dict[str, str]]

    def to_json(self) -> str:
        """Return one line of JSON. The keys in it are worth nothing outside this devnet."""
        return json.dumps(asdict(self))


def find_shared(ledger: Ledger, name: str) -> str:
    """Return the id of the only object of type ``module::Name`` of the chain's package."""
    wanted = f"{compute_package_id(ledger.seed)}::{name}"
    (found,) = (obj.id for obj in ledger.list_objects() if obj.type == wanted)
    return found


def describe_chain(
    ledger: Ledger, sui: str, walrus: str, admin: str, shards: int = 100
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
    )


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
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
    """Serve until cancelled; ``task_status`` gets the ``DevnetInfo`` once all is listening.

    Raises:
        ConfigError: if the directory holds a chain with another seed or number of accounts.
        DoubleAction: if another devnet runs in it.
        OSError: if a port is taken or the directory cannot be used.
    """
    with _locked(options.directory):
        ledger = open_chain(
            options.directory / "sui.sqlite", seed=options.seed, accounts=options.accounts
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
    )
    stop = trio.Event()
    async with trio.open_nursery() as http, trio.open_nursery() as nursery:
        try:
            serve_http = partial(_start_http, http, stop, options.host)
            walrus_url = await serve_http(walrus_app, options.walrus_port)
            admin_url = await serve_http(create_admin_app(ledger), options.admin_port)
            sui_url = await _start_grpc(nursery, ledger, options)
            task_status.started(
                describe_chain(ledger, sui_url, walrus_url, admin_url, options.shards)
            )
            await trio.sleep_forever()
        finally:
            stop.set()  # lets hypercorn run the applications' shutdown before it goes


async def _start_grpc(nursery: trio.Nursery, ledger: Ledger, options: DevnetOptions) -> str:
    table = build_services(ledger).table

    async def serve_one(stream: trio.SocketStream) -> None:
        await serve_connection(stream, table)

    listeners = await nursery.start(
        partial(trio.serve_tcp, serve_one, options.sui_port, host=options.host)
    )
    port = listeners[0].socket.getsockname()[1]
    return f"http://{options.host}:{port}"


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
