"""Long work in pieces: as many at once as there are processors, with progress, cancellable."""

from collections.abc import Awaitable, Callable

import trio

from walrusd.errors import WalrusdError
from walrusd.runtime.groups import collapsed
from walrusd.training.run.threads import count_threads

Report = Callable[[int, int], None]
"""Called after each piece with how many are done, and how many there are."""


def say_nothing(_done: int, _pieces: int) -> None:
    """Report to nobody."""


async def run_pieces(
    pieces: int, work: Callable[[int], Awaitable[None]], report: Report, threads: int = 0
) -> None:
    """Do pieces ``0 … pieces−1`` with ``work``, ``threads`` at once; 0 is one per core.

    The first typed error ends the other pieces and is raised. Cancelling ends them all.
    """
    limiter = trio.CapacityLimiter(count_threads(threads))
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
