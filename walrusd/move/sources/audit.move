/// The audit. A contributor could hand its digests to bribed seats, so digests alone are not
/// trusted: once everything is attested, a fresh beacon may send one dealt segment to a jury.
module walrusd::audit;

use sui::{balance, clock::Clock, random::Random};
use walrusd::{
    dealing,
    dispute,
    events,
    market::Market,
    protocol,
    submission::{Self, Submission},
    task::Task,
    trace
};

// === Errors ===

/// The audit sampled no segment, or a verdict on it stands.
const ENotSelected: u64 = 0;
/// The leaf is not the one that the trace commits to.
const EWrongLeaf: u64 = 1;

// === Constants ===

const BPS: u64 = 10_000;
const BEACON_BYTES: u16 = 32;

// === Public Functions ===

/// Draws the audit sample of an attested submission, and pays the caller a tip. Anyone may call it.
entry fun draw_audit(
    market: &Market,
    task: &Task,
    submission: &mut Submission,
    random: &Random,
    clock: &Clock,
    ctx: &mut TxContext,
) {
    submission.assert_valid(market, task);
    submission.assert_state(submission::attested());
    let now = clock.timestamp_ms();
    let beacon = random.new_generator(ctx).generate_bytes(BEACON_BYTES);
    submission.start_audit(beacon, now);
    submission.pay_from_escrow(ctx.sender(), task.tip());
    events::emit_audit_drawn(submission.task(), submission.id(), beacon, now)
}

/// Brings the sampled segment before a jury. `leaf` is what the trace commits to
/// there; whoever holds the trace can show it.
public fun audit(
    market: &Market,
    task: &Task,
    submission: &mut Submission,
    leaf: vector<u8>,
    path: vector<vector<u8>>,
    clock: &Clock,
) {
    submission.assert_valid(market, task);
    submission.assert_state(submission::audited());
    let place = find_place(task, submission);
    assert!(place.is_some(), ENotSelected);
    let place = place.destroy_some();
    let segment = trace::segment_at(task, submission, place);
    assert!(trace::has_leaf(task, submission, segment, leaf, &path), EWrongLeaf);
    let now = clock.timestamp_ms();
    let dispute = dispute::new(
        submission.id().to_address(),
        dispute::segment(),
        segment,
        place,
        submission::audited(),
        dispute::nobody(),
        vector[],
        leaf,
        now,
    );
    let challenge = dispute.challenge();
    submission.start_dispute(dispute, balance::zero());
    events::emit_challenge_opened(
        submission.task(),
        submission.id(),
        dispute::nobody(),
        dispute::segment(),
        segment,
        challenge,
        0,
        now,
    )
}

// === Package Functions ===

/// Whether a drawn submission waits for a jury: a segment was sampled, and no verdict on it
/// stands.
public(package) fun is_pending(task: &Task, submission: &Submission): bool {
    find_place(task, submission).is_some()
}

// === Private Functions ===

/// The place of the deal that a jury must judge; none if none was sampled, or a verdict on
/// its segment stands.
fun find_place(task: &Task, submission: &Submission): Option<u64> {
    let lot = compute_lot(task, submission);
    if (lot.is_none()) return lot;
    let segment = trace::segment_at(task, submission, *lot.borrow());
    if (submission.is_judged(dispute::segment(), segment)) option::none() else lot
}

/// The sampled place; none if the submission is spared.
fun compute_lot(task: &Task, submission: &Submission): Option<u64> {
    let id = submission.id().to_address();
    let digest = protocol::compute_audit_digest(submission.audit_beacon(), id);
    if (dealing::u64_at(&digest, 0) % BPS >= task.terms().audit_bps()) return option::none();
    option::some(dealing::u64_at(&digest, 8) % trace::place_count(task))
}

// === Test Functions ===

#[test_only]
/// The sampled segment, judged or not; 0 for none.
public fun segment_for_testing(task: &Task, submission: &Submission): u64 {
    let lot = compute_lot(task, submission);
    if (lot.is_none()) 0 else trace::segment_at(task, submission, *lot.borrow())
}

#[test_only]
public fun draw_audit_for_testing(
    market: &Market,
    task: &Task,
    submission: &mut Submission,
    random: &Random,
    clock: &Clock,
    ctx: &mut TxContext,
) {
    draw_audit(market, task, submission, random, clock, ctx)
}
