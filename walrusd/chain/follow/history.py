"""Where to read events from: nodes prune old checkpoints, archives keep them."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from walrusd.chain.nodes.client import SuiClient
from walrusd.chain.nodes.endpoints import Node
from walrusd.chain.nodes.methods import LIST_EVENTS
from walrusd.errors import (
    ChainRefused,
    ChainUnreachable,
    HistoryPruned,
    MethodMissing,
    ObjectNotFound,
)

log = logging.getLogger(__name__)

_TRIES = 3
"""How often in a row the archives may fail before the follower fails."""


@dataclass(frozen=True)
class Source:
    """Where to read next, from checkpoint ``start`` on.

    For an archive, ``end`` is the checkpoint at which the ordinary nodes take over.
    """

    client: SuiClient
    start: int
    end: int | None = None

    @property
    def is_archive(self) -> bool:
        """Whether this is an archive."""
        return self.end is not None


class HistoryChecker:
    """Checks how far back each node goes, so that reading its events leaves no gap.

    The nodes of ``client.endpoints`` come first. What all of them have pruned is read from
    ``client.archives``, up to where the nodes begin.
    """

    def __init__(self, client: SuiClient, packages: Sequence[str]) -> None:
        self._client, self._packages = client, packages
        self._nodes = _Depth(client, has_substitute=client.archives is not None)
        self._archives = None if client.archives is None else _Depth(client.archives)
        self._published: int | None = None
        self._failures, self._pruned = 0, ""

    def recheck(self) -> None:
        """Ask the nodes again how far back they go."""
        for depth in (self._nodes, self._archives):
            if depth is not None:
                depth.checked = None

    def check_node(self, node: Node) -> None:
        """Check that ``node`` is one whose lowest checkpoint is known.

        Raises:
            ChainUnreachable: if another node has taken over in the meantime.
        """
        if all(
            depth is None or node is not depth.checked for depth in (self._nodes, self._archives)
        ):
            raise ChainUnreachable(f"{node.name} has taken over; its history is not known yet")

    async def find_source(self, wanted: int) -> Source:
        """Return where to read so that nothing from checkpoint ``wanted`` on is missed.

        Events cannot be older than the packages that define them, so reading begins no earlier
        than their publication. Networks have many millions of checkpoints.

        Raises:
            ChainUnreachable: if the current node has pruned events; another one is asked next.
            HistoryPruned: if every node has, and no archive has them.
            WrongNetwork: if every node that answers serves another chain.
        """
        try:
            return Source(self._client, await self._find_start(self._nodes, wanted))
        except HistoryPruned as error:
            if self._archives is None:
                raise
            self._pruned = error.message
        try:
            start = await self._find_start(self._archives, wanted)
        except HistoryPruned as error:
            raise HistoryPruned(f"{self._pruned}; {error.message}") from error
        except (ChainUnreachable, ChainRefused) as error:
            self.note_failure(error)
            raise
        return Source(self._archives.client, start, self._nodes.lowest)

    def note_failure(self, error: ChainUnreachable | ChainRefused) -> None:
        """Record that reading an archive failed.

        Raises:
            HistoryPruned: if it failed too often, or no archive lists events.
        """
        self._failures += 1
        if self._failures >= _TRIES or isinstance(error, MethodMissing):
            self._failures = 0
            raise HistoryPruned(f"{self._pruned}; no archive has them: {error.message}") from error

    def note_progress(self) -> None:
        """Record that reading made progress."""
        self._failures = 0

    async def _find_start(self, depth: "_Depth", wanted: int) -> int:
        node = await depth.client.endpoints.ready(LIST_EVENTS.route, avoid=depth.poor)
        if node is not depth.checked:
            # From here on it is about this node: forget what was known of another.
            depth.checked = None
            here = depth.client.at(node)
            depth.lowest = (await here.service_info()).lowest_checkpoint
            depth.published = 0
            if wanted == 0 or wanted < depth.lowest:
                published = await self._find_published(here) or 0
                if wanted < depth.lowest and published < depth.lowest:
                    depth.leave(node, wanted)
                depth.published = published
            depth.poor.clear()
            depth.checked = node
        return max(wanted, depth.lowest, depth.published)

    async def _find_published(self, here: SuiClient) -> int | None:
        """Return the checkpoint in which the first package was published, or None if unknown."""
        if self._published is None:
            found = [await self._find_birth(here, package) for package in self._packages]
            known = [checkpoint for checkpoint in found if checkpoint is not None]
            if found and len(known) == len(found):
                self._published = min(known)
        return self._published

    async def _find_birth(self, here: SuiClient, package: str) -> int | None:
        try:
            digest = (await self._client.get_object(package)).previous_transaction
        except ObjectNotFound:
            return None
        if not digest:
            return None
        for client in (here, self._client.archives):
            if client is None:
                continue
            try:
                return (await client.get_transaction(digest)).checkpoint
            except (ObjectNotFound, ChainUnreachable, ChainRefused) as error:
                log.info("the transaction that published %s: %s", package, error)
        return None


class _Depth:
    """How far back the nodes of one client go; ``poor`` names those that have pruned too much."""

    def __init__(self, client: SuiClient, *, has_substitute: bool = False) -> None:
        self.client, self._has_substitute = client, has_substitute
        self.checked: Node | None = None
        self.lowest = self.published = 0
        self.poor: set[str] = set()

    def leave(self, node: Node, wanted: int) -> None:
        """Prefer another node to ``node``, which has pruned ``wanted``.

        Raises:
            ChainUnreachable: if another node may have it.
            HistoryPruned: if none can.
        """
        # Poor nodes are asked last, so no other node has answered.
        no_other = node.name in self.poor
        self.poor.add(node.name)
        text = f"{node.name} has pruned checkpoints {wanted} to {self.lowest - 1}"
        endpoints = self.client.endpoints
        if (no_other and self._has_substitute) or all(
            other.name in self.poor or other.lacks(LIST_EVENTS.route) for other in endpoints.nodes
        ):
            raise HistoryPruned(text)
        endpoints.leave(node, "has pruned history that is needed")
        raise ChainUnreachable(text)
