"""Fetch what tasks need from Walrus in the background, so that no task delays another.

A stranger's task may name a blob that does not exist or that arrives very slowly.
"""

from collections.abc import Awaitable, Callable, Collection
from enum import StrEnum

import trio

from walrusd.chain.layouts import objects as ob
from walrusd.engine.service import Service
from walrusd.market.fetch import Fetcher
from walrusd.training.plan.plan import Plan

PLANS_AT_ONCE = 8

MODELS_AT_ONCE = 2
"""Checking a model takes several times its size in memory."""


class FetchedPart(StrEnum):
    """A part of a task that is fetched, and may fail, independently of the others."""

    PLAN = ":plan"
    PARENT = ":parent"
    WEIGHTS = ":weights"
    ROWS = ":rows"
    RATE = ":rate"
    """Not fetched but measured: it takes some seconds too."""


class Background:
    """The fetches of a service: each is made once, and its result is kept."""

    def __init__(self, service: Service, fetcher: Fetcher) -> None:
        self._service = service
        self._fetcher = fetcher
        self._found: dict[tuple[str, FetchedPart], bool] = {}
        self._turns = {
            part: trio.CapacityLimiter(
                PLANS_AT_ONCE if part == FetchedPart.PLAN else MODELS_AT_ONCE
            )
            for part in FetchedPart
        }

    def keep_only(self, tasks: Collection[str]) -> None:
        """Forget the results for all other tasks."""
        self._found = {key: found for key, found in self._found.items() if key[0] in tasks}

    async def get(
        self, task: str, part: FetchedPart, work: Callable[[], Awaitable[bool]]
    ) -> bool | None:
        """Do ``work`` for a task in the background; return its result, None until it is done.

        A failure is recorded and retried for this part of this task only.
        """
        key = task, part

        async def fetch() -> None:
            async with self._turns[part]:
                self._found[key] = await work()
            if not self._turns[part].statistics().tasks_waiting:
                self._service.tools.wakeup.wake()  # once for many: reconciling comes soon anyway

        if key not in self._found:
            await self._service.attempt_in_background(task, fetch, part=part)
        return self._found.get(key)

    def forget(self, task: str, part: FetchedPart) -> None:
        """Fetch a part again when it is next needed."""
        self._found.pop((task, part), None)

    async def has_weights(self, task: ob.Task) -> bool:
        """Return whether a task's weights are here and verified; otherwise fetch them."""

        async def ready() -> bool:
            await self._fetcher.ready_weights(task)
            return True

        if not await self.get(task.id, FetchedPart.WEIGHTS, ready):
            return False
        return await ready()  # they may have been removed since

    async def has_rows(
        self, task: ob.Task, version: ob.DatasetVersion, dek: bytes, plan: Plan
    ) -> bool:
        """Return whether a dataset's rows are here and verified; otherwise fetch them."""

        async def ready() -> bool:
            await self._fetcher.ready_rows(version, dek, plan)
            return True

        if not await self.get(task.id, FetchedPart.ROWS, ready):
            return False
        return await ready()
