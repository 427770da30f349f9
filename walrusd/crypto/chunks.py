"""Merkle roots (RFC 6962) of long byte strings: leaves of 1 MiB, each provable alone.

Used for the states of a training run, for updates, and for the sections of a file.
"""

import hashlib

import numpy as np
import numpy.typing as npt

from walrusd.crypto import merkle

LEAF_BYTES = 1 << 20

Buffer = bytes | bytearray | memoryview


class ChunkHasher:
    """Computes the root of bytes that come in pieces of any size; keeps 32 bytes per leaf."""

    def __init__(self) -> None:
        self._hashes: list[bytes] = []
        self._state = hashlib.sha256(b"\x00")
        self._filled = 0

    def update(self, data: Buffer) -> None:
        """Append ``data``."""
        view = memoryview(data)
        # A view without elements cannot be cast.
        rest = view.cast("B") if view.nbytes else memoryview(b"")
        while rest:
            piece = rest[: LEAF_BYTES - self._filled]
            self._state.update(piece)
            self._filled += len(piece)
            rest = rest[len(piece) :]
            if self._filled == LEAF_BYTES:
                self._hashes.append(self._state.digest())
                self._state, self._filled = hashlib.sha256(b"\x00"), 0

    def leaf_hashes(self) -> list[bytes]:
        """Return the RFC 6962 hashes of the leaves so far; the last leaf may be short."""
        return [*self._hashes, self._state.digest()] if self._filled else list(self._hashes)

    def root(self) -> bytes:
        """Return the root, 32 bytes, over everything appended so far."""
        return merkle.compute_root_of_hashes(self.leaf_hashes())


def compute_chunk_root(data: Buffer) -> bytes:
    """Return the root, 32 bytes, over the 1 MiB leaves of ``data``."""
    hasher = ChunkHasher()
    hasher.update(data)
    return hasher.root()


def compute_update_root(update: npt.NDArray[np.int32]) -> bytes:
    """Return the chunk root, 32 bytes, over an update's int32 entries ``(d,)``, little-endian.

    Raises:
        ValueError: if the update is not an int32 vector.
    """
    if update.dtype != np.int32 or update.ndim != 1:
        raise ValueError("an update is an int32 vector")
    little_endian = np.ascontiguousarray(update, dtype="<i4")
    return compute_chunk_root(little_endian.data)
