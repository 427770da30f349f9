"""Where the events that are to be read still are: nodes forget old checkpoints, archives do not."""

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
"""How often in a row the archives may fail before that is an error."""


@dataclass(frozen=True)
class Source:
    """Where to read next, from which checkpoint on.

    ``end`` is the checkpoint from which on the ordinary nodes go on, if this is an archive.
    """

    client: SuiClient
    start: int
    end: int | None = None

    @property
    def is_archive(self) -> bool:
        """Return whether an archive is to be read."""
        return self.end is not None


class HistoryChecker:
    """Checks every node once before its list of events is trusted to have no gap.

    The nodes of ``client.endpoints`` come first. What all of them have forgotten is read from
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
        """Check that ``node`` is one of those that were asked how far back they go.

        Raises:
            ChainUnreachable: if another node has taken over meanwhile.
        """
        if all(
            depth is None or node is not depth.checked for depth in (self._nodes, self._archives)
        ):
            raise ChainUnreachable(f"{node.name} has taken over; its history is not known yet")

    async def find_source(self, wanted: int) -> Source:
        """Return where to read so that nothing from checkpoint ``wanted`` on is missed.

        Nothing that the packages define came before they were published, so what is older is
        neither needed nor, on a network of many millions of checkpoints, looked through.

        Raises:
            ChainUnreachable: if the current node has forgotten events; another one is asked next.
            HistoryPruned: if every node has, and no archive helps.
            WrongNetwork: if those that answer serve another chain.
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
        """Note that reading an archive failed.

        Raises:
            HistoryPruned: if it failed too often, or no archive lists events.
        """
        self._failures += 1
        if self._failures >= _TRIES or isinstance(error, MethodMissing):
            self._failures = 0
            raise HistoryPruned(f"{self._pruned}; no archive helps: {error.message}") from error

    def note_progress(self) -> None:
        """Note that reading went on."""
        self._failures = 0

    async def _find_start(self, depth: "_Depth", wanted: int) -> int:
        node = await depth.client.endpoints.ready(LIST_EVENTS.route, avoid=depth.poor)
        if node is not depth.checked:
            # What follows is about this node: what was known of another one must not be mixed in.
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
        """Return the checkpoint in which the first package was published, if it can be known."""
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
    """How far back the nodes of one client go. ``poor``: those that have forgotten too much."""

    def __init__(self, client: SuiClient, *, has_substitute: bool = False) -> None:
        self.client, self._has_substitute = client, has_substitute
        self.checked: Node | None = None
        self.lowest = self.published = 0
        self.poor: set[str] = set()

    def leave(self, node: Node, wanted: int) -> None:
        """Turn to another node than ``node``, which has forgotten ``wanted``.

        Raises:
            ChainUnreachable: always, unless
            HistoryPruned: no other can help.
        """
        # Those come last that are known to be poor: no other one has answered then.
        nobody_else = node.name in self.poor
        self.poor.add(node.name)
        text = f"{node.name} has forgotten checkpoints {wanted} to {self.lowest - 1}"
        endpoints = self.client.endpoints
        if (nobody_else and self._has_substitute) or all(
            other.name in self.poor or other.lacks(LIST_EVENTS.route) for other in endpoints.nodes
        ):
            raise HistoryPruned(text)
        endpoints.leave(node, "has forgotten history that is needed")
        raise ChainUnreachable(text)
