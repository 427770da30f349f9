"""The collaborators of every service: adapters and state, made by the composition root."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

from walrusd.chain.calls.contract import ContractClient
from walrusd.chain.calls.reads import MarketReader
from walrusd.crypto.keystore import KeyBundle
from walrusd.runtime.broadcast import Broadcast
from walrusd.runtime.clock import Clock
from walrusd.runtime.wakeup import WakeUp
from walrusd.settings.model import Settings
from walrusd.state.chain_log import ChainLog
from walrusd.state.data_dir import DataDir
from walrusd.state.database import Database
from walrusd.state.journal import Journal
from walrusd.state.protection import Protection
from walrusd.state.stores import KeyValue, Work
from walrusd.storage.walrus import WalrusStore
from walrusd.training.run.jobs import Job
from walrusd.units import Address

OnLine = Callable[[str, dict[str, Any]], Awaitable[None]]
"""Called with each line of a job: its kind (``progress``, ``segment``) and its payload."""


class TrainingBackend(Protocol):
    """A runner of training jobs: a child process in a daemon, something else in a test."""

    async def run(self, job: Job, on_line: OnLine) -> dict[str, Any]:
        """Run one job and return its result; that of a replay has what every segment gave.

        Raises:
            TrainingFailed: if the job ended without a result.
            WalrusdError: whatever typed error the job ended with.
        """
        ...


class PublicTools(Protocol):
    """What reading the market and its blobs needs: neither key nor state."""

    @property
    def contract(self) -> MarketReader:
        """The market's objects."""
        ...

    @property
    def store(self) -> WalrusStore:
        """The blobs."""
        ...

    @property
    def files(self) -> DataDir:
        """Where downloaded files are kept."""
        ...


@dataclass(frozen=True)
class Tools:
    """The services' collaborators."""

    settings: Settings
    address: Address
    keys: KeyBundle
    database: Database
    journal: Journal
    work: Work
    records: KeyValue
    chain_log: ChainLog
    protection: Protection
    contract: ContractClient
    store: WalrusStore
    clock: Clock
    wakeup: WakeUp
    training: TrainingBackend
    broadcast: Broadcast
    files: DataDir
