"""Run long computations in worker processes, at once or in pieces, so that no event loop waits.

Arkworks and big-integer arithmetic hold the interpreter lock: 260 ms of loop delay from a thread
against 11 ms from a process (measured). Arguments and results are plain bytes and integers.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio.to_process
import trio
from typing_extensions import TypeVarTuple, Unpack

from walrusd.errors import WalrusdError
from walrusd.runtime.groups import collapsed

Result = TypeVar("Result")
Arguments = TypeVarTuple("Arguments")

Report = Callable[[int, int], None]
"""Called after each piece with how many are done, and how many there are."""


async def run_heavy(
    function: Callable[[Unpack[Arguments]], Result], *arguments: *Arguments
) -> Result:
    """Run ``function`` in a worker process. Cancelling kills the worker."""
    return await anyio.to_process.run_sync(function, *arguments, cancellable=True)


def discard_progress(_done: int, _pieces: int) -> None:
    """Report nothing."""


async def run_pieces(
    pieces: int, work: Callable[[int], Awaitable[None]], report: Report, at_once: int
) -> None:
    """Do pieces ``0 … pieces−1`` with ``work``, ``at_once`` of them at a time.

    The first typed error ends the rest and is raised as it is. Cancelling ends them all.
    """
    limiter = trio.CapacityLimiter(at_once)
    failures: list[WalrusdError] = []
    done = 0

    async def run(number: int) -> None:
        nonlocal done
        async with limiter:
            try:
                await work(number)
            except WalrusdError as error:
                failures.append(error)
                nursery.cancel_scope.cancel()
                return
        done += 1
        report(done, pieces)

    with collapsed():
        async with trio.open_nursery() as nursery:
            for number in range(pieces):
                nursery.start_soon(run, number)
    if failures:
        raise failures[0]
