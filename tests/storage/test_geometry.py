"""Shapes and prices against the numbers of the network's documentation and contracts."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from walrusd.storage.geometry import Geometry, compute_max_blob_size, compute_storage_price


def test_network_of_a_thousand_shards():
    geometry = Geometry(17, 1000)
    assert (geometry.rows, geometry.columns, geometry.symbol_size) == (334, 667, 2)
    assert compute_max_blob_size(1000) == 14_599_533_452


@pytest.mark.parametrize(
    ("size", "encoded", "units"),
    [
        (0, 66_034_000, 63),
        (17, 66_034_000, 63),
        (445_556, 66_034_000, 63),
        (1 << 20, 70_038_000, 67),
        (10 << 20, 112_080_000, 107),
        (64 << 20, 366_334_000, 350),
        (1 << 30, 4_888_852_000, 4_663),
        (14_599_533_452, 65_663_566_000, 62_622),
    ],
)
def test_encoded_size(size, encoded, units):
    geometry = Geometry(size, 1000)
    assert (geometry.encoded_size, geometry.storage_units) == (encoded, units)


def test_cost():
    geometry = Geometry(17, 1000)
    cost = compute_storage_price(geometry, epochs=5, storage_price=100_000, write_price=20_000)
    assert cost == 63 * (5 * 100_000 + 20_000)


@pytest.mark.parametrize(("size", "shards"), [(-1, 100), (1, 3), (1, 70_000), (10**9, 100)])
def test_impossible_shapes(size, shards):
    with pytest.raises(ValueError, match="shards"):
        Geometry(size, shards)


@given(st.integers(0, 5_000_000), st.integers(10, 300))
def test_rows_cover_the_blob(size, shards):
    size = min(size, compute_max_blob_size(shards))
    geometry = Geometry(size, shards)
    assert geometry.filled_rows <= geometry.rows
    assert geometry.row_size % 2 == 0
    spans = [geometry.row_span(i, i + 1) for i in range(geometry.filled_rows)]
    assert sum(end - start for start, end in spans) == size
    assert all(a[1] == b[0] for a, b in pairwise(spans))
