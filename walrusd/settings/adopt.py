"""Enter a profile's contract into an existing configuration file, touching nothing else."""

import re
from pathlib import Path

from walrusd.errors import ConfigError, WrongNetwork, explain_or
from walrusd.files import write_atomically
from walrusd.settings.load import load_settings, parse_settings
from walrusd.settings.profile import NetworkProfile, contract_keys

_HEADER = re.compile(r"^\[sui\][ \t]*(#.*)?$", re.MULTILINE)
_KEY = re.compile(r"^[ \t]*(package_id|market_id|upgraded_package_id)[ \t]*=.*\n?", re.MULTILINE)
_NEXT = re.compile(r"^\[", re.MULTILINE)


def adopt_contract(config: Path, profile: NetworkProfile) -> None:
    """Make ``config`` name the contract of ``profile``; the file is replaced atomically.

    Raises:
        ContractNotPublished: if the profile names no contract.
        WrongNetwork: if it is for a network other than the configuration's.
        ConfigError: if the configuration names another contract already, or cannot be written.
    """
    contract = profile.require_published()
    sui = load_settings(config).sui
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
    text = config.read_text("utf-8")
    header = _HEADER.search(text)
    if header is None:
        raise ConfigError(f"{config} has no line [sui]", hint="enter the ids by hand")
    rest = text[header.end() :]
    end = following.start() if (following := _NEXT.search(rest)) else len(rest)
    lines = "".join(f'\n{key} = "{value}"' for key, value in contract_keys(contract).items())
    text = text[: header.end()] + lines + _KEY.sub("", rest[:end]) + rest[end:]
    parse_settings(text, config)
    _replace(config, text)


def _replace(path: Path, text: str) -> None:
    try:
        write_atomically(path, text.encode(), mode=path.stat().st_mode & 0o777)
    except OSError as exc:
        raise explain_or(exc, ConfigError(f"cannot write {path}: {exc.strerror}")) from exc
