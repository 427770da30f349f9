"""Sizes computed before anything is made, against what is made then."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.row_tree import RowTree
from tests.support.verification_files import build_verification_file
from walrusd.core.aggregate import Aggregate
from walrusd.core.opening import OpenedCost, OpenedRow, Opening, compute_opening_bound
from walrusd.core.sizes import (
    LOSS_DEFINITION_BYTES,
    SchemeShape,
    Storage,
    StoredPart,
    WorkShape,
    compute_file_size,
    compute_opening_size,
    compute_sum_size,
    list_contributed,
)
from walrusd.crypto.cost import CostFunction
from walrusd.crypto.stream import encrypt_bytes
from walrusd.crypto.vfile.header import FileSubject, Quantisation
from walrusd.crypto.vfile.vfile import MAX_SMALL_SECTION

KEY = bytes(32)
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


@given(shapes())
def test_openings_take_what_was_computed_to_a_few_bytes(shape: WorkShape) -> None:
    dealt = min(shape.committee * shape.segments_per_seat, shape.segments)
    count = max(1, min(shape.dataset_rows, dealt * shape.segment_rows))
    rows = [bytes(shape.row_bytes)] * shape.dataset_rows
    tree = RowTree(KEY, rows)
    opening = Opening(
        state_roots=(HASH,) * (shape.segments + 1),
        slot_roots=(HASH,) * shape.segments,
        states={n: bytes(shape.state_bytes) for n in range(dealt + 1)},
        update=bytes(4 * shape.scheme.weights),
        openings=(HASH,) * shape.scheme.openings,
        cost=OpenedCost(HASH, (1 << 64) - 1, HASH),
        rows=tuple(OpenedRow(rows[n], tree.proof(n)) for n in range(count)),
    )
    real = len(encrypt_bytes(opening.to_bytes(), KEY, b""))
    bound = compute_opening_size(shape)
    height = (shape.dataset_rows - 1).bit_length()
    shorter = sum(34 * (height - len(row.proof.path)) for row in opening.rows)
    # A number takes up to 8 bytes more than one below 24.
    assert 0 <= bound - real - shorter <= 8 * (dealt + 2 * count) + 32


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
        ((HASH, 1 << 63),) * shape.max_submissions,
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
    data = 7 * 12_000 + 4_000 + 1797 * (65 + 32 * 12)
    assert data < bound < 1.2 * data


def test_without_the_number_of_rows_the_longest_path_is_assumed() -> None:
    sizes = {
        "state_bytes": 1, "boundaries": 1, "segments": 1, "weights": 1, "commitment_rows": 1,
        "rows": 1, "row_bytes": 1,
    }  # fmt: skip
    known = compute_opening_bound(**sizes, dataset_rows=2)
    assert compute_opening_bound(**sizes) - known == 63 * 34 + 1 + 8


def test_an_absurd_declaration_takes_no_time() -> None:
    shape = make_shape(max_submissions=1 << 60, committee=1 << 60, dataset_rows=1 << 63)
    assert compute_sum_size(shape) > 1 << 60
    assert compute_opening_size(shape) > 1 << 17


ADAMW = make_shape(5_900_000, 3 * 4 * 5_900_000 + 24, committee=1, segments_per_seat=4)


@pytest.mark.parametrize("publishers", [10 << 20, 1 << 30])
def test_what_is_too_large_is_said_with_the_numbers_and_a_remedy(publishers: int) -> None:
    storage = Storage(list_contributed(ADAMW), 149_286_452, publishers)
    (part,) = storage.too_large
    assert part.name == "opening"
    assert 5 * 70_800_000 < part.size < 381_000_000
    numbers = f"needs {part.size:,} bytes; this network takes at most 149,286,452 in one blob."
    assert storage.refusal == f"The opening {numbers}"
    assert "smaller committee" in storage.advice
    assert "max_blob_bytes" not in storage.advice


def test_adapters_of_gpt2_make_an_opening_of_nineteen_megabytes() -> None:
    """294,912 weights under AdamW, four segments, all of them dealt: 10 MiB do not take it."""
    weights = 294_912
    shape = make_shape(
        weights, 12 * weights + 24, segments=4, committee=1, segments_per_seat=4, row_bytes=514
    )
    assert 18_800_000 < compute_opening_size(shape) < 20_500_000
    storage = Storage(list_contributed(shape), 149_286_452, 10 << 20)
    assert [part.name for part in storage.too_large] == ["opening"]


def test_a_publishers_limit_is_told_from_the_networks() -> None:
    storage = Storage((StoredPart("sum", 10), StoredPart("opening", 2000)), 2000, 1000)
    assert "The opening needs 2,000 bytes; the publishers take at most 1,000" in storage.refusal
    assert storage.advice.endswith("raise walrus.max_blob_bytes")


def test_what_fits_is_not_complained_of() -> None:
    storage = Storage(list_contributed(make_shape()), 149_286_452, 10 << 20)
    assert (storage.too_large, storage.refusal, storage.advice) == ((), "", "")


def test_a_cost_function_that_no_reader_takes_does_not_fit_any_network() -> None:
    shape = make_shape(steps=1 << 26)
    storage = Storage(list_contributed(shape), 14_000_000_000, 1 << 40)
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
    names = ("opening", "verification file", "cost function", "sum", "manifest")
    parts = tuple(StoredPart(name, 2) for name in (*names, "list of the weights' chunks"))
    assert Storage(parts, 1, 1).advice.count(";") >= len(parts) - 1
