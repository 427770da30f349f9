"""The manifest of an opening: who can read what of it, and what is refused."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.openings import make_keys, seal
from tests.support.refusals import refused
from walrusd.core.pieces.keys import (
    SECTION_KIND,
    OpeningKeys,
    derive_piece_key,
    derive_sealing,
    derive_stream_head,
    make_piece_aad,
)
from walrusd.core.pieces.manifest import (
    SHARED_BLOB_BYTES,
    Extent,
    ListedPiece,
    OpeningManifest,
    complete_keys,
    open_manifest,
    seal_manifest,
)
from walrusd.core.pieces.names import (
    COST,
    FINAL_STATE,
    OPENINGS,
    TRACE,
    UPDATE,
    Label,
    PieceKind,
    PieceName,
)
from walrusd.crypto.cbor import decode_canonical, encode_canonical
from walrusd.crypto.stream import (
    HEADER_BYTES,
    SEGMENT_BYTES,
    TAG_BYTES,
    compute_ciphertext_size,
    decrypt_bytes,
    encrypt_bytes,
)
from walrusd.units import BlobId

MOST = SHARED_BLOB_BYTES
AAD = b"an opening"
KEYS = make_keys()
OTHER = make_keys(attempt=2)
ROWS = [PieceName(PieceKind.ROWS, segment) for segment in (1, 2, 3)]
PIECES = {name: name.text.encode() for name in (TRACE, *ROWS, FINAL_STATE, UPDATE, OPENINGS, COST)}
MANIFEST, SEALED = seal(PIECES, KEYS, AAD)


def seal_it(manifest: OpeningManifest = MANIFEST, keys: OpeningKeys = KEYS) -> bytes:
    return seal_manifest(manifest, keys.work, keys.update, AAD)


def list_piece(name: PieceName, *extents: Extent) -> ListedPiece:
    """Return a piece of as many bytes as its extents have."""
    sealed = sum(extent.length for extent in extents)
    size = sealed - HEADER_BYTES - TAG_BYTES * -(-sealed // SEGMENT_BYTES)
    assert compute_ciphertext_size(size) == sealed
    return ListedPiece(name, size, bytes(32), bytes(32), extents)


def extent(blob: int, offset: int, length: int) -> Extent:
    return Extent(BlobId(blob), offset, length)


def test_a_seat_reads_all_and_the_publisher_the_update() -> None:
    sealed = seal_it()
    assert open_manifest(sealed, KEYS, AAD) == MANIFEST
    assert open_manifest(sealed, OpeningKeys(KEYS.work, None), AAD) == MANIFEST
    seen = open_manifest(sealed, KEYS.update_alone(), AAD)
    assert [piece.name for piece in seen.pieces] == [UPDATE, OPENINGS, COST]
    assert seen.update_secret == b""
    assert complete_keys(OpeningKeys(KEYS.work, None), MANIFEST) == KEYS
    assert complete_keys(KEYS.update_alone(), seen) == KEYS.update_alone()


@pytest.mark.parametrize(
    "keys",
    [
        OTHER,
        OTHER.update_alone(),
        OpeningKeys(KEYS.update, None),
        OpeningKeys(None, KEYS.work),
        OpeningKeys(None, None),
    ],
)
def test_other_keys_open_nothing(keys: OpeningKeys) -> None:
    with refused("crypto.decryption"):
        open_manifest(seal_it(), keys, AAD)


def test_another_opening_is_not_opened() -> None:
    with refused("crypto.decryption"):
        open_manifest(seal_it(), KEYS, AAD + b"!")


def test_sections_cannot_change_places() -> None:
    outer = decode_canonical(seal_it())
    with refused("crypto.decryption"):
        open_manifest(encode_canonical({0: 1, 1: outer[2], 2: outer[1]}), KEYS, AAD)


def test_a_seat_is_not_handed_another_key_of_the_update_than_it_has() -> None:
    lying = replace(MANIFEST, update_secret=bytes(80))
    with refused("data.malformed"):
        open_manifest(seal_it(lying), KEYS, AAD)
    for secret in (b"", bytes(32), bytes(79), bytes(81)):
        with refused("data.malformed"):
            open_manifest(
                seal_it(replace(MANIFEST, update_secret=secret)), OpeningKeys(KEYS.work, None), AAD
            )


def test_the_same_opening_is_the_same_bytes_and_another_attempt_others() -> None:
    assert seal(PIECES, KEYS, AAD)[1] == SEALED
    assert seal_it() == seal_it()
    again = seal(PIECES, OTHER, AAD)[1]
    assert not set(again.values()) & set(SEALED.values())


def test_no_piece_is_sealed_under_the_key_of_another() -> None:
    keys = {derive_sealing(name, KEYS, AAD)[0] for name in PIECES}
    keys |= {derive_piece_key(KEYS.find(label), SECTION_KIND, label) for label in Label}
    assert len(keys) == len(PIECES) + 2


def test_two_contents_of_one_piece_share_no_salt() -> None:
    """Else an opening that was prepared twice with a difference would repeat a nonce."""
    first = seal({TRACE: b"one"}, KEYS, AAD)[1][TRACE]
    second = seal({TRACE: b"two"}, KEYS, AAD)[1][TRACE]
    assert first[1:33] != second[1:33]


def test_the_seal_of_a_piece_binds_its_name() -> None:
    key, _aad = derive_sealing(TRACE, KEYS, AAD)
    with refused("crypto.decryption"):
        decrypt_bytes(SEALED[TRACE], key, derive_sealing(UPDATE, KEYS, AAD)[1])


@given(st.permutations(list(PIECES)))
def test_pieces_stand_in_ascending_order(order: list[PieceName]) -> None:
    shuffled = replace(MANIFEST, pieces=tuple(MANIFEST.find(name) for name in order))
    of_label = [[n for n in order if n.kind.label is label] for label in Label]
    if all(names == sorted(names) for names in of_label):
        assert set(open_manifest(seal_it(shuffled), KEYS, AAD).pieces) == set(MANIFEST.pieces)
    else:
        with refused("data.malformed"):
            open_manifest(seal_it(shuffled), KEYS, AAD)


@pytest.mark.parametrize(
    "pieces",
    [
        [list_piece(TRACE, extent(1, 0, 100)), list_piece(ROWS[0], extent(1, 100, 90))],
        [list_piece(TRACE, extent(1, 0, 80), extent(2, 0, 9)), list_piece(COST, extent(1, 0, 80))],
        [list_piece(TRACE, extent(1, 0, MOST - 60), extent(1, MOST - 60, 60))],
    ],
)  # fmt: skip
def test_parts_fill_their_blobs(pieces: list[ListedPiece]) -> None:
    manifest = OpeningManifest(tuple(pieces), KEYS.update + KEYS.update_value)
    assert open_manifest(seal_it(manifest), KEYS, AAD) == manifest


@pytest.mark.parametrize(
    "pieces",
    [
        [list_piece(TRACE, extent(1, 1, 100))],
        [list_piece(TRACE, extent(1, 0, 100)), list_piece(ROWS[0], extent(1, 99, 90))],
        [list_piece(TRACE, extent(1, 0, 100)), list_piece(ROWS[0], extent(1, 101, 90))],
        [list_piece(TRACE, extent(1, 0, 100)), list_piece(ROWS[0], extent(1, 0, 100))],
        [list_piece(TRACE, extent(1, 0, 100)), list_piece(ROWS[0], extent(1, 100, MOST))],
        [list_piece(TRACE, extent(1, 0, 100), extent(1, 100, 0))],
        [replace(list_piece(TRACE, extent(1, 0, 100)), size=45)],
        [replace(list_piece(TRACE, extent(1, 0, 100)), extents=())],
        [replace(list_piece(TRACE, extent(1, 0, 100)), digest=bytes(31))],
        [replace(list_piece(TRACE, extent(1, 0, 100)), sealed_digest=b"")],
        [list_piece(PieceName(PieceKind.TRACE, 1), extent(1, 0, 100))],
        [list_piece(PieceName(PieceKind.ROWS, 0), extent(1, 0, 100))],
    ],
)  # fmt: skip
def test_what_does_not_add_up_is_malformed(pieces: list[ListedPiece]) -> None:
    with refused("data.malformed"):
        secret = KEYS.update + KEYS.update_value
        open_manifest(seal_it(OpeningManifest(tuple(pieces), secret)), KEYS, AAD)


@pytest.mark.parametrize(
    ("place", "value"),
    [(0, 99), (0, int(PieceKind.UPDATE)), (1, -1), (2, Label.UPDATE), (2, True), (3, "x"), (6, 7)],
)
def test_an_entry_of_another_form_is_malformed(place: int, value: object) -> None:
    key = derive_piece_key(KEYS.work, SECTION_KIND, Label.WORK)
    aad = make_piece_aad(AAD, SECTION_KIND, Label.WORK)
    outer = decode_canonical(seal_it())
    section = decode_canonical(decrypt_bytes(outer[int(Label.WORK)], key, aad))
    section[2][0][place] = int(value) if isinstance(value, Label) else value
    outer[int(Label.WORK)] = encrypt_bytes(
        encode_canonical(section), key, aad, derive_stream_head(key, bytes(32))
    )
    with refused("data.malformed"):
        open_manifest(encode_canonical(outer), KEYS, AAD)
