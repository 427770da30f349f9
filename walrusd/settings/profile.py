"""Network profiles: which endpoints and which contract a network has.

A profile is a TOML file that can be passed on: it holds no secret. ``walrusd init --network``
reads one, ``walrusctl contract publish`` writes one. Profiles shipped with walrusd name public
networks; they have no contract until someone publishes one.
"""

import json
import os
import sys
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import tomli

from walrusd.errors import ConfigError, ContractNotPublished, explain_or
from walrusd.files import make_directory, write_atomically
from walrusd.settings.load import MAX_BLOB
from walrusd.settings.model import DEFAULT_MAX_BLOB, MIB, ContractIds
from walrusd.settings.reader import TableReader, unknown_key
from walrusd.units import ObjectId

PROFILE_DIRECTORY = Path("config") / "networks"
_SHIPPED = (
    Path(__file__).resolve().parents[2] / PROFILE_DIRECTORY,
    Path(sys.prefix) / "share" / "walrusd" / "networks",
    Path("/etc/walrusd/networks"),
)
_SECTIONS = ("sui", "walrus", "contract")


@dataclass(frozen=True, slots=True)
class ContractProfile:
    """``[contract]``: the published contract. ``digest`` is Sui's digest of the bytecode, in hex.

    ``package_id`` is the version to call, ``original_package_id`` the first one; they differ
    after an upgrade. The capabilities belong to its publisher.
    """

    package_id: ObjectId
    original_package_id: ObjectId
    version: int
    digest: str
    market_id: ObjectId
    pool_id: ObjectId
    admin_cap_id: ObjectId
    upgrade_cap_id: ObjectId


@dataclass(frozen=True, slots=True)
class NetworkProfile:
    """One network. ``chain_id`` is None where every start of the network makes a new one."""

    name: str
    urls: tuple[str, ...]
    chain_id: str | None
    aggregators: tuple[str, ...]
    publishers: tuple[str, ...]
    nodes: tuple[str, ...] = ()
    shards: int = 1000
    max_blob_bytes: int = DEFAULT_MAX_BLOB
    contract: ContractProfile | None = None
    archive_urls: tuple[str, ...] = ()

    def to_document(self) -> dict[str, dict[str, Any]]:
        """Return the ``[sui]`` and ``[walrus]`` tables of a configuration for this network."""
        sui = self.describe_sui()
        if self.contract is not None:
            sui |= contract_keys(self.contract)
        walrus = {
            "aggregators": list(self.aggregators),
            "publishers": list(self.publishers),
            "nodes": list(self.nodes),
            "shards": self.shards,
            "max_blob_bytes": self.max_blob_bytes,
        }
        document = {"sui": sui, "walrus": walrus}
        if self.contract is not None:
            document["market"] = {"pools": [str(self.contract.pool_id)]}
        return document

    def describe_sui(self) -> dict[str, Any]:
        """Return the keys of ``[sui]`` that the network determines."""
        sui: dict[str, Any] = {"urls": list(self.urls)}
        if self.archive_urls:
            sui["archive_urls"] = list(self.archive_urls)
        if self.chain_id is not None:
            sui["chain_id"] = self.chain_id
        return sui

    def require_published(self) -> ContractProfile:
        """Return the contract that was published on this network.

        Raises:
            ContractNotPublished: if the profile names nothing.
        """
        if self.contract is None:
            raise ContractNotPublished(f"the network profile {self.name} names no contract")
        return self.contract

    def require_contract(self) -> ContractIds:
        """Return the ids of the contract; raises as ``require_published``."""
        contract = self.require_published()
        first, pools = contract.original_package_id, (contract.pool_id,)
        return ContractIds(first, contract.package_id, contract.market_id, pools)


def contract_keys(contract: ContractProfile) -> dict[str, str]:
    """Return the keys of ``[sui]`` that a contract determines; ``[market]`` has its pool."""
    keys = {"package_id": contract.original_package_id, "market_id": contract.market_id}
    if contract.package_id != contract.original_package_id:
        keys["upgraded_package_id"] = contract.package_id
    return {key: str(value) for key, value in keys.items()}


def load_profile(name_or_path: str | Path) -> NetworkProfile:
    """Return a profile by its file, or by its name.

    A name is looked up in ``config/networks`` below the current directory, then among the profiles
    that came with walrusd, then in ``/etc/walrusd/networks``.

    Raises:
        ConfigError: if there is none, or it is not a valid profile.
        UnknownConfigKey: if it has a section or key that profiles do not have.
    """
    path = _find(str(name_or_path))
    try:
        document = tomli.loads(path.read_text("utf-8"))
    except OSError as exc:
        raise ConfigError(f"cannot read the network profile {path}: {exc.strerror}") from exc
    except (UnicodeDecodeError, tomli.TOMLDecodeError) as exc:
        raise ConfigError(f"{path}: not TOML: {exc}") from exc
    for section, table in document.items():
        if section not in _SECTIONS:
            raise unknown_key(path, f"[{section}]", section, _SECTIONS)
        if not isinstance(table, dict):
            raise ConfigError(f"{path}: {section} must be a section", hint=f"write [{section}]")
    return _read(path, document)


def _find(name_or_path: str) -> Path:
    path = Path(name_or_path)
    if path.suffix or len(path.parts) > 1:
        return path
    directories = (PROFILE_DIRECTORY, *_SHIPPED)
    for directory in directories:
        found = directory / f"{path.name}.toml"
        if found.is_file():
            return found
    known = sorted({p.stem for d in directories if d.is_dir() for p in d.glob("*.toml")})
    raise ConfigError(
        f"there is no network profile {name_or_path!r}",
        hint=f"known: {', '.join(known) or 'none'}; or give the path of a profile",
    )


def _read(path: Path, document: dict[str, Any]) -> NetworkProfile:
    sui = TableReader(path, "sui", document.get("sui", {}))
    walrus = TableReader(path, "walrus", document.get("walrus", {}))
    chain_id = sui.string("chain_id", "the chain identifier of the network", "")
    profile = NetworkProfile(
        name=path.stem,
        urls=sui.urls("urls"),
        chain_id=chain_id or None,
        aggregators=walrus.urls("aggregators"),
        publishers=walrus.urls("publishers", required=False),
        nodes=walrus.urls("nodes", required=False),
        shards=walrus.integer("shards", 4, 65535, 1000),
        max_blob_bytes=walrus.integer("max_blob_bytes", MIB, MAX_BLOB, DEFAULT_MAX_BLOB),
        contract=_read_contract(path, document.get("contract")),
        archive_urls=sui.urls("archive_urls", required=False),
    )
    sui.finish()
    walrus.finish()
    return profile


def _read_contract(path: Path, table: dict[str, Any] | None) -> ContractProfile | None:
    if not table:
        return None
    reader = TableReader(path, "contract", table)

    def required(key: str) -> ObjectId:
        found = reader.object_id(key, "an object id")
        if found is None:
            raise ConfigError(
                f"{path}: contract.{key} is missing; expected an object id",
                hint="let `walrusctl contract publish` write the profile",
            )
        return found

    contract = ContractProfile(
        package_id=required("package_id"),
        original_package_id=required("original_package_id"),
        version=reader.integer("version", 1, 2**63),
        digest=reader.string("digest", "the digest of the bytecode in hexadecimal"),
        market_id=required("market_id"),
        pool_id=required("pool_id"),
        admin_cap_id=required("admin_cap_id"),
        upgrade_cap_id=required("upgrade_cap_id"),
    )
    reader.finish()
    return contract


def render_profile(profile: NetworkProfile) -> str:
    """Return the text of a profile file."""
    walrus = profile.to_document()["walrus"]
    lines = [_render_table("sui", profile.describe_sui()), _render_table("walrus", walrus)]
    if profile.contract is not None:
        contract = profile.contract
        table = {field.name: getattr(contract, field.name) for field in fields(contract)}
        lines.append(_render_table("contract", table))
    return "\n".join(lines)


def _render_table(name: str, table: dict[str, Any]) -> str:
    # Strings, integers and lists of strings look the same in JSON and TOML.
    return "\n".join([f"[{name}]", *(f"{k} = {json.dumps(v)}" for k, v in table.items())]) + "\n"


def check_writable(path: Path) -> None:
    """Check that a profile can be written, before anything is paid for.

    Raises:
        ConfigError: if the file is there already, or its directory cannot be written to.
    """
    if path.exists():
        raise ConfigError(
            f"the network profile {path} exists already; nothing was changed",
            hint="choose another --name or --dir; profiles are never overwritten",
        )
    try:
        make_directory(path.parent, mode=0o777)
    except OSError as exc:
        refusal = ConfigError(f"cannot make the directory {path.parent}: {exc.strerror}")
        raise explain_or(exc, refusal) from exc
    if not os.access(path.parent, os.W_OK):
        raise ConfigError(f"cannot write to {path.parent}", hint="choose another --dir")


def write_profile(path: Path, profile: NetworkProfile) -> None:
    """Write a profile atomically, and never over another file.

    Raises:
        ConfigError: if the file is there already, or the disk refuses.
    """
    check_writable(path)
    text = render_profile(profile)
    try:
        write_atomically(path, text.encode(), mode=0o666, overwrite=False)
    except OSError as exc:
        raise explain_or(exc, ConfigError(f"cannot write {path}: {exc.strerror}")) from exc
