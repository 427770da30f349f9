"""Configuration and keys of each daemon, made as ``walrusd init`` makes them."""

from pathlib import Path
from typing import Any

from tests.demo import task
from tests.demo.cast import Actor
from walrusd.cli.init import Initialized, initialize
from walrusd.settings.model import DEFAULT_MAX_BLOB, Role

SHARDS = 100
"""What ``walrusd devnet`` serves by default."""

POLL_S = 1.0
CRANK_GRACE_S = 5.0


def make_daemon(
    actor: Actor, directory: Path, socket: Path, network: dict[str, Any]
) -> Initialized:
    """Write the directory of an actor's daemon; ``network`` is what the devnet printed.

    Raises:
        ConfigError: if the directory holds a daemon already.
    """
    key = network["accounts"][actor.account]["key"]
    return initialize(directory, compose_document(actor, socket, network), key)


def compose_document(actor: Actor, socket: Path, network: dict[str, Any]) -> dict[str, Any]:
    """Return the tables of an actor's configuration file."""
    document: dict[str, Any] = {
        "daemon": {
            "data_dir": "state",
            "socket": str(socket),
            "roles": [actor.role.value],
            "threads": 1,
        },
        "sui": {
            "urls": [network["sui_url"]],
            "chain_id": network["chain_id"],
            "package_id": network["package_id"],
            "market_id": network["market_id"],
        },
        "market": {"pools": [network["pool_id"]]},
        "walrus": {
            "aggregators": [network["walrus_url"]],
            "publishers": [network["walrus_url"]],
            "shards": network.get("shards", SHARDS),
            "max_blob_bytes": network.get("max_blob_bytes", DEFAULT_MAX_BLOB),
        },
        "timing": {"poll_s": POLL_S, "crank_grace_s": CRANK_GRACE_S},
    }
    if actor.role is Role.CONTRIBUTOR:
        limit = task.CONTRIBUTOR_LIMIT
        document["policy"] = {"max_stake_per_task": limit, "max_stake_per_day": limit}
    if actor.role is Role.VERIFIER:
        document["verifier"] = {
            "max_stake": task.SEAT_LIMIT,
            "auto_register": True,
            "seats": task.SEATS,
            "rate": task.RATE,
        }
    return document
