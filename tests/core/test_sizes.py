"""Sizes computed before anything is made, against what is made then."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.openings import DraftOpening, seal
from tests.support.refusals import refused
from tests.support.row_tree import RowTree
from tests.support.verification_files import build_verification_file
from walrusd.core.aggregate import Aggregate
from walrusd.core.pieces.keys import OpeningKeys
from walrusd.core.pieces.layouts import OpenedCost, OpenedRow
from walrusd.core.pieces.manifest import seal_manifest
from walrusd.core.pieces.names import TRACE, UPDATE, PieceKind, PieceName
from walrusd.core.sizes import (
    LOSS_DEFINITION_BYTES,
    MAX_OPENING_MANIFEST,
    SchemeShape,
    Storage,
    StoredPart,
    WorkShape,
    check_listed_pieces,
    compute_dealt,
    compute_file_size,
    compute_opening_manifest_size,
    compute_opening_size,
    compute_piece_limits,
    compute_sum_size,
    list_contributed,
)
from walrusd.crypto.cost import CostFunction
from walrusd.crypto.vfile.header import FileSubject, Quantisation
from walrusd.crypto.vfile.vfile import MAX_SMALL_SECTION

KEY = bytes(32)
KEYS = OpeningKeys(KEY, KEY, bytes(48))
HASH = bytes(32)
SCHEMES = st.one_of(
    st.builds(SchemeShape, st.integers(1, 20_000)),
    st.builds(
        SchemeShape,
        st.integers(1, 3000),
        st.sampled_from([2048, 3072, 8192]),
        st.sampled_from([40, 48]),
    ),
)


@st.composite
def shapes(draw) -> WorkShape:
    segments = draw(st.integers(1, 300))
    return WorkShape(
        scheme=draw(SCHEMES),
        state_bytes=draw(st.integers(1, 70_000)),
        segments=segments,
        steps=segments * draw(st.integers(1, 20)),
        segment_rows=draw(st.integers(1, 60)),
        row_bytes=draw(st.integers(1, 300)),
        dataset_rows=draw(st.integers(1, 300)),
        committee=draw(st.integers(1, 4)),
        segments_per_seat=draw(st.integers(1, 4)),
        max_submissions=draw(st.integers(1, 64)),
    )


def make_draft(shape: WorkShape) -> DraftOpening:
    """Return the largest opening of a shape, its values blank."""
    dealt = compute_dealt(shape)
    count = max(1, min(shape.dataset_rows, shape.segment_rows))
    rows = [bytes(shape.row_bytes)] * shape.dataset_rows
    tree = RowTree(KEY, rows)
    opened = tuple(OpenedRow(rows[n], tree.proof(n)) for n in range(count))
    return DraftOpening(
        state_roots=(HASH,) * (shape.segments + 1),
        slot_roots=(HASH,) * shape.segments,
        states={n: bytes(shape.state_bytes) for n in (*range(dealt), shape.segments)},
        update=bytes(4 * shape.scheme.weights),
        openings=(HASH,) * shape.scheme.openings,
        cost=OpenedCost(HASH, (1 << 64) - 1, HASH),
        rows=dict.fromkeys(range(1, dealt + 1), opened),
    )


@given(shapes())
def test_pieces_take_what_was_computed(shape: WorkShape) -> None:
    limits, height = compute_piece_limits(shape), (shape.dataset_rows - 1).bit_length()
    draft = make_draft(shape)
    shorter = sum(32 * (height - len(row.proof.path)) for row in draft.rows[1])
    pieces = draft.to_pieces()
    for name, data in pieces.items():
        spared = shorter if name.kind is PieceKind.ROWS else 0
        assert len(data) == limits[name.kind] - spared
    manifest, sealed = seal(pieces, KEYS, b"")
    check_listed_pieces(manifest, shape)
    total = sum(map(len, sealed.values()))
    assert total == compute_opening_size(shape) - compute_dealt(shape) * shorter
    real = len(seal_manifest(manifest, KEY, KEY, b""))
    # Five numbers of a piece, and the secret, may take more bytes than these do.
    assert 0 <= compute_opening_manifest_size(shape) - real <= 41 * len(pieces) + 160


@pytest.mark.parametrize(
    ("name", "size"),
    [
        (UPDATE, 4001),
        (TRACE, 32 * 17 + 64),
        (PieceName(PieceKind.START_STATE, 1), 12_001),
        (PieceName(PieceKind.ROWS, 9), 10),
    ],
)
def test_a_piece_that_the_work_cannot_have_is_refused_before_it_is_fetched(name, size) -> None:
    manifest, _sealed = seal({name: bytes(size)}, KEYS, b"")
    with refused("data.malformed", name.text):
        check_listed_pieces(manifest, make_shape())


def test_there_are_no_more_pieces_than_dealt_segments() -> None:
    shape = make_shape(committee=1)
    names = [PieceName(PieceKind.ROWS, segment) for segment in (1, 2, 3)]
    check_listed_pieces(seal(dict.fromkeys(names[:2], b"r"), KEYS, b"")[0], shape)
    with refused("data.malformed", "rows-3"):
        check_listed_pieces(seal(dict.fromkeys(names, b"r"), KEYS, b"")[0], shape)


@given(shapes())
def test_files_take_what_was_computed_to_a_few_bytes(shape: WorkShape) -> None:
    subject = FileSubject(*[HASH] * 8, dataset_version=1, dataset_root=HASH)
    definition = {"loss": "softmax-cross-entropy", "reduction": "mean", "scale_bits": 32}
    file = build_verification_file(
        subject,
        Quantisation(20, 28, shape.scheme.weights),
        update_root=HASH,
        trace_leaves=[HASH] * (shape.segments + 1),
        scheme=shape.scheme.to_block(),
        committed=bytes(shape.scheme.section_bytes),
        cost=CostFunction(definition, np.zeros(shape.steps, np.int64)),
        cost_key=KEY,
    )
    assert 0 <= compute_file_size(shape) - len(file) <= LOSS_DEFINITION_BYTES + 32


@given(shapes())
def test_sums_take_what_was_computed_to_a_few_bytes(shape: WorkShape) -> None:
    width = shape.scheme.modulus_bytes
    aggregate = Aggregate(
        bytes(8 * shape.scheme.weights),
        (bytes(width),) if width else (HASH,) * shape.scheme.count,
        (),
        ((HASH, bytes(48)),) * shape.max_submissions,
    )
    assert 0 <= compute_sum_size(shape) - len(aggregate.to_bytes()) <= 32


def make_shape(weights: int = 1_000, state_bytes: int = 12_000, **changes) -> WorkShape:
    values = {
        "segments": 8,
        "steps": 80,
        "segment_rows": 320,
        "row_bytes": 65,
        "dataset_rows": 1797,
        "committee": 3,
        "segments_per_seat": 2,
        "max_submissions": 8,
    }
    return WorkShape(SchemeShape(weights), state_bytes, **(values | changes))


def test_the_bound_of_a_small_plan_is_small() -> None:
    """A tree of 1,797 rows is 11 hashes high, not 64."""
    bound = compute_opening_size(make_shape())
    data = 7 * 12_000 + 4_000 + 6 * 320 * (65 + 32 * 12)
    assert data < bound < 1.2 * data


def test_an_absurd_declaration_takes_no_time() -> None:
    shape = make_shape(max_submissions=1 << 60, committee=1 << 60, dataset_rows=1 << 63)
    assert compute_sum_size(shape) > 1 << 60
    assert compute_opening_size(shape) > 1 << 17


SEVEN_BILLION = make_shape(
    7_000_000_000, 12 * 7_000_000_000, committee=1, segments_per_seat=4, row_bytes=8192
)


def test_an_opening_of_any_size_has_a_small_manifest() -> None:
    """420 GB in four dealt segments: blobs of a chunk are listed in a manifest of 350 kB."""
    assert compute_opening_size(SEVEN_BILLION) > 420 * 10**9
    assert 300_000 < compute_opening_manifest_size(SEVEN_BILLION, 64 << 20) < 450_000


def test_what_is_too_large_is_said_with_the_numbers_and_a_remedy() -> None:
    storage = Storage(list_contributed(SEVEN_BILLION, 1 << 20), 14_000_000_000, 1 << 40)
    part = storage.too_large[0]
    assert part.name == "manifest of the opening"
    assert part.size > part.most == MAX_OPENING_MANIFEST
    numbers = f"needs {part.size:,} bytes; readers take at most {MAX_OPENING_MANIFEST:,}."
    assert f"The manifest of the opening {numbers}" in storage.refusal
    assert "smaller committee" in storage.advice


@pytest.mark.parametrize(("limit", "fits"), [((1 << 20) - 1, False), (1 << 20, True)])
def test_a_publisher_takes_at_least_the_smallest_part_of_a_piece(limit: int, fits: bool) -> None:
    shape = make_shape(294_912, 12 * 294_912 + 24)
    storage = Storage(list_contributed(shape, 1 << 20), 149_286_452, limit)
    assert [part.name for part in storage.too_large] == [] if fits else ["piece of the opening"]
    small = Storage(list_contributed(make_shape(), 1 << 20), 149_286_452, 200_000)
    assert not small.too_large


def test_a_publishers_limit_is_told_from_the_networks() -> None:
    storage = Storage(
        (StoredPart("sum", 10), StoredPart("manifest of the opening", 2000)), 2000, 1000
    )
    assert (
        "The manifest of the opening needs 2,000 bytes; the publishers take at most 1,000"
        in storage.refusal
    )
    assert storage.advice.endswith("raise walrus.max_blob_bytes")


def test_what_fits_is_not_complained_of() -> None:
    storage = Storage(list_contributed(make_shape(), 1 << 20), 149_286_452, 10 << 20)
    assert (storage.too_large, storage.refusal, storage.advice) == ((), "", "")


def test_a_cost_function_that_no_reader_takes_does_not_fit_any_network() -> None:
    shape = make_shape(steps=1 << 26)
    storage = Storage(list_contributed(shape, 1 << 20), 14_000_000_000, 1 << 40)
    assert [part.name for part in storage.too_large] == ["cost function"]
    assert f"readers take at most {MAX_SMALL_SECTION:,}" in storage.refusal


@pytest.mark.parametrize(
    ("scheme", "count", "section"),
    [
        (SchemeShape(4096), 1, 48),
        (SchemeShape(4097), 2, 96),
        (SchemeShape(76 * 5, 3072, 40), 5, 5 * 768),
        (SchemeShape(76 * 5 + 1, 3072, 40), 6, 6 * 768),
    ],
)
def test_sections_have_one_item_for_as_many_weights_as_fit(scheme, count, section) -> None:
    assert (scheme.count, scheme.section_bytes) == (count, section)


def test_names_of_every_part_have_advice() -> None:
    names = (
        "piece of the opening",
        "manifest of the opening",
        "verification file",
        "cost function",
        "sum",
        "manifest",
    )
    parts = tuple(StoredPart(name, 2) for name in (*names, "list of the weights' chunks"))
    assert Storage(parts, 1, 1).advice.count(";") >= len(parts) - 1
