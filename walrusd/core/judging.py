"""What a juror says, and which bytes it must have read to say it.

A juror that has replayed a segment says what the replay gave. Otherwise it says a word, and with
it a digest of the bytes judged. They follow from the kind of the case alone, never from what is
found, so that all who read the same blobs say the same; and they begin with the jury's beacon, so
that nobody can say it who has not read them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from walrusd.core.lifecycle import CaseKind
from walrusd.core.pieces.names import RESULT_PIECES, PieceName, list_segment_pieces
from walrusd.core.protocol import Word, compute_judged, compute_verdict


@dataclass(frozen=True)
class Answer:
    """What a juror's value hides: ``chain'`` and ``state_root'``, 32 bytes each."""

    chain: bytes
    state_root: bytes

    def compute_value(self, challenge: bytes) -> bytes:
        """Return the value that the juror commits to and reveals in one jury."""
        return compute_verdict(challenge, self.chain, self.state_root)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form, as a work item keeps it."""
        return {"chain": self.chain.hex(), "state_root": self.state_root.hex()}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Answer":
        """Read the JSON form."""
        return cls(bytes.fromhex(value["chain"]), bytes.fromhex(value["state_root"]))


ABSENT = Answer(Word.ABSENT.chain, bytes(32))
"""The answer of a juror that could not read what it should judge: it has no bytes to show."""


def make_answer(word: Word, beacon: bytes, digest: bytes) -> Answer:
    """Return a word about bytes; ``digest`` is what the hash of ``JudgedBytes`` gave."""
    return Answer(word.chain, compute_judged(beacon, digest))


@dataclass(frozen=True)
class JudgedBytes:
    """The bytes that a jury judges, in this order.

    The jury's beacon (32 bytes); the sealed manifest of the opening, if ``has_manifest``; the
    plaintext of each of ``pieces``, in ascending order, that the manifest lists and that opens to
    what it says, the others being skipped; the verification file, if ``has_file``. Of a manifest
    that cannot be read nothing is taken but its own bytes.
    """

    pieces: frozenset[PieceName]
    has_manifest: bool = True
    has_file: bool = False


def list_judged_bytes(
    kind: CaseKind, index: int, *, dealt: Sequence[int], segments: int, is_abort: bool
) -> JudgedBytes:
    """Return which bytes a jury judges in a case.

    ``dealt`` are the segments dealt to any seat, ``segments`` is the number of the last one. An
    abort claim has no result and no verification file.
    """
    result = () if is_abort else RESULT_PIECES
    if kind == CaseKind.FILE:
        return JudgedBytes(frozenset(), has_manifest=False, has_file=True)
    if kind == CaseKind.SEGMENT:
        return _of(list_segment_pieces([index]))
    if kind in (CaseKind.OPENING, CaseKind.ABSENCE):
        return _of([*list_segment_pieces(dealt), *result], has_file=not is_abort)
    replayed = [segments] if kind == CaseKind.COST else []
    needs_file = kind in (CaseKind.ROWS, CaseKind.COST)
    return _of([*list_segment_pieces(replayed), *result], has_file=needs_file)


def _of(pieces: Iterable[PieceName], *, has_file: bool = False) -> JudgedBytes:
    return JudgedBytes(frozenset(pieces), has_file=has_file)
