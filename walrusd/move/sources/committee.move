/// Seating the verifiers of a submission from the beacon. Anyone may do it; nobody can choose.
module walrusd::committee;

use sui::clock::Clock;
use walrusd::{
    ending,
    events,
    market::Market,
    node::VerifierPool,
    protocol,
    submission::{Self, Submission},
    task::Task
};

// === Errors ===

/// The committee beacon of the task is not drawn yet.
const ENotDrawn: u64 = 0;

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
    market.assert_version();
    task.assert_version();
    pool.assert_version();
    submission.assert_version();
    market.assert_pool(object::id(pool));
    task.assert_is(submission.task());
    assert!(task.is_drawn(), ENotDrawn);
    submission.assert_state(submission::committed());
    let now = clock.timestamp_ms();
    submission.pay_from_escrow(ctx.sender(), task.tip());
    let drawn = draw_seats(task, pool, submission);
    if (drawn.length() < task.terms().committee()) {
        ending::void(task, pool, submission, now, ctx);
        return
    };
    let mut seats = vector[];
    let mut verifiers = vector[];
    let mut i = 0;
    while (i < drawn.length()) {
        let verifier = pool.seat_verifier(drawn[i]);
        pool.pin(drawn[i]);
        seats.push_back(submission::new_seat(drawn[i], verifier, pool.seat_key(drawn[i])));
        verifiers.push_back(verifier);
        i = i + 1;
    };
    submission.set_committee(seats);
    submission.enter(submission::seated(), now);
    events::emit_committee_seated(submission.task(), submission.id(), drawn, verifiers, now)
}

// === Private Functions ===

/// The pool indices of the committee, in seat order; fewer when the tries are spent.
fun draw_seats(task: &Task, pool: &VerifierPool, submission: &Submission): vector<u64> {
    let terms = task.terms();
    let mut drawn = vector[];
    if (task.pool_len() == 0) return drawn;
    let id = submission.id().to_address();
    let mut attempt = 0;
    while (attempt < MAX_TRIES && drawn.length() < terms.committee()) {
        let index = protocol::compute_seat_draw(task.beacon(), id, attempt, task.pool_len());
        if (
            !drawn.contains(&index)
                && pool.is_eligible(
                    index,
                    task.opened_ms(),
                    task.drawn_ms(),
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
