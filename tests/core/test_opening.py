"""Openings from strangers: strict types, rows in order, and all of them."""

from dataclasses import replace

import pytest

from tests.support.refusals import refused
from tests.support.row_tree import RowTree
from walrusd.core.aggregate import parse_aggregate
from walrusd.core.manifest import parse_task_manifest
from walrusd.core.opening import (
    OpenedCost,
    OpenedRow,
    Opening,
    compute_opening_bound,
    parse_opening,
    verify_opened_cost,
    verify_opening,
    verify_rows_cover,
)
from walrusd.core.protocol import compute_trace_root
from walrusd.crypto.cbor import decode_canonical, encode_canonical
from walrusd.crypto.pedersen import pedersen
from walrusd.crypto.pedersen.g1 import encode_scalar
from walrusd.crypto.tags import Tag, hash_tagged
from walrusd.errors import (
    CommitmentMismatch,
    MalformedData,
    MalformedScalar,
)

DEK = bytes(32)
TABLE = [bytes([n, n]) for n in range(9)]
TREE = RowTree(DEK, TABLE)


def _opening(indices=(1, 4, 7)) -> Opening:
    return Opening(
        state_roots=tuple(bytes([n]) * 32 for n in range(3)),
        slot_roots=tuple(bytes([n + 9]) * 32 for n in range(2)),
        states={0: b"a" * 50, 2: b"b" * 50},
        update=bytes(8),
        openings=(bytes(32),),
        cost=OpenedCost(bytes(32), 7, bytes(32)),
        rows=tuple(OpenedRow(TABLE[i], TREE.proof(i)) for i in indices),
    )


def _verify(opening: Opening):
    return verify_opening(
        opening,
        segments=2,
        trace_root=compute_trace_root(_opening().leaves()),
        row_root=TREE.root,
        row_count=len(TABLE),
    )


def test_an_opening_survives_its_encoding() -> None:
    assert parse_opening(_opening().to_bytes()) == _opening()
    assert _verify(_opening()).opening == _opening()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (0, 2),
        (1, [b"short"]),
        (1, {0: bytes(32)}),
        (2, b"\x00" * 32),
        (3, [[0, 1 << 40]]),
        (3, [[-1, b"x"]]),
        (3, [[True, b"x"]]),
        (3, [[0, b"x"], [0, b"y"]]),
        (3, [0]),
        (3, {}),
        (3, [[0, "x"]]),
        (3, [[1, b"x"], [0, b"y"]]),
        (4, 1 << 40),
        (4, b""),
        (4, b"123"),
        (5, [1]),
        (6, "key"),
        (6, []),
        (6, [bytes(32), 7]),
        (6, [bytes(31), 7, bytes(32)]),
        (6, [bytes(32), 7, bytes(33)]),
        (6, [bytes(32), -7, bytes(32)]),
        (6, [bytes(32), True, bytes(32)]),
        (6, [bytes(32), 1 << 64, bytes(32)]),
        (7, [[0, bytes(32), [], 1 << 40]]),
        (7, [[0, 1 << 40, [], b""]]),
        (7, {}),
        (7, [[0]]),
    ],
)
def test_a_field_of_another_type_is_malformed(field: int, value) -> None:
    document = decode_canonical(_opening().to_bytes())
    document[field] = value
    with pytest.raises(MalformedData):
        parse_opening(encode_canonical(document))


@pytest.mark.parametrize("document", [[], 7, {}, {"a": 1}, None])
def test_another_document_is_malformed(document) -> None:
    with pytest.raises(MalformedData):
        parse_opening(encode_canonical(document))
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


@pytest.mark.parametrize(
    "change",
    [
        {"state_roots": (bytes(32),) * 2},
        {"state_roots": (bytes(32),) * 4},
        {"slot_roots": (bytes(32),)},
        {"slot_roots": (bytes(32),) * 3},
    ],
)
def test_an_opening_has_the_roots_of_every_segment(change) -> None:
    with refused("proof.invalid", "roots"):
        _verify(replace(_opening(), **change))


def test_other_leaves_are_not_the_committed_ones() -> None:
    state_roots = (*_opening().state_roots[:2], bytes(32))
    with refused("proof.invalid", "trace"):
        _verify(replace(_opening(), state_roots=state_roots))


@pytest.mark.parametrize("indices", [(4, 1), (1, 1)])
def test_rows_come_in_order_and_once(indices) -> None:
    with refused("proof.invalid", "ascending"):
        _verify(_opening(indices))


def test_missing_and_odd_rows_are_named() -> None:
    verify_rows_cover(_opening(), [7, 1, 1, 4], 2)
    with refused("proof.invalid", "lacks", 2):
        verify_rows_cover(_opening(), [1, 3, 2], 2)
    with refused("proof.invalid", "1", "3"):
        verify_rows_cover(_opening(), [1], 3)


def test_an_honest_opening_is_within_the_bound() -> None:
    bound = compute_opening_bound(
        state_bytes=50, boundaries=2, segments=2, weights=2, commitment_rows=1, rows=3, row_bytes=2
    )
    assert len(_opening().to_bytes()) < bound < 100_000


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
