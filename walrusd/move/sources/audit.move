/// The audit. A contributor could hand its digests to bribed seats, so digests alone are not
/// trusted: once everything is attested, a fresh beacon may send one dealt segment to a jury.
module walrusd::audit;

use sui::{clock::Clock, random::Random};
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
/// The audit sampled a segment of this submission, and a jury must judge it first.
const EPending: u64 = 2;

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
    submission.pay_from_escrow(ctx.sender(), task.tip());
    let beacon = random.new_generator(ctx).generate_bytes(BEACON_BYTES);
    submission.start_audit(beacon, now);
    events::emit_audit_drawn(submission.task(), submission.id(), beacon, now)
}

/// Brings the sampled segment before a jury. `leaf` is what the trace commits to there; whoever holds
/// the trace can show it.
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
    assert!(trace::has_leaf(task, submission, segment, &leaf, &path), EWrongLeaf);
    let (kind, nobody) = (dispute::segment(), dispute::nobody());
    let now = clock.timestamp_ms();
    submission.open_case(kind, segment, place, nobody, dispute::no_seat(), leaf, now)
}

// === Package Functions ===

/// Whether a segment was sampled that no jury has decided on yet.
public(package) fun is_pending(task: &Task, submission: &Submission): bool {
    find_place(task, submission).is_some()
}

/// Checks that no audit waits: whoever colludes with the forger could hold it up.
public(package) fun assert_not_pending(task: &Task, submission: &Submission) {
    assert!(!is_pending(task, submission), EPending)
}

// === Private Functions ===

/// The place of the deal that a jury must judge; none if none was sampled, or the audit is over. A
/// later sample, drawn because juries found no majority, is always selected.
fun find_place(task: &Task, submission: &Submission): Option<u64> {
    if (submission.is_audit_over()) return option::none();
    let round = submission.audit_round();
    let id = submission.id().to_address();
    let digest = protocol::compute_audit_digest(submission.audit_beacon(), id, round);
    let ticket = dealing::u64_at(&digest, 0) % BPS;
    if (round == 0 && ticket >= task.terms().audit_bps()) return option::none();
    option::some(dealing::u64_at(&digest, 8) % trace::place_count(task))
}

// === Test Functions ===

#[test_only]
/// The sampled segment; 0 for none.
public fun segment_for_testing(task: &Task, submission: &Submission): u64 {
    let place = find_place(task, submission);
    if (place.is_none()) 0 else trace::segment_at(task, submission, *place.borrow())
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
