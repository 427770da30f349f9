import hashlib
import struct
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.refusals import refused
from tests.support.verification_files import (
    build_verification_file,
    verify_verification_file,
)
from walrusd.core.protocol import TraceContext
from walrusd.crypto.cbor import decode_canonical, encode_canonical
from walrusd.crypto.cost import CostFunction, compute_loss_root, parse_cost_function
from walrusd.crypto.merkle import compute_root
from walrusd.crypto.number_tree import compute_update_root
from walrusd.crypto.pedersen import pedersen, rows
from walrusd.crypto.vfile.blocks import PedersenBlock
from walrusd.crypto.vfile.checks import (
    inspect_verification_file,
    open_cost,
    verify_file_update,
)
from walrusd.crypto.vfile.header import FileSubject, Quantisation
from walrusd.crypto.vfile.vfile import read_verification_file
from walrusd.errors import DecryptionFailed, MalformedData, PeerFault, VerificationFailed

N = 8
COST_KEY = b"K" * 32
SUBJECT = FileSubject(
    **{
        field.name: bytes([i]) * 32
        for i, field in enumerate(fields(FileSubject))
        if field.name != "dataset_version"
    },
    dataset_version=3,
)
QUANTISATION = Quantisation(scale_bits=20, value_bits=25, entries=21)
UPDATE = np.random.default_rng(3).integers(-(2**24), 2**24, 21).astype(np.int32)
BLINDINGS = [11, 12, 13]
OPENINGS = [blinding.to_bytes(32, "big") for blinding in BLINDINGS]
LEAVES = [bytes([i]) * 32 for i in range(5)]
COST = CostFunction({"loss": "cross_entropy", "steps": 4}, np.array([9, 7, 5, -4], np.int64))


def build(subject=SUBJECT, quantisation=QUANTISATION, leaves=LEAVES, commitments=None, **changes):
    update_root = compute_update_root(UPDATE)
    trace_root = compute_root(leaves)
    context = pedersen.compute_pok_context(subject.ctx(), trace_root, update_root)
    commitments = commitments or rows.commit_rows(UPDATE, BLINDINGS, N)
    block = {
        "row_length": N,
        "count": len(commitments),
        "root": rows.compute_scheme_root(commitments),
        "cost_commitment": pedersen.commit(5, 99),
        "cost_proof": pedersen.prove_opening(context, 5, 99),
    }
    block |= {name: changes.pop(name) for name in block.keys() & changes.keys()}
    arguments = {
        "update_root": update_root,
        "trace_leaves": leaves,
        "scheme": PedersenBlock(**block),
        "committed": b"".join(commitments),
        "cost": COST,
        "cost_key": COST_KEY,
    }
    return build_verification_file(subject, quantisation, **(arguments | changes))


DATA = build()
FILE = read_verification_file(DATA)
HEADER_END = 16 + struct.unpack_from("<I", DATA, 12)[0]


def with_header(change, data=DATA):
    """Return the file with its header map changed and its own digest made right again."""
    header = decode_canonical(data[16:HEADER_END])
    change(header)
    raw = encode_canonical(header)
    head = data[:12] + struct.pack("<I", len(raw)) + raw
    digest = hashlib.sha256(b"\x11WALRUSD-V01-VFILE" + head).digest()
    return head + digest + data[HEADER_END + 32 :]


def failed_checks(data, **options):
    file = read_verification_file(data)
    return [check.name for check in inspect_verification_file(file, **options).failures]


def test_good_file_passes_every_check():
    verified = verify_verification_file(DATA, expected_digest=FILE.digest, cost_key=COST_KEY)
    assert [check.name for check in verified.checks] == [
        "digest", "anchor", "sections", "trace", "row root", "row commitments", "cost proof",
        "cost function",
    ]  # fmt: skip
    assert all(check.ok and not check.detail for check in verified.checks)
    assert verified.anchored
    assert not verify_verification_file(DATA).anchored


def test_what_was_put_in_comes_out():
    assert FILE.header.subject == SUBJECT
    assert FILE.header.quantisation == QUANTISATION
    assert FILE.header.update_root == compute_update_root(UPDATE)
    assert list(FILE.trace_leaves) == LEAVES
    assert list(FILE.row_commitments) == rows.commit_rows(UPDATE, BLINDINGS, N)
    assert FILE.digest == hashlib.sha256(b"\x11WALRUSD-V01-VFILE" + DATA[:HEADER_END]).digest()
    cost = open_cost(FILE, COST_KEY)
    assert cost.definition == COST.definition
    assert cost.trajectory.tolist() == COST.trajectory.tolist()
    verify_file_update(FILE, UPDATE, OPENINGS)


def test_every_flipped_header_byte_is_found():
    for position in range(HEADER_END + 32):
        changed = bytearray(DATA)
        changed[position] ^= 1 << position % 8
        with pytest.raises(PeerFault):
            verify_verification_file(bytes(changed))


@settings(max_examples=60)
@given(st.integers(HEADER_END + 32, len(DATA) - 1), st.integers(0, 7))
def test_flipped_section_bits_are_found(position, bit):
    changed = bytearray(DATA)
    changed[position] ^= 1 << bit
    with pytest.raises(VerificationFailed) as caught:
        verify_verification_file(bytes(changed))
    assert {"name": "digest", "ok": True, "detail": ""} in caught.value.fields["checks"]
    assert "sections" in caught.value.message


@given(st.integers(0, len(DATA) - 1))
def test_cut_or_extended_files_are_refused(length):
    with pytest.raises(MalformedData):
        read_verification_file(DATA[:length])
    with pytest.raises(MalformedData):
        read_verification_file(DATA + DATA[: length + 1])


def test_rewritten_header_is_caught_by_the_anchor():
    """Only the digest on the chain detects changes of fields that no proof covers."""

    def change(header):
        header[6][0] = b"\xee" * 32

    forged = with_header(change)
    assert failed_checks(forged) == []
    assert failed_checks(forged, expected_digest=FILE.digest) == ["anchor"]


@pytest.mark.parametrize("key", [0, 1, 2, 4, 7, 8, 10])
def test_rewritten_subject_breaks_the_proof(key):
    forged = with_header(lambda header: header.update({key: b"\xee" * 32}))
    assert failed_checks(forged) == ["cost proof"]


def test_rewritten_dataset_root_breaks_the_proof():
    forged = with_header(lambda header: header[6].update({2: b"\xee" * 32}))
    assert failed_checks(forged) == ["cost proof"]


@pytest.mark.parametrize(
    ("change", "names"),
    [
        (lambda h: h.update({11: bytes(32)}), ["trace", "cost proof"]),
        (lambda h: h[14].update({2: bytes(32)}), ["row root"]),
        (lambda h: h[14].update({0: N - 1}), []),
        (lambda h: h[14].update({0: N - 2}), ["row root"]),
        (lambda h: h[9].update({2: 99}), ["row root"]),
        (lambda h: h[14].update({3: pedersen.commit(6, 99)}), ["cost proof"]),
        (lambda h: h[14].update({4: bytes(112)}), ["cost proof"]),
        (lambda h: h[23][1].update({2: bytes(32)}), ["sections"]),
    ],
)
def test_each_check_finds_its_own(change, names):
    assert failed_checks(with_header(change)) == names


@pytest.mark.parametrize(
    "change",
    [
        lambda h: h.update({5: 0}),
        lambda h: h.pop(8),
        lambda h: h.update({0: bytes(31)}),
        lambda h: h.update({0: "x" * 32}),
        lambda h: h.update({9: []}),
        lambda h: h[9].update({1: 33}),
        lambda h: h[9].update({1: True}),
        lambda h: h[9].update({2: 0}),
        lambda h: h[14].update({0: 4097}),
        lambda h: h[14].update({0: 0}),
        lambda h: h[14].update({5: 0}),
        lambda h: h[23].pop(),
        lambda h: h[23].reverse(),
        lambda h: h[23][0].update({3: 0}),
        lambda h: h[23][0].update({1: -1}),
        lambda h: h.update({23: {}}),
    ],
)
def test_headers_of_another_shape_are_refused(change):
    with pytest.raises(MalformedData):
        read_verification_file(with_header(change))


def test_lengths_cannot_move_between_sections():
    def change(header):
        header[23][1][1] += 48
        header[23][2][1] -= 48

    with refused("file.section", 32):
        read_verification_file(with_header(change))


def test_builder_checks_its_input():
    for changes in (
        {"update_root": b""},
        {"cost_proof": b""},
        {"row_length": 0},
        {"trace_leaves": [b"short"]},
        {"quantisation": replace(QUANTISATION, value_bits=0)},
        {"subject": replace(SUBJECT, task=bytes(32), dataset_version=1 << 64)},
    ):
        with pytest.raises(MalformedData):
            build(**changes)
    with pytest.raises(ValueError, match="32 bytes"):
        build(subject=replace(SUBJECT, submission=b""))


def test_bad_contents_are_named():
    one_leaf = build(leaves=LEAVES[:1])
    assert failed_checks(one_leaf) == ["trace"]
    outside = b"\x80" + bytes(46) + b"\x04"
    commitments = [outside, *rows.commit_rows(UPDATE, BLINDINGS, N)[1:]]
    assert failed_checks(build(commitments=commitments)) == ["row commitments"]


def test_cost_key_is_committed():
    with pytest.raises(DecryptionFailed):
        open_cost(FILE, b"J" * 32)
    assert failed_checks(DATA, cost_key=b"J" * 32) == ["cost function"]
    other = replace(FILE, header=replace(FILE.header, loss_root=bytes(32)))
    with pytest.raises(VerificationFailed):
        open_cost(other, COST_KEY)
    # A section encrypted for another submission cannot be decrypted in this file.
    elsewhere = read_verification_file(build(subject=replace(SUBJECT, package=b"\xee" * 32)))
    with pytest.raises(DecryptionFailed):
        open_cost(replace(elsewhere, header=FILE.header), COST_KEY)


def test_opened_update_is_checked():
    changed = UPDATE.copy()
    changed[3] += 1
    wide = replace(FILE, header=replace(FILE.header, quantisation=Quantisation(20, 24, 21)))
    for file, update in ((FILE, changed), (FILE, UPDATE[:-1]), (wide, UPDATE)):
        with pytest.raises(VerificationFailed):
            verify_file_update(file, update, OPENINGS)
    with refused("pedersen.opening", "commitments"):
        verify_file_update(FILE, UPDATE, [*OPENINGS[:2], OPENINGS[0]])


@pytest.mark.parametrize(
    ("value", "fits"), [(-9, False), (-8, True), (-1, True), (7, True), (8, False)]
)
@pytest.mark.parametrize("place", [0, 20])
def test_an_update_fits_its_bits_in_twos_complement(value, fits, place):
    update = np.zeros(21, np.int32)
    update[place] = value
    data = build(
        quantisation=Quantisation(20, 4, 21),
        commitments=rows.commit_rows(update, BLINDINGS, N),
        update_root=compute_update_root(update),
    )
    file = read_verification_file(data)
    if fits:
        verify_file_update(file, update, OPENINGS)
        return
    with refused("proof.invalid", "4"):
        verify_file_update(file, update, OPENINGS)


def test_context_is_that_of_the_protocol():
    s = SUBJECT
    expected = TraceContext(
        s.chain_id, s.package, s.task, s.contributor, s.seed, s.plan_digest, s.dataset_root
    )
    assert s.ctx() == expected.digest()


@given(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=9))
def test_cost_functions_survive(steps):
    cost = CostFunction({"loss": "mse", "weights": [1, 2]}, np.array(steps, np.int64))
    found = parse_cost_function(cost.to_bytes())
    assert (found.definition, found.trajectory.tolist()) == (cost.definition, steps)


@pytest.mark.parametrize(
    "text", ["", "000000", "01000000", "ffffffff00", "01000000a000", "0100000080"]
)
def test_bad_cost_functions(text):
    with pytest.raises(MalformedData):
        parse_cost_function(bytes.fromhex(text))


def test_cost_function_input():
    with pytest.raises(ValueError, match="int64"):
        CostFunction({}, np.zeros(3)).to_bytes()
    with pytest.raises(ValueError, match="at most"):
        CostFunction({"x": "y" * 70000}, np.zeros(0, np.int64)).to_bytes()


def test_loss_root_needs_the_key():
    assert compute_loss_root(COST_KEY, b"p") != compute_loss_root(b"J" * 32, b"p")
    assert compute_loss_root(COST_KEY, b"p") != compute_loss_root(COST_KEY, b"q")


def test_sections_have_the_bytes_of_the_file():
    assert b"".join(FILE.section(section) for section in FILE.sections) == DATA[HEADER_END + 32 :]
