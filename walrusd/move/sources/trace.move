/// A submission's committed trace as its committee was dealt it: how many segments it has, which of
/// them each place of the deal holds, and what a seat vouched for.
///
/// Seat `a`, position `k` is place `a * segments_per_seat + k`; with more places than segments the
/// deal starts again.
module walrusd::trace;

use walrusd::{dealing, merkle, protocol, submission::Submission, task::Task};

// === Package Functions ===

/// The segments of the trace: all of the plan's, or those up to where the plan is said to end.
public(package) fun segments(task: &Task, submission: &Submission): u64 {
    if (submission.claims_abort()) submission.abort_segment() else task.terms().segments()
}

/// How many places a deal has.
public(package) fun place_count(task: &Task): u64 {
    task.terms().committee() * task.terms().segments_per_seat()
}

/// The segment at a place of the deal.
public(package) fun segment_at(task: &Task, submission: &Submission, place: u64): u64 {
    let seed = protocol::compute_deal_seed(submission.beacon(), submission.id().to_address());
    let segments = segments(task, submission);
    dealing::compute_dealt_segment(&seed, segments, place % segments)
}

/// Whether `leaf` is what the trace commits to for a segment.
public(package) fun has_leaf(
    task: &Task,
    submission: &Submission,
    segment: u64,
    leaf: vector<u8>,
    path: &vector<vector<u8>>,
): bool {
    let leaves = segments(task, submission) + 1;
    leaf.length() == 32
        && merkle::leads_to(submission.trace_root(), leaf, segment, leaves, path)
}

/// Whether a seat attested the segment that `place` holds, from whichever place of its own.
public(package) fun has_attested(
    task: &Task,
    submission: &Submission,
    seat: u64,
    place: u64,
): bool {
    let segments = segments(task, submission);
    let per_seat = task.terms().segments_per_seat();
    let mut position = 0;
    while (position < per_seat) {
        let own = seat * per_seat + position;
        if (own % segments == place % segments && submission.has_attested(seat, position)) {
            return true
        };
        position = position + 1;
    };
    false
}
