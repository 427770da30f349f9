"""What a contract hashes is the BCS of one struct, by the encoder that speaks to the chain."""

import hashlib
import struct

import pytest

from walrusd.chain.values import codecs
from walrusd.core import protocol
from walrusd.crypto import merkle
from walrusd.crypto.dataset_rows import compute_row_leaf
from walrusd.crypto.number_tree import LeafKind, compute_byte_root, hash_leaf_of
from walrusd.crypto.tags import Tag, hash_tagged

A, B, C = (bytes([i]) * 32 for i in (1, 2, 3))
U8, U32, U64 = codecs.Unsigned(1), codecs.Unsigned(4), codecs.Unsigned(8)
ADDRESS = codecs.AddressCodec()


def hash_struct(*fields):
    """Return SHA-256 of ``bcs::to_bytes`` of a struct: its fields one after the other."""
    raw = b"".join(codec.encode(value) for codec, value in fields)
    return hashlib.sha256(raw).digest()


def address(raw):
    return ADDRESS, "0x" + raw.hex()


def data(raw):
    return codecs.Vector(U8), list(raw)


def tag(which):
    return data(which.text)


@pytest.mark.parametrize("count", [1, 127, 128, 1000, 1024])
def test_a_leaf_of_numbers(count):
    words = [(k * 2654435761) % 2**32 for k in range(count)]
    raw = struct.pack(f"<{count}I", *words)
    expected = hash_struct((U8, 0), (codecs.Vector(U32), words))
    assert hash_leaf_of(LeafKind.WORDS, raw) == expected
    assert hash_leaf_of(LeafKind.BYTES, raw) == hash_struct((U8, 0), data(raw))


def test_nodes_and_leaves_that_are_hashes():
    assert merkle.hash_node(A, B) == hash_struct((U8, 1), address(A), address(B))
    assert merkle.hash_leaf(A) == hash_struct((U8, 0), address(A))
    assert merkle.compute_root_of_items([b"x" * 48], 48) == hash_struct((U8, 0), data(b"x" * 48))


def test_forms_of_a_trace():
    assert hash_tagged(Tag.STATE, A, B) == hash_struct(tag(Tag.STATE), address(A), address(B))
    assert protocol.compute_chain_start(A, 3, B) == hash_struct(
        tag(Tag.CHAIN), address(A), (U64, 3), address(B)
    )
    losses, folds = (hash_struct((U8, 0), (codecs.Vector(U32), [word])) for word in (1, 2))
    numbers = [[struct.unpack("<f", struct.pack("<I", word))[0]] for word in (1, 2)]
    assert protocol.compute_chain_step(A, 7, *numbers) == hash_struct(
        tag(Tag.STEP), address(A), (U64, 7), address(losses), address(folds)
    )
    assert protocol.compute_leaf(3, A, B) == hash_struct(
        tag(Tag.LEAF), (U64, 3), address(A), address(B)
    )
    assert protocol.compute_work_digest(A, 3, 4, B) == hash_struct(
        tag(Tag.DIGEST), address(A), (U64, 3), (U64, 4), address(B)
    )
    assert protocol.compute_abort_chain(A, 2, 3, 4, B) == hash_struct(
        tag(Tag.ABORT), address(A), (U64, 2), (U64, 3), (U64, 4), address(B)
    )


def test_rows():
    row, long = b"row" * 50, bytes(70_000)
    assert compute_row_leaf(5, C, row) == hash_struct(tag(Tag.ROW), address(C), (U64, 5), data(row))
    assert compute_row_leaf(5, C, long) == hash_struct(
        tag(Tag.ROW_TREE), address(C), (U64, 5), (U64, 70_000), address(compute_byte_root(long))
    )
