"""A message of plain bytes and in-memory connections, for tests of the gRPC layer."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Self

import trio
import trio.abc
import trio.testing

from walrusd.chain.grpc import (
    Channel,
    GRPCError,
    GrpcMethod,
    Handler,
    KeepAlive,
    open_channel,
    serve_connection,
)


class Raw(bytes):
    def SerializeToString(self) -> bytes:  # noqa: N802 - protobuf's name
        return bytes(self)

    @classmethod
    def FromString(cls, data: bytes) -> Self:  # noqa: N802 - protobuf's name
        if data == b"undecodable":
            raise ValueError("refused by the test")
        return cls(data)


def method(name: str) -> GrpcMethod[Raw, Raw]:
    return GrpcMethod(f"/test.Service/{name}", Raw, Raw)


def handler(answer, *, streaming: bool = False) -> Handler:
    return Handler(Raw, answer, streaming)


@dataclass
class Switchboard:
    """In-memory server: every dial makes a fresh pair, ``cut`` breaks the newest one."""

    nursery: trio.Nursery
    table: Mapping[str, Handler]
    streams: list[trio.abc.Stream] = field(default_factory=list)
    refuse: bool = False

    async def connect(self) -> trio.abc.Stream:
        await trio.lowlevel.checkpoint()
        if self.refuse:
            raise ConnectionRefusedError("nobody listens")
        ours, theirs = trio.testing.memory_stream_pair()
        self.nursery.start_soon(serve_connection, theirs, self.table)
        self.streams.append(theirs)
        return ours

    async def cut(self) -> None:
        await self.streams[-1].aclose()


@asynccontextmanager
async def switchboard(
    table: Mapping[str, Handler], keepalive: KeepAlive | None = None
) -> AsyncIterator[tuple[Channel, Switchboard]]:
    async with trio.open_nursery() as nursery:
        board = Switchboard(nursery, table)
        async with open_channel(
            "http://devnet", connect=board.connect, keepalive=keepalive
        ) as channel:
            yield channel, board
        nursery.cancel_scope.cancel()


async def cancelled_at(step: int, call: Callable[[], Awaitable[object]]) -> bool:
    """Cancel ``call`` when its task is about to run for the ``step``-th time."""

    class Counter(trio.abc.Instrument):
        count = 0

        def before_task_step(self, running):
            if running is task:
                self.count += 1
                if self.count == step:
                    scope.cancel()

    task = trio.lowlevel.current_task()
    counter = Counter()
    with trio.CancelScope() as scope:
        trio.lowlevel.add_instrument(counter)
        try:
            await call()
        except GRPCError:
            return False
        finally:
            trio.lowlevel.remove_instrument(counter)
    return scope.cancelled_caught


class DaemonKilled(Exception):
    """The daemon dies."""
