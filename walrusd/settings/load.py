"""Make settings from a TOML file: the textual constructor of :class:`Settings`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import tomli

from walrusd.errors import ConfigError
from walrusd.settings.model import (
    DEFAULT_CHUNK,
    DEFAULT_GAS_BUDGET,
    DEFAULT_MAX_BLOB,
    MIB,
    DaemonSettings,
    DatasetOwnerSettings,
    KeysSettings,
    LogFormat,
    MarketSettings,
    PolicySettings,
    Role,
    Settings,
    SuiSettings,
    TimingSettings,
    VerifierSettings,
    WalrusSettings,
)
from walrusd.settings.reader import TableReader, unknown_key
from walrusd.units import Address, ObjectId

LOG_LEVELS = ("debug", "info", "warning", "error")
_U64_MAX = 2**64 - 1
MAX_BLOB = 1 << 40
"""More than any network accepts; the limit of yours follows from its shards."""
MAX_CHUNK = 1 << 30
"""A chunk is held in memory when it is stored."""


def load_settings(path: Path) -> Settings:
    """Read a configuration file.

    Relative paths in it start at its own directory, so that it means the same from anywhere.

    Raises:
        ConfigError: if it cannot be read, is not TOML, or has an invalid value.
        UnknownConfigKey: if it has a section or key that walrusd does not know.
    """
    path = path.absolute()
    try:
        text = path.read_text("utf-8")
    except OSError as exc:
        raise ConfigError(
            f"cannot read the configuration file {path}: {exc.strerror}",
            hint="name it with --config, or make one with `walrusctl init`",
        ) from exc
    except UnicodeDecodeError as exc:
        raise ConfigError(f"{path}: not UTF-8 text", hint="save it as UTF-8") from exc
    return parse_settings(text, path)


def parse_settings(text: str, path: Path) -> Settings:
    """Make settings from the text of a configuration file that is, or will be, at ``path``.

    Raises:
        ConfigError, UnknownConfigKey: as :func:`load_settings`.
    """
    path = path.absolute()
    try:
        document = tomli.loads(text)
    except tomli.TOMLDecodeError as exc:
        raise ConfigError(f"{path}: not TOML: {exc}", hint="strings need quotes in TOML") from exc
    return settings_from_document(document, path)


def settings_from_document(document: dict[str, Any], path: Path) -> Settings:
    """Make settings from the tables of a configuration file that is, or will be, at ``path``.

    Raises:
        ConfigError, UnknownConfigKey: as :func:`load_settings`.
    """
    path = path.absolute()
    for section, table in document.items():
        if section not in _SECTIONS:
            raise unknown_key(path, f"[{section}]", section, _SECTIONS)
        if not isinstance(table, dict):
            raise ConfigError(f"{path}: {section} must be a section", hint=f"write [{section}]")
    made: dict[str, Any] = {}
    for section, make in _SECTIONS.items():
        reader = TableReader(path, section, document.get(section, {}))
        made[section] = make(reader)
        reader.finish()
    settings = Settings(**made, path=path)
    _check_roles(settings, path)
    return settings


def _check_roles(settings: Settings, path: Path) -> None:
    verifier = settings.verifier
    if settings.has_role(Role.VERIFIER) and verifier.auto_register and not verifier.max_stake:
        raise ConfigError(
            f"{path}: verifier.auto_register needs verifier.max_stake",
            hint='add max_stake = "… SUI" under [verifier]',
            key="verifier.max_stake",
        )
    needs_publisher = settings.daemon.roles - {Role.VERIFIER}
    if needs_publisher and not settings.walrus.publishers:
        raise ConfigError(
            f"{path}: walrus.publishers is empty, but the role "
            f"{sorted(needs_publisher)[0].value} stores blobs",
            hint="name at least one Walrus publisher",
            key="walrus.publishers",
        )


def _daemon(reader: TableReader) -> DaemonSettings:
    return DaemonSettings(
        data_dir=reader.required_path("data_dir", "the directory of the daemon's state"),
        socket=reader.required_path("socket", "the path of the control socket"),
        roles=frozenset(Role(role) for role in reader.choices("roles", set(Role))),
        threads=reader.integer("threads", 0, 1024, 0),
        log_level=reader.choice("log_level", LOG_LEVELS, "info"),
        log_format=LogFormat(reader.choice("log_format", set(LogFormat), LogFormat.JSON)),
        metrics=reader.boolean("metrics", True),
    )


def _sui(reader: TableReader) -> SuiSettings:
    return SuiSettings(
        urls=reader.urls("urls"),
        chain_id=reader.string("chain_id", "the chain identifier of the network"),
        package_id=reader.object_id("package_id", "the id of the market's package"),
        market_id=reader.object_id("market_id", "the id of the shared Market object"),
        gas_budget=reader.amount("gas_budget", DEFAULT_GAS_BUDGET),
        upgraded_package_id=reader.object_id(
            "upgraded_package_id", "the id of the package version to call"
        ),
        archive_urls=reader.urls("archive_urls", required=False),
    )


def _market(reader: TableReader) -> MarketSettings:
    pools = reader.object_ids("pools", "a list of the ids of verifier pools")
    return MarketSettings(pools=pools)


def _walrus(reader: TableReader) -> WalrusSettings:
    limit = reader.integer("max_blob_bytes", MIB, MAX_BLOB, DEFAULT_MAX_BLOB)
    most = min(limit, MAX_CHUNK)
    return WalrusSettings(
        aggregators=reader.urls("aggregators"),
        publishers=reader.urls("publishers", required=False),
        nodes=reader.urls("nodes", required=False),
        shards=reader.integer("shards", 4, 65535, 1000),
        epochs=reader.integer("epochs", 1, 53, 5),
        max_blob_bytes=limit,
        chunk_bytes=reader.value(
            "chunk_bytes",
            f"a multiple of {MIB} from {MIB} to max_blob_bytes and at most {MAX_CHUNK}",
            lambda value: _chunk(value, most),
            min(DEFAULT_CHUNK, most // MIB * MIB),
        ),
    )


def _chunk(value: Any, most: int) -> int:
    if type(value) is not int or value % MIB or not MIB <= value <= most:
        raise ValueError(f"with these settings it is at most {most // MIB * MIB}")
    return value


def _keys(reader: TableReader) -> KeysSettings:
    return KeysSettings(
        keystore=reader.required_path("keystore", "the path of the sealed keystore"),
        kek_file=reader.path("kek_file", "the path of the file that opens the keystore", None),
    )


def _policy(reader: TableReader) -> PolicySettings:
    default = PolicySettings()
    addresses = "a list of Sui addresses"
    return PolicySettings(
        enabled=reader.boolean("enabled", default.enabled),
        max_stake_per_task=reader.amount("max_stake_per_task", default.max_stake_per_task),
        max_stake_per_day=reader.amount("max_stake_per_day", default.max_stake_per_day),
        min_reward=reader.amount("min_reward", default.min_reward),
        min_balance=reader.amount("min_balance", default.min_balance),
        allow_publishers=frozenset(map(Address, reader.identifiers("allow_publishers", addresses))),
        deny_publishers=frozenset(map(Address, reader.identifiers("deny_publishers", addresses))),
        allow_datasets=frozenset(
            map(ObjectId, reader.identifiers("allow_datasets", "a list of dataset ids"))
        ),
        max_open_tasks=reader.integer("max_open_tasks", 1, 1000, default.max_open_tasks),
        max_state_bytes=reader.integer("max_state_bytes", 1, _U64_MAX, default.max_state_bytes),
        max_segment_work=reader.integer("max_segment_work", 1, _U64_MAX, default.max_segment_work),
        max_late_fee=reader.share("max_late_fee", default.max_late_fee),
        max_lapse_penalty=reader.share("max_lapse_penalty", default.max_lapse_penalty),
        min_grace_s=reader.seconds("min_grace_s", 0, 30 * 86400, default.min_grace_s),
        min_substitutes=reader.integer("min_substitutes", 0, 16, default.min_substitutes),
        min_jury=reader.integer("min_jury", 1, 99, default.min_jury),
        rate=reader.integer("rate", 0, _U64_MAX, default.rate),
        refuse_weak_terms=reader.boolean("refuse_weak_terms", default.refuse_weak_terms),
    )


def _verifier(reader: TableReader) -> VerifierSettings:
    default = VerifierSettings()
    return VerifierSettings(
        max_stake=reader.amount("max_stake", default.max_stake),
        min_fee=reader.amount("min_fee", default.min_fee),
        max_penalty=reader.amount("max_penalty", default.max_penalty),
        rate=reader.integer("rate", 0, _U64_MAX, default.rate),
        memory=reader.integer("memory", 0, _U64_MAX, default.memory),
        auto_register=reader.boolean("auto_register", default.auto_register),
        seats=reader.integer("seats", 1, 100, default.seats),
        auto_renew=reader.boolean("auto_renew", default.auto_renew),
        max_top_up=reader.amount("max_top_up", default.max_top_up),
        max_bonds=reader.integer("max_bonds", 0, 1000, default.max_bonds),
    )


def _dataset_owner(reader: TableReader) -> DatasetOwnerSettings:
    approved = reader.identifiers("auto_approve", "a list of Sui addresses")
    return DatasetOwnerSettings(auto_approve=frozenset(map(Address, approved)))


def _timing(reader: TableReader) -> TimingSettings:
    default = TimingSettings()
    return TimingSettings(
        crank_grace_s=reader.seconds("crank_grace_s", 0, 86400, default.crank_grace_s),
        poll_s=reader.seconds("poll_s", 0.01, 3600, default.poll_s),
    )


_SECTIONS: dict[str, Callable[[TableReader], Any]] = {
    "daemon": _daemon,
    "sui": _sui,
    "market": _market,
    "walrus": _walrus,
    "keys": _keys,
    "policy": _policy,
    "verifier": _verifier,
    "dataset_owner": _dataset_owner,
    "timing": _timing,
}
