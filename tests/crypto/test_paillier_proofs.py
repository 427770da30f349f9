"""Proofs about Paillier: they hold, and nothing else passes."""

import numpy as np
import pytest

from tests.crypto import paillier_vectors
from tests.support.refusals import refused
from walrusd.crypto.paillier import vectors
from walrusd.crypto.paillier.keys import PrivateKey, PublicKey
from walrusd.crypto.paillier.modulus_proof import prove_modulus, verify_modulus
from walrusd.crypto.paillier.packing import Packing
from walrusd.crypto.paillier.proofs import (
    compute_ciphertext_root,
    prove_decryption,
    prove_knowledge,
    verify_decryption,
    verify_encryption,
    verify_knowledge_of,
)
from walrusd.errors import (
    MalformedCiphertext,
    MalformedData,
    PaillierKeyRefused,
    PaillierProofInvalid,
)

KEY = paillier_vectors.load_key(2048)
PUBLIC = KEY.public
WIDTH = PUBLIC.ciphertext_bytes
CONTEXT = b"chain, package, task, contributor"
SEED = b"\5" * 32
PACKING = Packing(PUBLIC.n, 40)
UPDATE = np.random.default_rng(3).integers(-(2**23), 2**23, 6 * PACKING.slots).astype(np.int32)
PLAINTEXTS = PACKING.pack(UPDATE)
DATA = vectors.encrypt(PUBLIC, PLAINTEXTS, SEED)


def verify_knowledge(key, data, proof, context):
    verify_knowledge_of(key, lambda: [data], proof, context)


def nudge(data, place, factor):
    """Return ``data`` with one ciphertext multiplied by ``factor``."""
    start = place * WIDTH
    number = int.from_bytes(data[start : start + WIDTH], "big") * factor % PUBLIC.n**2
    return data[:start] + number.to_bytes(WIDTH, "big") + data[start + WIDTH :]


ONE_MORE = 1 + PUBLIC.n
"""Multiplied in, it adds one to the plaintext."""

OTHER_BLINDING = pow(12345, PUBLIC.n, PUBLIC.n**2)
"""Multiplied in, it keeps the plaintext."""


# --- the modulus -----------------------------------------------------------------------------


def test_a_modulus_proof_holds_for_its_context_only():
    proof = prove_modulus(KEY, CONTEXT)
    verify_modulus(PUBLIC, proof, CONTEXT)
    flipped = bytes([proof[0] ^ 1]) + proof[1:]
    for wrong, context in [
        (proof, b"another"),
        (flipped, CONTEXT),
        (proof[:-1], CONTEXT),
        (bytes(len(proof)), CONTEXT),
        (b"\xff" * len(proof), CONTEXT),
    ]:
        with pytest.raises(PaillierKeyRefused):
            verify_modulus(PUBLIC, wrong, context)


def test_moduli_that_do_not_bind_are_refused():
    """A prime, a power, one with a small factor; and ``p²·q``, whose roots do not exist."""
    small = 6367 * KEY.p * (2**1024 - 105)
    for n in (KEY.p, KEY.p**2, small | 1):
        with pytest.raises(PaillierKeyRefused):
            verify_modulus(PublicKey(n), b"", CONTEXT)
    square = PublicKey(KEY.p**2 * KEY.q)
    with refused("paillier.key", "hold"):
        verify_modulus(square, b"\1" * (11 * square.modulus_bytes), CONTEXT)


@pytest.mark.parametrize(("factor", "is_small"), [(3, True), (6367, True), (6373, False)])
def test_a_small_factor_is_refused_although_the_proof_holds(factor, is_small):
    key = PrivateKey(PublicKey(factor * KEY.q), factor, KEY.q)
    proof = prove_modulus(key, CONTEXT)
    if is_small:
        with refused("paillier.key", "factor"):
            verify_modulus(key.public, proof, CONTEXT)
    else:
        verify_modulus(key.public, proof, CONTEXT)


# --- knowledge -------------------------------------------------------------------------------


def test_knowledge_is_proven_to_one_context():
    proof = prove_knowledge(PUBLIC, DATA, PLAINTEXTS, SEED, CONTEXT)
    verify_knowledge(PUBLIC, DATA, proof, CONTEXT)
    assert len(proof) == 4 * PUBLIC.modulus_bytes
    with pytest.raises(PaillierProofInvalid):
        verify_knowledge(PUBLIC, DATA, proof, b"somebody else's")


def test_a_copy_with_another_blinding_carries_no_knowledge():
    proof = prove_knowledge(PUBLIC, DATA, PLAINTEXTS, SEED, CONTEXT)
    for factor in (OTHER_BLINDING, ONE_MORE):
        with pytest.raises(PaillierProofInvalid):
            verify_knowledge(PUBLIC, nudge(DATA, 2, factor), proof, CONTEXT)


def test_a_false_plaintext_proves_nothing():
    wrong = [*PLAINTEXTS]
    wrong[1] += 1
    proof = prove_knowledge(PUBLIC, DATA, wrong, SEED, CONTEXT)
    with pytest.raises(PaillierProofInvalid):
        verify_knowledge(PUBLIC, DATA, proof, CONTEXT)


def test_malformed_knowledge_proofs_are_refused():
    proof = prove_knowledge(PUBLIC, DATA, PLAINTEXTS, SEED, CONTEXT)
    n = PUBLIC.modulus_bytes
    zero, full = bytes(n), b"\xff" * n
    for wrong in (
        b"",
        proof[:-1],
        proof + b"\0",
        bytes(2 * n) + proof[2 * n :],
        proof[: 2 * n] + full + proof[3 * n :],
        proof[: 3 * n] + zero,
        proof[: 3 * n] + full,
        proof[: 3 * n] + KEY.p.to_bytes(n, "big"),
    ):
        with pytest.raises(PaillierProofInvalid):
            verify_knowledge(PUBLIC, DATA, wrong, CONTEXT)


# --- opening ---------------------------------------------------------------------------------


def test_an_opening_holds():
    verify_encryption(PUBLIC, DATA, PLAINTEXTS, SEED)


@pytest.mark.parametrize("place", range(len(PLAINTEXTS)))
def test_an_opening_fails_for_any_single_ciphertext(place):
    with pytest.raises(PaillierProofInvalid):
        verify_encryption(PUBLIC, nudge(DATA, place, ONE_MORE), PLAINTEXTS, SEED)
    with pytest.raises(PaillierProofInvalid):
        verify_encryption(PUBLIC, nudge(DATA, place, OTHER_BLINDING), PLAINTEXTS, SEED)


def test_an_opening_fails_for_another_update_or_seed():
    other = UPDATE.copy()
    other[17] -= 1
    with pytest.raises(PaillierProofInvalid):
        verify_encryption(PUBLIC, DATA, PACKING.pack(other), SEED)
    with pytest.raises(PaillierProofInvalid):
        verify_encryption(PUBLIC, DATA, PLAINTEXTS, b"\6" * 32)
    with pytest.raises(MalformedData):
        verify_encryption(PUBLIC, DATA, PLAINTEXTS[:-1], SEED)


# --- decryption ------------------------------------------------------------------------------


def test_a_decryption_is_proven_to_anybody():
    total = vectors.add_weighted(PUBLIC, [DATA, DATA], [2, 3])
    plaintexts = vectors.decrypt(KEY, total)
    assert np.array_equal(PACKING.unpack(plaintexts, UPDATE.size), 5 * UPDATE.astype(np.int64))
    proof = prove_decryption(KEY, total, plaintexts, CONTEXT)
    verify_decryption(PUBLIC, total, plaintexts, proof, CONTEXT)
    with pytest.raises(PaillierProofInvalid):
        verify_decryption(PUBLIC, total, plaintexts, proof, b"another")
    with pytest.raises(PaillierProofInvalid):
        verify_decryption(PUBLIC, DATA, plaintexts, proof, CONTEXT)


def test_a_false_decryption_is_not_proven():
    wrong = [*PLAINTEXTS]
    wrong[0] = (wrong[0] + 1) % PUBLIC.n
    proof = prove_decryption(KEY, DATA, wrong, CONTEXT)
    with pytest.raises(PaillierProofInvalid):
        verify_decryption(PUBLIC, DATA, wrong, proof, CONTEXT)


def test_malformed_decryption_proofs_are_refused():
    proof = prove_decryption(KEY, DATA, PLAINTEXTS, CONTEXT)
    for wrong in (b"", proof[:-1], b"\0" + proof, bytes(len(proof)), b"\xff" * len(proof)):
        with pytest.raises(PaillierProofInvalid):
            verify_decryption(PUBLIC, DATA, PLAINTEXTS, wrong, CONTEXT)
    for plaintexts in (PLAINTEXTS[1:], [-1, *PLAINTEXTS[1:]], [PUBLIC.n, *PLAINTEXTS[1:]]):
        with pytest.raises(MalformedData):
            verify_decryption(PUBLIC, DATA, plaintexts, proof, CONTEXT)


def test_the_root_depends_on_every_ciphertext_and_their_order():
    swapped = DATA[WIDTH : 2 * WIDTH] + DATA[:WIDTH] + DATA[2 * WIDTH :]
    roots = {compute_ciphertext_root(PUBLIC, data) for data in (DATA, swapped, DATA[WIDTH:])}
    assert len(roots) == 3


def test_the_checks_read_ciphertexts_strictly():
    bad = DATA[:-WIDTH] + bytes(WIDTH)
    proof = prove_knowledge(PUBLIC, DATA, PLAINTEXTS, SEED, CONTEXT)
    with pytest.raises(MalformedCiphertext):
        verify_encryption(PUBLIC, bad, PLAINTEXTS, SEED)
    with pytest.raises(MalformedCiphertext):
        verify_knowledge(PUBLIC, bad, proof, CONTEXT)
    with pytest.raises(MalformedCiphertext):
        verify_decryption(PUBLIC, bad, PLAINTEXTS, bytes(PUBLIC.modulus_bytes), CONTEXT)


@pytest.mark.parametrize("data", [b"", DATA[:-1], DATA[:WIDTH] + b"\0"])
def test_a_root_is_over_whole_ciphertexts(data):
    proof = prove_knowledge(PUBLIC, DATA, PLAINTEXTS, SEED, CONTEXT)
    with pytest.raises(MalformedCiphertext):
        verify_knowledge(PUBLIC, data, proof, CONTEXT)
