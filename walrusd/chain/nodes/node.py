"""One node of several, and the failures of the nodes asked for one reply."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import trio

from walrusd.chain.grpc import Channel, GRPCError
from walrusd.chain.nodes.statuses import is_trouble, lacks_method, translate
from walrusd.errors import MethodMissing, WalrusdError, WrongNetwork

_LACKING_S = 300.0
"""Seconds after which a node that lacked a method is tried again, as it may have been updated."""


@dataclass(eq=False)
class Node:
    """One endpoint, whether its chain has been checked, and which methods it lacks."""

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
        """Return whether the node has recently refused a method as unknown."""
        said = self._lacking.get(route)
        return said is not None and trio.current_time() - said < _LACKING_S


class Tries:
    """The failures of the nodes that were asked for one reply."""

    def __init__(self) -> None:
        self._failed: dict[Node, tuple[GRPCError, str]] = {}
        self._wrong_network: WrongNetwork | None = None

    def note_failure(self, node: Node, error: GRPCError, route: str) -> None:
        """Record that a node failed, or lacks the method."""
        self._failed.pop(node, None)
        self._failed[node] = (error, route)

    def note_wrong_network(self, node: Node, error: WrongNetwork) -> None:
        """Record that a node serves another chain."""
        self._failed.pop(node, None)
        self._wrong_network = error

    def all_lack_method(self, nodes: Sequence[Node]) -> bool:
        """Return whether every node lacks the method, so that retrying is useless."""
        return len(self._failed) == len(nodes) and all(
            lacks_method(error.status) for error, _ in self._failed.values()
        )

    def verdict(self) -> WalrusdError:
        """Return the error to raise once no node is left to ask."""
        if not self._failed:
            assert self._wrong_network is not None
            return self._wrong_network
        # A failed node may offer the method later; it is missing only if no node failed otherwise.
        troubled = [item for item in self._failed.items() if is_trouble(item[1][0].status)]
        node, (cause, route) = (troubled or list(self._failed.items()))[-1]
        error = translate(cause, node.name, route)
        if isinstance(error, MethodMissing) and len(self._failed) > 1:
            names = ", ".join(other.name for other in self._failed)
            error.message = f"none of {names} offers {error.fields['method']}: {cause.message}"
        if self._wrong_network is not None:
            error.hint = f"{self._wrong_network.message}; {self._wrong_network.hint}"
        error.__cause__ = cause
        return error
