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
    let sample = find_sample(task, submission);
    assert!(sample.is_some(), ENotSelected);
    let place = sample.destroy_some();
    let segment = trace::segment_at(task, submission, place);
    assert!(trace::has_leaf(task, submission, segment, leaf, &path), EWrongLeaf);
    submission.open_case(
        dispute::segment(),
        segment,
        place,
        dispute::nobody(),
        dispute::no_seat(),
        leaf,
        clock.timestamp_ms(),
    )
}

// === Package Functions ===

/// Whether a segment was drawn that no jury has decided on yet.
public(package) fun is_pending(task: &Task, submission: &Submission): bool {
    find_sample(task, submission).is_some()
}

// === Private Functions ===

/// The place that a jury must judge; none if the submission is spared, or the audit is over. A later
/// sample, drawn because juries found no majority, always is.
fun find_sample(task: &Task, submission: &Submission): Option<u64> {
    if (submission.is_audit_over()) return option::none();
    let id = submission.id().to_address();
    let round = submission.audit_round();
    let digest = protocol::compute_audit_digest(submission.audit_beacon(), id, round);
    if (round == 0 && dealing::u64_at(&digest, 0) % BPS >= task.terms().audit_bps()) {
        return option::none()
    };
    option::some(dealing::u64_at(&digest, 8) % trace::place_count(task))
}

// === Test Functions ===

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
