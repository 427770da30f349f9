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

from walrusd.chain.grpc import BadRequest, Channel, ClientStream, GRPCError, Method, Status
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

_STALE_S = 15.0
"""A node that is this much behind another one, in seconds of the chain's time, is left."""


def translate(error: GRPCError, endpoint: str) -> WalrusdError:
    """Return what a gRPC status means to us."""
    text = f"{endpoint}: {error.message or error.status.name}"
    fields = [
        f"{violation.field}: {violation.description}"
        for detail in error.details or ()
        if isinstance(detail, BadRequest)
        for violation in detail.field_violations
    ]
    if fields and not all(field in text for field in fields):
        text += f" ({'; '.join(fields)})"
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
        return self._alone(self.current)

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
            WrongNetwork: if every node that answers serves another chain.
        """
        failure: GRPCError | None = None
        failed = self.current
        stranger: WrongNetwork | None = None
        for attempt in range(rounds * len(self._nodes)):
            if attempt and attempt % len(self._nodes) == 0:
                await trio.sleep(_PAUSE * random.uniform(0.5, 1.5))  # noqa: S311 - only jitter
            node = self.current
            try:
                await self.checked(node)
                return await node.channel.unary(method, request, seconds=seconds)
            except WrongNetwork as error:
                stranger, failure = error, None if failed is node else failure
            except GRPCError as error:
                # A node may be older, or run without an index: another one may know the method.
                if error.status not in _ANOTHER_MAY_DO | {Status.UNIMPLEMENTED}:
                    raise translate(error, node.name) from error
                failure, failed = error, node
            self.fail(node)
        raise _gave_up(failure, failed, stranger)

    async def ready(self) -> Node:
        """Return the current node, or the next one that answers, once it has shown our chain.

        Raises:
            ChainUnreachable: if no node answers.
            WrongNetwork: if those that answer serve another chain.
        """
        failure: GRPCError | None = None
        failed = self.current
        stranger: WrongNetwork | None = None
        for _ in range(len(self._nodes)):
            node = self.current
            try:
                return await self.checked(node)
            except WrongNetwork as error:
                stranger = error
            except GRPCError as error:
                if error.status not in _ANOTHER_MAY_DO:
                    raise translate(error, node.name) from error
                failure, failed = error, node
            self.fail(node)
        raise _gave_up(failure, failed, stranger)

    def each(self) -> list["Endpoints"]:
        """Return every node as an ``Endpoints`` of its own, the current one first."""
        order = self._nodes[self._at :] + self._nodes[: self._at]
        return [self._alone(node) for node in order]

    def _alone(self, node: Node) -> "Endpoints":
        alone = Endpoints([node.channel], chain_id=self._chain_id)
        alone._nodes = [node]
        return alone

    async def leave_stale(self) -> bool:
        """Leave the current node if another one is well ahead of it; return whether it was left.

        A node can answer every question and yet have stopped following its network.
        """
        seen: dict[int, float] = {}
        for at, node in enumerate(self._nodes):
            try:
                await self.checked(node)
                info = await node.channel.unary(SERVICE_INFO, pb.GetServiceInfoRequest(), seconds=5)
            except (GRPCError, WrongNetwork) as error:
                log.info("Sui endpoint %s does not say how far it is: %s", node.name, error)
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
        self, method: Method[Request, Reply], request: Request, *, seconds: float | None
    ) -> AsyncIterator["NodeStream[Request, Reply]"]:
        """Open a stream at the current node; errors while iterating are translated too."""
        node = await self.ready()
        with self.translated(node):
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


def _gave_up(
    failure: GRPCError | None, failed: Node, stranger: WrongNetwork | None
) -> WalrusdError:
    """Return the error to raise once no node is left to ask."""
    if failure is None:
        assert stranger is not None
        return stranger
    error = translate(failure, failed.name)
    if stranger is not None:
        error.hint = f"{stranger.message}; {stranger.hint}"
    error.__cause__ = failure
    return error


class NodeStream(Generic[Request, Reply]):
    """A stream of replies from one node, with our errors."""

    def __init__(
        self, endpoints: Endpoints, node: Node, stream: ClientStream[Request, Reply]
    ) -> None:
        self.node = node
        self._endpoints, self._stream = endpoints, stream

    async def receive(self) -> Reply | None:
        """Return the next reply, or None after the last.

        Raises:
            ChainUnreachable: if the node or the connection failed.
            ChainRefused: if the node refused the request.
        """
        with self._endpoints.translated(self.node):
            return await self._stream.recv_message()
