"""What it costs a contributor to reconcile strangers' tasks, in CPU time, and how that grows.

The tasks are joining and were declined before, as most of a large market's are: nothing is to be
done, every two seconds. The baseline of reconciling 1,000 tasks once is reconciling 100 ten times,
measured in turn: the ratio is 1 if the cost grows with the number of tasks, and 10 if it grows with
its square. Objects come from memory, through the reader that a daemon has.
"""

import dataclasses
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import trio

from tests.bench.measure import Measurement
from tests.support.market.bench import DATASET, MARKET, NOW, PACKAGE, SUBMISSION, TASK, Network
from walrusd.chain.calls.reads import MarketReader
from walrusd.chain.layouts import events as ev
from walrusd.chain.values.types import ObjectData, Owner, OwnerKind
from walrusd.engine.tools import Tools
from walrusd.market.aggregate import AggregateChecker
from walrusd.market.fetch import Fetcher
from walrusd.services.contributor.staker import Staker
from walrusd.units import MIST_PER_SUI, Mist, normalize_address

FEW, MANY = 100, 1_000
STRANGERS_JOINS = 20_000
ABOVE_ANY_REWARD = 10**18


class _Objects:
    """A node that has everything in memory."""

    def __init__(self, objects: dict[str, Any]) -> None:
        self._objects = objects

    async def get_objects(self, ids: list[str]) -> dict[str, ObjectData]:
        return {i: self._show(i) for i in ids if i in self._objects}

    async def get_object(self, object_id: str) -> ObjectData:
        return self._show(object_id)

    async def balance(self, _owner: str) -> Mist:
        return Mist(1_000 * MIST_PER_SUI)

    def _show(self, object_id: str) -> ObjectData:
        value = self._objects[object_id]
        name = f"{PACKAGE}::{value.MODULE}::{type(value).__name__}"
        owner = Owner(OwnerKind.SHARED, None, 1)
        return ObjectData(object_id, 1, "", owner, name, value.to_bcs())


@contextmanager
def make_staker(directory: Path, tasks: int, joins: int = 0) -> Iterator[Staker]:
    """Open a contributor's staker on a market of ``tasks`` tasks that its policy declines."""
    net = Network()
    directory.mkdir(parents=True)
    with net.daemon(directory, "contributor", min_reward=ABOVE_ANY_REWARD) as tools:
        del net.objects[TASK]
        for number in range(tasks):
            name = normalize_address(hex(0x10000 + number))
            net.objects[name] = dataclasses.replace(net.task, id=name)
            tools.chain_log.note("task", name)
        with tools.database.transaction():
            for number in range(joins):
                _emit_join(net, tools, number)
        client: Any = _Objects(net.objects)
        contract: Any = MarketReader(client, PACKAGE, MARKET)
        with_reader = dataclasses.replace(tools, contract=contract)
        fetcher = Fetcher(with_reader)
        yield Staker(with_reader, fetcher, AggregateChecker(with_reader, fetcher))


def _emit_join(net: Network, tools: Tools, number: int) -> None:
    task, stranger = (normalize_address(hex(number + base)) for base in (0x20000, 0x90000))
    joined = ev.SubmissionJoined(task, SUBMISSION, stranger, DATASET, 1, MIST_PER_SUI, 1, NOW)
    net.emit(joined, SUBMISSION, tools)


async def _spend(staker: Staker, times: int) -> float:
    """Return the CPU seconds of reconciling some times."""
    before = time.process_time()
    for _each in range(times):
        await staker.run_once()
    return time.process_time() - before


async def _measure(directory: Path, rounds: int) -> list[Measurement]:
    with (
        make_staker(directory / "few", FEW) as few,
        make_staker(directory / "many", MANY) as many,
        make_staker(directory / "busy", MANY, STRANGERS_JOINS) as busy,
    ):
        plan = ((few, MANY // FEW), (many, 1), (busy, 1))
        samples: list[list[float]] = [[] for _ in plan]
        for number in range(1 + rounds):
            for (staker, times), found in zip(plan, samples, strict=True):
                spent = await _spend(staker, times)
                if number:
                    found.append(spent)
    ten_of_few, one_of_many, one_of_busy = (statistics.median(found) for found in samples)
    return [
        Measurement(
            f"staker.reconcile.{MANY}_tasks",
            one_of_many,
            "CPU s",
            ten_of_few,
            f"declined before; the baseline is {FEW} tasks, {MANY // FEW} times",
        ),
        Measurement(
            f"staker.reconcile.{STRANGERS_JOINS}_joins",
            one_of_busy,
            "CPU s",
            one_of_many,
            "after as many joins by strangers; the baseline is the same without them",
        ),
    ]


def measure_reconciling(directory: Path, rounds: int) -> list[Measurement]:
    """Return what it costs to reconcile many tasks, in CPU seconds."""
    return trio.run(_measure, directory, rounds)
