"""Read-your-writes consistency: reads that are not older than our own transactions.

Several nodes may be behind one address, and a new connection may reach another of them, which has
not seen our last transaction yet. It returns an object at an older version than the effects named,
or not at all. The read is then repeated until the answer is new enough.
"""

import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TypeVar

import trio

from walrusd.chain.values.types import SUI_COIN_TYPE, Change, ChangedObject, ExecutedTransaction

log = logging.getLogger(__name__)

T = TypeVar("T")

PATIENCE_S = 4.0
"""Seconds after a transaction in which nodes may lag behind it.

After that, an older answer is accepted: another party may have deleted or taken the object.
"""

_PAUSE_S = 0.25


class OwnWrites:
    """The newest version of each object that our transactions changed.

    SUI coins are left out: the sender learns their versions from the validators' answers.
    """

    def __init__(self) -> None:
        self._left: OrderedDict[str, tuple[ChangedObject, float]] = OrderedDict()

    def note(self, executed: ExecutedTransaction) -> None:
        """Record what one of our transactions changed."""
        now = trio.current_time()
        for item in executed.changed:
            known, _ = self._left.pop(item.id, (item, now))
            if item.change is not Change.DELETED and item.type != SUI_COIN_TYPE:
                self._left[item.id] = max(known, item, key=lambda each: each.version), now
        self._forget_old()

    def _forget_old(self) -> None:
        since = trio.current_time() - PATIENCE_S
        while self._left and next(iter(self._left.values()))[1] <= since:
            self._left.popitem(last=False)

    def owned_by(self, owner: str, object_type: str | None) -> list[str]:
        """Return what an address owns after our transactions: objects of one type, or of all."""
        return [
            item.id
            for item, _ in self._left.values()
            if item.owner is not None
            and item.owner.address == owner
            and object_type in (None, item.type)
        ]

    async def read(
        self,
        wanted: Iterable[str],
        ask: Callable[[], Awaitable[T]],
        versions: Callable[[T], Mapping[str, int]],
    ) -> T:
        """Return the result of ``ask`` once it is not older than our own transactions.

        Args:
            wanted: ids of the objects it returns.
            ask: asks a node; repeated while the answer is too old.
            versions: returns the version of each object in an answer.
        """
        self._forget_old()
        wanted = [i for i in wanted if i in self._left]
        while True:
            answer = await ask()
            self._forget_old()
            seen = versions(answer) if wanted else {}
            wanted = [i for i in wanted if i in self._left and self._is_behind(i, seen)]
            if not wanted:
                return answer
            log.debug("a node lags behind our changes of %s", ", ".join(wanted))
            await trio.sleep(_PAUSE_S)

    def _is_behind(self, object_id: str, seen: Mapping[str, int]) -> bool:
        return seen.get(object_id, -1) < self._left[object_id][0].version
