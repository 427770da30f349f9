"""Quilts against the network's own TypeScript encoder."""

import base64
import hashlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from walrusd.errors import MalformedData
from walrusd.storage.geometry import compute_columns, compute_rows
from walrusd.storage.quilt import (
    Patch,
    QuiltItem,
    assemble_quilt,
    format_patch_id,
    read_patch,
)
from walrusd.units import BlobId

SETS = {
    "plain": [QuiltItem("b", b"beta"), QuiltItem("a", b"alpha")],
    "tags": [
        QuiltItem("weights", b"\7" * 5000, {"zz": "1", "type": "x", "longer": "value"}),
        QuiltItem("log", b""),
        QuiltItem("ünï/c", b"\1" * 333, {"content-type": "text/plain"}),
    ],
    "many": [QuiltItem(f"file-{i:03}", bytes([i]) * (i * 37)) for i in range(40)],
    "one": [QuiltItem("only", b"\x09" * 100_000)],
}


# SHA-256 of the blobs that encodeQuilt of @mysten/walrus makes of the same sets.
GOLDEN = [
    (10, "plain", 56, "4607a99a826be7d27456381bdffc02d4dd3c7b39a31f762134a27afe3de9003f"),
    (10, "tags", 8_848, "6268db0a5c9acdd7677eb8eb2f6b98f884f0b943ac7bfaa2f0ff7be5acfd33ad"),
    (10, "one", 116_704, "c190147f485e457f7a23175994f6b88e5ae8b0c4f14bbaceace36c1df1b9d3dd"),
    (100, "plain", 4_556, "44bcce3008e93b9c096112a7d076526764e42288bb6f128e9de40763939c80bc"),
    (100, "tags", 9_112, "5d655db9894d34a2f2365de4833ec8e21936841c1d11f473d9a936099acf2cb1"),
    (100, "many", 45_560, "cd351f11b74d955a49f2351faec6816dbf488ccf1c8e3d20b774e411a315458f"),
    (100, "one", 104_788, "0200b41deceec62c8bc5dd8abb1787c8e223426f1eb67c288b1820ac8c1129f1"),
    (1000, "plain", 445_556, "16dddad89209010b7e16ee22ff21ac7ee2ef5a3e80bc958f6e9941a26c6d7689"),
    (1000, "tags", 445_556, "b42bd9923b5b9b8f7d268145e28699cc140974065f56c811b94606443f5713df"),
    (1000, "many", 445_556, "d348650912d36222e280ba73f1f4f287bd5b8e63b545483216465b9f2602cc12"),
    (1000, "one", 445_556, "c915ee192ebd0a8fce56a61379f817e0e0f747825896ac94ec58b250a4d7baf7"),
]


@pytest.mark.parametrize(("shards", "name", "size", "digest"), GOLDEN)
def test_same_as_the_networks_encoder(shards, name, size, digest):
    quilt = assemble_quilt(SETS[name], shards)
    assert (len(quilt.data), hashlib.sha256(quilt.data).hexdigest()) == (size, digest)


@given(
    st.dictionaries(
        st.text(min_size=1, max_size=10),
        st.tuples(
            st.binary(max_size=500),
            st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3),
        ),
        min_size=1,
        max_size=6,
    ),
    st.integers(10, 40),
)
def test_round_trip(contents, shards):
    items = [QuiltItem(name, data, tags) for name, (data, tags) in contents.items()]
    quilt = assemble_quilt(items, shards)
    assert {
        patch.identifier: (read_patch(quilt.data, patch, shards), patch.tags)
        for patch in quilt.patches
    } == contents


@pytest.mark.parametrize(
    "items",
    [
        [],
        [QuiltItem("", b"x")],
        [QuiltItem("a", b"x"), QuiltItem("a", b"y")],
        [QuiltItem("a" * 70_000, b"x")],
        [QuiltItem(str(i), b"x") for i in range(100)],
    ],
)
def test_impossible_quilts(items):
    with pytest.raises(MalformedData):
        assemble_quilt(items, 10)


def test_other_columns_hold_no_patch():
    quilt = assemble_quilt(SETS["tags"], 10)
    log, weights, _ = quilt.patches
    assert (log.identifier, weights.identifier) == ("log", "weights")
    assert read_patch(quilt.data, log, 10) == b""
    with pytest.raises(MalformedData):  # inside the content of an item
        read_patch(quilt.data, replace(weights, start=weights.start + 1), 10)
    with pytest.raises(MalformedData):  # longer than its columns
        read_patch(quilt.data, replace(weights, end=weights.start + 1), 10)


@pytest.mark.parametrize("version", [0, 2])
def test_a_patch_of_another_version_is_not_read(version):
    quilt = assemble_quilt([QuiltItem("a", b"alpha")], 10)
    (patch,) = quilt.patches
    data = bytearray(quilt.data)
    symbol = len(data) // (compute_rows(10) * compute_columns(10))
    data[patch.start * symbol] = version
    with pytest.raises(MalformedData):
        read_patch(bytes(data), patch, 10)


def test_the_id_of_a_patch_is_the_quilts_and_its_columns():
    patch = Patch("a", {}, 258, 3)
    raw = base64.urlsafe_b64decode(format_patch_id(BlobId(7), patch) + "==")
    assert raw == (7).to_bytes(32, "little") + b"\x01" + b"\x02\x01" + b"\x03\x00"


@pytest.mark.parametrize("tags", [{}, {"k": "v" * 0x10000}])
def test_the_longest_texts_of_an_item(tags):
    longest = "a" * (0xFFFF - 3)  # its length takes three bytes
    assemble_quilt([QuiltItem(longest, b"")], 1000)
    with pytest.raises(MalformedData):
        assemble_quilt([QuiltItem(longest + "a" * (not tags), b"", tags)], 1000)
