/// Verifiable envelopes over BLS12-381: the value `s * H_label` of an opening, encrypted to one
/// recipient so that everybody sees that it is right. docs/formats/envelope.md has the equations.
///
/// Bytes that are no point or no scalar at all make the framework abort (`group_ops`, code 1). Each
/// preimage is one struct, so it takes one `bcs::to_bytes`.
module walrusd::envelope;

use std::{bcs, hash::sha2_256};
use sui::{bls12381::{Self, GT}, group_ops::{Self, Element}};

// === Errors ===

/// A point of a key, an opening or an envelope is the identity.
const EIdentity: u64 = 0;
/// The two public keys do not have the same secret.
const EKeysDiffer: u64 = 1;
/// The proof of possession of a recipient's keys does not hold.
const EBadKeyProof: u64 = 2;
/// The proof of the opening's secret does not hold.
const EBadOpeningProof: u64 = 3;
/// The envelope does not hold the opening's value for this recipient.
const EBadEnvelope: u64 = 4;
/// The proof of the envelope does not hold for these parties.
const EBadEnvelopeProof: u64 = 5;
/// The value is not the one that the opening's public key fixes for the label.
const EBadValue: u64 = 6;
/// An opening has no such label.
const EBadLabel: u64 = 7;

// === Constants ===

const SEAT_CONTEXT: vector<u8> = b"WALRUSD-V02-SEAT-CONTEXT";
const PUBLISHER_CONTEXT: vector<u8> = b"WALRUSD-V02-PUBLISHER-CONTEXT";
const OPENING_CONTEXT: vector<u8> = b"WALRUSD-V02-OPENING-CONTEXT";
const LABEL_POINT: vector<u8> = b"WALRUSD-V02-LABEL-POINT";
const RECIPIENT_PROOF: vector<u8> = b"WALRUSD-V02-RECIPIENT-PROOF";
const OPENING_PROOF: vector<u8> = b"WALRUSD-V02-OPENING-PROOF";
const ENVELOPE_PROOF: vector<u8> = b"WALRUSD-V02-ENVELOPE-PROOF";

/// The label of what seats and jurors need.
const WORK: u8 = 1;
/// The label of what the publisher needs.
const UPDATE: u8 = 2;

// === Structs ===

/// Preimage of a seat's context.
public struct SeatContext has drop {
    tag: vector<u8>,
    chain_id: vector<u8>,
    package: address,
    market: address,
    pool: address,
    index: u64,
    generation: u64,
    owner: address,
}

/// Preimage of a publisher's context.
public struct PublisherContext has drop {
    tag: vector<u8>,
    chain_id: vector<u8>,
    package: address,
    market: address,
    owner: address,
}

/// Preimage of the context of one attempt to open a submission.
public struct OpeningContext has drop {
    tag: vector<u8>,
    chain_id: vector<u8>,
    package: address,
    market: address,
    pool: address,
    task: address,
    submission: address,
    contributor: address,
    attempt: u64,
}

/// What is hashed to the point of a label.
public struct LabelPoint has drop {
    tag: vector<u8>,
    context: vector<u8>,
    label: u8,
}

/// Preimage of the challenge in a proof of possession.
public struct RecipientProof has drop {
    tag: vector<u8>,
    context: vector<u8>,
    pk1: vector<u8>,
    pk2: vector<u8>,
    nonce_point: vector<u8>,
}

/// Preimage of the challenge in the proof of an opening's secret.
public struct OpeningProof has drop {
    tag: vector<u8>,
    context: vector<u8>,
    p2: vector<u8>,
    nonce_point: vector<u8>,
}

/// Preimage of the challenge in an envelope's proof.
public struct EnvelopeProof has drop {
    tag: vector<u8>,
    context: vector<u8>,
    label: u8,
    p2: vector<u8>,
    pk1: vector<u8>,
    pk2: vector<u8>,
    recipient: vector<u8>,
    sender: address,
    r: vector<u8>,
    c: vector<u8>,
    nonce_point: vector<u8>,
}

/// A label of an attempt, with what all its envelopes are compared with: `e(H_label, P2)`.
public struct OpenedLabel has drop {
    context: vector<u8>,
    label: u8,
    p2: vector<u8>,
    target: Element<GT>,
}

// === Package Functions ===

/// `H(SEAT-CONTEXT, chain_id, package, market, pool, index, generation, owner)`
public(package) fun compute_seat_context(
    chain_id: vector<u8>,
    package: address,
    market: address,
    pool: address,
    index: u64,
    generation: u64,
    owner: address,
): vector<u8> {
    let tag = SEAT_CONTEXT;
    sha2_256(
        bcs::to_bytes(
            &SeatContext { tag, chain_id, package, market, pool, index, generation, owner },
        ),
    )
}

/// `H(PUBLISHER-CONTEXT, chain_id, package, market, owner)`
public(package) fun compute_publisher_context(
    chain_id: vector<u8>,
    package: address,
    market: address,
    owner: address,
): vector<u8> {
    let tag = PUBLISHER_CONTEXT;
    sha2_256(bcs::to_bytes(&PublisherContext { tag, chain_id, package, market, owner }))
}

/// `H(OPENING-CONTEXT, chain_id, package, market, pool, task, submission, contributor, attempt)`
public(package) fun compute_opening_context(
    chain_id: vector<u8>,
    package: address,
    market: address,
    pool: address,
    task: address,
    submission: address,
    contributor: address,
    attempt: u64,
): vector<u8> {
    let tag = OPENING_CONTEXT;
    sha2_256(
        bcs::to_bytes(
            &OpeningContext {
                tag,
                chain_id,
                package,
                market,
                pool,
                task,
                submission,
                contributor,
                attempt,
            },
        ),
    )
}

/// Checks that whoever registers the keys of a recipient knows their secret:
/// `e(PK1, G2) == e(G1, PK2)` and `challenge == H(… z * G1 - challenge * PK1)`.
public(package) fun verify_recipient(
    context: vector<u8>,
    pk1: vector<u8>,
    pk2: vector<u8>,
    challenge: vector<u8>,
    answer: vector<u8>,
) {
    assert!(&pk1 != bls12381::g1_identity().bytes(), EIdentity);
    assert!(&pk2 != bls12381::g2_identity().bytes(), EIdentity);
    let first = bls12381::g1_from_bytes(&pk1);
    let second = bls12381::g2_from_bytes(&pk2);
    let e = bls12381::scalar_from_bytes(&challenge);
    let z = bls12381::scalar_from_bytes(&answer);
    let left = bls12381::pairing(&first, &bls12381::g2_generator());
    let right = bls12381::pairing(&bls12381::g1_generator(), &second);
    assert!(group_ops::equal(&left, &right), EKeysDiffer);

    let nonce = bls12381::g1_sub(
        &bls12381::g1_mul(&z, &bls12381::g1_generator()),
        &bls12381::g1_mul(&e, &first),
    );
    let expected = compute_recipient_challenge(context, pk1, pk2, *nonce.bytes());
    assert!(expected == challenge, EBadKeyProof);
}

/// Checks that whoever opens an attempt with `p2` knows its secret:
/// `challenge == H(… z * G2 - challenge * P2)`.
public(package) fun verify_opening(
    context: vector<u8>,
    p2: vector<u8>,
    challenge: vector<u8>,
    answer: vector<u8>,
) {
    assert!(&p2 != bls12381::g2_identity().bytes(), EIdentity);
    let point = bls12381::g2_from_bytes(&p2);
    let e = bls12381::scalar_from_bytes(&challenge);
    let z = bls12381::scalar_from_bytes(&answer);
    let nonce = bls12381::g2_sub(
        &bls12381::g2_mul(&z, &bls12381::g2_generator()),
        &bls12381::g2_mul(&e, &point),
    );
    let expected = compute_opening_challenge(context, p2, *nonce.bytes());
    assert!(expected == challenge, EBadOpeningProof);
}

/// What the envelopes of one label are checked against, computed once for all of them. `p2` has
/// passed `verify_opening` for this context.
public(package) fun open_label(context: vector<u8>, label: u8, p2: vector<u8>): OpenedLabel {
    assert!(label == WORK || label == UPDATE, EBadLabel);
    assert!(&p2 != bls12381::g2_identity().bytes(), EIdentity);
    let tag = LABEL_POINT;
    let point = bls12381::hash_to_g1(&bcs::to_bytes(&LabelPoint { tag, context, label }));
    let target = bls12381::pairing(&point, &bls12381::g2_from_bytes(&p2));
    OpenedLabel { context, label, p2, target }
}

/// Checks that a recipient finds the value of the label in an envelope that `sender` made:
/// `e(C, G2) == e(H_label, P2) * e(R, PK2)` and `challenge == H(… z * G1 - challenge * R)`.
///
/// The keys have passed `verify_recipient` for the context `recipient`.
public(package) fun verify_envelope(
    opened: &OpenedLabel,
    pk1: vector<u8>,
    pk2: vector<u8>,
    recipient: vector<u8>,
    sender: address,
    r: vector<u8>,
    c: vector<u8>,
    challenge: vector<u8>,
    answer: vector<u8>,
) {
    assert!(&r != bls12381::g1_identity().bytes(), EIdentity);
    assert!(&c != bls12381::g1_identity().bytes(), EIdentity);
    assert!(&pk2 != bls12381::g2_identity().bytes(), EIdentity);
    let mask = bls12381::g1_from_bytes(&r);
    let masked = bls12381::g1_from_bytes(&c);
    let e = bls12381::scalar_from_bytes(&challenge);
    let z = bls12381::scalar_from_bytes(&answer);
    let left = bls12381::pairing(&masked, &bls12381::g2_generator());
    let right = bls12381::pairing(&mask, &bls12381::g2_from_bytes(&pk2));
    assert!(group_ops::equal(&left, &bls12381::gt_add(&opened.target, &right)), EBadEnvelope);

    let nonce = bls12381::g1_sub(
        &bls12381::g1_mul(&z, &bls12381::g1_generator()),
        &bls12381::g1_mul(&e, &mask),
    );
    let nonce_point = *nonce.bytes();
    let expected = opened.compute_envelope_challenge(
        pk1,
        pk2,
        recipient,
        sender,
        r,
        c,
        nonce_point,
    );
    assert!(expected == challenge, EBadEnvelopeProof);
}

/// Checks a value that was revealed: `e(value, G2) == e(H_label, P2)`.
public(package) fun verify_value(opened: &OpenedLabel, value: vector<u8>) {
    assert!(&value != bls12381::g1_identity().bytes(), EIdentity);
    let point = bls12381::g1_from_bytes(&value);
    let found = bls12381::pairing(&point, &bls12381::g2_generator());
    assert!(group_ops::equal(&found, &opened.target), EBadValue);
}

// === Private Functions ===

fun compute_recipient_challenge(
    context: vector<u8>,
    pk1: vector<u8>,
    pk2: vector<u8>,
    nonce_point: vector<u8>,
): vector<u8> {
    let tag = RECIPIENT_PROOF;
    to_challenge(bcs::to_bytes(&RecipientProof { tag, context, pk1, pk2, nonce_point }))
}

fun compute_opening_challenge(
    context: vector<u8>,
    p2: vector<u8>,
    nonce_point: vector<u8>,
): vector<u8> {
    let tag = OPENING_PROOF;
    to_challenge(bcs::to_bytes(&OpeningProof { tag, context, p2, nonce_point }))
}

fun compute_envelope_challenge(
    opened: &OpenedLabel,
    pk1: vector<u8>,
    pk2: vector<u8>,
    recipient: vector<u8>,
    sender: address,
    r: vector<u8>,
    c: vector<u8>,
    nonce_point: vector<u8>,
): vector<u8> {
    let tag = ENVELOPE_PROOF;
    let (context, label, p2) = (opened.context, opened.label, opened.p2);
    to_challenge(
        bcs::to_bytes(
            &EnvelopeProof {
                tag,
                context,
                label,
                p2,
                pk1,
                pk2,
                recipient,
                sender,
                r,
                c,
                nonce_point,
            },
        ),
    )
}

/// The hash with its first byte set to zero: 248 bits, which are always below the group order.
fun to_challenge(preimage: vector<u8>): vector<u8> {
    let mut digest = sha2_256(preimage);
    *(&mut digest[0]) = 0;
    digest
}

// === Test Functions ===

// The test runner's BLS12-381 is a stub: every operation returns zero bytes, so equations hold, and
// a proof holds whose challenge was computed with a nonce point of zeros.

#[test_only]
public fun recipient_challenge_for_testing(
    context: vector<u8>,
    pk1: vector<u8>,
    pk2: vector<u8>,
): vector<u8> {
    compute_recipient_challenge(context, pk1, pk2, g1_of_the_stub())
}

#[test_only]
public fun opening_challenge_for_testing(context: vector<u8>, p2: vector<u8>): vector<u8> {
    let one = bls12381::g2_generator();
    compute_opening_challenge(context, p2, *bls12381::g2_sub(&one, &one).bytes())
}

#[test_only]
public fun envelope_challenge_for_testing(
    opened: &OpenedLabel,
    pk1: vector<u8>,
    pk2: vector<u8>,
    recipient: vector<u8>,
    sender: address,
    r: vector<u8>,
    c: vector<u8>,
): vector<u8> {
    opened.compute_envelope_challenge(pk1, pk2, recipient, sender, r, c, g1_of_the_stub())
}

#[test_only]
fun g1_of_the_stub(): vector<u8> {
    let one = bls12381::g1_generator();
    *bls12381::g1_sub(&one, &one).bytes()
}
