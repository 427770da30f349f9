"""The names of an opening's pieces, and the label of the key that each is sealed under."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from walrusd.crypto.envelopes.contexts import Label


class PieceKind(IntEnum):
    """What a piece holds. The numbers are part of the format; 0 names a manifest's section."""

    TRACE = 1
    """The roots that the leaves are made of."""
    START_STATE = 2
    """The state that a segment starts from; the index is the segment, from 1."""
    ROWS = 3
    """The rows that a segment reads, with their proofs; the index is the segment, from 1."""
    FINAL_STATE = 4
    UPDATE = 16
    OPENINGS = 17
    """What opens the commitments or ciphertexts of the update."""
    COST = 18
    """The key of the cost function, and the opening of the final cost."""

    @property
    def label(self) -> Label:
        """The label of the key that pieces of this kind are sealed under."""
        return Label.UPDATE if self >= PieceKind.UPDATE else Label.WORK

    @property
    def is_of_segment(self) -> bool:
        """Whether there is a piece for each dealt segment; of the other kinds there is one."""
        return self in (PieceKind.START_STATE, PieceKind.ROWS)


@dataclass(frozen=True, order=True)
class PieceName:
    """A piece of one opening. ``index`` is the segment, or 0 for a kind with one piece."""

    kind: PieceKind
    index: int = 0

    @property
    def text(self) -> str:
        """The name as it stands in messages and file names, such as ``rows-3``."""
        word = self.kind.name.lower().replace("_", "-")
        return f"{word}-{self.index}" if self.kind.is_of_segment else word


TRACE = PieceName(PieceKind.TRACE)
FINAL_STATE = PieceName(PieceKind.FINAL_STATE)
UPDATE = PieceName(PieceKind.UPDATE)
OPENINGS = PieceName(PieceKind.OPENINGS)
COST = PieceName(PieceKind.COST)

RESULT_PIECES = (FINAL_STATE, UPDATE, OPENINGS, COST)
"""What shows the result of the work; the opening of an abort has none of them."""


def list_segment_pieces(segments: Iterable[int]) -> list[PieceName]:
    """Return the pieces that replays of ``segments`` read, with the trace."""
    kinds = (PieceKind.START_STATE, PieceKind.ROWS)
    return [TRACE, *(PieceName(kind, segment) for segment in segments for kind in kinds)]
