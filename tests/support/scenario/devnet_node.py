"""A devnet in a thread of its own, and the chain client of each person, for plays that wait.

A play is a plain function, and the devnet and the client run on trio. The ledger is in memory, its
clock stands still unless a play moves it, and its gRPC service listens on the loopback interface.
"""

import hashlib
import queue
import threading
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Self, TypeVar

import trio

from tests.support.scenario.devnet_randomness import ChosenSeed
from walrusd.chain.calls.contract import ContractClient
from walrusd.chain.grpc import serve_connection
from walrusd.chain.nodes.client import SuiClient
from walrusd.chain.nodes.connect import open_client
from walrusd.chain.send.failures import AbortSentences
from walrusd.chain.send.outbox import OutboxEntry, SendingOutcome
from walrusd.chain.send.signer import Signer
from walrusd.chain.send.transactions import Sender
from walrusd.chain.values.types import ExecutedTransaction
from walrusd.core.aborts import SENTENCES
from walrusd.devnet.app import DevnetInfo, describe_chain
from walrusd.devnet.chain_file import load_contract, open_chain_file
from walrusd.devnet.ledger.accounts import Account
from walrusd.devnet.ledger.faucet import send_from_faucet
from walrusd.devnet.ledger.ledger import Ledger
from walrusd.devnet.ledger.runner import Runner
from walrusd.devnet.ledger.store import Store
from walrusd.devnet.rpc.sui_services import build_sui_services
from walrusd.units import Address, Mist

SEED = 5
T = TypeVar("T")


class ForgetfulOutbox:
    """Keeps what is pending. No action was ever done before: a play may repeat any of them."""

    def __init__(self) -> None:
        self._pending: dict[str, OutboxEntry] = {}

    def save(self, entry: OutboxEntry) -> None:
        self._pending[entry.digest] = entry

    def mark(
        self, digest: str, outcome: SendingOutcome, effects: ExecutedTransaction | None = None
    ) -> None:
        self._pending.pop(digest, None)

    def pending(self, sender: Address | None = None) -> list[OutboxEntry]:
        return [e for e in self._pending.values() if sender is None or e.sender == sender]

    def succeeded(self, key: str, sender: Address) -> ExecutedTransaction | None:
        return None


class DevnetNode:
    """The ledger with its service, and the people's clients."""

    ledger: Ledger
    info: DevnetInfo
    client: SuiClient

    def __init__(self, start_ms: int, purse: int, saved: bytes | None = None) -> None:
        """Take the time at which the clock stands, what people get, and perhaps a saved chain."""
        self._start_ms, self._purse, self._saved = start_ms, purse, saved
        self._people: dict[str, ContractClient] = {}
        self._events: queue.Queue[BaseException | None] = queue.Queue()
        self._thread = threading.Thread(target=self._serve, name="devnet", daemon=True)

    # --- the thread -----------------------------------------------------------------------------

    def __enter__(self) -> Self:
        self._thread.start()
        if (failure := self._events.get()) is not None:
            raise failure
        return self

    def __exit__(self, *_: object) -> None:
        trio.from_thread.run_sync(self._over.set, trio_token=self._token)
        self._thread.join()
        if (failure := self._events.get()) is not None:
            raise failure

    def _serve(self) -> None:
        try:
            trio.run(self._run)
        except BaseException as failure:  # noqa: BLE001  # the main thread raises it
            self._events.put(failure)
        else:
            self._events.put(None)

    async def _run(self) -> None:
        self._token, self._over = trio.lowlevel.current_trio_token(), trio.Event()
        self.ledger = self._open_ledger()
        try:
            self.seed = ChosenSeed(self.ledger.seed.raw)
            self.ledger.runner = Runner(self.seed)
            table = build_sui_services(self.ledger).table

            async def serve_one(stream: trio.SocketStream) -> None:
                await serve_connection(stream, table)

            async with trio.open_nursery() as nursery:
                listen = partial(trio.serve_tcp, serve_one, 0, host="127.0.0.1")
                (listener,) = await nursery.start(listen)
                url = f"http://127.0.0.1:{listener.socket.getsockname()[1]}"
                self.info = describe_chain(self.ledger, url, "", "")
                async with open_client([url], chain_id=self.info.chain_id) as self.client:
                    self._events.put(None)
                    await self._over.wait()
                nursery.cancel_scope.cancel()
        finally:
            self.ledger.store.close()

    def _open_ledger(self) -> Ledger:
        if self._saved is None:
            return open_chain_file(None, seed=SEED, accounts=1, wall_ms=lambda: self._start_ms)
        store = Store(None)
        store._db.deserialize(self._saved)
        return Ledger(store, [load_contract()], lambda: self._start_ms)

    def save(self) -> bytes:
        """Return the chain as it is now."""
        return bytes(self.run_sync(self.ledger.store._db.serialize))

    def run(self, function: Callable[..., Awaitable[T]], *args: Any) -> T:
        """Run an async function where the devnet runs, and return what it returns."""
        return trio.from_thread.run(function, *args, trio_token=self._token)

    def run_sync(self, function: Callable[..., T], *args: Any) -> T:
        """Run a function where the devnet runs, and return what it returns."""
        return trio.from_thread.run_sync(function, *args, trio_token=self._token)

    # --- people ---------------------------------------------------------------------------------

    def person(self, name: str) -> ContractClient:
        """Return the client of somebody, who gets a full purse at first."""
        if name not in self._people:
            address = find_account(name).address
            self.run_sync(send_from_faucet, self.ledger, address, Mist(self._purse))
            self.adopt(name)
        return self._people[name]

    def adopt(self, name: str) -> None:
        """Make the client of somebody who has a purse already. All share what they have read."""
        info, signer = self.info, Signer.from_bech32(find_account(name).exported)
        aborts = AbortSentences([info.package_id], SENTENCES)
        sender = Sender(self.client, signer, ForgetfulOutbox(), aborts=aborts)
        client = ContractClient(self.client, sender, info.package_id, info.market_id)
        for other in self._people.values():
            client._copies, client._changes = other._copies, other._changes
            client._before, client._initial_versions = other._before, other._initial_versions
            break
        self._people[name] = client

    @property
    def people(self) -> Sequence[str]:
        """Everybody who ever sent a transaction."""
        return list(self._people)

    async def balance(self, address: str) -> int:
        """Return what an address has in coins, as a node says, in Mist."""
        return int(await self.client.balance(Address(address)))


def find_account(name: str) -> Account:
    """Return the account of a person of this name."""
    return Account(hashlib.sha256(f"person {name}".encode()).digest())
