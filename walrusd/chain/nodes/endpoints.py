"""Several nodes of one network: which to ask, which failed, and whether it is the right network."""

import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from functools import partial
from typing import TypeVar

import base58
import trio

from walrusd.chain.grpc import Channel, GRPCError, GrpcMethod
from walrusd.chain.grpc.wire import Message
from walrusd.chain.nodes.node import Node, Tries
from walrusd.chain.nodes.node_stream import NodeStream
from walrusd.chain.nodes.statuses import another_may_succeed, is_trouble, lacks_method, translate
from walrusd.chain.values.pysui_parts import pb
from walrusd.errors import WrongNetwork

__all__ = ["SERVICE_INFO", "Endpoints", "Node", "NodeStream", "matches_chain", "translate"]

log = logging.getLogger(__name__)

Request = TypeVar("Request", bound=Message)
Reply = TypeVar("Reply", bound=Message)
T = TypeVar("T")

SERVICE_INFO = GrpcMethod(
    "/sui.rpc.v2.LedgerService/GetServiceInfo", pb.GetServiceInfoRequest, pb.GetServiceInfoResponse
)

HELLO_S = 15.0
"""Timeout in seconds of the first call to a node; longer than the channel's to connect."""

PROBE_S = 10.0
"""Timeout in seconds of asking a node for its newest checkpoint."""

FIRST_FRAME_S = 10.0
"""Seconds to wait for a stream's first frame or refusal before handing the stream over."""

_PAUSE = 0.25
"""Seconds, jittered, between two rounds over all endpoints."""

_STALE_S = 15.0
"""A node this many seconds of chain time behind another is no longer preferred."""


def matches_chain(chain_id: str, wanted: str) -> bool:
    """Return whether ``wanted`` names the chain: its base58 digest, or its first 4 bytes in hex."""
    if wanted == chain_id:
        return True
    try:
        return wanted.lower() == base58.b58decode(chain_id)[:4].hex()
    except ValueError:
        return False  # whatever answers there, it is no node of a Sui network


class Endpoints:
    """Asks one node until it fails, then the next."""

    def __init__(
        self,
        channels: Sequence[Channel],
        *,
        chain_id: str | None = None,
        setting: str = "sui.urls",
        chain_of: "Endpoints | None" = None,
    ) -> None:
        """Take at least one channel; ``chain_id`` None trusts the first node that answers.

        ``setting`` is the configuration key that names them. With ``chain_of`` they must serve the
        same chain as those endpoints.
        """
        if not channels:
            raise ValueError("no Sui endpoints")
        self._nodes = [Node(channel) for channel in channels]
        self._chain_id = chain_id
        self._setting, self._chain_of = setting, chain_of
        self._at = 0

    def __len__(self) -> int:
        return len(self._nodes)

    @property
    def nodes(self) -> Sequence[Node]:
        """Every node, the preferred one first."""
        return self._nodes[self._at :] + self._nodes[: self._at]

    @property
    def current(self) -> Node:
        """The preferred node."""
        return self._nodes[self._at]

    def fail(self, node: Node) -> None:
        """Record that ``node`` failed, and prefer the next one."""
        node.checked = False
        self.leave(node, "failed")

    def leave(self, node: Node, why: str) -> None:
        """Prefer the next node, if ``node`` was the preferred one."""
        if node is self.current and len(self._nodes) > 1:
            self._at = (self._at + 1) % len(self._nodes)
            log.warning("Sui endpoint %s %s; using %s", node.name, why, self.current.name)

    async def find_chain(self) -> str | None:
        """Return the chain that these nodes serve. Errors as ``ready``."""
        if self._chain_id is None:
            await self.ready()
        return self._chain_id

    async def checked(self, node: Node) -> Node:
        """Return ``node`` once it was checked to serve our chain.

        Raises:
            GRPCError: if it does not answer.
            WrongNetwork: if it serves another chain.
        """
        if not node.checked:
            if self._chain_id is None and self._chain_of is not None:
                self._chain_id = await self._chain_of.find_chain()
            request = pb.GetServiceInfoRequest()
            info = await node.channel.unary(SERVICE_INFO, request, seconds=HELLO_S)
            chain_id = info.chain_id or ""
            if self._chain_id is None:
                self._chain_id = chain_id
            if not matches_chain(chain_id, self._chain_id):
                raise WrongNetwork(
                    f"{node.name} serves chain {chain_id}, not {self._chain_id}",
                    hint=f"correct {self._setting} or sui.chain_id in the configuration",
                )
            node.checked = True
        return node

    async def ask(
        self,
        method: GrpcMethod[Request, Reply],
        request: Request,
        *,
        seconds: float,
        rounds: int = 2,
    ) -> Reply:
        """Return the first reply; asks the nodes in turn, up to ``rounds`` times.

        Raises:
            ChainUnreachable: if every node failed ``rounds`` times.
            ChainRefused: if a node refused the request.
            MethodMissing: if no node offers the method.
            ObjectNotFound: if a node does not have what was asked for.
            WrongNetwork: if every node that answers serves another chain.
        """

        async def use(node: Node) -> Reply:
            return await node.channel.unary(method, request, seconds=seconds)

        return await self._try_each(use, method.route, rounds=rounds)

    async def ask_once(
        self, method: GrpcMethod[Request, Reply], request: Request, *, seconds: float
    ) -> Reply:
        """Return the reply of the first node that answers and offers the method.

        If that node fails, no other is asked: the call may have had its effect.

        Raises:
            ChainUnreachable: if no node answers, or the one that was asked failed.
            ChainRefused, MethodMissing, ObjectNotFound, WrongNetwork: as ``ask``.
        """

        async def use(node: Node) -> Reply:
            try:
                return await node.channel.unary(method, request, seconds=seconds)
            except GRPCError as error:
                if lacks_method(error.status):
                    raise
                self._note(node, error, method.route)
                raise translate(error, node.name, method.route) from error

        return await self._try_each(use, method.route)

    async def ready(self, route: str = SERVICE_INFO.route, *, avoid: Collection[str] = ()) -> Node:
        """Return the first node that answers and serves our chain.

        Nodes known to lack the method ``route``, and then those named in ``avoid``, come last.

        Raises:
            ChainUnreachable: if no node answers.
            WrongNetwork: if every node that answers serves another chain.
        """

        async def use(node: Node) -> Node:
            await trio.lowlevel.checkpoint()
            return node

        return await self._try_each(use, route, avoid=avoid)

    async def _try_each(
        self,
        use: Callable[[Node], Awaitable[T]],
        route: str,
        *,
        rounds: int = 1,
        avoid: Collection[str] = (),
    ) -> T:
        """Return the result of ``use`` for the first node for which it raises no ``GRPCError``."""
        tries = Tries()
        for round_ in range(rounds):
            if round_:
                await trio.sleep(_PAUSE * random.uniform(0.5, 1.5))  # noqa: S311 - only jitter
            asked: list[Node] = []
            while len(asked) < len(self._nodes):
                node = self._pick(route, asked, avoid)
                asked.append(node)
                calling = SERVICE_INFO.route
                try:
                    await self.checked(node)
                    calling = route
                    return await use(node)
                except WrongNetwork as error:
                    tries.note_wrong_network(node, error)
                    self.fail(node)
                except GRPCError as error:
                    if not another_may_succeed(error.status):
                        raise translate(error, node.name, calling) from error
                    tries.note_failure(node, error, calling)
                    self._note(node, error, calling)
            if tries.all_lack_method(self._nodes):
                break
        raise tries.verdict()

    def _pick(self, route: str, asked: Sequence[Node], avoid: Collection[str]) -> Node:
        left = [node for node in self.nodes if node not in asked]
        return min(left, key=lambda node: (node.lacks(route), node.name in avoid))

    def _note(self, node: Node, error: GRPCError, route: str) -> None:
        """Record what an error shows about its node."""
        if lacks_method(error.status):
            node.note_lack(route)
            self.leave(node, "lacks a method")
        elif is_trouble(error.status):
            self.fail(node)

    def each(self) -> list["Endpoints"]:
        """Return one ``Endpoints`` for each node, the current one first."""
        return [self.alone(node) for node in self.nodes]

    def alone(self, node: Node) -> "Endpoints":
        """Return an ``Endpoints`` that asks ``node`` alone."""
        alone = Endpoints([node.channel], chain_id=self._chain_id, setting=self._setting)
        alone._chain_of = self._chain_of
        alone._nodes = [node]
        return alone

    async def leave_stale(self) -> bool:
        """Prefer another node if the current one is far behind it; return whether that was so.

        A node can answer every request and yet have stopped following its network.
        """
        seen: dict[int, float] = {}
        for at, node in enumerate(self._nodes):
            try:
                await self.checked(node)
                request = pb.GetServiceInfoRequest()
                info = await node.channel.unary(SERVICE_INFO, request, seconds=PROBE_S)
            except (GRPCError, WrongNetwork) as error:
                log.info("Sui endpoint %s does not report its tip: %s", node.name, error)
                continue
            seen[at] = info.timestamp.timestamp() if info.timestamp else 0.0
        best = max(seen, key=lambda at: seen[at], default=self._at)
        if seen.get(best, 0.0) - seen.get(self._at, 0.0) < _STALE_S:
            return False
        log.warning(
            "Sui endpoint %s is behind; using %s", self.current.name, self._nodes[best].name
        )
        self._at = best
        return True

    @asynccontextmanager
    async def stream(
        self, method: GrpcMethod[Request, Reply], request: Request, *, seconds: float | None
    ) -> AsyncIterator["NodeStream[Request, Reply]"]:
        """Open a stream at the first node that offers it; translates errors while iterating, too.

        Raises:
            ChainUnreachable, MethodMissing, WrongNetwork: as ``ask``.
        """

        async def use(node: Node) -> tuple[NodeStream[Request, Reply], AsyncExitStack]:
            async with AsyncExitStack() as stack:
                call = node.channel.stream(method, request, seconds=seconds)
                stream = await stack.enter_async_context(call)
                opened = NodeStream(node, stream, partial(self.translated, node, method.route))
                await opened.wait_accepted(FIRST_FRAME_S)
                return opened, stack.pop_all()

        opened, stack = await self._try_each(use, method.route)
        async with stack:
            yield opened

    @contextmanager
    def translated(self, node: Node, route: str = "") -> Iterator[None]:
        """Translate gRPC errors raised inside, and record what they show about ``node``."""
        try:
            yield
        except GRPCError as error:
            self._note(node, error, route)
            raise translate(error, node.name, route) from error
