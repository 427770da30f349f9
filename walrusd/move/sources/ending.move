/// The one place where a submission ends: who is paid from what, what is burned, what goes back.
///
/// A slashed stake pays verifiers, jurors and, in small part, a confirmed accuser; the rest is
/// burned. It never goes to the publisher, so nobody gains from rejecting honest work.
module walrusd::ending;

use sui::{balance::Balance, sui::SUI};
use walrusd::{
    events,
    market::{Self, Market},
    math,
    node::VerifierPool,
    submission::{Self, Submission},
    task::Task
};

// === Constants ===

const ATTESTED: u8 = 1;
const NO_COMMIT: u8 = 2;
const NEVER_OPENED: u8 = 3;
const CHALLENGE_CONFIRMED: u8 = 4;
const NOT_FULLY_ATTESTED: u8 = 5;
const NO_MAJORITY: u8 = 6;
const TOO_FEW_SEATS: u8 = 7;
const TOO_FEW_JURORS: u8 = 8;

// === Package Functions ===

/// Every dealt segment is attested: stake and reward to the contributor, fees to the seats.
public(package) fun accept(
    task: &mut Task,
    pool: &mut VerifierPool,
    submission: &mut Submission,
    now: u64,
    ctx: &mut TxContext,
) {
    let contributor = submission.contributor();
    let stake = submission.stake();
    let reward = task.terms().reward();
    submission.pay_from_stake(contributor, stake);
    submission.pay_from_escrow(contributor, reward);
    pay_seats(task, submission, false);
    task.count_acceptance(submission.weight());
    let payout = stake + reward;
    finish(task, pool, submission, submission::accepted(), ATTESTED, payout, now, ctx)
}

/// A jury confirmed a challenge: the stake pays everybody's work, the rest is burned.
public(package) fun reject_forgery(
    market: &Market,
    task: &mut Task,
    pool: &mut VerifierPool,
    submission: &mut Submission,
    majority: u64,
    now: u64,
    ctx: &mut TxContext,
) {
    let whole = submission.stake();
    let verifier_fee = task.terms().verifier_fee();
    let mut seat = 0;
    while (seat < submission.seat_count()) {
        let verifier = submission.seat_verifier(seat);
        submission.pay_from_stake(verifier, verifier_fee);
        seat = seat + 1;
    };
    let juror_fee = task.terms().juror_fee();
    let mut juror = 0;
    while (juror < submission.dispute().juror_count()) {
        if (submission.dispute().agrees(juror, majority)) {
            let verifier = submission.dispute().juror_verifier(juror);
            submission.pay_from_stake(verifier, juror_fee);
        };
        juror = juror + 1;
    };
    let accuser = submission.dispute().accuser();
    if (submission.dispute().accuser_agrees(majority)) {
        let share = math::share_of(whole, market.accuser_share_bps());
        let rest = submission.stake();
        submission.pay_from_stake(accuser, math::min(rest, share));
    };
    return_bond(submission);
    finish(task, pool, submission, submission::rejected(), CHALLENGE_CONFIRMED, 0, now, ctx)
}

/// The contributor never opened its work: the whole stake is burned.
public(package) fun reject_absence(
    task: &mut Task,
    pool: &mut VerifierPool,
    submission: &mut Submission,
    now: u64,
    ctx: &mut TxContext,
) {
    finish(task, pool, submission, submission::rejected(), NEVER_OPENED, 0, now, ctx)
}

/// The contributor never committed: the lapse penalty is burned.
public(package) fun lapse(
    task: &mut Task,
    pool: &mut VerifierPool,
    submission: &mut Submission,
    now: u64,
    ctx: &mut TxContext,
) {
    let contributor = submission.contributor();
    let payout = submission.stake() - task.terms().lapse_penalty();
    submission.pay_from_stake(contributor, payout);
    finish(task, pool, submission, submission::lapsed(), NO_COMMIT, payout, now, ctx)
}

/// Not every dealt segment was attested in time.
public(package) fun leave_unattested(
    task: &mut Task,
    pool: &mut VerifierPool,
    submission: &mut Submission,
    now: u64,
    ctx: &mut TxContext,
) {
    leave_undecided(task, pool, submission, NOT_FULLY_ATTESTED, now, ctx)
}

/// Two juries found no majority.
public(package) fun leave_without_majority(
    task: &mut Task,
    pool: &mut VerifierPool,
    submission: &mut Submission,
    now: u64,
    ctx: &mut TxContext,
) {
    leave_undecided(task, pool, submission, NO_MAJORITY, now, ctx)
}

/// The pool has too few eligible seats for a jury.
public(package) fun leave_without_jury(
    task: &mut Task,
    pool: &mut VerifierPool,
    submission: &mut Submission,
    now: u64,
    ctx: &mut TxContext,
) {
    leave_undecided(task, pool, submission, TOO_FEW_JURORS, now, ctx)
}

/// The pool has too few eligible seats for a committee: the stake goes back in full.
public(package) fun void(
    task: &mut Task,
    pool: &mut VerifierPool,
    submission: &mut Submission,
    now: u64,
    ctx: &mut TxContext,
) {
    let contributor = submission.contributor();
    let stake = submission.stake();
    submission.pay_from_stake(contributor, stake);
    finish(task, pool, submission, submission::void(), TOO_FEW_SEATS, stake, now, ctx)
}

/// Takes `amount` out of circulation and returns how much that was.
public(package) fun burn(amount: Balance<SUI>, ctx: &mut TxContext): u64 {
    let value = amount.value();
    if (value == 0) {
        amount.destroy_zero()
    } else {
        transfer::public_transfer(amount.into_coin(ctx), market::burn_address())
    };
    value
}

// === Private Functions ===

/// Nobody is to blame: the stake goes back in full, finished seats are paid, the bond goes back.
fun leave_undecided(
    task: &mut Task,
    pool: &mut VerifierPool,
    submission: &mut Submission,
    reason: u8,
    now: u64,
    ctx: &mut TxContext,
) {
    let contributor = submission.contributor();
    let stake = submission.stake();
    submission.pay_from_stake(contributor, stake);
    pay_seats(task, submission, true);
    return_bond(submission);
    finish(task, pool, submission, submission::undecided(), reason, stake, now, ctx)
}

fun pay_seats(task: &Task, submission: &mut Submission, only_attested: bool) {
    let fee = task.terms().verifier_fee();
    let mut seat = 0;
    while (seat < submission.seat_count()) {
        if (!only_attested || submission.has_seat_attested(seat)) {
            let verifier = submission.seat_verifier(seat);
            submission.pay_from_escrow(verifier, fee);
        };
        seat = seat + 1;
    }
}

fun return_bond(submission: &mut Submission) {
    let bond = submission.bond();
    if (bond == 0) return;
    let accuser = submission.dispute().accuser();
    submission.pay_from_bond(accuser, bond)
}

/// What every end shares, after the payments: what is left of the stake is burned, what is left of
/// the escrow goes back to the task.
fun finish(
    task: &mut Task,
    pool: &mut VerifierPool,
    submission: &mut Submission,
    state: u8,
    reason: u8,
    payout: u64,
    now: u64,
    ctx: &mut TxContext,
) {
    let mut seat = 0;
    while (seat < submission.seat_count()) {
        pool.unpin(submission.seat_pool_index(seat));
        seat = seat + 1;
    };
    let burned = burn(submission.take_stake(), ctx);
    task.refund(submission.take_escrow());
    task.count_end();
    submission.end(state, reason, now);
    events::emit_submission_ended(
        submission.task(),
        submission.id(),
        submission.contributor(),
        state,
        reason,
        payout,
        burned,
        now,
    );
    task.settle_if_all_ended(now)
}
