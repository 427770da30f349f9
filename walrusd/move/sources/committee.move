/// Seating the verifiers of a submission from the beacon, and the substitutes of those that keep
/// silent. Anyone may do it; nobody can choose.
module walrusd::committee;

use sui::clock::Clock;
use walrusd::{
    ending,
    events,
    market::Market,
    node::VerifierPool,
    penalty,
    protocol,
    submission::{Self, Submission},
    task::Task
};

// === Errors ===

/// The committee beacon of the task is not drawn yet.
const ENotDrawn: u64 = 0;
/// Silent seats were replaced already.
const EAlreadyReplaced: u64 = 1;
/// The committee may still attest.
const ETooEarly: u64 = 2;

// === Constants ===

const MAX_TRIES: u64 = 256;

// === Public Functions ===

/// Seats the committee, or ends the submission Void when the pool has too few eligible seats.
public fun seat(
    market: &Market,
    task: &mut Task,
    pool: &mut VerifierPool,
    submission: &mut Submission,
    clock: &Clock,
    ctx: &mut TxContext,
) {
    assert_valid(market, task, pool, submission);
    assert!(task.is_drawn(), ENotDrawn);
    submission.assert_state(submission::committed());
    let now = clock.timestamp_ms();
    submission.pay_from_escrow(ctx.sender(), task.tip());
    let count = task.terms().committee();
    let drawn = draw_seats(task, pool, submission, count, task.drawn_ms(), &vector[]);
    if (drawn.length() < count) {
        ending::void(task, pool, submission, now, ctx);
        return
    };
    let mut seats = vector[];
    let mut verifiers = vector[];
    let mut i = 0;
    while (i < drawn.length()) {
        let verifier = pool.seat_verifier(drawn[i]);
        pool.pin(drawn[i]);
        seats.push_back(submission::new_seat(drawn[i], verifier, pool.seat_key(drawn[i]), i));
        verifiers.push_back(verifier);
        i = i + 1;
    };
    submission.set_committee(seats);
    submission.enter(submission::seated(), now);
    events::emit_committee_seated(submission.task(), submission.id(), drawn, verifiers, now)
}

/// Burns part of the stakes of the seats that did not attest in time and draws substitutes in their
/// place, once; ends the submission Undecided when the pool has too few eligible seats.
public fun replace(
    market: &Market,
    task: &mut Task,
    pool: &mut VerifierPool,
    submission: &mut Submission,
    clock: &Clock,
    ctx: &mut TxContext,
) {
    assert_valid(market, task, pool, submission);
    submission.assert_state(submission::opened());
    assert!(!submission.is_replaced(), EAlreadyReplaced);
    let now = clock.timestamp_ms();
    assert!(task.terms().is_verifying_over(now, submission.window_ms()), ETooEarly);
    submission.pay_from_escrow(ctx.sender(), task.tip());
    penalty::burn_silent_seats(task, pool, submission, ctx);
    let silent = submission.silent_seats();
    let taken = submission.seat_pool_indices();
    let drawn = draw_seats(task, pool, submission, silent.length(), now, &taken);
    if (drawn.length() < silent.length()) {
        ending::leave_without_seats(task, pool, submission, now, ctx);
        return
    };
    let mut i = 0;
    while (i < silent.length()) {
        let (seat, index) = (silent[i], drawn[i]);
        let verifier = pool.seat_verifier(index);
        pool.unpin(submission.seat_pool_index(seat));
        pool.pin(index);
        // Each segment has work digests for the seats and, after them, for their substitutes.
        let slot = submission.seat_count() + seat;
        let substitute = submission::new_seat(index, verifier, pool.seat_key(index), slot);
        submission.replace_seat(seat, substitute);
        let (task, id) = (submission.task(), submission.id());
        events::emit_seat_replaced(task, id, seat, index, verifier, now);
        i = i + 1;
    };
    submission.end_replacement(now)
}

// === Private Functions ===

fun assert_valid(market: &Market, task: &Task, pool: &VerifierPool, submission: &Submission) {
    market.assert_version();
    task.assert_version();
    pool.assert_version();
    submission.assert_version();
    market.assert_pool(object::id(pool));
    task.assert_is(submission.task())
}

/// `count` pool indices that are not `taken`, in the order in which they were drawn; fewer when the
/// tries are spent.
fun draw_seats(
    task: &Task,
    pool: &VerifierPool,
    submission: &Submission,
    count: u64,
    drawn_ms: u64,
    taken: &vector<u64>,
): vector<u64> {
    let terms = task.terms();
    let mut drawn = vector[];
    if (task.pool_len() == 0) return drawn;
    let id = submission.id().to_address();
    let mut attempt = 0;
    while (attempt < MAX_TRIES && drawn.length() < count) {
        let index = protocol::compute_seat_draw(task.beacon(), id, attempt, task.pool_len());
        if (
            !drawn.contains(&index)
                && !taken.contains(&index)
                && pool.is_eligible(
                    index,
                    task.opened_ms(),
                    drawn_ms,
                    terms.state_bytes(),
                    terms.segment_work(),
                    terms.verifier_fee(),
                    terms.verifier_stake(),
                )
                && !submission.is_conflicted(task, pool.seat_verifier(index))
        ) drawn.push_back(index);
        attempt = attempt + 1;
    };
    drawn
}
