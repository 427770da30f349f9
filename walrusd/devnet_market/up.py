"""Run the two networks and the market on them, until told to stop."""

import os
import signal
import time
from dataclasses import dataclass, replace
from shlex import quote

import trio

from walrusd.chain.calls.reads import MarketReader
from walrusd.chain.nodes.connect import open_client
from walrusd.devnet.app import DevnetInfo, DevnetOptions, serve_devnet
from walrusd.devnet.ending import list_stop_signals
from walrusd.devnet_market.daemons import Daemons, running_daemons
from walrusd.devnet_market.layout import ACCOUNTS, MarketFiles
from walrusd.devnet_market.market import Market, OpenTask, Say
from walrusd.devnet_market.members import check_directory, write_members
from walrusd.devnet_market.offer import STAKE
from walrusd.devnet_market.state import (
    MarketState,
    Ports,
    read_market_state,
    relative_to_here,
    write_market_state,
)
from walrusd.files import write_atomically
from walrusd.units import format_sui


@dataclass(frozen=True)
class UpOptions:
    """The options of ``walrusd devnet up``; a port of None is the former one, or the default."""

    files: MarketFiles
    sui_port: int | None = None
    walrus_port: int | None = None
    admin_port: int | None = None
    seed: int | None = None


def choose_ports(options: UpOptions, former: Ports) -> Ports:
    """Return the ports to listen on: those given, else those of the last start."""
    return Ports(
        former.sui if options.sui_port is None else options.sui_port,
        former.walrus if options.walrus_port is None else options.walrus_port,
        former.admin if options.admin_port is None else options.admin_port,
    )


async def run_market(options: UpOptions, say: Say) -> None:
    """Run everything until SIGINT, SIGTERM or SIGHUP; the directory's lock is held by the caller.

    Raises:
        ConfigError: if a port is taken, or the directory cannot be used.
        DevnetFailed: if a daemon ends by itself.
        WalrusdError: if a daemon refuses what the market needs.
    """
    files = options.files
    check_directory(files)
    files.ready.unlink(missing_ok=True)  # of a market that was killed
    former = read_market_state(files)
    ports = choose_ports(options, former.ports)
    state = replace(former, ports=ports)
    ending = StopRequest()
    async with trio.open_nursery() as networks:
        await networks.start(ending.listen, say)
        info = await networks.start(
            serve_devnet,
            DevnetOptions(
                directory=files.chain,
                sui_port=ports.sui,
                walrus_port=ports.walrus,
                admin_port=ports.admin,
                seed=options.seed,
                accounts=ACCOUNTS,
            ),
        )
        write_market_state(files, state)  # now that the ports are known to be free
        write_members(files, info)
        say(f"Sui {info.sui_url}, Walrus {info.walrus_url}, admin {info.admin_url}")
        with ending.scope:
            async with running_daemons(files, lambda: ending.is_urgent) as daemons:
                try:
                    await _serve_market(files, state, info, daemons, say)
                finally:
                    files.ready.unlink(missing_ok=True)
        networks.cancel_scope.cancel()


class StopRequest:
    """Waits for the signals to stop. The first cancels ``scope``, the second makes it urgent."""

    def __init__(self) -> None:
        self.scope = trio.CancelScope()
        self.is_urgent = False

    async def listen(
        self, say: Say, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Listen until cancelled."""
        with trio.open_signal_receiver(*list_stop_signals()) as signals:
            task_status.started()
            async for number in signals:
                self.is_urgent = self.scope.cancel_called
                say(f"stopping ({signal.Signals(number).name})")
                self.scope.cancel()


async def _serve_market(
    files: MarketFiles, state: MarketState, info: DevnetInfo, daemons: Daemons, say: Say
) -> None:
    began = time.monotonic()
    async with (
        open_client([info.sui_url], chain_id=info.chain_id) as client,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(daemons.watch)
        reader = MarketReader(client, info.package_id, info.market_id, (info.pool_id,))
        market = Market(files, state, daemons, reader, say)
        async with trio.open_nursery() as preparing:
            preparing.start_soon(market.remind)
            found = await market.prepare()
            preparing.cancel_scope.cancel()
        for line in describe_ready(files, info, found, time.monotonic() - began):
            say(line)
        write_atomically(files.ready, f"{os.getpid()}\n".encode())
        await market.keep_task_open()
        await trio.sleep_forever()


def describe_ready(
    files: MarketFiles, info: DevnetInfo, found: OpenTask, seconds: float
) -> list[str]:
    """Return what a reader may type next."""
    root, terms = relative_to_here(files.root), found.task.terms
    here = MarketFiles(root)
    pays = f"reward {format_sui(terms.reward)}, stake {format_sui(terms.stake)}"
    network, key = quote(str(here.network)), quote(str(here.newcomer_key))
    init = f"walrusd init --dir me --network {network} --key-file {key}"
    down = "walrusd devnet down" + ("" if str(root) == "devnet" else f" --dir {quote(str(root))}")
    place = f"{found.places_left} of {terms.max_submissions} places left"
    if not found.is_joinable:
        place = "being worked on; another opens when it has ended"
    return [
        "",
        f"Ready after {seconds:.0f} s.",
        f"  network     {here.network}",
        f"  your key    {here.newcomer_key}, an account with 1000 SUI",
        f"  admin API   {info.admin_url}/ (faucet, clock)",
        f"  task        {found.task.id}",
        f"              {pays}; {place}",
        "",
        "Your own node, in another terminal:",
        f'  {init} --stake-limit "{STAKE}"',
        "  walrusd run --config me/walrusd.toml",
        "and in a third one:",
        "  export WALRUSD_SOCKET=me/control.sock",
        "  walrusctl watch",
        f"  walrusctl why {found.task.id[:10]}",
        "",
        f"Ctrl-C, or `{down}`, ends everything; the same command continues it.",
    ]
