import pyblst
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.refusals import refused
from walrusd.crypto.pedersen import g1, pedersen
from walrusd.crypto.pedersen.g1 import IDENTITY_BYTES, G, H, Q, encode_point, encode_scalar
from walrusd.errors import MalformedData, PedersenProofInvalid, VerificationFailed

CONTEXT = pedersen.compute_pok_context(b"\x01" * 32, b"\x02" * 32, b"\x03" * 32)
COMMITMENT_5_7 = (
    "b8632cb3bd33add1b84c49d106df847a5dbbb74d0a9863400e09e6fb79e56642"
    "e292bf1da8c8ff12c62643c555206fcb"
)
CHALLENGE = "fcbf69ff3c16225cf8f6a58099fe915f"
PROOF = (
    "8dc2316452b043876553f1576c7f4997e68f8d6da1c795fb4d78865b098dfc6f"
    "fac3972deb268ef4fc4077f748ebceea6614819efebbede2bb42903209f9e52b"
    "d05ac3961c08725d98463d312ae940f9227c380da38b6daf65e9756548ab38b9"
    "a97b3021530e18b97c29d3a592c5d7d8"
)
BLST = pyblst.BlstP1Element()


def chain_verify(context, commitment, proof):
    """What the contract computes, on another library (the one Sui uses)."""
    nonce, z1, z2 = proof[:48], proof[48:80], proof[80:]
    e = pedersen.compute_pok_challenge(context, commitment, nonce)
    left = BLST.uncompress(encode_point(G)).scalar_mul(int.from_bytes(z1, "big")) + (
        BLST.uncompress(encode_point(H)).scalar_mul(int.from_bytes(z2, "big"))
    )
    right = BLST.uncompress(nonce) + BLST.uncompress(commitment).scalar_mul(e)
    return bytes(left.compress()) == bytes(right.compress())


@settings(max_examples=20)
@given(st.integers(0, 2**64 - 1), st.integers(1, Q - 1))
def test_proof_holds_here_and_on_chain(cost, blinding):
    commitment = pedersen.commit(cost, blinding)
    proof = pedersen.prove_opening(CONTEXT, cost, blinding)
    assert len(proof) == pedersen.PROOF_BYTES == 112
    pedersen.verify_proof(CONTEXT, commitment, proof)
    pedersen.verify_commitment(commitment, cost, blinding)
    assert chain_verify(CONTEXT, commitment, proof)


def test_known_answers():
    commitment = pedersen.commit(5, 7)
    assert commitment.hex() == COMMITMENT_5_7
    assert f"{pedersen.compute_pok_challenge(CONTEXT, commitment, commitment):032x}" == CHALLENGE
    pedersen.verify_proof(CONTEXT, commitment, bytes.fromhex(PROOF))


def test_any_other_context_is_refused():
    commitment = pedersen.commit(5, 7)
    proof = pedersen.prove_opening(CONTEXT, 5, 7)
    for position in (0, 31, 32, 64, 95):
        other = bytearray(CONTEXT)
        other[position] ^= 1
        with pytest.raises(VerificationFailed):
            pedersen.verify_proof(bytes(other), commitment, proof)


def test_any_flipped_byte_is_refused():
    commitment = pedersen.commit(5, 7)
    proof = pedersen.prove_opening(CONTEXT, 5, 7)
    for position in range(0, len(proof), 3):
        other = bytearray(proof)
        other[position] ^= 1
        with pytest.raises((VerificationFailed, MalformedData)):
            pedersen.verify_proof(CONTEXT, commitment, bytes(other))
    with pytest.raises(VerificationFailed):
        pedersen.verify_proof(CONTEXT, pedersen.commit(6, 7), proof)


def test_encodings_are_unique():
    commitment = pedersen.commit(5, 7)
    proof = pedersen.prove_opening(CONTEXT, 5, 7)
    z1 = int.from_bytes(proof[48:80], "big")
    if z1 + Q < 1 << 256:
        longer = proof[:48] + (z1 + Q).to_bytes(32, "big") + proof[80:]
        with pytest.raises(MalformedData):
            pedersen.verify_proof(CONTEXT, commitment, longer)
    for bad in (proof[:-1], proof + b"\x00", b""):
        with pytest.raises(PedersenProofInvalid):
            pedersen.verify_proof(CONTEXT, commitment, bad)


def test_identity_commitment_is_refused():
    # z1 = s, z2 = t proves the opening (0, 0) of the identity; it must not count.
    s, t = 11, 13
    proof = pedersen.commit(s, t) + encode_scalar(s) + encode_scalar(t)
    with refused("data.point", "identity"):
        pedersen.verify_proof(CONTEXT, IDENTITY_BYTES, proof)
    with refused("data.point", "identity"):
        pedersen.verify_commitment(IDENTITY_BYTES, 0, 0)


def test_identity_nonce_is_like_any_other():
    commitment = pedersen.commit(5, 7)
    e = pedersen.compute_pok_challenge(CONTEXT, commitment, IDENTITY_BYTES)
    proof = IDENTITY_BYTES + encode_scalar(e * 5) + encode_scalar(e * 7)
    pedersen.verify_proof(CONTEXT, commitment, proof)


def test_wrong_openings():
    commitment = pedersen.commit(5, 7)
    for cost, blinding in ((5, 8), (6, 7), (7, 5)):
        with pytest.raises(VerificationFailed):
            pedersen.verify_commitment(commitment, cost, blinding)
    assert pedersen.commit(5, 7 + Q) == commitment


def test_context_parts_have_32_bytes():
    with pytest.raises(ValueError, match="32 bytes"):
        pedersen.compute_pok_context(b"", bytes(32), bytes(32))
    assert len(CONTEXT) == 96


def test_nonces_are_fresh():
    assert pedersen.prove_opening(CONTEXT, 5, 7)[:48] != pedersen.prove_opening(CONTEXT, 5, 7)[:48]
    assert 0 < g1.random_scalar() < Q
