/// Proof of replay: a seat reveals a digest that only a replay of its segment yields, with the
/// paths that tie it to the committed trace. Or it says that the opening is absent.
module walrusd::attestation;

use sui::clock::Clock;
use walrusd::{
    dispute,
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

/// The capability does not hold this place of the committee.
const ENotSeated: u64 = 0;
/// The place was not dealt so many segments.
const EBadPosition: u64 = 1;
/// The seat has attested this segment already.
const EAlreadyAttested: u64 = 2;
/// The work digest is not the one that the trace commits to.
const EWrongDigest: u64 = 3;
/// The seat has reported the opening already.
const EAlreadyReported: u64 = 4;

// === Public Functions ===

/// Attests the segment dealt to `place` at `position`. `digest` is the seat's own work digest,
/// `slot_path` leads from it to the segment's slot root, `trace_path` from the leaf to the trace.
/// `program_root` is the program that the seat knows: it stakes on no other.
public fun attest(
    market: &Market,
    task: &Task,
    submission: &mut Submission,
    cap: &VerifierCap,
    place: u64,
    position: u64,
    digest: vector<u8>,
    slot_path: vector<vector<u8>>,
    state_root: vector<u8>,
    trace_path: vector<vector<u8>>,
    program_root: vector<u8>,
    clock: &Clock,
) {
    submission.assert_valid(market, task);
    submission.assert_state(submission::opened());
    assert_seated(submission, cap, place);
    submission.assert_program(task, program_root);
    let per_seat = task.terms().segments_per_seat();
    assert!(position < per_seat, EBadPosition);
    assert!(!submission.has_attested(place, position), EAlreadyAttested);
    let segment = trace::segment_at(task, submission, place * per_seat + position);
    assert!(digest.length() == 32 && state_root.length() == 32, EWrongDigest);
    let slot_root = merkle::compute_root_from_path(
        protocol::compute_slot(digest),
        submission.seat_slot(place),
        task.terms().compute_slots(),
        &slot_path,
    );
    assert!(slot_root.is_some(), EWrongDigest);
    let leaf = protocol::compute_leaf(segment, state_root, slot_root.destroy_some());
    assert!(trace::has_leaf(task, submission, segment, leaf, &trace_path), EWrongDigest);
    submission.attest(place, position, per_seat);
    events::emit_segment_attested(
        submission.task(),
        submission.id(),
        place,
        submission.seat_verifier(place),
        segment,
    );
    if (submission.have_all_attested()) {
        let now = clock.timestamp_ms();
        submission.enter(submission::attested(), now);
        events::emit_submission_attested(submission.task(), submission.id(), now)
    }
}

/// Says that the opening is absent. If most places do, the contributor must open again; the second time
/// a jury is asked, once: a committee alone takes no stake.
public fun report(
    market: &Market,
    task: &Task,
    submission: &mut Submission,
    cap: &VerifierCap,
    place: u64,
    clock: &Clock,
) {
    submission.assert_valid(market, task);
    submission.assert_state(submission::opened());
    assert_seated(submission, cap, place);
    assert!(!submission.has_seat_attested(place), EAlreadyAttested);
    assert!(
        !submission.has_reported(place) && !submission.has_accused(dispute::nobody()),
        EAlreadyReported,
    );
    let now = clock.timestamp_ms();
    let are_most = submission.report(place);
    events::emit_opening_reported(
        submission.task(),
        submission.id(),
        submission.attempt(),
        place,
        submission.seat_verifier(place),
        now,
    );
    if (!are_most) return;
    if (submission.is_last_attempt()) {
        submission.open_case(
            dispute::absence(),
            0,
            0,
            dispute::nobody(),
            dispute::no_seat(),
            vector[],
            now,
        )
    } else submission.ask_again(now)
}

// === Package Functions ===

/// Checks that the capability holds the seat at a place.
public(package) fun assert_seated(submission: &Submission, cap: &VerifierCap, place: u64) {
    assert!(submission.is_held_by(place, cap), ENotSeated)
}
