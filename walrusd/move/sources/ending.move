/// The one place where a submission ends: who is paid from what, what is burned, what goes back.
///
/// A stake that is lost pays verifiers, jurors and, in small part, an accuser that was right; the rest
/// is burned. It never goes to the publisher, so nobody gains from rejecting honest work.
module walrusd::ending;

use walrusd::{
    credit,
    events,
    math,
    node::VerifierPool,
    submission::{Self, Submission},
    task::Task
};

// === Constants ===

const ATTESTED: u8 = 1;
const NO_COMMIT: u8 = 2;
const NEVER_OPENED: u8 = 3;
const PLAN_ABORTED: u8 = 9;

/// An accuser that was right gets so many verifier fees, and at most one part in so many of the stake.
const ACCUSER_FEES: u64 = 5;
const ACCUSER_SHARE: u64 = 5;

// === Package Functions ===

/// The publisher can read the update: stake and reward to the contributor, fees to the seats.
public(package) fun accept(
    task: &mut Task,
    pool: &mut VerifierPool,
    submission: &mut Submission,
    now: u64,
    ctx: &mut TxContext,
) {
    let kept = submission.late_fee();
    let stake = return_stake(submission, kept);
    let (contributor, reward) = (submission.contributor(), task.terms().reward());
    submission.pay_from_escrow(contributor, reward);
    pay_seats(task, submission, false);
    task.count_acceptance(submission.number(), submission.weight());
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
    let kept = submission.late_fee();
    let stake = return_stake(submission, kept);
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

/// The contributor never committed: the lapse penalty is burned.
public(package) fun lapse(
    task: &mut Task,
    pool: &mut VerifierPool,
    submission: &mut Submission,
    now: u64,
    ctx: &mut TxContext,
) {
    let payout = return_stake(submission, task.terms().lapse_penalty());
    finish(task, pool, submission, submission::lapsed(), NO_COMMIT, payout, now, ctx)
}

/// The work is not wanted after all: the stake goes back in full, with a fee for the gas.
public(package) fun void(
    task: &mut Task,
    pool: &mut VerifierPool,
    submission: &mut Submission,
    reason: u8,
    now: u64,
    ctx: &mut TxContext,
) {
    let (contributor, fee) = (submission.contributor(), task.terms().cancel_fee());
    submission.pay_from_escrow(contributor, fee);
    let payout = return_stake(submission, 0) + fee;
    finish(task, pool, submission, submission::void(), reason, payout, now, ctx)
}

/// No fault or no culprit is known: the stake goes back, who has attested everything is paid, nobody is
/// rewarded.
public(package) fun leave_undecided(
    task: &mut Task,
    pool: &mut VerifierPool,
    submission: &mut Submission,
    reason: u8,
    now: u64,
    ctx: &mut TxContext,
) {
    let kept = submission.late_fee();
    let payout = return_stake(submission, kept);
    pay_seats(task, submission, true);
    finish(task, pool, submission, submission::undecided(), reason, payout, now, ctx)
}

/// The opening, a key or the audit's leaf never came: the stake pays who has attested everything, the
/// rest is burned.
public(package) fun reject_unopened(
    task: &mut Task,
    pool: &mut VerifierPool,
    submission: &mut Submission,
    now: u64,
    ctx: &mut TxContext,
) {
    let fee = task.terms().verifier_fee();
    let mut place = 0;
    while (place < submission.seat_count()) {
        if (submission.has_seat_attested(place)) {
            let verifier = submission.seat_verifier(place);
            submission.pay_from_stake(verifier, fee)
        };
        place = place + 1;
    };
    finish(task, pool, submission, submission::rejected(), NEVER_OPENED, 0, now, ctx)
}

/// A jury found a fault: the stake pays every seat that is not `guilty`, the jurors that found it, and
/// in small part who accused.
public(package) fun reject_judged(
    task: &mut Task,
    pool: &mut VerifierPool,
    submission: &mut Submission,
    value: &vector<u8>,
    guilty: &vector<u64>,
    is_rewarded: bool,
    reason: u8,
    now: u64,
    ctx: &mut TxContext,
) {
    let (fee, juror_fee) = (task.terms().verifier_fee(), task.terms().juror_fee());
    let mut place = 0;
    while (place < submission.seat_count()) {
        if (!guilty.contains(&place)) {
            let verifier = submission.seat_verifier(place);
            submission.pay_from_stake(verifier, fee)
        };
        place = place + 1;
    };
    let jurors = submission.dispute().list_holders(value);
    let mut i = 0;
    while (i < jurors.length()) {
        submission.pay_from_stake(jurors[i], juror_fee);
        i = i + 1;
    };
    // What an accuser gets is little, as a forger's friend could be the accuser.
    if (is_rewarded && submission.dispute().has_accuser()) {
        let accuser = submission.dispute().accuser();
        let most = task.terms().stake() / ACCUSER_SHARE;
        submission.pay_from_stake(accuser, math::min(ACCUSER_FEES * fee, most))
    };
    finish(task, pool, submission, submission::rejected(), reason, 0, now, ctx)
}

// === Private Functions ===

/// Credits the stake to the contributor, less what is kept; returns how much that is.
fun return_stake(submission: &mut Submission, kept: u64): u64 {
    let contributor = submission.contributor();
    let amount = submission.stake() - kept;
    submission.pay_from_stake(contributor, amount);
    amount
}

fun pay_seats(task: &Task, submission: &mut Submission, only_attested: bool) {
    let fee = task.terms().verifier_fee();
    let mut place = 0;
    while (place < submission.seat_count()) {
        if (!only_attested || submission.has_seat_attested(place)) {
            let verifier = submission.seat_verifier(place);
            submission.pay_from_escrow(verifier, fee);
        };
        place = place + 1;
    }
}

/// What every end shares, after the payments: all seats are free, what is left of the stake is burned,
/// what is left of the escrow goes back to the task. Jurors are free already.
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
    let mut place = 0;
    while (place < submission.seat_count()) {
        let index = submission.seat_pool_index(place);
        if (submission.has_seat_attested(place)) pool.note_service(index);
        pool.unpin(index);
        place = place + 1;
    };
    let mut i = 0;
    while (i < submission.substitute_count()) {
        pool.unpin(submission.substitute_pool_index(i));
        i = i + 1;
    };
    if (!task.is_void()) pool.unbook(task.terms().compute_places());
    submission.return_bond();
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
