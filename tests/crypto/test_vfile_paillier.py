"""The verification file of the Paillier scheme: every check finds its own."""

import struct
from dataclasses import replace

import numpy as np
import pytest

from tests.crypto import paillier_vectors
from tests.support.verification_files import (
    build_verification_file,
    verify_verification_file,
)
from walrusd.crypto.cbor import decode_canonical, encode_canonical
from walrusd.crypto.cost import CostFunction
from walrusd.crypto.merkle import compute_root
from walrusd.crypto.number_tree import compute_update_root
from walrusd.crypto.paillier import vectors
from walrusd.crypto.paillier.modulus_proof import prove_modulus
from walrusd.crypto.paillier.packing import Packing
from walrusd.crypto.paillier.proofs import compute_ciphertext_root, prove_knowledge
from walrusd.crypto.pedersen import pedersen
from walrusd.crypto.tags import Tag, hash_tagged
from walrusd.crypto.vfile.blocks import PaillierBlock, Section
from walrusd.crypto.vfile.checks import (
    inspect_verification_file,
    open_cost,
    verify_file_update,
)
from walrusd.crypto.vfile.header import FileSubject, Quantisation
from walrusd.crypto.vfile.vfile import read_verification_file
from walrusd.errors import MalformedData, PaillierKeyRefused, PeerFault, VerificationFailed

KEY = paillier_vectors.load_key(2048)
PUBLIC = KEY.public
PACKING = Packing(PUBLIC.n, 40)
SEED = b"\7" * 32
COST_KEY = b"K" * 32
ENTRIES = 3 * PACKING.slots
UPDATE = np.random.default_rng(8).integers(-(2**22), 2**22, ENTRIES).astype(np.int32)
LEAVES = [bytes([i]) * 32 for i in range(3)]
SUBJECT = FileSubject(
    *(bytes([i]) * 32 for i in range(8)), dataset_version=1, dataset_root=b"\x09" * 32
)
UPDATE_ROOT = compute_update_root(UPDATE)
CONTEXT = pedersen.compute_pok_context(SUBJECT.ctx(), compute_root(LEAVES), UPDATE_ROOT)


def build(**changes):
    plaintexts = PACKING.pack(UPDATE)
    data = vectors.encrypt(PUBLIC, plaintexts, SEED)
    block = PaillierBlock(
        modulus=PUBLIC.to_bytes(),
        modulus_proof=prove_modulus(KEY, SUBJECT.chain_id + SUBJECT.package),
        slot_bits=40,
        count=len(plaintexts),
        root=compute_ciphertext_root(PUBLIC, data),
        knowledge_proof=prove_knowledge(PUBLIC, data, plaintexts, SEED, CONTEXT),
        cost_commitment=pedersen.commit(5, 99),
        cost_proof=pedersen.prove_opening(CONTEXT, 5, 99),
    )
    return build_verification_file(
        SUBJECT,
        Quantisation(20, 24, ENTRIES),
        update_root=UPDATE_ROOT,
        trace_leaves=LEAVES,
        scheme=replace(block, **changes),
        committed=data,
        cost=CostFunction({"loss": "mse"}, np.array([3, 1], np.int64)),
        cost_key=COST_KEY,
    )


DATA = build()
FILE = read_verification_file(DATA)
HEADER_END = 16 + struct.unpack_from("<I", DATA, 12)[0]


def with_header(change):
    header = decode_canonical(DATA[16:HEADER_END])
    change(header)
    raw = encode_canonical(header)
    head = DATA[:12] + struct.pack("<I", len(raw)) + raw
    return head + hash_tagged(Tag.VFILE, head) + DATA[HEADER_END + 32 :]


def failed_checks(data):
    return [c.name for c in inspect_verification_file(read_verification_file(data)).failures]


def test_a_good_file_passes_every_check():
    verified = verify_verification_file(DATA, cost_key=COST_KEY)
    assert [check.name for check in verified.checks] == [
        "digest", "sections", "trace", "ciphertext root", "Paillier key",
        "knowledge of the update", "cost proof", "cost function",
    ]  # fmt: skip
    assert FILE.sections == (Section.COST, Section.TRACE, Section.CIPHERTEXTS)
    assert not FILE.row_commitments
    assert open_cost(FILE, COST_KEY).definition == {"loss": "mse"}
    verify_file_update(FILE, UPDATE, [SEED])


def test_the_publisher_reads_the_update_with_plain_phe():
    private = KEY.to_phe()
    numbers = vectors.decode_ciphertexts(PUBLIC, FILE.ciphertexts)
    found = PACKING.unpack([private.raw_decrypt(int(c)) for c in numbers], ENTRIES)
    assert np.array_equal(found, UPDATE)


def test_openings_that_do_not_fit_are_refused():
    other = UPDATE.copy()
    other[-1] += 1
    for update, openings, error in [
        (other, [SEED], VerificationFailed),
        (UPDATE[:-1], [SEED], VerificationFailed),
        (UPDATE, [bytes(32)], VerificationFailed),
        (UPDATE, [SEED, SEED], MalformedData),
        (UPDATE, [], MalformedData),
    ]:
        with pytest.raises(error):
            verify_file_update(FILE, update, openings)


@pytest.mark.parametrize(
    ("change", "names"),
    [
        (lambda h: h[14].update({1: 4}), ["ciphertext root"]),
        (lambda h: h[14].update({2: bytes(32)}), ["ciphertext root"]),
        (lambda h: h[14].update({7: 48}), ["ciphertext root"]),
        (lambda h: h[9].update({2: 99}), ["ciphertext root"]),
        (lambda h: h[14].update({6: bytes(11 * 256)}), ["Paillier key"]),
        (lambda h: h[14].update({8: bytes(4 * 256)}), ["knowledge of the update"]),
        (lambda h: h.update({4: bytes(32)}), ["knowledge of the update", "cost proof"]),
        (lambda h: h.update({0: b"\xee" * 32}), ["Paillier key", "knowledge of the update"]),
    ],
)
def test_each_check_finds_its_own(change, names):
    found = failed_checks(with_header(change))
    assert [name for name in found if name != "cost proof" or name in names] == names


@pytest.mark.parametrize(
    "change",
    [
        lambda h: h[14].update({7: 32}),
        lambda h: h[14].update({7: True}),
        lambda h: h[14].update({0: 8}),
        lambda h: h[14].update({5: b""}),
        lambda h: h[14].update({5: b"\xff" * 2000}),
        lambda h: h[14].update({6: b""}),
        lambda h: h[14].pop(8),
        lambda h: h[23][2].update({0: 3}),
    ],
)
def test_headers_of_another_shape_are_refused(change):
    with pytest.raises(MalformedData):
        read_verification_file(with_header(change))


def test_a_modulus_of_no_acceptable_size_is_refused():
    small = with_header(lambda h: h[14].update({5: b"\xff" * 8, 6: bytes(11 * 8), 8: bytes(4 * 8)}))
    assert failed_checks(small) == ["ciphertext root", "Paillier key", "knowledge of the update"]
    with pytest.raises(PaillierKeyRefused):
        _ = read_verification_file(small).header.scheme.key


def test_a_file_of_one_scheme_does_not_pass_for_the_other():
    for scheme in (0, 1, 3):
        with pytest.raises(PeerFault):
            read_verification_file(DATA[:9] + bytes([scheme]) + DATA[10:])
