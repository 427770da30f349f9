"""The ``walrusd`` command: the daemon, and what works without one.

Exit status: 0 done, 1 a typed failure, 2 wrong usage; ``run`` ends with 78 instead of 1 if a
restart is useless before its owner has changed something. Each command imports what it needs when
it runs, so that ``--help`` and ``config`` do not wait for pysui or torch.
"""

import os
import signal
from pathlib import Path
from typing import Any

import click

import walrusd
from walrusd.cli.contract import contract
from walrusd.cli.model import model
from walrusd.cli.options import (
    EXIT_FAILED,
    EXIT_NEEDS_OWNER,
    config_option,
    fill_closed_streams,
    json_option,
    run_command,
    say,
    say_json,
    typed_errors,
    with_status,
)
from walrusd.cli.verify import verify
from walrusd.errors import ConfigError, needs_owner


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(walrusd.__version__, prog_name="walrusd")
def cli() -> None:
    """Run a peer of the market in verified machine-learning training."""


@cli.command()
@config_option
@click.option(
    "--accept-new-database",
    is_flag=True,
    help="Start even though the database that this identity used here is gone.",
)
@with_status(lambda error: EXIT_NEEDS_OWNER if needs_owner(error) else EXIT_FAILED)
def run(config: Path, *, accept_new_database: bool) -> None:
    """Run the daemon until SIGTERM."""
    # A terminal that closes during the imports would end us; see walrusd.app.
    signal.signal(signal.SIGHUP, lambda *_details: None)
    from walrusd.app import main as run_daemon  # noqa: PLC0415  # pysui is slow

    run_daemon(config, accept_new_database=accept_new_database)


@cli.command(
    add_help_option=False,
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def devnet(arguments: tuple[str, ...]) -> None:
    """Serve a Sui and a Walrus network of one process, for development and tests."""
    from walrusd.devnet.cli import devnet as command  # noqa: PLC0415  # pulls in the whole devnet
    from walrusd.devnet_market.cli import down, up  # noqa: PLC0415  # with the former

    command.add_command(up)
    command.add_command(down)
    run_command(command, list(arguments), "walrusd devnet")


@cli.command()
@click.option("--dir", "directory", type=click.Path(path_type=Path), required=True)
@click.option("--role", "roles", multiple=True, default=["contributor"], show_default=True)
@click.option(
    "--network",
    metavar="NAME|FILE",
    help="devnet, localnet, testnet, mainnet, a profile's file, or JSON of `walrusd devnet`.",
)
@click.option("--sui-url", "sui_urls", multiple=True, help="gRPC endpoint; repeat for failover.")
@click.option("--archive-url", "archive_urls", multiple=True, help="Archive of the history.")
@click.option("--chain-id", help="Chain identifier.")
@click.option("--package-id", help="Package of the market.")
@click.option("--market-id", help="The shared Market object.")
@click.option("--pool", "pools", multiple=True, help="A pool of verifiers; the first for new work.")
@click.option("--aggregator", "aggregators", multiple=True, help="Walrus aggregator URL.")
@click.option("--publisher", "publishers", multiple=True, help="Walrus publisher URL.")
@click.option("--shards", type=int, help="Shards of the Walrus network.")
@click.option("--key-file", type=click.File("r"), help="File with a suiprivkey1…; - is stdin.")
@click.option(
    "--stake-limit",
    metavar="AMOUNT",
    help='What a contributor may stake in 24 hours, for example "5 SUI"; without it, nothing.',
)
@click.option("--set", "overrides", multiple=True, metavar="SECTION.KEY=VALUE", help="Any setting.")
@json_option
@typed_errors
def init(directory: Path, *, as_json: bool, stake_limit: str | None, **options: Any) -> None:
    """Make configuration and keys of a new daemon in DIR; nothing is overwritten."""
    from walrusd.cli.init import apply_overrides, initialize  # noqa: PLC0415  # pysui is slow

    key_file = options.pop("key_file")
    overrides = options.pop("overrides")
    document = _compose_document(**options)
    if stake_limit is not None:
        limits = dict.fromkeys(("max_stake_per_task", "max_stake_per_day"), stake_limit)
        document["policy"] = {**document.get("policy", {}), **limits}
    document = apply_overrides(document, overrides)
    made = initialize(directory, document, None if key_file is None else key_file.read())
    if as_json:
        say_json(made.to_json())
        return
    say(f"configuration  {made.config}")
    say(f"keystore       {made.keystore}")
    say(f"key file       {made.kek_file}  (back it up separately from the keystore)")
    say(f"address        {made.address}")


def _compose_document(
    *,
    roles: tuple[str, ...],
    network: str | None,
    sui_urls: tuple[str, ...],
    archive_urls: tuple[str, ...],
    pools: tuple[str, ...],
    aggregators: tuple[str, ...],
    publishers: tuple[str, ...],
    **values: Any,
) -> dict[str, dict[str, Any]]:
    """Return the configuration tables of the options, which override the network file."""
    from walrusd.settings.network import read_network  # noqa: PLC0415  # pysui is slow

    document = {} if network is None else read_network(network)
    document["daemon"] = {"data_dir": "state", "socket": "control.sock", "roles": list(roles)}
    if aggregators:
        # Other aggregators may serve another network, which its nodes would not belong to.
        document.get("walrus", {}).pop("nodes", None)
    given = {
        "sui": {
            "urls": list(sui_urls),
            "archive_urls": list(archive_urls),
            "chain_id": values["chain_id"],
            "package_id": values["package_id"],
            "market_id": values["market_id"],
        },
        "market": {"pools": list(pools)},
        "walrus": {
            "aggregators": list(aggregators),
            "publishers": list(publishers),
            "shards": values["shards"],
        },
    }
    for section, table in given.items():
        chosen = {key: value for key, value in table.items() if value}
        document[section] = document.get(section, {}) | chosen
    return document


@cli.group()
def config() -> None:
    """Check or show a configuration file."""


@config.command("show")
@config_option
@json_option
@typed_errors
def config_show(config: Path, *, as_json: bool) -> None:
    """Print the configuration with all defaults filled in."""
    from walrusd.settings import load_settings, render_settings  # noqa: PLC0415  # see the module

    text = render_settings(load_settings(config))
    if as_json:
        import tomli  # noqa: PLC0415  # only here

        say_json(tomli.loads(text))
    else:
        for line in text.splitlines():
            say(line)


@config.command("check")
@config_option
@click.option("--network", is_flag=True, help="Also compare it with the market on the chain.")
@json_option
@typed_errors
def config_check(config: Path, *, network: bool, as_json: bool) -> None:
    """Check the configuration, and that the keystore opens.

    Without --network it makes no request; it never sends a transaction.
    """
    from walrusd.cli.init import read_address  # noqa: PLC0415  # pysui is slow
    from walrusd.settings import load_settings  # noqa: PLC0415  # see the module

    settings = load_settings(config)
    if not settings.daemon.socket.parent.exists():
        raise ConfigError(
            f"{config}: the directory of daemon.socket {settings.daemon.socket} does not exist",
            hint="make it, or start the daemon through systemd",
        )
    address = read_address(settings)
    roles = sorted(role.value for role in settings.daemon.roles)
    if network:
        import trio  # noqa: PLC0415  # only here

        from walrusd.admin.network_check import check_on_network  # noqa: PLC0415  # pysui

        trio.run(check_on_network, settings)
    if as_json:
        say_json({"config": str(config), "ok": True, "address": address, "roles": roles})
    else:
        say(f"{config} is good: {', '.join(roles)} as {address}")


cli.add_command(contract)
cli.add_command(model)
cli.add_command(verify)


def main() -> None:
    """Run the command line."""
    fill_closed_streams()
    # Worker processes start with ``-m``, and must not import a random.py of the current directory.
    os.environ["PYTHONSAFEPATH"] = "1"
    run_command(cli, None, None)


if __name__ == "__main__":
    main()
