import hashlib
import struct
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from walrusd.core import protocol
from walrusd.core.protocol import TraceContext
from walrusd.crypto import merkle

A, B, C, D, E, F, G = (bytes([i]) * 32 for i in range(1, 8))
CONTEXT = TraceContext(A, B, C, D, E, F, G)


def h(tag, *fields, form=1):
    """``H`` as PROTOCOL states it, without the code under test."""
    text = b"WALRUSD-V0%d-" % form + tag
    return hashlib.sha256(bytes([len(text)]) + text + b"".join(fields)).digest()


def n(number):
    return struct.pack("<Q", number)


def test_preimages_are_those_of_the_protocol():
    assert protocol.compute_seed(A, B, C) == h(b"SEED", A, B, C)
    assert CONTEXT.digest() == h(b"CTX", A, B, C, D, E, F, G)
    assert protocol.compute_chain_start(A, 3, B) == h(b"CHAIN", A, n(3), B)
    assert protocol.compute_work_digest(A, 3, 4, B) == h(b"DIGEST", A, n(3), n(4), B)
    assert protocol.compute_slot(A) == h(b"SLOT", A)
    assert protocol.compute_leaf_zero(A) == h(b"LEAF", n(0), A)
    assert protocol.compute_leaf(3, A, B) == h(b"LEAF", n(3), A, B)
    assert protocol.compute_deal_seed(A, B) == h(b"DEAL", A, B)
    assert protocol.compute_challenge_id(A, 1, 2, 3) == h(b"CHALLENGE", A, n(1), n(2), n(3))
    assert protocol.compute_jury_commitment(A, B, C, D, E) == h(b"JURY", A, B, C, D, E)
    assert protocol.compute_abort_chain(A, 2, 3, 4, B) == h(b"ABORT", A, n(2), n(3), n(4), B)


def test_step_absorbs_roots_over_float_bits_in_order():
    found = protocol.compute_chain_step(A, 7, [0.5, 0.0], [1.5])
    losses = hashlib.sha256(bytes.fromhex("00020000003f00000000")).digest()
    folds = hashlib.sha256(bytes.fromhex("00010000c03f")).digest()
    assert found == h(b"STEP", A, n(7), losses, folds, form=2)
    assert found != protocol.compute_chain_step(A, 7, [0.0, 0.5], [1.5])
    assert found != protocol.compute_chain_step(A, 8, [0.5, 0.0], [1.5])
    assert found != protocol.compute_chain_step(A, 7, [0.5], [0.0, 1.5])


def test_step_absorbs_a_zero_without_sign_and_one_nan():
    def step(*losses):
        return protocol.compute_chain_step(A, 7, losses, [1.5])

    assert step(0.5, -0.0) == step(0.5, 0.0)
    quiet, negative = (struct.unpack("<f", bytes.fromhex(x))[0] for x in ("0000c07f", "0100c0ff"))
    assert step(quiet) == step(negative) != step(float("inf"))


def test_a_step_of_many_numbers_absorbs_a_tree():
    numbers = [float(k) for k in range(1025)]
    raw = struct.pack("<1025f", *numbers)
    left = hashlib.sha256(b"\x00\x80\x08" + raw[:4096]).digest()
    right = hashlib.sha256(b"\x00\x01" + raw[4096:]).digest()
    root, none = hashlib.sha256(b"\x01" + left + right).digest(), hashlib.sha256().digest()
    assert protocol.compute_chain_step(A, 7, numbers, []) == h(b"STEP", A, n(7), root, none, form=2)


def test_draws_read_eight_little_endian_bytes():
    value = int.from_bytes(h(b"SEAT", A, B, n(5))[:8], "little")
    assert protocol.compute_seat_draw(A, B, 5, 1 << 64) == value
    assert protocol.compute_seat_draw(A, B, 5, 7) == value % 7
    juror = int.from_bytes(h(b"JUROR-SEAT", A, B, n(5))[:8], "little")
    assert protocol.compute_juror_draw(A, B, 5, 1 << 64) == juror


def test_the_audit_lot_reads_a_ticket_and_a_place():
    digest = h(b"AUDIT", A, B)
    ticket, place = struct.unpack("<QQ", digest[:16])
    ticket %= 10_000
    assert 0 < ticket < 9_999
    draw = protocol.compute_audit_sample
    assert draw(A, B, ticket, 7) == protocol.AuditSample(False, place % 7)
    assert draw(A, B, ticket + 1, 7) == protocol.AuditSample(True, place % 7)
    assert draw(A, B, 0, 1).is_selected is False
    assert draw(A, B, 10_000, 1).is_selected is True


@given(st.integers(1, 16), st.data())
def test_slots_prove_a_work_digest_per_seat(committee, data):
    tree = protocol.compute_slot_tree(A, 3, committee, B)
    assert tree.size == 2 * committee
    slot = data.draw(st.integers(0, 2 * committee - 1))
    digest = protocol.compute_work_digest(A, 3, slot, B)
    leaf = protocol.compute_slot(digest)
    merkle.verify_path(tree.root, leaf, slot, 2 * committee, tree.path(slot))
    digests = {protocol.compute_work_digest(A, 3, s, B) for s in range(2 * committee)}
    assert len(digests) == 2 * committee


def test_trace_root_is_over_leaf_data():
    leaves = [protocol.compute_leaf_zero(A), protocol.compute_leaf(1, B, C)]
    left, right = (hashlib.sha256(b"\x00" + leaf).digest() for leaf in leaves)
    assert protocol.compute_trace_root(leaves) == hashlib.sha256(b"\x01" + left + right).digest()


def test_every_field_of_the_context_counts():
    names = ("chain_id", "package", "task", "contributor", "seed", "plan_digest", "dataset_root")
    digests = {replace(CONTEXT, **{name: bytes(32)}).digest() for name in names}
    assert len(digests | {CONTEXT.digest()}) == 8
    for name in names:
        with pytest.raises(ValueError, match="32 bytes"):
            replace(CONTEXT, **{name: bytes(31)}).digest()


def test_first_leaf_cannot_be_taken_for_another():
    assert protocol.compute_leaf(0, A, b"") == protocol.compute_leaf_zero(A)
    assert protocol.compute_leaf(1, A, B) != protocol.compute_leaf_zero(A)


KNOWN = {
    "seed": "97fd1ddd672042086ad62249d587ad90f5e32f03a461e4f8d703333cf76332e2",
    "ctx": "a18e1ab7c91d5e26101e7acdff811dfbc7698f4cd9e73573818bcb1a4238e9ad",
    "chain_start": "f331ed7ef525426ea09b3ec27db906383f6c450bbd58629de654c6642d1cc3c1",
    "chain_step": "266bb606d109f482da3fc1d64e54bf2c4f61cc0f5795f05d5ade1bdcca77d1d3",
    "work_digest": "62d1f67ff52ae7332687ef93cf4b393bde334254ca5a5fec59dae39dc83e69cb",
    "slot_root": "fa7615d448e64120c4e52bf719c856e4a0405e4066acef162f1929e63eef84f6",
    "leaf_zero": "f2a602295244df1711c4472b8c3d21d8cecea2abebcc5d03b3e215bb622f23cd",
    "leaf": "436aa248090ea4389573cc2b28b29459c28ebdefc83f12eb2de1331cdd0ba6f5",
    "trace_root": "df896896c799531f1fd1e556cea26a6989ab06853bcbfdd3e4f5097a611f658f",
    "seat": 829,
    "juror": 834,
    "deal": "e834d1228845252260ccc0442218d31e16abafc6bcbc65f4600b9f052432fd0b",
    "challenge": "7c1c4f36b0e808301f927337d5dd8d925cea543999c0f50255809b63eae42c39",
    "jury": "8c999986b0555eb3582f2158e37964e644209c4dee137528425cb52c4ed0429a",
}


def compute_known():
    return {
        "seed": protocol.compute_seed(A, B, C).hex(),
        "ctx": CONTEXT.digest().hex(),
        "chain_start": protocol.compute_chain_start(A, 1, B).hex(),
        "chain_step": protocol.compute_chain_step(A, 2, [0.25, 1.0], [-3.5]).hex(),
        "work_digest": protocol.compute_work_digest(A, 1, 2, B).hex(),
        "slot_root": protocol.compute_slot_tree(A, 1, 3, B).root.hex(),
        "leaf_zero": protocol.compute_leaf_zero(A).hex(),
        "leaf": protocol.compute_leaf(1, A, B).hex(),
        "trace_root": protocol.compute_trace_root([A, B, C]).hex(),
        "seat": protocol.compute_seat_draw(A, B, 3, 1000),
        "juror": protocol.compute_juror_draw(A, B, 3, 1000),
        "deal": protocol.compute_deal_seed(A, B).hex(),
        "challenge": protocol.compute_challenge_id(A, 1, 2, 3).hex(),
        "jury": protocol.compute_jury_commitment(A, B, C, D, E).hex(),
    }


def test_known_answers():
    """Frozen: a change here is a change of the protocol."""
    assert compute_known() == KNOWN
