"""Merkle trees of RFC 6962, section 2.1: SHA-256, leaves and nodes separated by one byte."""

import hashlib
from collections.abc import Iterable, Sequence

from walrusd.errors import VerificationFailed


def encode_count(count: int) -> bytes:
    """Return ``count`` as BCS writes the length of a vector: ULEB128, lowest seven bits first.

    What a leaf holds stands behind its length, so that one ``bcs::to_bytes`` of Move makes the
    bytes that are hashed.
    """
    encoded = bytearray()
    while count > 0x7F:
        encoded.append(count & 0x7F | 0x80)
        count >>= 7
    encoded.append(count)
    return bytes(encoded)


def hash_leaf(data: bytes | memoryview) -> bytes:
    """Return ``SHA-256(0x00 ‖ data)``, without copying ``data``."""
    state = hashlib.sha256(b"\x00")
    state.update(data)
    return state.digest()


def hash_node(left: bytes, right: bytes) -> bytes:
    """Return ``SHA-256(0x01 ‖ left ‖ right)``."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def _levels(hashes: Sequence[bytes]) -> list[list[bytes]]:
    """Return all levels, leaf hashes first. An odd last node moves up unchanged.

    That is the tree of RFC 6962: splitting at the largest power of two below n gives the same
    shape as pairing from the left and promoting the odd node.
    """
    level = list(hashes)
    levels = [level]
    while len(level) > 1:
        # As hash_node does, without a call per node: a state of 1 GiB has 262,144 of them.
        pairs = zip(level[::2], level[1::2], strict=False)
        above = [hashlib.sha256(b"\x01" + left + right).digest() for left, right in pairs]
        if len(level) % 2:
            above.append(level[-1])
        levels.append(above)
        level = above
    return levels


def compute_root(leaves: Sequence[bytes]) -> bytes:
    """Return the root over ``leaves`` (their data, not their hashes).

    The root of no leaves is SHA-256 of the empty string, as in the RFC.
    """
    return compute_root_of_hashes([hash_leaf(leaf) for leaf in leaves])


def compute_root_of_hashes(hashes: Sequence[bytes]) -> bytes:
    """Return the root over leaves whose ``hash_leaf`` values are ``hashes``."""
    if not hashes:
        return hashlib.sha256().digest()
    return _levels(hashes)[-1][0]


class RootBuilder:
    """Computes the root over leaves that come one by one; keeps one hash per level."""

    def __init__(self) -> None:
        self._peaks: list[tuple[int, bytes]] = []

    def append(self, leaf: bytes | memoryview) -> None:
        """Append the data of one leaf."""
        size, node = 1, hash_leaf(leaf)
        while self._peaks and self._peaks[-1][0] == size:
            node = hash_node(self._peaks.pop()[1], node)
            size *= 2
        self._peaks.append((size, node))

    def root(self) -> bytes:
        """Return the root over the leaves so far, as ``compute_root`` does."""
        if not self._peaks:
            return hashlib.sha256().digest()
        node = self._peaks[-1][1]
        for _size, left in reversed(self._peaks[:-1]):
            node = hash_node(left, node)
        return node


def compute_root_of_items(pieces: Iterable[bytes], width: int) -> bytes:
    """Return the root over items of ``width`` bytes, one leaf each; pieces hold whole items.

    The data of a leaf are ``uleb(width) ‖ item``: in Move ``{ prefix: u8, item: vector<u8> }``.

    Raises:
        ValueError: if a piece does not hold whole items.
    """
    builder, length = RootBuilder(), encode_count(width)
    for piece in pieces:
        if len(piece) % width:
            raise ValueError(f"a piece of {len(piece)} bytes does not hold items of {width} bytes")
        for start in range(0, len(piece), width):
            builder.append(length + piece[start : start + width])
    return builder.root()


class Tree:
    """A tree kept whole, from which many paths can be taken."""

    def __init__(self, leaves: Sequence[bytes], *, hashed: bool = False) -> None:
        """Build from the data of the leaves, or from their ``hash_leaf`` values if ``hashed``.

        Raises:
            ValueError: if there is no leaf.
        """
        if not leaves:
            raise ValueError("a tree with paths has at least one leaf")
        self._tree = _levels(leaves if hashed else [hash_leaf(leaf) for leaf in leaves])

    @property
    def root(self) -> bytes:
        """The root hash."""
        return self._tree[-1][0]

    @property
    def size(self) -> int:
        """The number of leaves."""
        return len(self._tree[0])

    def path(self, index: int) -> list[bytes]:
        """Return the audit path of leaf ``index``, 32-byte hashes from the leaf upwards.

        Raises:
            IndexError: if there is no such leaf.
        """
        if not 0 <= index < self.size:
            raise IndexError(index)
        path = []
        for level in self._tree[:-1]:
            sibling = index ^ 1
            if sibling < len(level):
                path.append(level[sibling])
            index //= 2
        return path


class PathBuilder:
    """Computes the root over leaves that come one by one, and the paths of some of them.

    It keeps one hash per level and the hashes of the paths: memory grows with the paths alone.
    """

    def __init__(self, indices: Iterable[int]) -> None:
        """Prepare for the paths of the leaves ``indices``."""
        self._size = 0
        self._peaks: list[bytes | None] = []
        self._indices = frozenset(indices)
        self._wanted: list[frozenset[int]] = []
        self._found: dict[tuple[int, int], bytes] = {}

    def append(self, leaf: bytes | memoryview) -> None:
        """Append the data of one leaf."""
        place, level, node = self._size, 0, hash_leaf(leaf)
        self._size += 1
        while True:
            self._note(level, place, node)
            if level == len(self._peaks):
                self._peaks.append(None)
            left = self._peaks[level]
            if left is None:
                self._peaks[level] = node
                return
            self._peaks[level] = None
            place, level, node = place // 2, level + 1, hash_node(left, node)

    def _note(self, level: int, place: int, node: bytes) -> None:
        if level == len(self._wanted):
            self._wanted.append(frozenset((index >> level) ^ 1 for index in self._indices))
        if place in self._wanted[level]:
            self._found[level, place] = node

    def finish(self) -> tuple[bytes, dict[int, list[bytes]]]:
        """Return the root and each path by its leaf's index, as ``Tree`` gives them. Call it last.

        Raises:
            ValueError: if there was no leaf.
            IndexError: if there is no leaf of an index.
        """
        if not self._size:
            raise ValueError("a tree with paths has at least one leaf")
        for index in self._indices:
            if not 0 <= index < self._size:
                raise IndexError(index)
        # Whole subtrees are known; on the right edge an odd last node moves up unchanged.
        last: bytes | None = None
        for level, peak in enumerate(self._peaks):
            if last is None:
                last = peak
                continue
            self._note(level, self._size >> level, last)
            if peak is not None:
                last = hash_node(peak, last)
        assert last is not None
        return last, {index: self._path(index) for index in self._indices}

    def _path(self, index: int) -> list[bytes]:
        siblings = ((level, (index >> level) ^ 1) for level in range(len(self._wanted)))
        return [self._found[place] for place in siblings if place in self._found]


def compute_root_from_node(node: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes:
    """Return the root that ``path`` leads to from the hash ``node`` at ``index`` of ``size``.

    The ``size`` hashes may be those of leaves or of any whole level above them. This is the
    verification of RFC 9162, section 2.1.3.2.

    Raises:
        VerificationFailed: if there is no such node, or the path does not have its length.
    """
    if not 0 <= index < size:
        raise VerificationFailed(f"leaf {index} is outside a tree of {size} leaves")
    last, used = size - 1, 0
    while last:
        if index % 2 or index < last:
            if used == len(path):
                raise VerificationFailed("the Merkle path is too short")
            if len(path[used]) != 32:
                raise VerificationFailed("a Merkle path must consist of 32-byte hashes")
            sibling = path[used]
            node = hash_node(sibling, node) if index % 2 else hash_node(node, sibling)
            used += 1
        index //= 2
        last //= 2
    if used != len(path):
        raise VerificationFailed("the Merkle path is too long")
    return node


def compute_root_from_path(
    leaf: bytes | memoryview, index: int, size: int, path: Sequence[bytes]
) -> bytes:
    """Return the root that ``path`` leads to from leaf data ``leaf`` at ``index`` of ``size``.

    Raises:
        VerificationFailed: as ``compute_root_from_node``.
    """
    return compute_root_from_node(hash_leaf(leaf), index, size, path)


def verify_path(
    root: bytes, leaf: bytes | memoryview, index: int, size: int, path: Sequence[bytes]
) -> None:
    """Check that ``leaf`` is leaf ``index`` of the tree of ``size`` leaves with this ``root``.

    Raises:
        VerificationFailed: if it is not.
    """
    if compute_root_from_path(leaf, index, size, path) != root:
        raise VerificationFailed(f"the Merkle path of leaf {index} leads to another root")
