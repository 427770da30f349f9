"""A stream of replies from one of several nodes."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Generic, TypeVar

import trio

from walrusd.chain.grpc import ClientStream, GRPCError
from walrusd.chain.grpc.wire import Message
from walrusd.chain.nodes.node import Node
from walrusd.chain.nodes.statuses import lacks_method

Request = TypeVar("Request", bound=Message)
Reply = TypeVar("Reply", bound=Message)


class NodeStream(Generic[Request, Reply]):
    """A stream of replies from one node that raises our errors."""

    def __init__(
        self,
        node: Node,
        stream: ClientStream[Request, Reply],
        translated: Callable[[], AbstractContextManager[None]],
    ) -> None:
        """Read ``stream`` of ``node``; ``translated`` translates gRPC errors raised inside."""
        self.node = node
        self._stream, self._translated = stream, translated
        self._first: list[Reply | None] = []
        self._failure: GRPCError | None = None

    async def wait_accepted(self, seconds: float) -> None:
        """Wait for the first frame, at most ``seconds``; ``receive`` raises any other failure.

        Raises:
            GRPCError: if the node does not offer the method.
        """
        with trio.move_on_after(seconds):
            try:
                self._first.append(await self._stream.recv_message())
            except GRPCError as error:
                if lacks_method(error.status):
                    raise
                self._failure = error

    async def receive(self) -> Reply | None:
        """Return the next reply, or None after the last.

        Raises:
            ChainUnreachable: if the node or the connection failed.
            ChainRefused: if the node refused the request.
        """
        with self._translated():
            if self._failure is not None:
                failure, self._failure = self._failure, None
                raise failure
            if self._first:
                return self._first.pop()
            return await self._stream.recv_message()
