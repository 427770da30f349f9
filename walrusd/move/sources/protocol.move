/// The hashes of the protocol: SHA-256 of the BCS of one struct each, the tag first. So addresses and
/// ids are 32 bytes, digests have their length before them, and integers are 64 bits, little-endian.
///
/// One `bcs::to_bytes` a hash is a native call, where joining vectors is a loop over their bytes.
module walrusd::protocol;

use std::{bcs, hash::sha2_256};
use walrusd::{dealing, merkle};

// === Constants ===

const KEYS: vector<u8> = b"WALRUSD-V02-KEYS";
const SEED: vector<u8> = b"WALRUSD-V02-SEED";
const CTX: vector<u8> = b"WALRUSD-V02-CTX";
const DIGEST: vector<u8> = b"WALRUSD-V02-DIGEST";
const SLOT: vector<u8> = b"WALRUSD-V02-SLOT";
const LEAF: vector<u8> = b"WALRUSD-V02-LEAF";
const SEAT: vector<u8> = b"WALRUSD-V02-SEAT";
const DEAL: vector<u8> = b"WALRUSD-V02-DEAL";
const JURY: vector<u8> = b"WALRUSD-V02-JURY";
const CHALLENGE: vector<u8> = b"WALRUSD-V02-CHALLENGE";
const JUROR_SEAT: vector<u8> = b"WALRUSD-V02-JUROR-SEAT";
const AUDIT: vector<u8> = b"WALRUSD-V02-AUDIT";
const VERDICT: vector<u8> = b"WALRUSD-V02-VERDICT";
const PEDERSEN_POK: vector<u8> = b"WALRUSD-V01-PEDERSEN-POK";

// === Structs ===

/// Preimage of the digest of a recipient's keys.
public struct Keys has drop {
    tag: vector<u8>,
    pk1: vector<u8>,
    pk2: vector<u8>,
}

/// Preimage of a contributor's seed.
public struct Seed has drop {
    tag: vector<u8>,
    task: address,
    contributor: address,
    join_beacon: vector<u8>,
}

/// Preimage of what a trace is bound to.
public struct Context has drop {
    tag: vector<u8>,
    chain_id: vector<u8>,
    package: address,
    task: address,
    contributor: address,
    seed: vector<u8>,
    plan_digest: vector<u8>,
    dataset_root: vector<u8>,
}

/// Preimage of what a seat reveals for a segment.
public struct WorkDigest has drop {
    tag: vector<u8>,
    ctx: vector<u8>,
    segment: u64,
    slot: u64,
    chain: vector<u8>,
}

/// Preimage of a leaf of the slot tree.
public struct Slot has drop {
    tag: vector<u8>,
    work_digest: vector<u8>,
}

/// Preimage of a leaf of the trace. That of no segment, the first, has no slots.
public struct Leaf has drop {
    tag: vector<u8>,
    segment: u64,
    state_root: vector<u8>,
    slot_root: vector<u8>,
}

/// Preimage of one attempt of a lot; `name` is a submission's id or a challenge.
public struct Draw has drop {
    tag: vector<u8>,
    beacon: vector<u8>,
    name: vector<u8>,
    attempt: u64,
}

/// Preimage of the seed of a segment shuffle.
public struct Deal has drop {
    tag: vector<u8>,
    beacon: vector<u8>,
    submission: address,
}

/// Preimage of the name of one jury of a case.
public struct Challenge has drop {
    tag: vector<u8>,
    submission: address,
    number: u64,
    round: u64,
}

/// Preimage of the value that a juror reveals.
public struct Verdict has drop {
    tag: vector<u8>,
    challenge: vector<u8>,
    chain: vector<u8>,
    state_root: vector<u8>,
}

/// Preimage of a juror's commitment.
public struct Ballot has drop {
    tag: vector<u8>,
    challenge: vector<u8>,
    who: address,
    value: vector<u8>,
    salt: vector<u8>,
}

/// Preimage of an audit sample.
public struct Sample has drop {
    tag: vector<u8>,
    beacon: vector<u8>,
    submission: address,
    round: u64,
}

// === Package Functions ===

/// `H(KEYS, pk1, pk2)`: what a pool stores of a recipient's keys.
public(package) fun compute_keys_digest(pk1: vector<u8>, pk2: vector<u8>): vector<u8> {
    sha2_256(bcs::to_bytes(&Keys { tag: KEYS, pk1, pk2 }))
}

/// `H(SEED, task, contributor, join_beacon)`
public(package) fun compute_seed(
    task: address,
    contributor: address,
    join_beacon: vector<u8>,
): vector<u8> {
    sha2_256(bcs::to_bytes(&Seed { tag: SEED, task, contributor, join_beacon }))
}

/// `H(CTX, chain_id, package, task, contributor, seed, plan_digest, dataset_root)`
public(package) fun compute_ctx(
    chain_id: vector<u8>,
    package: address,
    task: address,
    contributor: address,
    seed: vector<u8>,
    plan_digest: vector<u8>,
    dataset_root: vector<u8>,
): vector<u8> {
    let tag = CTX;
    sha2_256(
        bcs::to_bytes(
            &Context { tag, chain_id, package, task, contributor, seed, plan_digest, dataset_root },
        ),
    )
}

/// `H(DIGEST, ctx, segment, slot, chain)`: what a seat reveals for a segment.
public(package) fun compute_work_digest(
    ctx: vector<u8>,
    segment: u64,
    slot: u64,
    chain: vector<u8>,
): vector<u8> {
    sha2_256(bcs::to_bytes(&WorkDigest { tag: DIGEST, ctx, segment, slot, chain }))
}

/// `H(SLOT, work_digest)`: leaf data of the slot tree.
public(package) fun compute_slot(work_digest: vector<u8>): vector<u8> {
    sha2_256(bcs::to_bytes(&Slot { tag: SLOT, work_digest }))
}

/// The root over the slots of a segment: one a seat of the committee, then one a substitute.
public(package) fun compute_slot_root(
    ctx: vector<u8>,
    segment: u64,
    slots: u64,
    chain: vector<u8>,
): vector<u8> {
    let mut leaves = vector[];
    let mut slot = 0;
    while (slot < slots) {
        leaves.push_back(compute_slot(compute_work_digest(ctx, segment, slot, chain)));
        slot = slot + 1;
    };
    merkle::compute_root(&leaves)
}

/// `H(LEAF, 0, state_root_0, no bytes)`: no segment led to it.
public(package) fun compute_leaf_zero(state_root: vector<u8>): vector<u8> {
    compute_leaf(0, state_root, vector[])
}

/// `H(LEAF, segment, state_root, slot_root)`
public(package) fun compute_leaf(
    segment: u64,
    state_root: vector<u8>,
    slot_root: vector<u8>,
): vector<u8> {
    sha2_256(bcs::to_bytes(&Leaf { tag: LEAF, segment, state_root, slot_root }))
}

/// `u64(H(SEAT, beacon, submission, attempt)[0..8]) mod remaining`: a place in what is left of a list.
public(package) fun compute_seat_draw(
    beacon: vector<u8>,
    submission: vector<u8>,
    attempt: u64,
    remaining: u64,
): u64 {
    compute_draw(SEAT, beacon, submission, attempt, remaining)
}

/// `u64(H(JUROR-SEAT, beacon, challenge, attempt)[0..8]) mod remaining`
public(package) fun compute_juror_draw(
    beacon: vector<u8>,
    challenge: vector<u8>,
    attempt: u64,
    remaining: u64,
): u64 {
    compute_draw(JUROR_SEAT, beacon, challenge, attempt, remaining)
}

/// `H(DEAL, beacon, submission)`: the seed of the segment shuffle.
public(package) fun compute_deal_seed(beacon: vector<u8>, submission: address): vector<u8> {
    sha2_256(bcs::to_bytes(&Deal { tag: DEAL, beacon, submission }))
}

/// `H(CHALLENGE, submission, number, round)`: names one jury of a case.
public(package) fun compute_challenge_id(submission: address, number: u64, round: u64): vector<u8> {
    sha2_256(bcs::to_bytes(&Challenge { tag: CHALLENGE, submission, number, round }))
}

/// `H(VERDICT, challenge, chain, state_root)`: the value that a juror reveals.
public(package) fun compute_verdict(
    challenge: vector<u8>,
    chain: vector<u8>,
    state_root: vector<u8>,
): vector<u8> {
    sha2_256(bcs::to_bytes(&Verdict { tag: VERDICT, challenge, chain, state_root }))
}

/// `H(JURY, challenge, who, value, salt)`
public(package) fun compute_jury_commitment(
    challenge: vector<u8>,
    who: address,
    value: vector<u8>,
    salt: vector<u8>,
): vector<u8> {
    sha2_256(bcs::to_bytes(&Ballot { tag: JURY, challenge, who, value, salt }))
}

/// `H(AUDIT, beacon, submission, round)`: the draw that decides whether and where to audit.
public(package) fun compute_audit_digest(
    beacon: vector<u8>,
    submission: address,
    round: u64,
): vector<u8> {
    sha2_256(bcs::to_bytes(&Sample { tag: AUDIT, beacon, submission, round }))
}

/// `H(PEDERSEN-POK ‖ context ‖ C ‖ A)`, of which the first 16 bytes are the challenge.
public(package) fun compute_pok_digest(
    context: vector<u8>,
    commitment: vector<u8>,
    nonce_commitment: vector<u8>,
): vector<u8> {
    let tag = PEDERSEN_POK;
    let mut bytes = bcs::to_bytes(&tag);
    bytes.append(context);
    bytes.append(commitment);
    bytes.append(nonce_commitment);
    sha2_256(bytes)
}

// === Private Functions ===

fun compute_draw(
    tag: vector<u8>,
    beacon: vector<u8>,
    name: vector<u8>,
    attempt: u64,
    remaining: u64,
): u64 {
    let digest = sha2_256(bcs::to_bytes(&Draw { tag, beacon, name, attempt }));
    dealing::first_u64(&digest) % remaining
}
