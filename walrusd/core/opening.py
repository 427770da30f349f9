"""The opening: what a contributor seals to its committee so that it can replay its segments.

It consists of pieces (``core.pieces``), each sealed and stored by itself, so that a reader fetches
only what it needs, and nobody holds all of it in memory. Roots on the chain authenticate it: the
trace root its leaves, leaves the states, the dataset's salted root the rows, and the update's root
the update.
"""

import heapq
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from walrusd.core.pieces.layouts import (
    OpenedCost,
    OpenedRow,
    OpenedTrace,
    ReadPiece,
    iterate_opened_rows,
    parse_cost,
    parse_trace,
    split_hashes,
)
from walrusd.core.pieces.names import (
    COST,
    FINAL_STATE,
    OPENINGS,
    TRACE,
    UPDATE,
    PieceKind,
    PieceName,
)
from walrusd.core.protocol import compute_leaf, compute_leaf_zero, compute_trace_root
from walrusd.crypto.dataset_rows import verify_row
from walrusd.crypto.pedersen.g1 import decode_scalar
from walrusd.crypto.pedersen.pedersen import verify_commitment as verify_pedersen_opening
from walrusd.errors import MalformedData, VerificationFailed


@dataclass(frozen=True)
class Opening:
    """The pieces of an opening that were fetched, read anew each time that they are needed.

    Each property and method that reads a piece raises VerificationFailed if the opening lacks it,
    and MalformedData if it is not what its name says.
    """

    pieces: Mapping[PieceName, ReadPiece]

    @cached_property
    def trace(self) -> OpenedTrace:
        """The roots that the leaves are made of."""
        return parse_trace(self._read(TRACE))

    def leaves(self) -> list[bytes]:
        """Return ``leaf_0 … leaf_S``."""
        states, slots = self.trace
        return [
            compute_leaf_zero(states[0]),
            *(compute_leaf(i, states[i], slots[i - 1]) for i in range(1, len(states))),
        ]

    def has_state(self, boundary: int) -> bool:
        """Return whether the state at a segment boundary was opened."""
        return self._name_state(boundary) in self.pieces

    def read_state(self, boundary: int) -> bytes:
        """Return the canonical bytes of the state at a boundary; S is the end of the work."""
        return self._read(self._name_state(boundary))

    def read_update(self) -> bytes:
        """Return the update, int32 little-endian.

        Raises:
            MalformedData: if it is empty, or not whole numbers.
        """
        update = self._read(UPDATE)
        if not update or len(update) % 4:
            raise MalformedData("the opened update is not int32")
        return update

    def read_openings(self) -> tuple[bytes, ...]:
        """Return what opens the update's commitments, 32-byte values.

        In the Pedersen scheme a big-endian scalar for each row, in the Paillier scheme only the
        seed of the encryption.
        """
        return split_hashes(self._read(OPENINGS))

    def read_cost(self) -> OpenedCost:
        """Return the opening of the cost."""
        return parse_cost(self._read(COST))

    def iterate_rows(self, segment: int) -> Iterator[OpenedRow]:
        """Return the rows of one segment, one by one."""
        return iterate_opened_rows(self._find(PieceName(PieceKind.ROWS, segment))())

    def list_segments(self, kind: PieceKind) -> list[int]:
        """Return the segments of which there is a piece of a kind, ascending."""
        return sorted(name.index for name in self.pieces if name.kind is kind)

    def _name_state(self, boundary: int) -> PieceName:
        if boundary == len(self.trace.slot_roots):
            return FINAL_STATE
        return PieceName(PieceKind.START_STATE, boundary + 1)

    def _read(self, name: PieceName) -> bytes:
        return b"".join(self._find(name)())

    def _find(self, name: PieceName) -> ReadPiece:
        found = self.pieces.get(name)
        if found is None:
            raise VerificationFailed(f"the opening lacks the piece {name.text}")
        return found


@dataclass(frozen=True)
class VerifiedOpening:
    """An opening whose leaves and rows match the roots on the chain."""

    opening: Opening
    leaves: tuple[bytes, ...]


def verify_opening(
    opening: Opening, *, segments: int, trace_root: bytes, row_root: bytes, row_count: int
) -> VerifiedOpening:
    """Check leaves and rows against the chain's roots; states are checked when they are loaded.

    Raises:
        VerificationFailed: if a root does not match, or rows are not in ascending order.
        MalformedData: if a piece does not have its layout.
    """
    leaves = check_opened_trace(opening, segments, trace_root)
    for segment in opening.list_segments(PieceKind.ROWS):
        check_opened_rows(opening, segment, row_root, row_count)
    return VerifiedOpening(opening, tuple(leaves))


def check_opened_trace(opening: Opening, segments: int, trace_root: bytes) -> list[bytes]:
    """Return the leaves of an opening, if they are those of a trace.

    Raises:
        VerificationFailed: if they are not.
        MalformedData: if the piece does not have its layout.
    """
    if len(opening.trace.slot_roots) != segments:
        raise VerificationFailed(f"the opening does not have the roots of {segments} segments")
    leaves = opening.leaves()
    if compute_trace_root(leaves) != trace_root:
        raise VerificationFailed("the opened leaves do not give the committed trace root")
    return leaves


def check_opened_rows(opening: Opening, segment: int, row_root: bytes, row_count: int) -> int:
    """Check the rows of a segment against a dataset's root; return how many there are.

    Raises:
        VerificationFailed: if one has another root, or they are not in ascending order.
        MalformedData: if the piece does not have its layout.
    """
    last, count = -1, 0
    for row in opening.iterate_rows(segment):
        if row.proof.index <= last:
            raise VerificationFailed("the opened rows are not in ascending order")
        verify_row(row_root, row_count, row.proof, row.data)
        last, count = row.proof.index, count + 1
    return count


def verify_opened_cost(cost: OpenedCost, commitment: bytes) -> None:
    """Check that a Pedersen ``commitment`` opens to the final cost.

    If costs are public, the contract checked the published one against the same commitment, which
    is binding, so both are equal.

    Raises:
        MalformedScalar: if the blinding is not a scalar.
        MalformedPoint: if the commitment is not a group element.
        CommitmentMismatch: if it does not open to this cost.
    """
    verify_pedersen_opening(commitment, cost.final, decode_scalar(cost.blinding))


def verify_rows_cover(
    opening: Opening, segment: int, needed: Collection[int], row_bytes: int
) -> None:
    """Check that an opening holds every row that a segment's replay will read, each in full.

    Without this check a missing row would fail the replay, and an honest verifier would accuse.

    Raises:
        VerificationFailed: naming the first row that is missing or of another width.
        MalformedData: if the piece does not have its layout.
    """
    missing = set(needed)
    for row in opening.iterate_rows(segment):
        if len(row.data) != row_bytes:
            raise VerificationFailed(
                f"the opened row {row.proof.index} does not have {row_bytes} bytes"
            )
        missing.discard(row.proof.index)
    if missing:
        raise VerificationFailed(
            f"the opening lacks {len(missing)} rows of segment {segment}, first row {min(missing)}"
        )


def merge_rows(opening: Opening, segments: Iterable[int]) -> Iterator[OpenedRow]:
    """Return the rows of several segments in ascending order, each once. Holds one of each."""
    last = -1
    rows = [opening.iterate_rows(segment) for segment in segments]
    for row in heapq.merge(*rows, key=lambda row: row.proof.index):
        if row.proof.index != last:
            yield row
        last = row.proof.index
