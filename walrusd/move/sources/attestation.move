/// Proof of replay: a seat reveals a digest that only a replay of its segment yields, with the
/// paths that tie it to the committed trace.
module walrusd::attestation;

use sui::clock::Clock;
use walrusd::{
    events,
    market::Market,
    merkle,
    node::VerifierCap,
    protocol,
    submission::{Self, Submission},
    task::Task,
    trace
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
/// The opening was reported and opened again already.
const EAlreadyReported: u64 = 4;

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
    assert_seated(market, submission, cap, seat);
    let per_seat = task.terms().segments_per_seat();
    assert!(position < per_seat, EBadPosition);
    assert!(!submission.has_attested(seat, position), EAlreadyAttested);
    let segment = trace::segment_at(task, submission, seat * per_seat + position);
    assert!(digest.length() == 32 && state_root.length() == 32, EWrongDigest);
    let slot_root = merkle::compute_root_from_path(
        protocol::compute_slot(digest),
        submission.seat_slot(seat),
        2 * task.terms().committee(),
        &slot_path,
    );
    assert!(slot_root.is_some(), EWrongDigest);
    let leaf = protocol::compute_leaf(segment, state_root, slot_root.destroy_some());
    assert!(trace::has_leaf(task, submission, segment, leaf, &trace_path), EWrongDigest);
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

/// Reports an opening that the seat cannot read, once. The contributor must open again in the same
/// windows, whoever is to blame; what was attested stays.
public fun report(
    market: &Market,
    task: &Task,
    submission: &mut Submission,
    cap: &VerifierCap,
    seat: u64,
    clock: &Clock,
) {
    submission.assert_valid(market, task);
    submission.assert_state(submission::opened());
    assert_seated(market, submission, cap, seat);
    assert!(!submission.has_seat_attested(seat), EAlreadyAttested);
    assert!(!submission.is_reopened(), EAlreadyReported);
    let now = clock.timestamp_ms();
    submission.ask_to_reopen(now);
    events::emit_opening_reported(
        submission.task(),
        submission.id(),
        seat,
        submission.seat_verifier(seat),
        now,
    )
}

// === Private Functions ===

fun assert_seated(market: &Market, submission: &Submission, cap: &VerifierCap, seat: u64) {
    assert!(
        seat < submission.seat_count()
            && cap.holds(market.pool(), submission.seat_pool_index(seat)),
        ENotSeated,
    )
}
