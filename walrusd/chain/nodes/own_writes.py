"""Reads that are not older than our own transactions.

One address may stand for several nodes, and a connection may be opened again to another of them:
the node that answers a read need not have seen what we did. It shows an object at a version lower
than the effects said, or not at all; then it is asked again until it, or another one, knows.
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
"""Seconds after a transaction in which nodes may not show it yet.

Afterwards they are believed: somebody else may have deleted or taken an object.
"""

_PAUSE_S = 0.25


class OwnWrites:
    """What our transactions left of each object.

    SUI coins are left out: the sender finds out about those by what validators say.
    """

    def __init__(self) -> None:
        self._left: OrderedDict[str, tuple[ChangedObject, float]] = OrderedDict()

    def note(self, executed: ExecutedTransaction) -> None:
        """Remember what a transaction of ours has changed."""
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
        """Return the objects that we know an address to own, of one type or of all."""
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
        """Return what ``ask`` gives once it is not older than what we did.

        Args:
            wanted: the objects it is about.
            ask: asks a node; called again while the answer is too old.
            versions: gives the version of each object in an answer.
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
            log.debug("a node does not show yet what we did to %s", ", ".join(wanted))
            await trio.sleep(_PAUSE_S)

    def _is_behind(self, object_id: str, seen: Mapping[str, int]) -> bool:
        return seen.get(object_id, -1) < self._left[object_id][0].version
