"""Openings from strangers: strict layouts, rows in order, and all of them."""

from dataclasses import replace

import pytest

from tests.support.openings import DraftOpening, view
from tests.support.refusals import refused
from tests.support.row_tree import RowTree
from walrusd.core.aggregate import parse_aggregate
from walrusd.core.manifest import parse_task_manifest
from walrusd.core.opening import (
    Opening,
    merge_rows,
    verify_opened_cost,
    verify_opening,
    verify_rows_cover,
)
from walrusd.core.pieces.layouts import (
    MAX_ROW_BYTES,
    OpenedCost,
    OpenedRow,
    iterate_opened_rows,
)
from walrusd.core.pieces.names import COST, OPENINGS, TRACE, UPDATE, PieceKind, PieceName
from walrusd.core.protocol import compute_trace_root
from walrusd.crypto.cbor import encode_canonical
from walrusd.crypto.pedersen import pedersen
from walrusd.crypto.pedersen.g1 import encode_scalar
from walrusd.crypto.tags import Tag, hash_tagged
from walrusd.errors import CommitmentMismatch, MalformedData, MalformedScalar

DEK = bytes(32)
TABLE = [bytes([n, n]) for n in range(9)]
TREE = RowTree(DEK, TABLE)


def _opening(indices=(1, 4, 7)) -> DraftOpening:
    return DraftOpening(
        state_roots=tuple(bytes([n]) * 32 for n in range(3)),
        slot_roots=tuple(bytes([n + 9]) * 32 for n in range(2)),
        states={0: b"a" * 50, 1: b"c" * 50, 2: b"b" * 50},
        update=bytes(8),
        openings=(bytes(32),),
        cost=OpenedCost(bytes(32), 7, bytes(32)),
        rows={1: tuple(OpenedRow(TABLE[i], TREE.proof(i)) for i in indices), 2: _rows(1, 3)},
    )


def _rows(*indices: int) -> tuple[OpenedRow, ...]:
    return tuple(OpenedRow(TABLE[i], TREE.proof(i)) for i in indices)


def _view(opening: DraftOpening) -> Opening:
    return view(opening.to_pieces())


def _verify(opening: DraftOpening):
    return verify_opening(
        _view(opening),
        segments=2,
        trace_root=compute_trace_root(_view(_opening()).leaves()),
        row_root=TREE.root,
        row_count=len(TABLE),
    )


def test_an_opening_survives_its_pieces() -> None:
    assert DraftOpening.of(_view(_opening())) == _opening()
    assert DraftOpening.of(_verify(_opening()).opening) == _opening()


@pytest.mark.parametrize(
    ("name", "data", "read"),
    [
        (TRACE, b"", lambda opening: opening.trace),
        (TRACE, bytes(64), lambda opening: opening.trace),
        (TRACE, bytes(97), lambda opening: opening.trace),
        (UPDATE, b"", Opening.read_update),
        (UPDATE, b"123", Opening.read_update),
        (OPENINGS, bytes(33), Opening.read_openings),
        (COST, bytes(71), Opening.read_cost),
        (COST, bytes(73), Opening.read_cost),
    ],
)
def test_a_piece_of_another_layout_is_malformed(name, data, read) -> None:
    with pytest.raises(MalformedData):
        read(view({**_opening().to_pieces(), name: data}))


@pytest.mark.parametrize("less", [1, 2, 3, 40, 150])
def test_rows_that_end_within_a_row_are_malformed(less: int) -> None:
    name = PieceName(PieceKind.ROWS, 1)
    data = _opening().to_pieces()[name]
    with pytest.raises(MalformedData):
        list(view({name: data[:-less]}).iterate_rows(1))


def test_rows_that_are_too_wide_are_refused_before_they_are_read() -> None:
    def chunks():
        yield (MAX_ROW_BYTES + 1).to_bytes(4, "little")
        raise AssertionError("more was read")

    with pytest.raises(MalformedData):
        list(iterate_opened_rows(chunks()))


def test_what_an_opening_lacks_is_named() -> None:
    opening = view({TRACE: _opening().to_pieces()[TRACE]})
    assert not opening.has_state(1)
    for read, name in (
        (lambda: opening.read_state(1), "start-state-2"),
        (lambda: opening.read_state(2), "final-state"),
        (lambda: list(opening.iterate_rows(2)), "rows-2"),
        (opening.read_cost, "cost"),
    ):
        with refused("proof.invalid", name):
            read()


def test_rows_of_several_segments_are_merged_in_order() -> None:
    found = merge_rows(_view(_opening()), [1, 2])
    assert [row.proof.index for row in found] == [1, 3, 4, 7]


@pytest.mark.parametrize("document", [[], 7, {}, {"a": 1}, None])
def test_another_document_is_malformed(document) -> None:
    with pytest.raises(MalformedData):
        parse_aggregate(encode_canonical(document), root=b"", openings_root=b"")


def test_an_opened_cost_is_the_committed_one() -> None:
    commitment = pedersen.commit(7, 9)
    verify_opened_cost(OpenedCost(bytes(32), 7, encode_scalar(9)), commitment)
    for final, blinding in ((8, encode_scalar(9)), (7, encode_scalar(8))):
        with pytest.raises(CommitmentMismatch):
            verify_opened_cost(OpenedCost(bytes(32), final, blinding), commitment)
    with pytest.raises(MalformedScalar):
        verify_opened_cost(OpenedCost(bytes(32), 7, b"\xff" * 32), commitment)


@pytest.mark.parametrize("count", [1, 3])
def test_an_opening_has_the_roots_of_every_segment(count: int) -> None:
    with refused("proof.invalid", "roots"):
        _verify(
            replace(
                _opening(), state_roots=(bytes(32),) * (count + 1), slot_roots=(bytes(32),) * count
            )
        )


def test_other_leaves_are_not_the_committed_ones() -> None:
    state_roots = (*_opening().state_roots[:2], bytes(32))
    with refused("proof.invalid", "trace"):
        _verify(replace(_opening(), state_roots=state_roots))


@pytest.mark.parametrize("indices", [(4, 1), (1, 1)])
def test_rows_come_in_order_and_once(indices) -> None:
    with refused("proof.invalid", "ascending"):
        _verify(_opening(indices))


def test_missing_and_odd_rows_are_named() -> None:
    verify_rows_cover(_view(_opening()), 1, [7, 1, 1, 4], 2)
    with refused("proof.invalid", "lacks", 2):
        verify_rows_cover(_view(_opening()), 1, [1, 3, 2], 2)
    with refused("proof.invalid", "1", "3"):
        verify_rows_cover(_view(_opening()), 1, [1], 3)


@pytest.mark.parametrize(
    "text",
    [
        b"[]",
        b'{"plan":"p","title":1,"version":1,"weights":{"blob":"1","digest":"00"}}',
        b'{"plan":"p","title":"t","version":1,"weights":{"blob":1,"digest":"00"}}',
        b'{"plan":"p","title":"t","version":1,"weights":{"blob":"' + b"9" * 99 + b'","digest":""}}',
        b"[" * 100_000,
    ],
)
def test_a_strangers_manifest_is_malformed_at_worst(text: bytes) -> None:
    with pytest.raises(MalformedData):
        parse_task_manifest(text, hash_tagged(Tag.TASK_MANIFEST, text))
