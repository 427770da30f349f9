"""``walrusd contract``: publish, verify, upgrade and migrate the contract, or use another's.

None of them needs a daemon; those that sign use the daemon's own key and state, so they refuse to
run beside it.
"""

from pathlib import Path
from typing import Any

import click

from walrusd.cli.options import (
    FILE,
    config_option,
    json_option,
    say,
    say_json,
    typed_errors,
)
from walrusd.durations import parse_duration
from walrusd.errors import BadRequest
from walrusd.settings.amounts import parse_amount
from walrusd.settings.load import load_settings
from walrusd.settings.profile import PROFILE_DIRECTORY, NetworkProfile, load_profile
from walrusd.units import Millis, Mist

_network_option = click.option(
    "--network", metavar="NAME|FILE", help="A profile that names a contract."
)


def _read_amount(_ctx: click.Context, _param: click.Parameter, value: str) -> Mist:
    try:
        return parse_amount(value)
    except ValueError as exc:
        raise click.BadParameter(str(exc)) from exc


def _read_duration(_ctx: click.Context, _param: click.Parameter, value: str) -> Millis:
    try:
        found = parse_duration(value)
    except ValueError as exc:
        raise click.BadParameter(str(exc)) from exc
    if not found:
        raise click.BadParameter("it must be longer than 0s")
    return found


_name_option = click.option("--name", required=True, help="Name of the new profile.")
_dir_option = click.option(
    "--dir",
    "directory",
    type=click.Path(path_type=Path, file_okay=False),
    default=PROFILE_DIRECTORY,
    show_default=True,
    help="Where to write the new profile, as NAME.toml.",
)
_budget_option = click.option(
    "--gas-budget",
    callback=_read_amount,
    default="2 SUI",
    show_default=True,
    help="The most that one transaction may pay.",
)


@click.group()
def contract() -> None:
    """Publish, verify, upgrade or migrate the contract; no daemon is needed."""


@contract.command()
@config_option
@_name_option
@_dir_option
@click.option(
    "--tip", callback=_read_amount, default="0.001 SUI", show_default=True, help="Per crank."
)
@click.option("--min-window", callback=_read_duration, default="1m", show_default=True)
@click.option("--max-window", callback=_read_duration, default="7d", show_default=True)
@click.option("--min-grace", callback=_read_duration, default="1h", show_default=True)
@click.option("--max-life", callback=_read_duration, default="30d", show_default=True)
@click.option("--seat-stake", callback=_read_amount, default="32 SUI", show_default=True)
@click.option("--duties", type=click.IntRange(1, 64), default=16, show_default=True)
@click.option("--seat-fee", callback=_read_amount, default="0.01 SUI", show_default=True)
@click.option("--seat-life", callback=_read_duration, default="30d", show_default=True)
@click.option("--unbonding", callback=_read_duration, default="30d", show_default=True)
@click.option("--max-min-fee", callback=_read_amount, default="1 SUI", show_default=True)
@click.option("--min-rate", type=click.IntRange(min=1), default=1_000_000, show_default=True)
@click.option("--min-memory", type=click.IntRange(min=1), default=1 << 26, show_default=True)
@click.option("--min-penalty", callback=_read_amount, default="0.25 SUI", show_default=True)
@_budget_option
@json_option
@typed_errors
def publish(
    config: Path, name: str, directory: Path, gas_budget: Mist, *, as_json: bool, **params: Any
) -> None:
    """Publish the contract with the daemon's key, create a market and a pool, and write a profile.

    Safe to repeat after a crash: what has succeeded is neither repeated nor paid for again.
    Windows are durations: 90s, 15m, 1h30m, 2d, or a number of seconds. A seat stakes the same as
    every other for the same number of duties; its rate is in segment work a second.
    """
    import trio  # noqa: PLC0415  # see the module

    from walrusd.admin.contract import publish_contract  # noqa: PLC0415  # as above
    from walrusd.chain.layouts.objects import (  # noqa: PLC0415  # pysui is slow
        MarketParams,
        PoolParams,
    )

    chosen = MarketParams(
        tip=params["tip"],
        min_window_ms=params["min_window"],
        max_window_ms=params["max_window"],
        min_grace_ms=params["min_grace"],
        max_life_ms=params["max_life"],
    )
    pool = PoolParams(
        stake=params["seat_stake"],
        duties=params["duties"],
        fee=params["seat_fee"],
        seat_life_ms=params["seat_life"],
        unbonding_ms=params["unbonding"],
        max_min_fee=params["max_min_fee"],
        min_rate=params["min_rate"],
        min_memory=params["min_memory"],
        min_penalty=params["min_penalty"],
    )
    settings, path = load_settings(config), _profile_path(directory, name)
    _show(trio.run(publish_contract, settings, path, chosen, pool, gas_budget), as_json=as_json)


@contract.command()
@click.option("--config", type=FILE, help="Verify what this configuration names.")
@_network_option
@json_option
@typed_errors
def verify(config: Path | None, network: str | None, *, as_json: bool) -> None:
    """Compare the code on chain with the committed bytecode, and the market with the network."""
    import trio  # noqa: PLC0415  # see the module

    from walrusd.admin.contract import verify_published  # noqa: PLC0415  # pysui is slow

    if (config is None) == (network is None):
        raise click.UsageError("give --config or --network")
    if config is not None:
        settings = load_settings(config)
        ids = settings.require_contract()
        profile = NetworkProfile(
            name=config.stem,
            urls=settings.sui.urls,
            chain_id=settings.sui.chain_id,
            aggregators=settings.walrus.aggregators,
            publishers=settings.walrus.publishers,
        )
    else:
        profile = load_profile(str(network))
        ids = profile.require_contract()
    _show(trio.run(verify_published, profile, ids), as_json=as_json)


@contract.command()
@config_option
@click.option("--network", metavar="NAME|FILE", required=True, help="Profile of the old version.")
@_name_option
@_dir_option
@_budget_option
@click.option("--same", is_flag=True, help="Upgrade even if the code is unchanged.")
@json_option
@typed_errors
def upgrade(
    config: Path,
    network: str,
    name: str,
    directory: Path,
    gas_budget: Mist,
    *,
    same: bool,
    as_json: bool,
) -> None:
    """Upgrade a published contract to the committed bytecode, and write a new profile."""
    import trio  # noqa: PLC0415  # see the module

    from walrusd.admin.contract import upgrade_contract  # noqa: PLC0415  # pysui is slow

    profile, settings = load_profile(network), load_settings(config)
    old = profile.require_published()
    path = _profile_path(directory, name)

    async def work() -> dict[str, Any]:
        return await upgrade_contract(settings, old, path, gas_budget, same=same)

    _show(trio.run(work), as_json=as_json)


@contract.command()
@config_option
@click.option("--network", metavar="NAME|FILE", required=True, help="Profile of the new version.")
@click.option(
    "--object", "objects", multiple=True, metavar="ID", help="A task, dataset, … as well."
)
@_budget_option
@json_option
@typed_errors
def migrate(
    config: Path, network: str, objects: tuple[str, ...], gas_budget: Mist, *, as_json: bool
) -> None:
    """Migrate the market and its pool from an earlier version to the upgraded contract.

    The earlier version cannot act from then on. Anyone may migrate further objects.
    """
    import trio  # noqa: PLC0415  # see the module

    from walrusd.admin.migration import migrate_contract  # noqa: PLC0415  # pysui is slow

    profile, settings = load_profile(network).require_published(), load_settings(config)
    _show(trio.run(migrate_contract, settings, profile, objects, gas_budget), as_json=as_json)


@contract.command()
@click.argument("profile", metavar="NAME|FILE")
@config_option
@json_option
@typed_errors
def use(profile: str, config: Path, *, as_json: bool) -> None:
    """Enter the contract of a profile into a configuration file."""
    from walrusd.settings.adopt import adopt_contract  # noqa: PLC0415  # see the module

    found = load_profile(profile)
    adopt_contract(config, found)
    published = found.require_published()
    _show(
        {
            "config": str(config),
            "package_id": published.package_id,
            "market_id": published.market_id,
        },
        as_json=as_json,
    )


@contract.command("chain-id")
@click.option("--sui-url", "urls", multiple=True, required=True, help="gRPC endpoint.")
@json_option
@typed_errors
def chain_id(urls: tuple[str, ...], *, as_json: bool) -> None:
    """Print the identifier of the chain that an endpoint serves."""
    import trio  # noqa: PLC0415  # see the module

    from walrusd.admin.contract import read_chain_id  # noqa: PLC0415  # pysui is slow

    found = trio.run(read_chain_id, urls)
    if as_json:
        say_json({"chain_id": found})
    else:
        say(found)


def _profile_path(directory: Path, name: str) -> Path:
    if not name or Path(name).name != name or name.startswith(".") or "." in name:
        raise BadRequest(f"not a profile name: {name!r}", hint="letters, digits and dashes")
    return directory / f"{name}.toml"


def _show(result: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        say_json(result)
        return
    for key, value in result.items():
        if isinstance(value, dict):
            for name, item in value.items():
                say(f"{name:20} {item}")
        else:
            say(f"{key:20} {value}")
