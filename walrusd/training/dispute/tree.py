"""Merkle trees that one party shows to another, some nodes at a time (RFC 6962).

A **node** of level ``k`` has at most ``2^k`` leaves under it; its place counts nodes of its level
from the left. A party that has committed to a root shows a node's children, up to 256 of them, and
who looks for a difference goes down into the first child that two parties show differently. So
every step shows at most 8 KiB, and two steps of 256 reach 65,536 leaves.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from walrusd.crypto import merkle
from walrusd.errors import VerificationFailed

WIDTH = 256
"""Children shown at a time: 8 KiB of hashes."""

_PIECE = 1 << 12
"""Leaf hashes read at once."""


@dataclass(frozen=True)
class TreeNode:
    """A node that a party has committed to, in a tree of ``size`` leaves."""

    size: int
    level: int
    place: int
    hash: bytes

    @property
    def span(self) -> range:
        """The leaves under the node."""
        start = self.place << self.level
        return range(start, min(start + (1 << self.level), self.size))


class HashTree:
    """A tree over ``size`` leaves, of which ``read(start, stop)`` gives the hashes, joined.

    It keeps nothing: hashes are read again where they are needed.

    Raises:
        ValueError: if there is no leaf.
    """

    def __init__(self, size: int, read: Callable[[int, int], bytes]) -> None:
        if size < 1:
            raise ValueError("a tree has at least one leaf")
        self.size = size
        self._read = read

    @property
    def height(self) -> int:
        """The level of the root."""
        return (self.size - 1).bit_length()

    def leaf_hashes(self, start: int, stop: int) -> list[bytes]:
        """Return the hashes of the leaves ``start … stop − 1``."""
        return _split(self._read(start, stop))

    def root(self) -> TreeNode:
        """Return the root."""
        return TreeNode(self.size, self.height, 0, self.compute_hash(self.height, 0))

    def compute_hash(self, level: int, place: int) -> bytes:
        """Return the hash of a node, of which there is one.

        Memory grows with a 4,096th of its leaves.
        """
        start = place << level
        stop = min(start + (1 << level), self.size)
        pieces = [
            merkle.compute_root_of_hashes(self.leaf_hashes(first, min(first + _PIECE, stop)))
            for first in range(start, stop, _PIECE)
        ]
        return merkle.compute_root_of_hashes(pieces)

    def children(self, node: TreeNode, width: int = WIDTH) -> list[bytes]:
        """Return the hashes of the nodes that ``width`` children a node puts under ``node``."""
        level, places = _place_children(node, width)
        return [self.compute_hash(level, place) for place in places]

    def path(self, index: int) -> list[bytes]:
        """Return the audit path of leaf ``index``, 32 bytes each, from the leaf upwards.

        Raises:
            IndexError: if there is no such leaf.
        """
        if not 0 <= index < self.size:
            raise IndexError(index)
        siblings = ((level, (index >> level) ^ 1) for level in range(self.height))
        return [
            self.compute_hash(level, place)
            for level, place in siblings
            if place << level < self.size
        ]


def _split(hashes: bytes) -> list[bytes]:
    return [hashes[start : start + 32] for start in range(0, len(hashes), 32)]


def _place_children(node: TreeNode, width: int) -> tuple[int, range]:
    """Return the level and the places of a node's children."""
    if width < 2 or width & (width - 1):
        raise ValueError(f"{width} is not a power of two above 1")
    level = max(0, node.level - width.bit_length() + 1)
    return level, range(node.span.start >> level, -(-node.span.stop >> level))


def verify_children(
    node: TreeNode, children: Sequence[bytes], width: int = WIDTH
) -> list[TreeNode]:
    """Return the children of ``node``, after checking that the hashes shown lead to it.

    Raises:
        VerificationFailed: if there are too many or too few, one does not have 32 bytes, or they
            lead to another hash.
    """
    level, places = _place_children(node, width)
    if len(children) != len(places):
        raise VerificationFailed(f"the node has {len(places)} children, not {len(children)}")
    if any(len(child) != 32 for child in children):
        raise VerificationFailed("a node of a Merkle tree has 32 bytes")
    if merkle.compute_root_of_hashes(children) != node.hash:
        raise VerificationFailed("the children lead to another node")
    shown = zip(places, children, strict=True)
    return [TreeNode(node.size, level, place, child) for place, child in shown]


def find_difference(a: HashTree, b: HashTree, width: int = WIDTH) -> int | None:
    """Return the first leaf in which two trees of one size differ, None if their roots are equal.

    Both sides are read as a judge reads two parties: what is shown must lead to what was shown
    before.
    """
    left, right = a.root(), b.root()
    if left == right:
        return None
    while left.level:
        shown = (
            verify_children(node, tree.children(node, width), width)
            for tree, node in ((a, left), (b, right))
        )
        pairs = zip(*shown, strict=True)
        left, right = next((mine, yours) for mine, yours in pairs if mine != yours)
    return left.place
