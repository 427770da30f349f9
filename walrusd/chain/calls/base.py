"""How a call of the contract is sent: one transaction, once per key, visible afterwards."""

import logging
from collections.abc import Callable, Sequence

import trio

from walrusd.chain.calls.reads import MarketReader, SeatId
from walrusd.chain.nodes.client import SuiClient
from walrusd.chain.send.ptb import Argument, Ptb
from walrusd.chain.send.transactions import Sender
from walrusd.chain.values.types import ExecutedTransaction, ObjectRef, SharedRef
from walrusd.errors import NotAllowed, WalrusdError
from walrusd.units import Address

log = logging.getLogger(__name__)

Build = Callable[[Ptb], None]


def frozen(ref: SharedRef) -> SharedRef:
    """Return an immutable reference, so that the transaction causes no contention."""
    return SharedRef(ref.id, ref.initial_version, mutable=False)


class Caller(MarketReader):
    """Reads of one market, and writes to it as one address."""

    def __init__(
        self,
        client: SuiClient,
        sender: Sender,
        package_id: str,
        market_id: str,
        *,
        called_package_id: str | None = None,
        pool_ids: Sequence[str] = (),
    ) -> None:
        """Take the package that defines the types, and the version to call if it is another."""
        super().__init__(client, package_id, market_id, pool_ids)
        self._sender = sender
        self._called_package_id = called_package_id or self.package_id
        # Each use of an owned capability changes its version: one use at a time.
        self._cap_turn = trio.Lock()

    @property
    def address(self) -> Address:
        """Who signs."""
        return self._sender.address

    async def find_done(self, once: str) -> ExecutedTransaction | None:
        """Return the transaction that carried out a named action, or None."""
        return await self._sender.find_succeeded(once)

    def _target(self, module: str, function: str) -> str:
        return f"{self._called_package_id}::{module}::{function}"

    async def _market_ref(self) -> Argument:
        return frozen(await self.shared_ref(self.market_id))

    async def _require_cap(self, seat: SeatId) -> ObjectRef:
        found = await self.find_cap(self.address, seat)
        if found is None:
            raise NotAllowed(
                f"this address does not hold seat {seat.index} of pool {seat.pool}",
                hint="walrusctl node seats lists its seats",
            )
        return found[0]

    async def _crank(
        self,
        module: str,
        function: str,
        task: str,
        submission: str,
        *,
        random: bool = False,
        keeps_task: bool = False,
    ) -> ExecutedTransaction:
        """Call a crank on a submission: of market, task, pool, submission, and the clock.

        ``keeps_task``: it only reads the task.
        """
        market, ref = await self._market_ref(), await self.shared_ref(task)
        ref = frozen(ref) if keeps_task else ref
        pool = await self.shared_ref((await self.task(task)).pool)
        sub = await self.shared_ref(submission)

        def build(p: Ptb) -> None:
            clock = (p.random, p.clock) if random else (p.clock,)
            p.call(self._target(module, function), market, ref, pool, sub, *clock)

        # A crank may be due again after a redraw, so no key keeps it from being repeated.
        touched = [submission, pool.id] if keeps_task else [task, submission, pool.id]
        return await self._send(build, None, *touched, random=random, label=function)

    async def _send(
        self,
        build: Build,
        once: str | None,
        *touched: str,
        random: bool = False,
        label: str = "",
    ) -> ExecutedTransaction:
        if random:
            self._sender.know_random_version(await self.random_version())
        try:
            if once is None:
                executed = await self._sender.submit(build, label=label)
            else:
                executed = await self._sender.submit_once(once, build)
            await self._await_visible(executed)
        finally:
            for object_id in touched:
                self.forget(object_id)
        return executed

    async def _await_visible(self, executed: ExecutedTransaction) -> None:
        """Wait until reads include an executed transaction, or until a while has passed."""
        try:
            await self.client.wait_visible(executed.digest)
        except WalrusdError as error:
            log.warning(
                "transaction %s was executed but no node shows it yet: %s", executed.digest, error
            )
