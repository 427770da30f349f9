/// Pedersen commitments over BLS12-381 G1: `C = cost * G + blinding * H`. `H` comes out of
/// hash-to-curve, so nobody knows its logarithm to the base `G`.
module walrusd::pedersen;

use sui::{bls12381::{Self, G1, Scalar}, group_ops::{Self, Element}};
use walrusd::protocol;

// === Errors ===

/// The proof of knowledge of the cost commitment does not hold.
const EBadProof: u64 = 0;
/// The cost and blinding do not open the commitment.
const EBadOpening: u64 = 1;
/// The bytes are not a valid group element.
const EBadPoint: u64 = 2;

// === Constants ===

const H_DOMAIN: vector<u8> = b"WALRUSD-V01-PEDERSEN-H";
const POINT_BYTES: u64 = 48;
const SCALAR_BYTES: u64 = 32;
const CHALLENGE_BYTES: u64 = 16;

// === Package Functions ===

/// Checks a proof `A(48) ‖ z1(32) ‖ z2(32)` that its maker can open `commitment`:
/// `z1 * G + z2 * H == A + e * C`. The caller has checked that the proof has 112 bytes.
///
/// Bytes that are no point or no scalar at all make the framework abort (`group_ops`, code 1).
public(package) fun verify_proof(
    context: vector<u8>,
    commitment: vector<u8>,
    proof: &vector<u8>,
) {
    assert!(&commitment != bls12381::g1_identity().bytes(), EBadPoint);
    let nonce_commitment = slice(proof, 0, POINT_BYTES);
    let c = bls12381::g1_from_bytes(&commitment);
    let a = bls12381::g1_from_bytes(&nonce_commitment);
    let z1 = bls12381::scalar_from_bytes(&slice(proof, POINT_BYTES, SCALAR_BYTES));
    let z2 = bls12381::scalar_from_bytes(&slice(proof, POINT_BYTES + SCALAR_BYTES, SCALAR_BYTES));
    let e = compute_challenge(context, commitment, nonce_commitment);
    let left = combine(&z1, &z2);
    let right = bls12381::g1_add(&a, &bls12381::g1_mul(&e, &c));
    assert!(group_ops::equal(&left, &right), EBadProof);
}

/// Checks that `commitment` opens to `cost` and `blinding` (32 bytes, big-endian).
public(package) fun verify_opening(commitment: &vector<u8>, cost: u64, blinding: &vector<u8>) {
    assert!(blinding.length() == SCALAR_BYTES, EBadPoint);
    let opened = combine(
        &bls12381::scalar_from_u64(cost),
        &bls12381::scalar_from_bytes(blinding),
    );
    assert!(group_ops::equal(&opened, &bls12381::g1_from_bytes(commitment)), EBadOpening);
}

// === Private Functions ===

/// `x * G + y * H`: two multiplications cost a sixth of a multi-scalar multiplication.
fun combine(x: &Element<Scalar>, y: &Element<Scalar>): Element<G1> {
    let domain = H_DOMAIN;
    let h = bls12381::hash_to_g1(&domain);
    bls12381::g1_add(
        &bls12381::g1_mul(x, &bls12381::g1_generator()),
        &bls12381::g1_mul(y, &h),
    )
}

/// 128 bits are always below the order, so no reduction is needed.
fun compute_challenge(
    context: vector<u8>,
    commitment: vector<u8>,
    nonce_commitment: vector<u8>,
): Element<Scalar> {
    let digest = protocol::compute_pok_digest(context, commitment, nonce_commitment);
    let mut bytes = vector[];
    while (bytes.length() < SCALAR_BYTES - CHALLENGE_BYTES) bytes.push_back(0);
    bytes.append(slice(&digest, 0, CHALLENGE_BYTES));
    bls12381::scalar_from_bytes(&bytes)
}

fun slice(bytes: &vector<u8>, start: u64, length: u64): vector<u8> {
    let mut out = vector[];
    let mut i = start;
    while (i < start + length) {
        out.push_back(bytes[i]);
        i = i + 1;
    };
    out
}
