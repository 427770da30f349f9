"""Whether a node still has the events that are to be read: nodes forget old checkpoints."""

import logging
from collections.abc import Sequence

from walrusd.chain.client import SuiClient
from walrusd.chain.endpoints import Node
from walrusd.errors import ChainUnreachable, HistoryPruned, ObjectNotFound

log = logging.getLogger(__name__)


class History:
    """Checks every node once before its list of events is trusted to have no gap."""

    def __init__(self, client: SuiClient, packages: Sequence[str]) -> None:
        self._client, self._packages = client, packages
        self._checked: Node | None = None
        self._lowest = self._published = 0
        self._poor: set[str] = set()

    def recheck(self) -> None:
        """Ask the node again how far back it goes."""
        self._checked = None

    def check_node(self, node: Node) -> None:
        """Check that ``node`` is the one that was asked.

        Raises:
            ChainUnreachable: if another node has taken over meanwhile.
        """
        if node is not self._checked:
            raise ChainUnreachable(f"{node.name} has taken over; its history is not known yet")

    async def find_start(self, wanted: int) -> int:
        """Return the checkpoint to read from so that nothing from ``wanted`` on is missed.

        Nothing that the packages define came before they were published, so what is older is
        neither needed nor, on a network of many millions of checkpoints, looked through.

        Raises:
            ChainUnreachable: if the current node has forgotten events; the next one is asked now.
            HistoryPruned: if every node has.
        """
        endpoints = self._client.endpoints
        node = await endpoints.ready()
        if node is not self._checked:
            here = self._client.pinned()
            self._lowest = (await here.service_info()).lowest_checkpoint
            self._published = 0
            if wanted == 0 or wanted < self._lowest:
                published = await self._find_published(here)
                if wanted < self._lowest and (published or 0) < self._lowest:
                    self._leave(node, wanted)
                self._published = published or 0
            self._poor.discard(node.name)
            self._checked = node
        return max(wanted, self._lowest, self._published)

    def _leave(self, node: Node, wanted: int) -> None:
        endpoints = self._client.endpoints
        self._poor.add(node.name)
        text = f"{node.name} has forgotten checkpoints {wanted} to {self._lowest - 1}"
        if len(self._poor) >= len(endpoints):
            raise HistoryPruned(text)
        endpoints.fail(node)
        raise ChainUnreachable(text)

    async def _find_published(self, node: SuiClient) -> int | None:
        """Return the checkpoint in which the first package was published, if the node knows it."""
        found: list[int] = []
        for package in self._packages:
            try:
                digest = (await node.get_object(package)).previous_transaction
                if not digest:
                    return None
                checkpoint = (await node.get_transaction(digest)).checkpoint
            except ObjectNotFound:
                return None
            if checkpoint is None:
                return None
            found.append(checkpoint)
        return min(found, default=None)
