"""A network of three full nodes under random faults, on a virtual clock."""

import random
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager

import trio
import trio.testing

from tests.devnet.tools import START_MS, open_ledger
from walrusd.chain.grpc import Handler, KeepAlive, serve_connection
from walrusd.chain.nodes.client import SuiClient
from walrusd.chain.nodes.connect import open_client
from walrusd.devnet.rpc.endpoints import SuiEndpoints
from walrusd.devnet.rpc.faults import FaultKind, FaultRule

SEAL_S = 0.25
LAGS = (0.0, 0.4, 1.5)
RULES = (
    (FaultKind.LATENCY, "*", 0.5),
    (FaultKind.FAIL, "*", 0.01),
    (FaultKind.RESET, "*", 0.005),
    (FaultKind.DISCONNECT, "*", 0.003),
    (FaultKind.CUT, "*", 0.005),
    (FaultKind.DROP, "*", 0.0005),
    (FaultKind.LOSE, "*", 0.02),
    (FaultKind.HOLD, "ExecuteTransaction", 0.02),
    (FaultKind.REFUSE_CURSOR, "ListEvents", 0.05),
)


class Storm:
    """One ledger, three endpoints, and random faults at each."""

    def __init__(self, seed: int, *, balanced: bool = False) -> None:
        """Make the network; ``balanced``: a load balancer, behind which any node answers a call."""
        self.chance, self.balanced = random.Random(seed), balanced
        self.ledger = open_ledger(wall=self.wall_ms, seal_at_once=False)
        self.sui = SuiEndpoints(self.ledger, len(LAGS))
        for node, lag in zip(self.sui.nodes, LAGS, strict=True):
            node.node.lag = lag
            node.faults.chance = random.Random(self.chance.random())
            node.faults.rules = [
                FaultRule(kind, rpc, p, low_ms=1, high_ms=300) for kind, rpc, p in RULES
            ]
        self.events = dict.fromkeys(("freeze", "swap", "age", "epoch"), 0)

    @staticmethod
    def wall_ms() -> int:
        try:
            return START_MS + round(trio.current_time() * 1000)
        except RuntimeError:
            return START_MS

    @property
    def fired(self) -> dict[str, int]:
        """How often each kind of fault occurred."""
        out: dict[str, int] = {}
        for node in self.sui.nodes:
            for rule in node.faults.rules:
                out[rule.kind.value] = out.get(rule.kind.value, 0) + rule.fired
        return out

    def calm(self) -> None:
        """Let everything work again."""
        for node in self.sui.nodes:
            node.faults.rules, node.faults.unknown = [], set()
            node.node.freeze(False)

    async def run(self) -> None:
        """Seal checkpoints and change the faults, until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._seal)
            nursery.start_soon(self._change)

    async def _seal(self) -> None:
        while True:
            await trio.sleep(SEAL_S)
            if self.ledger.has_unsealed:
                self.ledger.seal()

    async def _change(self) -> None:
        while True:
            await trio.sleep(self.chance.expovariate(1 / 10))
            await getattr(self, "_" + self.chance.choice(list(self.events)))()

    async def _freeze(self) -> None:
        node = self.chance.choice(self.sui.nodes).node
        node.freeze(True)
        self.events["freeze"] += 1
        await trio.sleep(self.chance.uniform(1, 90))
        node.freeze(False)

    async def _swap(self) -> None:
        lags = list(LAGS)
        self.chance.shuffle(lags)
        for node, lag in zip(self.sui.nodes, lags, strict=True):
            node.node.lag = lag
        self.events["swap"] += 1

    async def _age(self) -> None:
        faults = self.chance.choice(self.sui.nodes).faults
        faults.unknown = {self.chance.choice(["ListEvents", "SubscribeEvents", "GetEpoch"])}
        self.events["age"] += 1
        await trio.sleep(self.chance.uniform(1, 30))
        faults.unknown = set()

    async def _epoch(self) -> None:
        self.ledger.advance_epoch(self.chance.choice([900, 1000, 1100, None]))
        self.events["epoch"] += 1

    def table_of(self, number: int) -> Mapping[str, Handler]:
        """Return the handlers of a node, or of the node that a load balancer chooses."""
        if not self.balanced:
            return self.sui.nodes[number].table
        chance = random.Random(self.chance.random())
        return {
            route: _balance([node.table[route] for node in self.sui.nodes], chance)
            for route in self.sui.nodes[0].table
        }

    @asynccontextmanager
    async def client(self) -> AsyncIterator[SuiClient]:
        """A client of the three nodes, over in-memory streams."""
        async with trio.open_nursery() as nursery:

            def connect(url: str):
                table = self.table_of(int(url.rsplit("-", 1)[1]))

                async def dial():
                    await trio.lowlevel.checkpoint()
                    ours, theirs = trio.testing.memory_stream_pair()
                    nursery.start_soon(serve_connection, theirs, table)
                    return ours

                return dial

            urls = [f"http://node-{n}" for n in range(1 if self.balanced else len(self.sui.nodes))]
            async with open_client(
                urls, chain_id=self.ledger.chain_id, connect=connect, keepalive=KeepAlive()
            ) as client:
                yield client
            nursery.cancel_scope.cancel()


def _balance(handlers: Sequence[Handler], chance: random.Random) -> Handler:
    """Return a handler that passes every call to a random one of ``handlers``."""
    first = handlers[0]

    async def unary(request):
        return await chance.choice(handlers).answer(request)

    async def stream(request):
        async with aclosing(chance.choice(handlers).answer(request)) as replies:
            async for reply in replies:
                yield reply

    return Handler(first.request, stream if first.streaming else unary, streaming=first.streaming)
