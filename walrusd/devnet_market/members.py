"""The files of the market's daemons, made as ``walrusd init`` makes them.

Keys are made once. Configurations are written anew at each start, as ports may have changed.
"""

import json
import shutil
from dataclasses import asdict
from typing import Any

from walrusd.cli.init import initialize
from walrusd.devnet.app import DevnetInfo
from walrusd.devnet_market.layout import (
    MEMBERS,
    NEWCOMER_ACCOUNT,
    SEATS,
    MarketFiles,
    Member,
)
from walrusd.errors import ConfigError
from walrusd.files import move_durably, write_atomically
from walrusd.settings.load import settings_from_document
from walrusd.settings.model import Role
from walrusd.settings.network import Document, read_network
from walrusd.settings.render import render_settings

MAX_SOCKET_BYTES = 107
"""``sun_path`` has 108 bytes with its final zero (unix(7))."""

_NO_LIMIT = "500 SUI"
"""What the market's own contributors may stake: half of what they have."""

_SEAT_STAKE = "100 SUI"
"""More than a seat of the devnet's pool takes."""

RATE = 10_000_000
"""What the market's verifiers declare, in segment work a second: far less than any machine does."""


def check_directory(files: MarketFiles) -> None:
    """Check that all control sockets can have their place.

    Raises:
        ConfigError: if the directory's path is too long for them.
    """
    for member in MEMBERS:
        socket = files.socket(member.name)
        if len(bytes(socket)) > MAX_SOCKET_BYTES:
            raise ConfigError(
                f"the path of {socket} is longer than {MAX_SOCKET_BYTES} bytes, the limit of a"
                " Unix socket",
                hint="name a shorter --dir",
            )


def write_members(files: MarketFiles, info: DevnetInfo) -> None:
    """Write the network's file, the newcomer's key, and every daemon's configuration and keys."""
    public = {key: value for key, value in asdict(info).items() if key != "accounts"}
    write_atomically(files.network, json.dumps(public, indent=1).encode() + b"\n")
    newcomer = info.accounts[NEWCOMER_ACCOUNT]["key"]
    write_atomically(files.newcomer_key, newcomer.encode() + b"\n")
    network = read_network(str(files.network))
    friends = [account["address"] for account in info.accounts]
    for member in MEMBERS:
        document = compose_document(member, network, friends)
        if not files.home(member.name).exists():
            _make_keys(files, member, document, info.accounts[member.account]["key"])
        _write_config(files, member, document)


def compose_document(member: Member, network: Document, friends: list[str]) -> Document:
    """Return the tables of a member's configuration.

    ``friends`` are the addresses to which the dataset's owner grants its key without asking.
    """
    roles: list[Any] = [role.value for role in member.roles]
    document: Document = {
        **{section: dict(table) for section, table in network.items()},
        "daemon": {"data_dir": "state", "socket": "control.sock", "roles": roles, "threads": 1},
        "timing": {"poll_s": 1.0, "crank_grace_s": 5.0},
    }
    if Role.CONTRIBUTOR in member.roles:
        document["policy"] = {"max_stake_per_task": _NO_LIMIT, "max_stake_per_day": _NO_LIMIT}
    if Role.VERIFIER in member.roles:
        document["verifier"] = {
            "max_stake": _SEAT_STAKE,
            "auto_register": True,
            "seats": SEATS,
            # Measuring in eight daemons at once would tell nothing.
            "rate": RATE,
        }
    if Role.DATASET_OWNER in member.roles:
        document["dataset_owner"] = {"auto_approve": friends}
    return document


def _make_keys(files: MarketFiles, member: Member, document: Document, private_key: str) -> None:
    """Make a daemon's directory, whole or not at all."""
    home = files.home(member.name)
    unfinished = home.with_name(f".{member.name}.new")
    shutil.rmtree(unfinished, ignore_errors=True)
    initialize(unfinished, document, private_key)
    move_durably(unfinished, home)


def _write_config(files: MarketFiles, member: Member, document: Document) -> None:
    path = files.config(member.name)
    keys = {"keys": {"keystore": "keystore", "kek_file": "kek"}}
    settings = settings_from_document({**document, **keys}, path)
    write_atomically(path, render_settings(settings, path.parent).encode())
