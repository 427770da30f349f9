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


def v(data):
    return bytes([len(data)]) + data


def test_preimages_are_those_of_the_protocol():
    assert protocol.compute_seed(A, B, C) == h(b"SEED", A, B, v(C), form=2)
    context = v(A), B, C, D, *map(v, (E, F, G))
    assert CONTEXT.digest() == h(b"CTX", *context, form=2)
    assert protocol.compute_chain_start(A, 3, B) == h(b"CHAIN", A, n(3), B)
    digest = h(b"DIGEST", v(A), n(3), n(4), v(B), form=2)
    assert protocol.compute_work_digest(A, 3, 4, B) == digest
    assert protocol.compute_slot(A) == h(b"SLOT", v(A), form=2)
    assert protocol.compute_leaf_zero(A) == h(b"LEAF", n(0), v(A), v(b""), form=2)
    assert protocol.compute_leaf(3, A, B) == h(b"LEAF", n(3), v(A), v(B), form=2)
    assert protocol.compute_deal_seed(A, B) == h(b"DEAL", v(A), B, form=2)
    assert protocol.compute_challenge_id(A, 1, 2) == h(b"CHALLENGE", A, n(1), n(2), form=2)
    commitment = h(b"JURY", v(A), B, v(C), v(D), form=2)
    assert protocol.compute_jury_commitment(A, B, C, D) == commitment
    assert protocol.compute_verdict(A, B, C) == h(b"VERDICT", v(A), v(B), v(C), form=2)
    assert protocol.compute_judged(A, B) == h(b"JUDGED", v(A), v(B), form=2)
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
    value = int.from_bytes(h(b"SEAT", v(A), v(B), n(5), form=2)[:8], "little")
    assert protocol.compute_seat_draw(A, B, 5, 1 << 64) == value
    assert protocol.compute_seat_draw(A, B, 5, 7) == value % 7
    juror = int.from_bytes(h(b"JUROR-SEAT", v(A), v(B), n(5), form=2)[:8], "little")
    assert protocol.compute_juror_draw(A, B, 5, 1 << 64) == juror


def test_the_audit_lot_reads_a_ticket_and_a_place():
    digest = h(b"AUDIT", v(A), B, n(0), form=2)
    ticket, place = struct.unpack("<QQ", digest[:16])
    ticket %= 10_000
    assert 0 < ticket < 9_999
    draw = protocol.compute_audit_sample
    assert draw(A, B, 0, ticket, 7) == protocol.AuditSample(False, place % 7)
    assert draw(A, B, 0, ticket + 1, 7) == protocol.AuditSample(True, place % 7)
    assert draw(A, B, 0, 0, 1).is_selected is False
    assert draw(A, B, 0, 10_000, 1).is_selected is True


def test_a_later_round_of_the_audit_is_another_place_and_always_selected():
    digest = h(b"AUDIT", v(A), B, n(1), form=2)
    place = struct.unpack("<QQ", digest[:16])[1] % 7
    assert protocol.compute_audit_sample(A, B, 1, 0, 7) == protocol.AuditSample(True, place)


@given(st.integers(2, 32), st.data())
def test_slots_prove_a_work_digest_per_seat(slots, data):
    tree = protocol.compute_slot_tree(A, 3, slots, B)
    assert tree.size == slots
    slot = data.draw(st.integers(0, slots - 1))
    digest = protocol.compute_work_digest(A, 3, slot, B)
    leaf = protocol.compute_slot(digest)
    merkle.verify_path(tree.root, leaf, slot, slots, tree.path(slot))
    digests = {protocol.compute_work_digest(A, 3, s, B) for s in range(slots)}
    assert len(digests) == slots


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
    "seed": "75901344501a0a93f12199ba30faf7931a8310e69cc7901350b0de7bf577b6ed",
    "ctx": "35a8d61275bd8901b995707d0181a2a46f88e58bf04694772b3bf8e74e3f8181",
    "chain_start": "f331ed7ef525426ea09b3ec27db906383f6c450bbd58629de654c6642d1cc3c1",
    "chain_step": "266bb606d109f482da3fc1d64e54bf2c4f61cc0f5795f05d5ade1bdcca77d1d3",
    "work_digest": "65a2a17806d953c462063aca7bd9967d911aa279b37d69bac8cc54b4b5e8e2df",
    "slot_root": "1483d5fdc1ddbb9247b637c98e23e1c557debe573ef0c0a0c59723d36b64654d",
    "leaf_zero": "ed7ce6c05e4e5092567fe88da56e7096d643a41746a577396bf5f12ca5bc0914",
    "leaf": "fa7fb4746790969debc72c390b4bfeef53ac99977cb25272fc656b54f0924a9d",
    "trace_root": "df896896c799531f1fd1e556cea26a6989ab06853bcbfdd3e4f5097a611f658f",
    "seat": 100,
    "juror": 643,
    "deal": "010bdbb5b0ecea9508f9297fab20dc5cf90a0dd907efb58bb60679e4520cfa60",
    "challenge": "ac9b216737d2fa679d65d0f3be3ca93fe3a62ee5536716ec1bb9d5a1b04cc6f1",
    "jury": "ca4824bb73c93e001bfdecd5da74674b2b7cecb071a2724f73e0591fa1bf4ab8",
}


def compute_known():
    return {
        "seed": protocol.compute_seed(A, B, C).hex(),
        "ctx": CONTEXT.digest().hex(),
        "chain_start": protocol.compute_chain_start(A, 1, B).hex(),
        "chain_step": protocol.compute_chain_step(A, 2, [0.25, 1.0], [-3.5]).hex(),
        "work_digest": protocol.compute_work_digest(A, 1, 2, B).hex(),
        "slot_root": protocol.compute_slot_tree(A, 1, 5, B).root.hex(),
        "leaf_zero": protocol.compute_leaf_zero(A).hex(),
        "leaf": protocol.compute_leaf(1, A, B).hex(),
        "trace_root": protocol.compute_trace_root([A, B, C]).hex(),
        "seat": protocol.compute_seat_draw(A, B, 3, 1000),
        "juror": protocol.compute_juror_draw(A, B, 3, 1000),
        "deal": protocol.compute_deal_seed(A, B).hex(),
        "challenge": protocol.compute_challenge_id(A, 1, 2).hex(),
        "jury": protocol.compute_jury_commitment(A, B, C, D).hex(),
    }


def test_known_answers():
    """Frozen: a change here is a change of the protocol."""
    assert compute_known() == KNOWN
