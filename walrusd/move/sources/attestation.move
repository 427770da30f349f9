/// Proof of replay: a seat reveals a digest that only a replay of its segment yields, with the
/// paths that tie it to the committed trace.
module walrusd::attestation;

use sui::clock::Clock;
use walrusd::{
    dealing,
    events,
    market::Market,
    merkle,
    node::VerifierCap,
    protocol,
    submission::{Self, Submission},
    task::Task
};

// === Errors ===

/// The capability does not hold this seat of the committee.
const ENotSeated: u64 = 0;
/// The seat was not dealt so many segments.
const EBadPosition: u64 = 1;
/// The seat has attested this segment already.
const EAlreadyAttested: u64 = 2;
/// The work digest is not the one that the trace commits to.
const EWrongDigest: u64 = 3;

// === Public Functions ===

/// Attests the segment dealt to `seat` at `position`. `digest` is the seat's own work digest,
/// `slot_path` leads from it to the segment's slot root, `trace_path` from the leaf to the trace.
public fun attest(
    market: &Market,
    task: &Task,
    submission: &mut Submission,
    cap: &VerifierCap,
    seat: u64,
    position: u64,
    digest: vector<u8>,
    slot_path: vector<vector<u8>>,
    state_root: vector<u8>,
    trace_path: vector<vector<u8>>,
    clock: &Clock,
) {
    submission.assert_valid(market, task);
    submission.assert_state(submission::opened());
    assert!(
        seat < submission.seat_count()
            && cap.holds(market.pool(), submission.seat_pool_index(seat)),
        ENotSeated,
    );
    let per_seat = task.terms().segments_per_seat();
    assert!(position < per_seat, EBadPosition);
    assert!(!submission.has_attested(seat, position), EAlreadyAttested);
    let segment = compute_segment(task, submission, seat * per_seat + position);
    assert!(digest.length() == 32 && state_root.length() == 32, EWrongDigest);
    let slot_root = merkle::compute_root_from_path(
        protocol::compute_slot(digest),
        seat,
        2 * task.terms().committee(),
        &slot_path,
    );
    assert!(slot_root.is_some(), EWrongDigest);
    let leaf = protocol::compute_leaf(segment, state_root, slot_root.destroy_some());
    let leaves = task.terms().segments() + 1;
    assert!(
        merkle::leads_to(submission.trace_root(), leaf, segment, leaves, &trace_path),
        EWrongDigest,
    );
    submission.attest(seat, position, per_seat);
    events::emit_segment_attested(
        submission.task(),
        submission.id(),
        seat,
        submission.seat_verifier(seat),
        segment,
    );
    if (submission.have_all_attested()) {
        let now = clock.timestamp_ms();
        submission.enter(submission::attested(), now);
        events::emit_submission_attested(submission.task(), submission.id(), now)
    }
}

// === Private Functions ===

/// The segment at a place of the deal; with more places than segments the deal starts again.
fun compute_segment(task: &Task, submission: &Submission, place: u64): u64 {
    let seed = protocol::compute_deal_seed(task.beacon(), submission.id().to_address());
    let segments = task.terms().segments();
    dealing::compute_dealt_segment(&seed, segments, place % segments)
}
