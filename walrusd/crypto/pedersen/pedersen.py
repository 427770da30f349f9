"""Pedersen commitments (1991) ``C = cost·G + r·H`` with a proof that their maker can open them.

The proof is Okamoto's (1992) proof of knowledge of a representation, made non-interactive by the
transform of Fiat and Shamir with a 128-bit challenge. Its bytes: ``A(48) ‖ z1(32) ‖ z2(32)``. The
contract computes the same equation with ``g1_mul`` and ``g1_add``.
"""

from walrusd.crypto.pedersen.g1 import (
    POINT_BYTES,
    SCALAR_BYTES,
    G,
    H,
    decode_point,
    decode_scalar,
    encode_point,
    encode_scalar,
    multiply,
    random_scalar,
)
from walrusd.crypto.tags import Tag, hash_tagged
from walrusd.errors import CommitmentMismatch, PedersenProofInvalid

PROOF_BYTES = POINT_BYTES + 2 * SCALAR_BYTES
CHALLENGE_BYTES = 16


def compute_pok_context(ctx: bytes, trace_root: bytes, update_root: bytes) -> bytes:
    """Return the context of a submission's proof, ``ctx ‖ trace_root ‖ update_root``, 96 bytes.

    Raises:
        ValueError: if a part does not have 32 bytes.
    """
    if any(len(part) != 32 for part in (ctx, trace_root, update_root)):
        raise ValueError("each part of a proof context has 32 bytes")
    return ctx + trace_root + update_root


def commit(cost: int, blinding: int) -> bytes:
    """Return ``cost·G + blinding·H``, 48 bytes."""
    return encode_point(multiply(G, cost) + multiply(H, blinding))


def verify_commitment(commitment: bytes, cost: int, blinding: int) -> None:
    """Check that ``commitment`` opens to ``(cost, blinding)``.

    Raises:
        MalformedPoint: if the commitment is not a point of the group other than the identity.
        CommitmentMismatch: if it opens to something else.
    """
    decode_point(commitment)
    if commit(cost, blinding) != commitment:
        raise CommitmentMismatch("the commitment does not open to this cost")


def compute_pok_challenge(context: bytes, commitment: bytes, nonce_commitment: bytes) -> int:
    """Return ``e``: the first 16 bytes, big-endian, of ``H(PEDERSEN-POK ‖ context ‖ C ‖ A)``.

    It is always below ``Q``, so the contract need not reduce it.
    """
    digest = hash_tagged(Tag.PEDERSEN_POK, context, commitment, nonce_commitment)
    return int.from_bytes(digest[:CHALLENGE_BYTES], "big")


def prove_opening(context: bytes, cost: int, blinding: int) -> bytes:
    """Return the 112-byte proof that its maker knows an opening of ``commit(cost, blinding)``.

    ``A = s·G + t·H``, ``z1 = s + e·cost``, ``z2 = t + e·blinding`` with fresh random ``s, t``.
    """
    s, t = random_scalar(), random_scalar()
    nonce_commitment = commit(s, t)
    e = compute_pok_challenge(context, commit(cost, blinding), nonce_commitment)
    return nonce_commitment + encode_scalar(s + e * cost) + encode_scalar(t + e * blinding)


def verify_proof(context: bytes, commitment: bytes, proof: bytes) -> None:
    """Check ``z1·G + z2·H == A + e·C``.

    Like the contract it refuses the identity for ``C`` and accepts it for ``A``, which does not
    help a forger.

    Raises:
        MalformedPoint, MalformedScalar: if one is not in its canonical encoding.
        PedersenProofInvalid: if the length is wrong or the equation does not hold.
    """
    if len(proof) != PROOF_BYTES:
        raise PedersenProofInvalid(f"a proof of opening has {PROOF_BYTES} bytes, not {len(proof)}")
    nonce_commitment = proof[:POINT_BYTES]
    committed = decode_point(commitment)
    nonce = decode_point(nonce_commitment, allow_identity=True)
    z1 = decode_scalar(proof[POINT_BYTES : POINT_BYTES + SCALAR_BYTES])
    z2 = decode_scalar(proof[POINT_BYTES + SCALAR_BYTES :])
    e = compute_pok_challenge(context, commitment, nonce_commitment)
    if multiply(G, z1) + multiply(H, z2) != nonce + multiply(committed, e):
        raise PedersenProofInvalid("the proof of opening does not hold for this context")
