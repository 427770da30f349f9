"""A network as a part of a configuration: of a profile, or of what a devnet prints."""

import json
from pathlib import Path
from typing import Any

from walrusd.errors import ConfigError
from walrusd.settings.profile import load_profile

Document = dict[str, dict[str, Any]]
"""A configuration file, parsed: sections of keys."""

_DEVNET_POLICY = {"min_grace_s": 0, "min_jury": 1}
"""What a contributor bears where all is over in minutes, and everybody is on one machine."""


def read_network(name_or_path: str) -> Document:
    """Return the sections that a network determines.

    ``name_or_path`` is the name or the file of a profile, or a ``.json`` file as
    ``walrusd devnet --json`` prints it.

    Raises:
        ConfigError: if there is no such profile, or the file cannot be read or is incomplete.
    """
    if not name_or_path.lower().endswith(".json"):
        return load_profile(name_or_path).to_document()
    path = Path(name_or_path)
    try:
        network = json.loads(path.read_text("utf-8"))
    except OSError as exc:
        raise ConfigError(f"cannot read the network file {path}: {exc.strerror}") from exc
    except ValueError as exc:
        raise ConfigError(f"the network file {path} is not JSON") from exc
    try:
        document: Document = {
            "policy": dict(_DEVNET_POLICY),
            "sui": {
                "urls": network.get("sui_urls") or [network["sui_url"]],
                "archive_urls": network.get("archive_urls", []),
                **{key: network[key] for key in ("chain_id", "package_id", "market_id")},
            },
            "market": {"pools": [network["pool_id"]]},
            "walrus": {
                "aggregators": network.get("aggregators") or [network["walrus_url"]],
                "publishers": network.get("publishers") or [network["walrus_url"]],
                "nodes": network.get("nodes") or [network["walrus_url"]],
            },
        }
        for key in ("shards", "max_blob_bytes"):
            if key in network:
                document["walrus"][key] = network[key]
    except (KeyError, TypeError) as exc:
        raise ConfigError(
            f"the network file {path} lacks {exc}", hint="write it with `walrusd devnet --json`"
        ) from exc
    return document
