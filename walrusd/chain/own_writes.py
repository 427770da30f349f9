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

from walrusd.chain.types import SUI_COIN_TYPE, Change, ChangedObject, ExecutedTransaction

log = logging.getLogger(__name__)

T = TypeVar("T")

PATIENCE_S = 10.0
"""Seconds after which the nodes are believed: somebody else may have deleted or taken an object."""

_PAUSE_S = 0.25
_MOST = 1_000
"""How many objects are remembered; the nodes have seen long ago what was changed before those."""


class OwnWrites:
    """What our transactions left of each object.

    SUI coins are left out: the sender finds out about those by what validators say.
    """

    def __init__(self) -> None:
        self._left: OrderedDict[str, ChangedObject] = OrderedDict()

    def note(self, executed: ExecutedTransaction) -> None:
        """Remember what a transaction of ours has changed."""
        for item in executed.changed:
            known = self._left.get(item.id)
            if item.change is Change.DELETED:
                self._left.pop(item.id, None)
            elif item.type != SUI_COIN_TYPE and (known is None or known.version < item.version):
                self._left[item.id] = item
                self._left.move_to_end(item.id)
        while len(self._left) > _MOST:
            self._left.popitem(last=False)

    def owned_by(self, owner: str, object_type: str | None) -> list[str]:
        """Return the objects that we know an address to own, of one type or of all."""
        return [
            item.id
            for item in self._left.values()
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
        wanted = [i for i in wanted if i in self._left]
        give_up = trio.current_time() + PATIENCE_S
        while True:
            answer = await ask()
            seen = versions(answer) if wanted else {}
            behind = [i for i in wanted if seen.get(i, -1) < self._left[i].version]
            if not behind:
                return answer
            if trio.current_time() >= give_up:
                log.warning("the nodes do not show what we did to %s", ", ".join(behind))
                for object_id in behind:
                    self._left.pop(object_id, None)
                return answer
            await trio.sleep(_PAUSE_S)
