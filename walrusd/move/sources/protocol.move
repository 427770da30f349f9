/// The hashes of the protocol. Every preimage starts with one length byte and an ASCII tag; fields
/// are of fixed width and integers are 64 bits, little-endian.
module walrusd::protocol;

use std::{bcs, hash::sha2_256};
use walrusd::{dealing, merkle};

// === Constants ===

const SEED: vector<u8> = b"WALRUSD-V01-SEED";
const CTX: vector<u8> = b"WALRUSD-V01-CTX";
const DIGEST: vector<u8> = b"WALRUSD-V01-DIGEST";
const SLOT: vector<u8> = b"WALRUSD-V01-SLOT";
const LEAF: vector<u8> = b"WALRUSD-V01-LEAF";
const SEAT: vector<u8> = b"WALRUSD-V01-SEAT";
const DEAL: vector<u8> = b"WALRUSD-V01-DEAL";
const JURY: vector<u8> = b"WALRUSD-V01-JURY";
const CHALLENGE: vector<u8> = b"WALRUSD-V01-CHALLENGE";
const JUROR_SEAT: vector<u8> = b"WALRUSD-V01-JUROR-SEAT";
const AUDIT: vector<u8> = b"WALRUSD-V01-AUDIT";
const PEDERSEN_POK: vector<u8> = b"WALRUSD-V01-PEDERSEN-POK";

// === Package Functions ===

/// `H(SEED ‖ task ‖ contributor ‖ join_beacon)`
public(package) fun compute_seed(
    task: address,
    contributor: address,
    join_beacon: vector<u8>,
): vector<u8> {
    let mut bytes = start(SEED);
    bytes.append(bcs::to_bytes(&task));
    bytes.append(bcs::to_bytes(&contributor));
    bytes.append(join_beacon);
    sha2_256(bytes)
}

/// `H(CTX ‖ chain_id ‖ package ‖ task ‖ contributor ‖ seed ‖ plan_digest ‖ dataset_root)`
public(package) fun compute_ctx(
    chain_id: vector<u8>,
    package: address,
    task: address,
    contributor: address,
    seed: vector<u8>,
    plan_digest: vector<u8>,
    dataset_root: vector<u8>,
): vector<u8> {
    let mut bytes = start(CTX);
    bytes.append(chain_id);
    bytes.append(bcs::to_bytes(&package));
    bytes.append(bcs::to_bytes(&task));
    bytes.append(bcs::to_bytes(&contributor));
    bytes.append(seed);
    bytes.append(plan_digest);
    bytes.append(dataset_root);
    sha2_256(bytes)
}

/// `H(DIGEST ‖ ctx ‖ segment ‖ slot ‖ chain)`: what a seat reveals for a segment.
public(package) fun compute_work_digest(
    ctx: vector<u8>,
    segment: u64,
    slot: u64,
    chain: vector<u8>,
): vector<u8> {
    let mut bytes = start(DIGEST);
    bytes.append(ctx);
    bytes.append(bcs::to_bytes(&segment));
    bytes.append(bcs::to_bytes(&slot));
    bytes.append(chain);
    sha2_256(bytes)
}

/// `H(SLOT ‖ digest)`: leaf data of the slot tree.
public(package) fun compute_slot(work_digest: vector<u8>): vector<u8> {
    let mut bytes = start(SLOT);
    bytes.append(work_digest);
    sha2_256(bytes)
}

/// The root over the `2 * committee` slots of a segment: seats, then substitutes.
public(package) fun compute_slot_root(
    ctx: vector<u8>,
    segment: u64,
    committee: u64,
    chain: vector<u8>,
): vector<u8> {
    let mut slots = vector[];
    let mut slot = 0;
    while (slot < 2 * committee) {
        slots.push_back(compute_slot(compute_work_digest(ctx, segment, slot, chain)));
        slot = slot + 1;
    };
    merkle::compute_root(&slots)
}

/// `H(LEAF ‖ 0 ‖ state_root_0)`
public(package) fun compute_leaf_zero(state_root: vector<u8>): vector<u8> {
    let mut bytes = start(LEAF);
    bytes.append(bcs::to_bytes(&0u64));
    bytes.append(state_root);
    sha2_256(bytes)
}

/// `H(LEAF ‖ segment ‖ state_root ‖ slot_root)`
public(package) fun compute_leaf(
    segment: u64,
    state_root: vector<u8>,
    slot_root: vector<u8>,
): vector<u8> {
    let mut bytes = start(LEAF);
    bytes.append(bcs::to_bytes(&segment));
    bytes.append(state_root);
    bytes.append(slot_root);
    sha2_256(bytes)
}

/// `u64(H(SEAT ‖ beacon ‖ submission ‖ attempt)[0..8]) mod pool_len`
public(package) fun compute_seat_draw(
    beacon: vector<u8>,
    submission: address,
    attempt: u64,
    pool_len: u64,
): u64 {
    let mut bytes = start(SEAT);
    bytes.append(beacon);
    bytes.append(bcs::to_bytes(&submission));
    bytes.append(bcs::to_bytes(&attempt));
    dealing::first_u64(&sha2_256(bytes)) % pool_len
}

/// `u64(H(JUROR-SEAT ‖ beacon ‖ challenge ‖ attempt)[0..8]) mod pool_len`
public(package) fun compute_juror_draw(
    beacon: vector<u8>,
    challenge: vector<u8>,
    attempt: u64,
    pool_len: u64,
): u64 {
    let mut bytes = start(JUROR_SEAT);
    bytes.append(beacon);
    bytes.append(challenge);
    bytes.append(bcs::to_bytes(&attempt));
    dealing::first_u64(&sha2_256(bytes)) % pool_len
}

/// `H(DEAL ‖ beacon ‖ submission)`: the seed of the segment shuffle.
public(package) fun compute_deal_seed(beacon: vector<u8>, submission: address): vector<u8> {
    let mut bytes = start(DEAL);
    bytes.append(beacon);
    bytes.append(bcs::to_bytes(&submission));
    sha2_256(bytes)
}

/// `H(CHALLENGE ‖ submission ‖ kind ‖ index ‖ round)`: names one jury's case.
public(package) fun compute_challenge_id(
    submission: address,
    kind: u8,
    index: u64,
    round: u64,
): vector<u8> {
    let mut bytes = start(CHALLENGE);
    bytes.append(bcs::to_bytes(&submission));
    bytes.append(bcs::to_bytes(&(kind as u64)));
    bytes.append(bcs::to_bytes(&index));
    bytes.append(bcs::to_bytes(&round));
    sha2_256(bytes)
}

/// `H(JURY ‖ challenge ‖ address ‖ chain ‖ state_root ‖ salt)`
public(package) fun compute_jury_commitment(
    challenge: vector<u8>,
    who: address,
    chain: vector<u8>,
    state_root: vector<u8>,
    salt: vector<u8>,
): vector<u8> {
    let mut bytes = start(JURY);
    bytes.append(challenge);
    bytes.append(bcs::to_bytes(&who));
    bytes.append(chain);
    bytes.append(state_root);
    bytes.append(salt);
    sha2_256(bytes)
}

/// `H(AUDIT ‖ audit_beacon ‖ submission)`: the draw that decides whether and where to audit.
public(package) fun compute_audit_digest(beacon: vector<u8>, submission: address): vector<u8> {
    let mut bytes = start(AUDIT);
    bytes.append(beacon);
    bytes.append(bcs::to_bytes(&submission));
    sha2_256(bytes)
}

/// `H(PEDERSEN-POK ‖ context ‖ C ‖ A)`, of which the first 16 bytes are the challenge.
public(package) fun compute_pok_digest(
    context: vector<u8>,
    commitment: vector<u8>,
    nonce_commitment: vector<u8>,
): vector<u8> {
    let mut bytes = start(PEDERSEN_POK);
    bytes.append(context);
    bytes.append(commitment);
    bytes.append(nonce_commitment);
    sha2_256(bytes)
}

// === Private Functions ===

/// BCS writes a short byte vector as the protocol writes a tag: one length byte, then the bytes.
fun start(tag: vector<u8>): vector<u8> { bcs::to_bytes(&tag) }
