"""What the market remembers from one start to the next: ports, dataset, and tasks."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from walrusd.devnet_market.layout import MarketFiles
from walrusd.errors import ConfigError
from walrusd.files import write_atomically


@dataclass(frozen=True)
class Ports:
    """Where the networks listen, on this machine only."""

    sui: int
    walrus: int
    admin: int


DEFAULT_PORTS = Ports(28470, 28471, 28472)
"""Assigned to no service by IANA, and below the ports that systems hand out by themselves."""


@dataclass(frozen=True)
class MarketState:
    """``dataset`` is its id, ``task`` the id of task ``number``; empty before there is one."""

    ports: Ports = DEFAULT_PORTS
    dataset: str = ""
    task: str = ""
    number: int = 0


def read_market_state(files: MarketFiles) -> MarketState:
    """Return what an earlier start has left, or the beginning.

    Raises:
        ConfigError: if the file is damaged.
    """
    try:
        document = json.loads(files.state.read_bytes())
        return MarketState(**{**document, "ports": Ports(**document["ports"])})
    except FileNotFoundError:
        return MarketState()
    except (ValueError, TypeError, KeyError) as exc:
        raise ConfigError(
            f"{files.state} is damaged: {exc}", hint="remove the directory to begin anew"
        ) from exc


def write_market_state(files: MarketFiles, state: MarketState) -> None:
    """Remember for the next start."""
    write_atomically(files.state, json.dumps(asdict(state), indent=1).encode() + b"\n")


def relative_to_here(path: Path) -> Path:
    """Return a path as a reader in the current directory would type it."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
