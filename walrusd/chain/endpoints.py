"""Several nodes of one network: which to ask, which failed, and whether it is the right network."""

import logging
import random
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

import base58
import pysui.sui.sui_grpc.suimsgs.sui.rpc.v2 as pb
import trio

from walrusd.chain.grpc import Channel, ClientStream, GRPCError, Method, Status
from walrusd.chain.grpc.wire import Message
from walrusd.errors import (
    ChainRefused,
    ChainUnreachable,
    ObjectNotFound,
    WalrusdError,
    WrongNetwork,
)

log = logging.getLogger(__name__)

Request = TypeVar("Request", bound=Message)
Reply = TypeVar("Reply", bound=Message)

SERVICE_INFO = Method(
    "/sui.rpc.v2.LedgerService/GetServiceInfo", pb.GetServiceInfoRequest, pb.GetServiceInfoResponse
)

_ANOTHER_MAY_DO = frozenset(
    {
        Status.UNAVAILABLE,
        Status.DEADLINE_EXCEEDED,
        Status.RESOURCE_EXHAUSTED,
        Status.ABORTED,
        Status.CANCELLED,
        Status.UNKNOWN,
        Status.INTERNAL,
        Status.DATA_LOSS,
    }
)
_PAUSE = 0.25
"""Seconds, jittered, between two rounds over all endpoints."""


def translate(error: GRPCError, endpoint: str) -> WalrusdError:
    """Return what a gRPC status means to us."""
    text = f"{endpoint}: {error.message or error.status.name}"
    if error.status in _ANOTHER_MAY_DO:
        return ChainUnreachable(text)
    if error.status is Status.NOT_FOUND:
        return ObjectNotFound(text)
    return ChainRefused(text, status=error.status.name)


def matches_chain(chain_id: str, wanted: str) -> bool:
    """Return whether ``wanted`` names the chain: its base58 digest, or four bytes of it in hex."""
    return wanted == chain_id or wanted.lower() == base58.b58decode(chain_id)[:4].hex()


@dataclass
class Node:
    """One endpoint and whether its chain has been checked."""

    channel: Channel
    checked: bool = False

    @property
    def name(self) -> str:
        """Return ``host:port``."""
        return self.channel.endpoint.authority


class Endpoints:
    """Asks one node until it fails, then the next."""

    def __init__(self, channels: Sequence[Channel], *, chain_id: str | None = None) -> None:
        """Take at least one channel; ``chain_id`` None trusts the first node that answers."""
        if not channels:
            raise ValueError("no Sui endpoints")
        self._nodes = [Node(channel) for channel in channels]
        self._chain_id = chain_id
        self._at = 0

    def __len__(self) -> int:
        return len(self._nodes)

    @property
    def current(self) -> Node:
        """Return the node that is asked first."""
        return self._nodes[self._at]

    def pinned(self) -> "Endpoints":
        """Return an ``Endpoints`` that asks the current node alone."""
        pinned = Endpoints([self.current.channel], chain_id=self._chain_id)
        pinned._nodes = [self.current]
        return pinned

    def fail(self, node: Node) -> None:
        """Remember that ``node`` failed: the next one is asked from now on."""
        node.checked = False
        if node is self.current and len(self._nodes) > 1:
            self._at = (self._at + 1) % len(self._nodes)
            log.warning("Sui endpoint %s failed; using %s", node.name, self.current.name)

    async def checked(self, node: Node) -> Node:
        """Return ``node`` once it has shown that it serves our chain.

        Raises:
            GRPCError: if it does not answer.
            WrongNetwork: if it serves another chain.
        """
        if not node.checked:
            info = await node.channel.unary(SERVICE_INFO, pb.GetServiceInfoRequest(), seconds=15)
            chain_id = info.chain_id or ""
            if self._chain_id is None:
                self._chain_id = chain_id
            if not matches_chain(chain_id, self._chain_id):
                raise WrongNetwork(
                    f"{node.name} serves chain {chain_id}, not {self._chain_id}",
                    hint="correct sui.urls or sui.chain_id in the configuration",
                )
            node.checked = True
        return node

    async def ask(
        self, method: Method[Request, Reply], request: Request, *, seconds: float, rounds: int = 2
    ) -> Reply:
        """Return the reply of the first node that gives one.

        Raises:
            ChainUnreachable: if every node failed ``rounds`` times.
            ChainRefused: if a node refused the request.
            ObjectNotFound: if a node does not know what was asked for.
            WrongNetwork: if a node serves another chain.
        """
        failure: GRPCError | None = None
        node = self.current
        for attempt in range(rounds * len(self._nodes)):
            if attempt and attempt % len(self._nodes) == 0:
                await trio.sleep(_PAUSE * random.uniform(0.5, 1.5))  # noqa: S311 - only jitter
            node = self.current
            try:
                await self.checked(node)
                return await node.channel.unary(method, request, seconds=seconds)
            except GRPCError as error:
                # A node may be older, or run without an index: another one may know the method.
                if error.status not in _ANOTHER_MAY_DO | {Status.UNIMPLEMENTED}:
                    raise translate(error, node.name) from error
                failure = error
                self.fail(node)
        assert failure is not None
        raise translate(failure, node.name) from failure

    @asynccontextmanager
    async def stream(
        self, method: Method[Request, Reply], request: Request, *, seconds: float | None
    ) -> AsyncIterator["NodeStream[Request, Reply]"]:
        """Open a stream at the current node; errors while iterating are translated too."""
        node = self.current
        with self.translated(node):
            await self.checked(node)
            call = node.channel.stream(method, request, seconds=seconds)
            stream = await call.__aenter__()
        try:
            yield NodeStream(self, node, stream)
        finally:
            await call.__aexit__(None, None, None)

    @contextmanager
    def translated(self, node: Node) -> Iterator[None]:
        """Turn gRPC errors inside into ours, and leave a node that failed."""
        try:
            yield
        except GRPCError as error:
            if error.status in _ANOTHER_MAY_DO:
                self.fail(node)
            raise translate(error, node.name) from error


class NodeStream(Generic[Request, Reply]):
    """A stream of replies from one node, with our errors."""

    def __init__(
        self, endpoints: Endpoints, node: Node, stream: ClientStream[Request, Reply]
    ) -> None:
        self._endpoints, self._node, self._stream = endpoints, node, stream

    async def receive(self) -> Reply | None:
        """Return the next reply, or None after the last.

        Raises:
            ChainUnreachable: if the node or the connection failed.
            ChainRefused: if the node refused the request.
        """
        with self._endpoints.translated(self._node):
            return await self._stream.recv_message()
