/// The one place where a submission ends: who is paid from what, what is burned, what goes back.
///
/// A slashed stake pays verifiers, jurors and, in small part, a confirmed accuser; the rest is
/// burned. It never goes to the publisher, so nobody gains from rejecting honest work.
module walrusd::ending;

use walrusd::{
    credit,
    dispute::Dispute,
    events,
    market::Market,
    math,
    node::VerifierPool,
    penalty,
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
const PLAN_ABORTED: u8 = 10;
const AUDIT_CONFIRMED: u8 = 11;

// === Package Functions ===

/// Every dealt segment is attested and no audit waits: stake and reward to the contributor, fees to
/// the seats.
public(package) fun accept(
    task: &mut Task,
    pool: &mut VerifierPool,
    submission: &mut Submission,
    now: u64,
    ctx: &mut TxContext,
) {
    let stake = return_stake(submission);
    let (contributor, reward) = (submission.contributor(), task.terms().reward());
    submission.pay_from_escrow(contributor, reward);
    pay_seats(task, submission, false);
    task.count_acceptance(submission.weight());
    let payout = stake + reward;
    finish(task, pool, submission, submission::accepted(), ATTESTED, payout, now, ctx)
}

/// The plan cannot be carried out, as the contributor claims: the publisher's bond, as far as it
/// reaches, pays the work up to there. Nothing was accepted.
public(package) fun abandon(
    task: &mut Task,
    pool: &mut VerifierPool,
    submission: &mut Submission,
    now: u64,
    ctx: &mut TxContext,
) {
    let stake = return_stake(submission);
    let (contributor, terms) = (submission.contributor(), task.terms());
    let reward = math::part_of(terms.reward(), submission.abort_segment(), terms.segments());
    let from_bond = task.take_bond(reward);
    let rest = reward - from_bond.value();
    submission.pay(contributor, from_bond);
    submission.pay_from_escrow(contributor, rest);
    pay_seats(task, submission, false);
    let payout = stake + reward;
    finish(task, pool, submission, submission::aborted(), PLAN_ABORTED, payout, now, ctx)
}

/// A jury confirmed a challenge or an audit: seats that attested what is forged lose their stakes,
/// the contributor's stake pays everybody else's work, the rest is burned.
public(package) fun reject_confirmed(
    market: &Market,
    task: &mut Task,
    pool: &mut VerifierPool,
    submission: &mut Submission,
    majority: u64,
    now: u64,
    ctx: &mut TxContext,
) {
    penalty::burn_false_seats(task, pool, submission, majority, ctx);
    let whole = submission.stake();
    let verifier_fee = task.terms().verifier_fee();
    let mut seat = 0;
    while (seat < submission.seat_count()) {
        if (!penalty::is_false(task, submission, seat, majority)) {
            let verifier = submission.seat_verifier(seat);
            submission.pay_from_stake(verifier, verifier_fee);
        };
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
    let dispute = submission.dispute();
    let (accuser, reason) = (dispute.accuser(), reason_of(dispute, majority));
    // A verifier that cannot read an opening claims what it must; nobody is behind an audit.
    if (reason == CHALLENGE_CONFIRMED && dispute.accuser_agrees(majority)) {
        let share = math::share_of(whole, market.accuser_share_bps());
        let rest = submission.stake();
        submission.pay_from_stake(accuser, math::min(rest, share));
    };
    submission.return_bond();
    finish(task, pool, submission, submission::rejected(), reason, 0, now, ctx)
}

/// The contributor never opened its work, or kept the audit from it: the whole stake is burned.
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

/// Not every dealt segment was attested in time, by substitutes neither: their silence costs them
/// part of their stakes.
public(package) fun leave_unattested(
    task: &mut Task,
    pool: &mut VerifierPool,
    submission: &mut Submission,
    now: u64,
    ctx: &mut TxContext,
) {
    penalty::burn_silent_seats(task, pool, submission, ctx);
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

/// The pool has too few eligible seats for substitutes.
public(package) fun leave_without_seats(
    task: &mut Task,
    pool: &mut VerifierPool,
    submission: &mut Submission,
    now: u64,
    ctx: &mut TxContext,
) {
    leave_undecided(task, pool, submission, TOO_FEW_SEATS, now, ctx)
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
    let stake = return_stake(submission);
    finish(task, pool, submission, submission::void(), TOO_FEW_SEATS, stake, now, ctx)
}

// === Private Functions ===

/// Nobody knows who is to blame: the stake goes back, finished seats are paid, the bond goes back.
fun leave_undecided(
    task: &mut Task,
    pool: &mut VerifierPool,
    submission: &mut Submission,
    reason: u8,
    now: u64,
    ctx: &mut TxContext,
) {
    let stake = return_stake(submission);
    pay_seats(task, submission, true);
    submission.return_bond();
    finish(task, pool, submission, submission::undecided(), reason, stake, now, ctx)
}

/// Credits the stake to the contributor, less what opening late cost; returns how much that is.
fun return_stake(submission: &mut Submission): u64 {
    let contributor = submission.contributor();
    let amount = submission.stake() - submission.late_fee();
    submission.pay_from_stake(contributor, amount);
    amount
}

fun reason_of(dispute: &Dispute, majority: u64): u8 {
    if (dispute.is_about_availability() || dispute.is_withheld(majority)) NEVER_OPENED
    else if (dispute.is_audit()) AUDIT_CONFIRMED
    else CHALLENGE_CONFIRMED
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
    let burned = credit::burn(submission.take_stake(), ctx);
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
