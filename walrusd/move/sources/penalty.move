/// What verifiers lose of their stakes for silence or a false word. All of it is burned: nobody
/// gains from another's fault.
module walrusd::penalty;

use sui::balance;
use walrusd::{
    credit,
    dispute::Dispute,
    node::VerifierPool,
    submission::Submission,
    task::Task,
    trace
};

// === Package Functions ===

/// Burns part of the stake of every seat that has not attested all it was dealt.
public(package) fun burn_silent_seats(
    task: &Task,
    pool: &mut VerifierPool,
    submission: &Submission,
    ctx: &mut TxContext,
) {
    let mut burned = balance::zero();
    let mut seat = 0;
    while (seat < submission.seat_count()) {
        if (!submission.has_seat_attested(seat)) {
            let index = submission.seat_pool_index(seat);
            burned.join(pool.penalize(index, task.terms().seat_penalty()));
        };
        seat = seat + 1;
    };
    credit::burn(burned, ctx);
}

/// Burns the verifier's stake of every seat that attested a segment which a jury found forged;
/// `majority` is a juror that revealed what decides.
public(package) fun burn_false_seats(
    task: &Task,
    pool: &mut VerifierPool,
    submission: &Submission,
    majority: u64,
    ctx: &mut TxContext,
) {
    let mut burned = balance::zero();
    let mut seat = 0;
    while (seat < submission.seat_count()) {
        if (is_false(task, submission, seat, majority)) {
            let index = submission.seat_pool_index(seat);
            burned.join(pool.penalize(index, task.terms().verifier_stake()));
        };
        seat = seat + 1;
    };
    credit::burn(burned, ctx);
}

/// Burns part of the stake of every juror that did not reveal.
public(package) fun burn_silent_jurors(
    task: &Task,
    pool: &mut VerifierPool,
    dispute: &Dispute,
    ctx: &mut TxContext,
) {
    let mut burned = balance::zero();
    let mut juror = 0;
    while (juror < dispute.juror_count()) {
        if (!dispute.has_revealed(juror)) {
            let index = dispute.juror_pool_index(juror);
            burned.join(pool.penalize(index, task.terms().juror_penalty()));
        };
        juror = juror + 1;
    };
    credit::burn(burned, ctx);
}

/// Whether a seat attested the segment that the majority found forged. Of anything else no seat
/// gives its word, and an opening that is kept from a jury does not show that anybody lied.
public(package) fun is_false(
    task: &Task,
    submission: &Submission,
    seat: u64,
    majority: u64,
): bool {
    let dispute = submission.dispute();
    dispute.is_about_segment()
        && !dispute.is_withheld(majority)
        && trace::has_attested(task, submission, seat, dispute.place())
}
