"""``walrusd devnet``: the networks alone. ``walrusd devnet up`` adds a market to them."""

import sqlite3
import sys
from pathlib import Path

import click
import trio

from walrusd.devnet.app import DevnetInfo, DevnetOptions, serve_devnet
from walrusd.devnet.ending import list_stop_signals
from walrusd.devnet.rpc.endpoints import NodeOptions
from walrusd.devnet.walrus import MAX_BODY
from walrusd.errors import ConfigError, WalrusdError
from walrusd.text import make_printable

_PORT = click.IntRange(0, 65_535)


@click.group(
    invoke_without_command=True,
    subcommand_metavar="[COMMAND]",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option(
    "--dir",
    "directory",
    type=click.Path(path_type=Path, file_okay=False),
    help="Directory of the devnet's state; created if missing.  [required]",
)
@click.option("--sui-port", type=_PORT, default=0, help="Port of sui.rpc.v2; 0 is any free one.")
@click.option("--walrus-port", type=_PORT, default=0, help="Port of the Walrus HTTP API.")
@click.option(
    "--admin-port",
    type=_PORT,
    default=0,
    help="Port of the admin API.",
)
@click.option("--shards", type=click.IntRange(4, 1000), default=100, help="Walrus shards.")
@click.option(
    "--walrus-max-body",
    type=click.IntRange(1 << 20),
    default=MAX_BODY,
    help="The most bytes of one blob; 10 MiB by default, as of public publishers.",
)
@click.option("--seed", type=click.IntRange(0), help="Makes keys, ids and randomness reproducible.")
@click.option("--accounts", type=click.IntRange(1, 1000), help="Prefunded accounts; 16 if new.")
@click.option(
    "--endpoints",
    type=click.IntRange(1, 16),
    default=1,
    help="Full nodes; the first has --sui-port.",
)
@click.option(
    "--checkpoint-ms",
    type=click.IntRange(0),
    default=0,
    help="How often checkpoints are sealed; 0 seals one after every transaction.",
)
@click.option(
    "--epoch-ms", type=click.IntRange(0), default=0, help="Length of an epoch; 0 is endless."
)
@click.option(
    "--lag-ms",
    type=click.IntRange(0),
    default=0,
    help="Delay of checkpoints at the full nodes.",
)
@click.option(
    "--keep-checkpoints",
    type=click.IntRange(1),
    help="Checkpoints that full nodes keep; all by default.",
)
@click.option(
    "--without",
    multiple=True,
    metavar="RPC",
    help="An RPC or service that the full nodes lack.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON once ready.")
@click.pass_context
def devnet(
    context: click.Context,
    *,
    directory: Path | None,
    sui_port: int,
    walrus_port: int,
    admin_port: int,
    shards: int,
    walrus_max_body: int,
    seed: int | None,
    accounts: int | None,
    endpoints: int,
    checkpoint_ms: int,
    epoch_ms: int,
    lag_ms: int,
    keep_checkpoints: int | None,
    without: tuple[str, ...],
    as_json: bool,
) -> None:
    """Serve a Sui and a Walrus network in one process, for development and tests.

    They are empty. `up` adds daemons, and a task with a place for you.
    """
    if context.invoked_subcommand is not None:
        _refuse_options(context)
        return
    if directory is None:
        raise click.UsageError("Missing option '--dir'.")
    options = DevnetOptions(
        directory=directory,
        sui_port=sui_port,
        walrus_port=walrus_port,
        admin_port=admin_port,
        shards=shards,
        walrus_max_body=walrus_max_body,
        seed=seed,
        accounts=accounts,
        endpoints=endpoints,
        checkpoint_ms=checkpoint_ms,
        epoch_ms=epoch_ms,
        nodes=NodeOptions(lag_ms=lag_ms, keep=keep_checkpoints, without=without),
    )
    failed = False  # before Python 3.11.4, what is raised in ``except*`` arrives in a group
    try:
        trio.run(_run, options, as_json, strict_exception_groups=True)
    except* WalrusdError as group:
        failed = True
        for error in _leaves(group):
            _complain(f"walrusd devnet: {error}")
            if isinstance(error, WalrusdError) and error.hint:
                _complain(f"  {error.hint}")
    except* (OSError, ValueError, sqlite3.Error) as group:
        failed = True
        for error in _leaves(group):
            # A port that is taken, a disk that is full, a database that is damaged.
            _complain(f"walrusd devnet: {ConfigError(str(error))}")
    if failed:
        sys.exit(1)


def _refuse_options(context: click.Context) -> None:
    """Refuse options that stand before a subcommand, which would not see them."""
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or "")
        if source is click.core.ParameterSource.COMMANDLINE:
            raise click.UsageError(
                f"{parameter.opts[0]} must follow {context.invoked_subcommand!r}, if it has it"
            )


def _complain(line: str) -> None:
    click.echo(make_printable(line), err=True)


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    out: list[BaseException] = []
    for error in group.exceptions:
        out += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return out


async def _run(options: DevnetOptions, as_json: bool) -> None:
    async with trio.open_nursery() as nursery:
        with trio.open_signal_receiver(*list_stop_signals()) as signals:
            info = await nursery.start(serve_devnet, options)
            click.echo(info.to_json() if as_json else _describe(info))
            async for _ in signals:
                nursery.cancel_scope.cancel()
                return


def _describe(info: DevnetInfo) -> str:
    lines = [
        f"Sui     {' '.join(info.sui_urls)}",
        f"Walrus  {info.walrus_url}",
        f"Admin   {info.admin_url}",
        f"Chain   {info.chain_id}",
        f"Package {info.package_id}",
        f"Market  {info.market_id}",
        f"Pool    {info.pool_id}",
        "Accounts, 1000 SUI each:",
        *(f"  {a['address']}  {a['key']}" for a in info.accounts),
    ]
    return "\n".join(lines)
