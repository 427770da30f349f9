"""One node among several: what is known of it, and what the nodes answered that were asked."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import trio

from walrusd.chain.grpc import Channel, GRPCError
from walrusd.chain.nodes.statuses import is_trouble, lacks_method, translate
from walrusd.errors import MethodMissing, WalrusdError, WrongNetwork

_LACKING_S = 300.0
"""Seconds after which a node that lacked a method is asked for it again: it may be updated."""


@dataclass(eq=False)
class Node:
    """One endpoint, whether its chain has been checked, and what it does not offer."""

    channel: Channel
    checked: bool = False
    _lacking: dict[str, float] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Return ``host:port``."""
        return self.channel.endpoint.authority

    def note_lack(self, route: str) -> None:
        """Remember that the node does not offer a method."""
        self._lacking[route] = trio.current_time()

    def lacks(self, route: str) -> bool:
        """Return whether the node has said lately that it does not offer a method."""
        said = self._lacking.get(route)
        return said is not None and trio.current_time() - said < _LACKING_S


class Tries:
    """What the nodes answered that were asked for one thing."""

    def __init__(self) -> None:
        self._failed: dict[Node, tuple[GRPCError, str]] = {}
        self._stranger: WrongNetwork | None = None

    def note_failure(self, node: Node, error: GRPCError, route: str) -> None:
        """Note that a node failed, or lacks what was called."""
        self._failed.pop(node, None)
        self._failed[node] = (error, route)

    def note_stranger(self, node: Node, error: WrongNetwork) -> None:
        """Note that a node serves another chain."""
        self._failed.pop(node, None)
        self._stranger = error

    def nobody_offers_it(self, nodes: Sequence[Node]) -> bool:
        """Return whether every node lacks the method, so that asking again is of no use."""
        return len(self._failed) == len(nodes) and all(
            lacks_method(error.status) for error, _ in self._failed.values()
        )

    def verdict(self) -> WalrusdError:
        """Return the error to raise once no node is left to ask."""
        if not self._failed:
            assert self._stranger is not None
            return self._stranger
        # A node in trouble may do it later; only if there is none, the method is missing.
        troubled = [item for item in self._failed.items() if is_trouble(item[1][0].status)]
        node, (cause, route) = (troubled or list(self._failed.items()))[-1]
        error = translate(cause, node.name, route)
        if isinstance(error, MethodMissing) and len(self._failed) > 1:
            names = ", ".join(other.name for other in self._failed)
            error.message = f"none of {names} offers {error.fields['method']}: {cause.message}"
        if self._stranger is not None:
            error.hint = f"{self._stranger.message}; {self._stranger.hint}"
        error.__cause__ = cause
        return error
