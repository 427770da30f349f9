"""Reads that a busy machine may answer late."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import trio

from walrusd.errors import ChainUnreachable

T = TypeVar("T")
PAUSE_S = 0.2


async def patiently(read: Callable[[], Awaitable[T]]) -> T:
    """Return what ``read`` gives once the chain answers; whoever waits has a guard of its own."""
    while True:
        try:
            return await read()
        except ChainUnreachable:
            await trio.sleep(PAUSE_S)
