"""The market of ``walrusd devnet up``: seats, a dataset, and always a task that can be joined."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import TypeVar

import trio

from walrusd.chain.calls.reads import MarketReader
from walrusd.chain.layouts import objects as ob
from walrusd.core.lifecycle import TaskPhase
from walrusd.devnet_market.daemons import Daemons
from walrusd.devnet_market.layout import CONTRIBUTORS, PUBLISHER, SEATS, VERIFIERS, MarketFiles
from walrusd.devnet_market.offer import (
    DATASET_DESCRIPTION,
    DATASET_TITLE,
    encode_schema,
    make_request,
    make_rows,
)
from walrusd.devnet_market.state import MarketState, write_market_state
from walrusd.errors import WalrusdError, WorldFault
from walrusd.files import write_atomically

LOOK_S = 1.0
REMIND_S = 20.0
"""Seconds without a line after which the reader is told what is waited for."""

Say = Callable[[str], None]
Read = TypeVar("Read")


@dataclass(frozen=True)
class OpenTask:
    """The task that can be joined, or is being worked on."""

    task: ob.Task
    places_left: int

    @property
    def is_joinable(self) -> bool:
        """Whether a place is free."""
        return self.task.phase == TaskPhase.JOINING and self.places_left > 0


class Market:
    """Prepares the market, then keeps a task open. ``say`` gets a line for each thing done."""

    def __init__(
        self,
        files: MarketFiles,
        state: MarketState,
        daemons: Daemons,
        reader: MarketReader,
        say: Say,
    ) -> None:
        self._files, self._state = files, state
        self._daemons, self._reader, self._say = daemons, reader, say
        self._told = ""
        self.waiting_for = "the daemons"
        """What is waited for, in words."""

    async def prepare(self) -> OpenTask:
        """Return the open task, once the verifiers have seats and the contributors have joined."""
        await self._daemons.wait_ready(self._wait_for)
        await self._wait_for_seats()
        if not self._state.dataset:
            await self._list_dataset()
        found = await self._read_task() if self._state.task else None
        if found is None or has_ended(found):
            await self._open_next()
        return await self._wait_for_contributors()

    async def keep_task_open(self) -> None:
        """Tell what becomes of the task, and open another when it has ended; until cancelled."""
        while True:
            task = await self._read_task()
            self._tell(task)
            if has_ended(task):
                try:
                    await self._open_next()
                except WorldFault as fault:
                    self._say(f"no task could be opened, trying again: {fault.message}")
                    await trio.sleep(REMIND_S)
                except WalrusdError as refusal:
                    self._say(f"no further task is opened: {refusal.message}")
                    return
            await trio.sleep(LOOK_S)

    async def remind(self) -> None:
        """Tell every now and then what is waited for, until cancelled."""
        while True:
            await trio.sleep(REMIND_S)
            self._say(f"still waiting for {self.waiting_for}")

    def _wait_for(self, what: str) -> None:
        self.waiting_for = what

    async def _wait_for_seats(self) -> None:
        while True:
            seats = len(await patiently(self._read_seats))
            wanted = SEATS * len(VERIFIERS)
            self.waiting_for = f"{wanted} seats of {len(VERIFIERS)} verifiers, {seats} so far"
            if seats >= wanted:
                break
            await trio.sleep(LOOK_S)
        self._say(f"{len(VERIFIERS)} verifiers have staked and hold a seat")

    async def _list_dataset(self) -> None:
        files = self._files
        self.waiting_for = "the dataset to be encrypted, stored and listed"
        write_atomically(files.rows, make_rows())
        write_atomically(files.schema, encode_schema())
        listed = await self._daemons.command(
            *(PUBLISHER, "dataset", "add", str(files.rows), "--raw", "--title", DATASET_TITLE),
            *("--description", DATASET_DESCRIPTION, "--schema", str(files.schema)),
        )
        self._remember(dataset=listed["dataset"])
        self._say(f"dataset {listed['dataset']}: {DATASET_DESCRIPTION}")

    async def _open_next(self) -> None:
        number = self._state.number + 1
        path = self._files.task(number)
        self.waiting_for = "a task to be opened"
        if not path.exists():  # after a crash the same file is published: it opens one task only
            write_atomically(path, make_request(self._state.dataset, number))
        opened = await self._daemons.command(PUBLISHER, "task", "publish", str(path))
        self._remember(task=opened["task"], number=number)
        self._say(f"task {opened['task']} is open")

    async def _wait_for_contributors(self) -> OpenTask:
        while True:
            task = await self._read_task()
            left = task.terms.max_submissions - len(task.entries)
            joined = len(task.entries)
            self.waiting_for = f"{' and '.join(CONTRIBUTORS)} to join, {joined} so far"
            if task.phase != TaskPhase.JOINING or joined >= len(CONTRIBUTORS):
                self._tell(task)
                return OpenTask(task, left)
            await trio.sleep(LOOK_S)

    def _tell(self, task: ob.Task) -> None:
        phase = TaskPhase(task.phase)
        told = f"task {task.id}: {describe_phase(task)}"
        if phase == TaskPhase.SETTLED and not has_ended(task):
            told += "; the publisher adds up the updates"
        if told != self._told:
            self._told = told
            self._say(told)

    async def _read_seats(self) -> tuple[ob.Seat, ...]:
        (pool,) = self._reader.pool_ids
        self._reader.forget(pool)
        return tuple((await self._reader.pool(pool)).seats)

    async def _read_task(self) -> ob.Task:
        self._reader.forget(self._state.task)
        return await patiently(lambda: self._reader.task(self._state.task))

    def _remember(self, **changes: str | int) -> None:
        self._state = replace(self._state, **changes)  # type: ignore[arg-type]  # mypy cannot see the keys
        write_market_state(self._files, self._state)


def has_ended(task: ob.Task) -> bool:
    """Return whether nothing more will happen to a task."""
    if task.phase in {TaskPhase.AGGREGATED, TaskPhase.VOID}:
        return True
    return task.phase == TaskPhase.SETTLED and task.accepted.bit_count() < task.terms.k_min


def describe_phase(task: ob.Task) -> str:
    """Return in a few words how far a task is."""
    phase, joined = TaskPhase(task.phase), len(task.entries)
    match phase:
        case TaskPhase.JOINING:
            return f"{joined} of {task.terms.max_submissions} places are taken"
        case TaskPhase.TRAINING:
            return f"training, {task.committed} of {joined} have committed"
        case TaskPhase.OPENING | TaskPhase.VERIFYING:
            return f"verifying, {task.ended} of {joined} submissions have ended"
        case TaskPhase.SETTLED | TaskPhase.AGGREGATED:
            accepted = task.accepted.bit_count()
            return f"{phase.name.lower()}, {accepted} of {joined} submissions were accepted"
        case TaskPhase.VOID:
            return "void: it ended before anybody trained"


async def patiently(read: Callable[[], Awaitable[Read]]) -> Read:
    """Return what ``read`` returns, again and again while a busy machine lets it fail."""
    while True:
        try:
            return await read()
        except WorldFault:
            await trio.sleep(LOOK_S)
