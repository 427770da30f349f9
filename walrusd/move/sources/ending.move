/// The one place where a submission ends: who is paid from what, what is burned, what goes back.
///
/// A lost stake pays verifiers, jurors and, in small part, an accuser that was right; the rest is
/// burned. It never goes to the publisher, so nobody gains from rejecting honest work.
module walrusd::ending;

use sui::balance;
use walrusd::{
    credit,
    events,
    math,
    node::VerifierPool,
    submission::{Self, Submission},
    task::Task,
    trace
};

// === Constants ===

const ATTESTED: u8 = 1;
const NO_COMMIT: u8 = 2;
const NEVER_OPENED: u8 = 3;
const CHALLENGE_CONFIRMED: u8 = 4;
const NOT_FULLY_ATTESTED: u8 = 5;
const NO_MAJORITY: u8 = 6;
const TOO_FEW_SEATS: u8 = 7;
const PLAN_ABORTED: u8 = 9;
const AUDIT_CONFIRMED: u8 = 10;
const TASK_VOID: u8 = 13;
const UPDATE_WITHHELD: u8 = 14;
const STALLED: u8 = 15;

/// An accuser that was right gets so many verifier fees, and at most one part in so many of the stake:
/// a forger's friend could be the accuser.
const ACCUSER_FEES: u64 = 5;
const ACCUSER_SHARE: u64 = 5;

// === Package Functions ===

/// The work holds, and the publisher can read it: stake and reward to the contributor, fees to the
/// seats.
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

/// A jury found a fault. If a replay shows it, seats that attested what is forged lose their stakes:
/// otherwise nothing shows that one of them lied. The contributor's stake pays everybody else's work.
public(package) fun convict(
    task: &mut Task,
    pool: &mut VerifierPool,
    submission: &mut Submission,
    value: vector<u8>,
    is_replay: bool,
    now: u64,
    ctx: &mut TxContext,
) {
    let mut guilty = vector[];
    let mut taken = balance::zero();
    let mut place = 0;
    while (place < submission.seat_count()) {
        let dealt = submission.dispute().place();
        let lied = is_replay && trace::has_attested(task, submission, place, dealt);
        if (lied) {
            let index = submission.seat_pool_index(place);
            taken.join(pool.penalize(index, task.terms().verifier_stake()))
        };
        guilty.push_back(lied);
        place = place + 1;
    };
    credit::burn(taken, ctx);
    pay_verdict(task, submission, &value, &guilty);
    let dispute = submission.dispute();
    let reason = if (dispute.is_audit()) AUDIT_CONFIRMED
    else if (dispute.is_about_absence()) NEVER_OPENED
    else CHALLENGE_CONFIRMED;
    if (dispute.has_accuser()) {
        let (accuser, terms) = (dispute.accuser(), task.terms());
        let most = terms.stake() / ACCUSER_SHARE;
        submission.pay_from_stake(accuser, math::min(ACCUSER_FEES * terms.verifier_fee(), most))
    };
    finish(task, pool, submission, submission::rejected(), reason, 0, now, ctx)
}

/// A jury found the second opening absent, too.
public(package) fun reject_absent(
    task: &mut Task,
    pool: &mut VerifierPool,
    submission: &mut Submission,
    value: vector<u8>,
    now: u64,
    ctx: &mut TxContext,
) {
    pay_verdict(task, submission, &value, &vector[]);
    finish(task, pool, submission, submission::rejected(), NEVER_OPENED, 0, now, ctx)
}

/// The opening, a key or the audit's leaf never came: the stake pays who has attested, the rest of it
/// is burned.
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

/// The work is not wanted after all: the stake goes back in full, with something for the gas.
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
    let stake = submission.stake();
    submission.pay_from_stake(contributor, stake);
    finish(task, pool, submission, submission::void(), reason, stake + fee, now, ctx)
}

/// No fault or no culprit is known: the stake goes back, finished seats are paid, nobody is rewarded.
public(package) fun leave_undecided(
    task: &mut Task,
    pool: &mut VerifierPool,
    submission: &mut Submission,
    reason: u8,
    now: u64,
    ctx: &mut TxContext,
) {
    let stake = return_stake(submission);
    pay_seats(task, submission, true);
    finish(task, pool, submission, submission::undecided(), reason, stake, now, ctx)
}

public(package) fun not_fully_attested(): u8 { NOT_FULLY_ATTESTED }

public(package) fun no_majority(): u8 { NO_MAJORITY }

public(package) fun too_few_seats(): u8 { TOO_FEW_SEATS }

public(package) fun task_void(): u8 { TASK_VOID }

public(package) fun update_withheld(): u8 { UPDATE_WITHHELD }

public(package) fun stalled(): u8 { STALLED }

// === Private Functions ===

/// Credits the stake to the contributor, less what being late cost; returns how much that is.
fun return_stake(submission: &mut Submission): u64 {
    let contributor = submission.contributor();
    let amount = submission.stake() - submission.late_fee();
    submission.pay_from_stake(contributor, amount);
    amount
}

fun pay_seats(task: &Task, submission: &mut Submission, only_attested: bool) {
    let fee = task.terms().verifier_fee();
    let mut place = 0;
    while (place < submission.seat_count()) {
        if (!only_attested || submission.has_seat_attested(place)) {
            let verifier = submission.seat_verifier(place);
            submission.pay_from_escrow(verifier, fee)
        };
        place = place + 1;
    }
}

/// Pays, from a stake that a verdict takes, the seats that are not guilty, and the jury.
fun pay_verdict(
    task: &Task,
    submission: &mut Submission,
    value: &vector<u8>,
    guilty: &vector<bool>,
) {
    let fee = task.terms().verifier_fee();
    let mut place = 0;
    while (place < submission.seat_count()) {
        if (guilty.is_empty() || !guilty[place]) {
            let verifier = submission.seat_verifier(place);
            submission.pay_from_stake(verifier, fee)
        };
        place = place + 1;
    };
    let fee = task.terms().juror_fee();
    let holders = submission.dispute().list_holders(value);
    let mut i = 0;
    while (i < holders.length()) {
        submission.pay_from_stake(holders[i], fee);
        i = i + 1;
    }
}

/// What every end shares, after the payments: the seats are free, what is left of the stake is burned,
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
