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

A, B, C, D, E, F, G = (bytes([i]) * 32 for i in range(1, 8))
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
    assert protocol.compute_abort_chain(A, 2, 3, 4, B) == hash_struct(
        tag(Tag.ABORT), address(A), (U64, 2), (U64, 3), (U64, 4), address(B)
    )


def test_forms_of_the_trace_that_a_contract_makes():
    """What it holds as byte vectors stands behind a length there."""
    context = protocol.TraceContext(A, B, C, D, E, F, G)
    assert context.digest() == hash_struct(
        tag(Tag.CTX), data(A), *map(address, (B, C, D)), *map(data, (E, F, G))
    )
    assert protocol.compute_work_digest(A, 3, 4, B) == hash_struct(
        tag(Tag.DIGEST), data(A), (U64, 3), (U64, 4), data(B)
    )
    assert protocol.compute_slot(A) == hash_struct(tag(Tag.SLOT), data(A))
    assert protocol.compute_leaf(3, A, B) == hash_struct(tag(Tag.LEAF), (U64, 3), data(A), data(B))
    assert protocol.compute_leaf_zero(A) == hash_struct(tag(Tag.LEAF), (U64, 0), data(A), data(b""))


def test_a_slot_tree_has_a_leaf_a_slot():
    slots = [
        protocol.compute_slot(protocol.compute_work_digest(A, 3, slot, B)) for slot in range(5)
    ]
    assert protocol.compute_slot_tree(A, 3, 5, B).root == merkle.compute_root(slots)


def test_forms_of_keys_and_seeds():
    pk1, pk2 = bytes(range(48)), bytes(range(96))
    assert protocol.compute_keys_digest(pk1, pk2) == hash_struct(
        tag(Tag.KEYS), data(pk1), data(pk2)
    )
    assert protocol.compute_seed(A, B, C) == hash_struct(
        tag(Tag.SEED), address(A), address(B), data(C)
    )
    assert protocol.compute_deal_seed(A, B) == hash_struct(tag(Tag.DEAL), data(A), address(B))


@pytest.mark.parametrize(
    ("which", "draw"),
    [
        (Tag.SEAT, protocol.compute_seat_draw),
        (Tag.JUROR_SEAT, protocol.compute_juror_draw),
    ],
)
def test_draws(which, draw):
    digest = hash_struct(tag(which), data(A), data(B), (U64, 6))
    assert draw(A, B, 6, 1000) == int.from_bytes(digest[:8], "little") % 1000


@pytest.mark.parametrize("beacon", [bytes([i]) * 32 for i in range(8)])
def test_an_audit_sample(beacon):
    digest = hash_struct(tag(Tag.AUDIT), data(beacon), address(B), (U64, 0))
    ticket, place = (int.from_bytes(digest[i : i + 8], "little") for i in (0, 8))
    found = protocol.compute_audit_sample(beacon, B, 0, 5000, 12)
    assert (found.is_selected, found.place) == (ticket % 10_000 < 5000, place % 12)


def test_forms_of_a_case():
    salt = bytes(range(32))
    assert protocol.compute_challenge_id(A, 3, 1) == hash_struct(
        tag(Tag.CHALLENGE), address(A), (U64, 3), (U64, 1)
    )
    assert protocol.compute_judged(A, B) == hash_struct(tag(Tag.JUDGED), data(A), data(B))
    assert protocol.compute_verdict(A, B, C) == hash_struct(tag(Tag.VERDICT), *map(data, (A, B, C)))
    assert protocol.compute_jury_commitment(A, B, C, salt) == hash_struct(
        tag(Tag.JURY), data(A), address(B), data(C), data(salt)
    )


def test_rows():
    row, long = b"row" * 50, bytes(70_000)
    assert compute_row_leaf(5, C, row) == hash_struct(tag(Tag.ROW), address(C), (U64, 5), data(row))
    assert compute_row_leaf(5, C, long) == hash_struct(
        tag(Tag.ROW_TREE), address(C), (U64, 5), (U64, 70_000), address(compute_byte_root(long))
    )
