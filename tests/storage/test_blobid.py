"""Spellings of blob ids."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from walrusd.errors import MalformedData
from walrusd.storage.blobid import (
    blob_id_bytes,
    blob_id_from_bytes,
    format_blob_id,
    parse_blob_id,
)
from walrusd.units import BlobId


@given(st.binary(min_size=32, max_size=32))
def test_round_trip(raw):
    blob_id = blob_id_from_bytes(raw)
    assert blob_id == int.from_bytes(raw, "little")
    assert blob_id_bytes(blob_id) == raw
    assert parse_blob_id(format_blob_id(blob_id)) == blob_id


@pytest.mark.parametrize(
    "text",
    [
        "",
        "A" * 42,
        "A" * 44,
        "A" * 42 + "=",
        "A" * 42 + "+",
        "A" * 42 + "!",
        "A" * 42 + "é",
        "A" * 42 + "B",
    ],
)
def test_other_spellings_are_refused(text):
    with pytest.raises(MalformedData):
        parse_blob_id(text)


@pytest.mark.parametrize("number", [-1, 1 << 256])
def test_only_u256(number):
    with pytest.raises(MalformedData):
        blob_id_bytes(BlobId(number))


def test_only_32_bytes():
    with pytest.raises(MalformedData):
        blob_id_from_bytes(bytes(31))
