"""The vectors of the opening's format, against walrusd and against a reader that shares no code."""

import json

import pytest

from tests.core import opening_reader, opening_vectors
from walrusd.core.pieces.keys import make_opening_keys
from walrusd.core.pieces.manifest import open_manifest
from walrusd.errors import PeerFault

VECTORS = json.loads(opening_vectors.PATH.read_text(encoding="utf-8"))
CONTEXT = b"".join(bytes.fromhex(VECTORS[name]) for name in ("chain_id", "package", "submission"))
BLOBS = {bytes.fromhex(blob): bytes.fromhex(data) for blob, data in VECTORS["blobs"].items()}
PIECES = {(p["kind"], p["index"]): bytes.fromhex(p["plain"]) for p in VECTORS["pieces"]}
WORK, UPDATE = (bytes.fromhex(VECTORS[name]) for name in ("work_key", "update_key"))


def test_the_vectors_are_those_that_walrusd_makes() -> None:
    assert opening_vectors.make_vectors() == VECTORS


def test_the_keys_follow_from_the_values_of_the_labels() -> None:
    context = bytes.fromhex(VECTORS["context"])
    values = [bytes.fromhex(VECTORS[name]) for name in ("work_value", "update_value")]
    labels = [
        opening_reader.derive_label_key(value, context, n) for n, value in enumerate(values, 1)
    ]
    assert labels == [WORK, UPDATE]
    sections = [opening_reader.derive_key(key, 0, n + 1).hex() for n, key in enumerate(labels)]
    assert sections == VECTORS["section_keys"]
    for piece in VECTORS["pieces"]:
        key = labels[piece["label"] - 1]
        assert opening_reader.derive_key(key, piece["kind"], piece["index"]).hex() == piece["key"]


def test_a_seat_reads_every_piece_with_the_key_of_the_work() -> None:
    sealed = bytes.fromhex(VECTORS["manifest"])
    assert opening_reader.read_pieces(sealed, BLOBS, {1: WORK}, CONTEXT) == PIECES


def test_the_publisher_reads_the_pieces_of_the_update() -> None:
    sealed = bytes.fromhex(VECTORS["manifest"])
    found = opening_reader.read_pieces(sealed, BLOBS, {2: UPDATE}, CONTEXT)
    assert found == {name: data for name, data in PIECES.items() if name[0] >= 16}


@pytest.mark.parametrize("what", VECTORS["refused"])
def test_what_must_be_refused_is(what: str) -> None:
    sealed = bytes.fromhex(VECTORS["refused"][what])
    with pytest.raises(PeerFault):
        open_manifest(sealed, make_opening_keys(opening_vectors.SECRET), opening_vectors.AAD)
