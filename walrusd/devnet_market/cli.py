"""``walrusd devnet up`` and ``walrusd devnet down``."""

from functools import partial
from pathlib import Path

import click
import trio

from walrusd.cli.options import say, typed_errors
from walrusd.devnet.app import locked
from walrusd.devnet_market.background import announced, start_in_background, stop_running
from walrusd.devnet_market.layout import MarketFiles
from walrusd.devnet_market.state import DEFAULT_PORTS
from walrusd.devnet_market.up import UpOptions, run_market

_PORT = click.IntRange(1, 65_535)
_dir_option = click.option(
    "--dir",
    "directory",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("devnet"),
    show_default=True,
    help="Directory of everything; created if missing.",
)


@click.command()
@_dir_option
@click.option("--sui-port", type=_PORT, help=f"Port of Sui; at first {DEFAULT_PORTS.sui}.")
@click.option("--walrus-port", type=_PORT, help=f"Port of Walrus; at first {DEFAULT_PORTS.walrus}.")
@click.option(
    "--admin-port", type=_PORT, help=f"Port of the admin API; at first {DEFAULT_PORTS.admin}."
)
@click.option("--seed", type=click.IntRange(0), help="Makes the chain's keys and ids reproducible.")
@click.option("--detach", is_flag=True, help="Return once it is ready, and leave it running.")
@typed_errors
def up(
    *,
    directory: Path,
    sui_port: int | None,
    walrus_port: int | None,
    admin_port: int | None,
    seed: int | None,
    detach: bool,
) -> None:
    """Start a network with a market: verifiers, a dataset, and a task with a place for you.

    It prints what to type next, and runs until Ctrl-C. The same command continues where it was
    stopped, with the same ports.
    """
    files = MarketFiles(directory.absolute())
    if detach:
        start_in_background(files, say)
        return
    options = UpOptions(files, sui_port, walrus_port, admin_port, seed)
    with locked(files.root), announced(files):
        trio.run(partial(run_market, options, say), strict_exception_groups=True)


@click.command()
@_dir_option
@typed_errors
def down(*, directory: Path) -> None:
    """Stop what `up` has started in a directory; nothing is deleted."""
    stop_running(MarketFiles(directory.absolute()))
