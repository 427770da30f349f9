"""A Walrus network in one process: publisher, aggregator and storage node over HTTP."""

from walrusd.devnet.walrus.app import MAX_BODY, create_walrus_app
from walrusd.devnet.walrus.faults import Faults

__all__ = ["MAX_BODY", "Faults", "create_walrus_app"]
