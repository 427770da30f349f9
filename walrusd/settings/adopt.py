"""Enter a profile's contract into an existing configuration file, touching nothing else."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

from walrusd.errors import ConfigError, WrongNetwork, explain_or
from walrusd.files import write_atomically
from walrusd.settings.load import load_settings, parse_settings
from walrusd.settings.profile import NetworkProfile, contract_keys

_KEYS = {
    "sui": re.compile(
        r"^[ \t]*(package_id|market_id|upgraded_package_id)[ \t]*=.*\n?", re.MULTILINE
    ),
    "market": re.compile(r"^[ \t]*pools[ \t]*=[^\]]*\].*\n?", re.MULTILINE),
}
"""The keys of each section that a contract determines."""
_NEXT = re.compile(r"^\[", re.MULTILINE)


def adopt_contract(config: Path, profile: NetworkProfile) -> None:
    """Make ``config`` name the contract of ``profile``; the file is replaced atomically.

    Raises:
        ContractNotPublished: if the profile names no contract.
        WrongNetwork: if it is for a network other than the configuration's.
        ConfigError: if the configuration names another contract already, or cannot be written.
    """
    contract = profile.require_published()
    settings = load_settings(config)
    sui = settings.sui
    if sui.chain_id != profile.chain_id:
        raise WrongNetwork(
            f"{config} is for chain {sui.chain_id}, the profile for {profile.chain_id}"
        )
    first, market = contract.original_package_id, contract.market_id
    if sui.package_id not in (None, first) or sui.market_id not in (None, market):
        raise ConfigError(
            f"{config} names another contract already: package {sui.package_id}",
            hint="its state belongs to that one; make a new daemon with `walrusctl init`",
        )
    text = _enter(config.read_text("utf-8"), "sui", contract_keys(contract), config)
    # Whoever has chosen pools keeps them.
    pools = list(settings.market.pools) or [contract.pool_id]
    text = _enter(text, "market", {"pools": pools}, config)
    parse_settings(text, config)
    _replace(config, text)


def _enter(text: str, section: str, keys: Mapping[str, object], config: Path) -> str:
    """Return the text of a configuration file with the keys of a section written anew.

    Raises:
        ConfigError: if the file has no ``[sui]``; another section is added.
    """
    lines = "".join(f"\n{key} = {json.dumps(value)}" for key, value in keys.items())
    header = re.search(rf"^\[{section}\][ \t]*(#.*)?$", text, re.MULTILINE)
    if header is None:
        if section == "sui":
            raise ConfigError(f"{config} has no line [sui]", hint="enter the ids by hand")
        return f"{text.rstrip()}\n\n[{section}]{lines}\n"
    rest = text[header.end() :]
    end = following.start() if (following := _NEXT.search(rest)) else len(rest)
    return text[: header.end()] + lines + _KEYS[section].sub("", rest[:end]) + rest[end:]


def _replace(path: Path, text: str) -> None:
    try:
        write_atomically(path, text.encode(), mode=path.stat().st_mode & 0o777)
    except OSError as exc:
        raise explain_or(exc, ConfigError(f"cannot write {path}: {exc.strerror}")) from exc
