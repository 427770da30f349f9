"""An onlooker on the chain: it owns nothing, and reads what every daemon reads."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pysui.sui.sui_grpc.suimsgs.sui.rpc.v2 as pb
from pysui.sui.sui_grpc.suimsgs.google.protobuf import FieldMask

from tests.demo.audit import AuditedTransaction
from tests.support.patience import patiently
from walrusd.chain.calls.reads import MarketReader
from walrusd.chain.follow.follower import Cursor, Follower
from walrusd.chain.grpc import GrpcMethod
from walrusd.chain.layouts import objects as ob
from walrusd.chain.layouts.events import EVENTS
from walrusd.chain.nodes.client import SuiClient
from walrusd.chain.nodes.connect import open_client
from walrusd.chain.nodes.wire import need, read_transaction
from walrusd.chain.values.bcs import Layout
from walrusd.chain.values.types import ChainEvent, Event

GET_CHECKPOINT = GrpcMethod(
    "/sui.rpc.v2.LedgerService/GetCheckpoint", pb.GetCheckpointRequest, pb.GetCheckpointResponse
)

Tell = Callable[[Layout], None]


class Observer:
    """Reads of one market."""

    def __init__(self, client: SuiClient, network: dict[str, Any]) -> None:
        self.client = client
        self._package = network["package_id"]
        self._pool = network["pool_id"]
        self.reader = MarketReader(client, self._package, network["market_id"], (self._pool,))

    async def task(self, task: str) -> tuple[ob.Task, list[ob.Submission]]:
        """Return a task and its submissions as they are now."""
        return await patiently(lambda: self._task(task))

    async def _task(self, task: str) -> tuple[ob.Task, list[ob.Submission]]:
        self.reader.forget(task)
        found = await self.reader.task(task)
        ids = [entry.submission for entry in found.entries]
        for submission in ids:
            self.reader.forget(submission)
        await self.reader.read_many(ob.Submission, ids)
        return found, [await self.reader.submission(submission) for submission in ids]

    async def pool(self) -> ob.VerifierPool:
        """Return the pool of verifiers as it is now."""
        self.reader.forget(self._pool)
        return await patiently(lambda: self.reader.pool(self._pool))

    async def height(self) -> int:
        """Return the newest checkpoint's number."""
        return int((await patiently(self.client.service_info)).checkpoint)

    async def balance(self, address: str) -> int:
        """Return what an address has, in Mist."""
        return int(await patiently(lambda: self.client.balance(address)))

    async def follow(self, tell: Tell) -> None:
        """Tell every event of the market, from the first one on, until cancelled."""

        async def handle(events: Sequence[ChainEvent], _cursor: Cursor) -> None:
            for event in events:
                tell(read_event(event))

        await Follower(self.client, [self._package], Cursor(), poll=0.5).run(handle)

    async def transactions(self) -> list[AuditedTransaction]:
        """Return every transaction after genesis, oldest first."""
        found: list[AuditedTransaction] = []
        for number in range(1, await self.height() + 1):
            request = pb.GetCheckpointRequest(
                sequence_number=number, read_mask=FieldMask(["transactions"])
            )
            reply = await patiently(
                partial(self.client.endpoints.ask, GET_CHECKPOINT, request, seconds=20.0)
            )
            for raw in need(reply.checkpoint, "checkpoint").transactions:
                executed = read_transaction(raw)
                found.append(
                    AuditedTransaction(
                        sender=str(need(raw.transaction, "transaction").sender),
                        gas=executed.gas_used.net,
                        events=tuple(read_event(event) for event in executed.events),
                    )
                )
        return found


def read_event(event: Event) -> Layout:
    """Return an event of the contract."""
    return EVENTS[event.type.rsplit("::", 1)[-1]].from_bcs(event.contents)


@asynccontextmanager
async def open_observer(network: dict[str, Any]) -> AsyncIterator[Observer]:
    """Yield an observer of a devnet."""
    async with open_client([network["sui_url"]], chain_id=network["chain_id"]) as client:
        yield Observer(client, network)
