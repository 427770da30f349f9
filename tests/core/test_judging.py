"""What jurors say: the same for all that read the same, and nothing that can be copied."""

import pytest

from walrusd.core.judging import ABSENT, Answer, list_judged_bytes, make_answer
from walrusd.core.lifecycle import CaseKind
from walrusd.core.pieces.names import PieceKind, PieceName
from walrusd.core.protocol import Word, compute_judged, compute_verdict

DEALT, LAST = (2, 5), 6
RESULT = {PieceName(kind) for kind in PieceKind if kind >= PieceKind.FINAL_STATE}
TRACE = PieceName(PieceKind.TRACE)


def of_segments(*segments: int) -> set[PieceName]:
    kinds = (PieceKind.START_STATE, PieceKind.ROWS)
    return {PieceName(kind, segment) for kind in kinds for segment in segments}


@pytest.mark.parametrize(
    ("kind", "pieces", "has_file"),
    [
        (CaseKind.SEGMENT, {TRACE, *of_segments(5)}, False),
        (CaseKind.UPDATE, {TRACE, *RESULT}, False),
        (CaseKind.ROWS, {TRACE, *RESULT}, True),
        (CaseKind.COST, {TRACE, *RESULT, *of_segments(LAST)}, True),
        (CaseKind.FILE, set(), True),
        (CaseKind.OPENING, {TRACE, *RESULT, *of_segments(*DEALT)}, True),
        (CaseKind.ABSENCE, {TRACE, *RESULT, *of_segments(*DEALT)}, True),
    ],
)
def test_what_is_judged_follows_from_the_kind(kind, pieces, has_file) -> None:
    judged = list_judged_bytes(kind, 5, dealt=DEALT, segments=LAST, is_abort=False)
    assert (judged.pieces, judged.has_file) == (pieces, has_file)
    assert judged.has_manifest == (kind != CaseKind.FILE)


def test_an_abort_claim_has_neither_result_nor_file() -> None:
    judged = list_judged_bytes(CaseKind.OPENING, 0, dealt=DEALT, segments=5, is_abort=True)
    assert judged.pieces == {TRACE, *of_segments(*DEALT)}
    assert not judged.has_file


def test_an_answer_is_worth_something_in_one_jury_alone() -> None:
    beacon, digest = bytes([1]) * 32, bytes([2]) * 32
    answer = make_answer(Word.FAULT, beacon, digest)
    assert answer.state_root == compute_judged(beacon, digest)
    first, second = (answer.compute_value(bytes([n]) * 32) for n in (3, 4))
    assert first != second
    assert first == compute_verdict(bytes([3]) * 32, Word.FAULT.chain, answer.state_root)


def test_an_answer_is_read_as_it_was_kept() -> None:
    assert Answer.from_json(ABSENT.to_json()) == ABSENT
