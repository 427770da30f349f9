"""The dataset container: any reader of safetensors reads it, and ours reads it strictly."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load, save

from tests.support.containers import make_container_header
from walrusd.errors import MalformedData, PlanRefused
from walrusd.training.formats.container import (
    METADATA_KEY,
    read_container_header,
)
from walrusd.training.plan.dataspec import parse_data_schema
from walrusd.training.run.data import check_rows, decode_rows

SCHEMAS = [
    {"kind": "tabular-u8", "features": 3, "scale_log2": -1, "classes": 4},
    {"kind": "tabular-f32", "features": 2, "targets": 1},
    {"kind": "image-u8", "shape": [1, 2, 2], "scale_log2": 0, "classes": 300},
    {"kind": "tokens", "length": 3, "vocabulary": 9},
    {"kind": "tokens", "length": 2, "vocabulary": 70_000},
]


@pytest.mark.parametrize("document", SCHEMAS)
def test_safetensors_reads_ours_and_we_read_theirs(document):
    schema = parse_data_schema(document)
    rows = np.zeros((5, schema.row_bytes), np.uint8)
    rows[:, 0] = np.arange(5) % 4
    file = make_container_header(schema, 5) + rows.tobytes()
    assert np.array_equal(load(file)["rows"], rows)
    theirs = save({"rows": rows}, metadata={METADATA_KEY: json.dumps(document)})
    for data in (file, theirs):
        found = read_container_header(data)
        assert (found.schema, found.rows, found.size) == (schema, 5, len(data))
        assert data[found.offset :] == rows.tobytes()
    check_rows(schema, rows.tobytes())


def test_rows_decode_to_what_they_say():
    tabular, floats, image, tokens, wide = (parse_data_schema(d) for d in SCHEMAS)
    inputs, labels = decode_rows(tabular, bytes([2, 4, 6, 3]))
    assert (inputs.tolist(), labels.tolist()) == ([[1.0, 2.0, 3.0]], [3])
    inputs, targets = decode_rows(floats, np.array([1, 2, 3], "<f4").tobytes())
    assert (inputs.tolist(), targets.tolist()) == ([[1.0, 2.0]], [[3.0]])
    inputs, labels = decode_rows(image, bytes([1, 2, 3, 4, 43, 1]))
    assert (inputs.tolist(), labels.tolist()) == ([[[[1.0, 2.0], [3.0, 4.0]]]], [299])
    for schema, kind in ((tokens, "<u2"), (wide, "<u4")):
        numbers = np.arange(schema.length + 1)
        inputs, labels = decode_rows(schema, numbers.astype(kind).tobytes())
        assert (inputs[0].tolist(), labels[0].tolist()) == (
            numbers[:-1].tolist(),
            numbers[1:].tolist(),
        )


@pytest.mark.parametrize(
    ("place", "data"),
    [
        (0, bytes([0, 0, 0, 4])),
        (0, bytes(5)),
        (1, np.array([1, np.nan, 3], "<f4").tobytes()),
        (2, bytes([0, 0, 0, 0, 44, 1])),
        (3, np.array([0, 1, 2, 9], "<u2").tobytes()),
    ],
)
def test_rows_that_no_plan_can_use_are_refused(place, data):
    with pytest.raises(MalformedData):
        check_rows(parse_data_schema(SCHEMAS[place]), data)


GOOD = make_container_header(parse_data_schema(SCHEMAS[0]), 2)
HEADER = json.loads(GOOD[8:])


def with_header(**changes):
    text = json.dumps(HEADER | changes).encode()
    return len(text).to_bytes(8, "little") + text


@pytest.mark.parametrize(
    "data",
    [
        b"",
        GOOD[:7],
        GOOD[:-1],
        b"\xff" * 8 + GOOD[8:],
        with_header(extra=HEADER["rows"]),
        with_header(rows={"dtype": "U8", "shape": [2], "data_offsets": [0, 8]}),
        with_header(rows=HEADER["rows"] | {"dtype": "I8"}),
        with_header(rows=HEADER["rows"] | {"shape": [2, 5]}),
        with_header(rows=HEADER["rows"] | {"shape": [0, 4]}),
        with_header(rows=HEADER["rows"] | {"data_offsets": [1, 9]}),
        with_header(__metadata__={}),
        with_header(__metadata__={METADATA_KEY: "{"}),
        with_header(__metadata__={METADATA_KEY: 3}),
        with_header(__metadata__=HEADER["__metadata__"] | {"note": "x"}),
    ],
)
def test_other_files_are_refused(data):
    with pytest.raises(MalformedData):
        read_container_header(data)


def test_a_schema_no_plan_could_use_is_refused():
    with pytest.raises(PlanRefused):
        read_container_header(with_header(__metadata__={METADATA_KEY: '{"kind": "sounds"}'}))


@given(st.binary(max_size=300))
def test_noise_is_refused(noise):
    with pytest.raises((MalformedData, PlanRefused)):
        read_container_header(noise)
