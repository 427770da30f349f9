import blake3
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from walrusd.errors import MalformedData, RowAbsent
from walrusd.training.numerics.random import batch_rows, compute_segment_rows, compute_uniform
from walrusd.training.plan.dataspec import (
    ImageSchema,
    TabularFloatSchema,
    TabularSchema,
    TokenSchema,
)
from walrusd.training.run import data as data_module
from walrusd.training.run.data import DatasetRows, PackedRows, check_rows, decode_rows

SEED = b"s" * 32


@given(st.integers(1, 60), st.integers(1, 30), st.integers(0, 5))
def test_an_epoch_uses_every_row_once(rows, batch, epoch):
    batch = min(batch, rows)
    per_epoch = rows // batch
    steps = range(epoch * per_epoch + 1, (epoch + 1) * per_epoch + 1)
    used = np.concatenate([batch_rows(SEED, step, batch, rows) for step in steps])
    assert len(set(used.tolist())) == per_epoch * batch
    assert 0 <= used.min() <= used.max() < rows


def test_order_depends_on_seed_and_epoch():
    first = batch_rows(SEED, 1, 50, 100).tolist()
    assert first == batch_rows(SEED, 1, 50, 100).tolist()
    assert first != batch_rows(b"t" * 32, 1, 50, 100).tolist()
    assert first != batch_rows(SEED, 3, 50, 100).tolist()


def test_order_is_rows_sorted_by_their_word_of_the_stream():
    context = b"\x12WALRUSD-V01-RANDOM" + (1).to_bytes(8, "little") + b"order"
    stream = blake3.blake3(context, key=SEED).digest(length=160)
    words = [int.from_bytes(stream[8 * i : 8 * i + 8], "little") for i in range(20)]
    order = sorted(range(20), key=words.__getitem__)
    # Steps 4 to 6 are the second epoch of 20 // 6 steps.
    assert batch_rows(SEED, 4, 6, 20).tolist() == order[:6]
    assert batch_rows(SEED, 6, 6, 20).tolist() == order[12:18]


def test_impossible_steps_are_refused():
    for step, batch, rows in ((0, 1, 2), (1, 3, 2), (1, 0, 2)):
        with pytest.raises(ValueError, match="no step"):
            batch_rows(SEED, step, batch, rows)


def test_uniform_values_are_on_the_24_bit_grid_and_spread():
    x = compute_uniform(SEED, 0, "init/x", (100_000,), 1.0)
    assert x.dtype == np.float32
    assert -1.0 <= x.min() < -0.999
    assert 0.999 < x.max() < 1.0
    assert abs(float(x.mean())) < 0.01
    assert np.array_equal(x.astype(np.float64) * 2**23 % 1, np.zeros(100_000))


def test_packed_rows_serve_exactly_their_segment(plan, rows):
    needed = compute_segment_rows(plan, SEED, 2, rows.count)
    packed = PackedRows(plan.dataset, rows.count, needed, rows.rows(needed))
    for step in plan.segment_range(2):
        indices = batch_rows(SEED, step, plan.batch, rows.count)
        assert packed.rows(indices) == rows.rows(indices)
    absent = np.setdiff1d(np.arange(rows.count), needed)[:1]
    assert absent.size
    with pytest.raises(RowAbsent, match="not among"):
        packed.rows(absent)


@pytest.mark.parametrize(
    ("indices", "data"),
    [
        ([1, 1], bytes(26)),
        ([2, 1], bytes(26)),
        ([0, 75], bytes(26)),
        ([-1, 0], bytes(26)),
        ([0], bytes(26)),
        ([0, 1], bytes(25)),
    ],
)
def test_inconsistent_packed_rows_are_refused(plan, indices, data):
    with pytest.raises(MalformedData):
        PackedRows(plan.dataset, 75, indices, data)


def test_no_packed_rows_at_all(plan):
    with pytest.raises(RowAbsent):
        PackedRows(plan.dataset, 75, [], b"").rows(np.array([0]))


def test_rows_decode_exactly(plan):
    features, labels = decode_rows(plan.dataset, bytes([*range(12), 4, *([16] * 12), 0]))
    assert features.dtype == np.float32
    assert features.tolist() == [[i / 16 for i in range(12)], [1.0] * 12]
    assert labels.tolist() == [4, 0]


def test_bad_rows_are_refused(plan):
    with pytest.raises(MalformedData, match="label 5"):
        decode_rows(plan.dataset, bytes([0] * 12 + [5]))
    with pytest.raises(MalformedData, match="whole rows"):
        DatasetRows(plan.dataset, bytes(14))
    with pytest.raises(RowAbsent, match="outside"):
        DatasetRows(plan.dataset, bytes(13)).rows(np.array([1]))


def numbers(*values, kind="<u2"):
    return np.array(values, kind).tobytes()


SMALL, LARGE = TokenSchema(2, 300), TokenSchema(2, 65_537)


@pytest.mark.parametrize(
    ("schema", "last", "kind"),
    [
        (SMALL, 299, "<u2"),
        (TokenSchema(2, 2), 1, "<u2"),
        (TokenSchema(2, 65_536), 65_535, "<u2"),
        (LARGE, 65_536, "<u4"),
    ],
)
def test_the_vocabulary_ends_before_its_size(schema, last, kind):
    inputs, targets = decode_rows(schema, numbers(0, last, 0, kind=kind))
    assert (inputs.tolist(), targets.tolist()) == ([[0, last]], [[last, 0]])
    if last == np.iinfo(kind).max:
        return
    for row in ((last + 1, 0, 0), (0, 0, last + 1)):
        with pytest.raises(MalformedData, match=f"token {last + 1} "):
            decode_rows(schema, numbers(*row, kind=kind))


@pytest.mark.parametrize(
    ("schema", "row"),
    [
        (TabularSchema(2, 0, 3), lambda label: bytes([7, 7, label])),
        (ImageSchema((1, 1, 2), 0, 3), lambda label: bytes([7, 7, label])),
        (ImageSchema((1, 1, 2), 0, 257), lambda label: bytes([7, 7]) + numbers(label)),
    ],
)
def test_the_classes_end_before_their_number(schema, row):
    for label in (0, schema.classes - 1):
        assert decode_rows(schema, row(label))[1].tolist() == [label]
    with pytest.raises(MalformedData, match=f"label {schema.classes} "):
        decode_rows(schema, row(schema.classes))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", range(3))
def test_values_are_finite(bad, place):
    values = np.zeros(3, "<f4")
    schema = TabularFloatSchema(2, 1)
    assert decode_rows(schema, values.tobytes())[1].tolist() == [[0]]
    values[place] = bad
    with pytest.raises(MalformedData):
        decode_rows(schema, values.tobytes())


def test_no_rows_decode_to_nothing():
    for schema in (SMALL, TabularSchema(2, 0, 3), ImageSchema((1, 1, 2), 0, 3)):
        inputs, targets = decode_rows(schema, b"")
        assert len(inputs) == len(targets) == 0


@pytest.mark.parametrize("place", range(5))
def test_every_row_of_a_large_dataset_is_checked(monkeypatch, place):
    """Also where a piece begins and ends, and in the last one, which is shorter."""
    monkeypatch.setattr(data_module, "CHECKED_AT_ONCE", 2 * SMALL.row_bytes + 1)
    rows = np.zeros((5, 3), "<u2")
    check_rows(SMALL, rows.tobytes())
    rows[place, 2] = 300
    with pytest.raises(MalformedData):
        check_rows(SMALL, rows.tobytes())
    monkeypatch.setattr(data_module, "CHECKED_AT_ONCE", 1)  # less than a row
    with pytest.raises(MalformedData):
        check_rows(SMALL, rows.tobytes())


@pytest.mark.parametrize(("index", "is_there"), [(-1, False), (0, True), (2, True), (3, False)])
def test_a_dataset_has_the_rows_up_to_its_count(index, is_there):
    source = DatasetRows(TabularSchema(2, 0, 3), bytes(range(9)))
    if is_there:
        expected = bytes(range(3 * index, 3 * index + 3))
        assert source.rows(np.array([index])) == expected
        return
    for indices in ([index], [0, index], [index, 0]):
        with pytest.raises(RowAbsent):
            source.rows(np.array(indices))


def test_opened_rows_reach_to_the_last_of_the_dataset():
    packed = PackedRows(TabularSchema(2, 0, 3), 75, [0, 74], bytes(range(6)))
    assert packed.count == 75
    assert packed.rows(np.array([74, 0])) == bytes([3, 4, 5, 0, 1, 2])
    for index in (1, 73, 75, -1):
        with pytest.raises(RowAbsent):
            packed.rows(np.array([0, index]))
