/// The cranks that end submissions or ask for their openings again, the delivery that accepts one, and the
/// claims. Anyone may turn a crank: every path ends without depending on one party.
module walrusd::settlement;

use sui::{clock::Clock, coin::Coin, sui::SUI};
use walrusd::{
    audit,
    committee,
    dispute,
    ending,
    events,
    jury,
    market::Market,
    node::VerifierPool,
    outcome,
    submission::{Self, Submission},
    task::Task
};

// === Errors ===

/// The submission has ended already.
const EAlreadyEnded: u64 = 0;
/// The submission's window is still open.
const ETooEarly: u64 = 1;
/// A jury is judging the submission.
const EDisputed: u64 = 2;
/// There is no credit for this address.
const ENothingToClaim: u64 = 3;

// === Constants ===

const TASK_VOID: u8 = 13;
const UPDATE_WITHHELD: u8 = 14;
const STALLED: u8 = 15;

// === Public Functions ===

/// Ends a submission that is finished, whose contributor is absent, or that hangs too long, and pays the
/// caller a tip.
public fun settle(
    market: &Market,
    task: &mut Task,
    pool: &mut VerifierPool,
    submission: &mut Submission,
    clock: &Clock,
    ctx: &mut TxContext,
) {
    submission.assert_case(market, task, pool);
    assert!(!submission.is_terminal(), EAlreadyEnded);
    let now = clock.timestamp_ms();
    let state = submission.state();
    if (state == submission::joined()) settle_joined(task, pool, submission, now, ctx)
    else if (state == submission::committed()) {
        // No committee could be drawn in twice the longest life of a task.
        assert!(!submission.has_lot() && now >= task.ends_by_ms(), ETooEarly);
        submission.pay_from_escrow(ctx.sender(), task.tip());
        ending::void(task, pool, submission, STALLED, now, ctx)
    } else if (state == submission::seated()) {
        assert!(!submission.was_complete(), ETooEarly);
        assert_grace_over(task, submission, now);
        submission.pay_from_escrow(ctx.sender(), task.tip());
        ending::reject_unopened(task, pool, submission, now, ctx)
    } else if (state == submission::audited()) {
        settle_audited(task, pool, submission, now, ctx)
    } else if (state == submission::disputed()) {
        // No jury could be drawn in that time.
        assert!(
            submission.is_disputed_in(dispute::waiting()) && now >= task.ends_by_ms(),
            EDisputed,
        );
        submission.pay_from_escrow(ctx.sender(), task.tip());
        // An audit cannot be left out; whoever keeps seats from a jury must not keep work from its reward.
        if (submission.dispute().is_audit()) {
            ending::leave_undecided(task, pool, submission, STALLED, now, ctx)
        } else outcome::dismiss(task, pool, submission, now, ctx)
    } else {
        // Silent seats are replaced first, an attested submission drawn for its audit.
        abort ETooEarly
    }
}

/// Delivers to the publisher what opens the update: with that the submission is accepted. Anybody who
/// holds the value may.
public fun deliver_update(
    market: &Market,
    task: &mut Task,
    pool: &mut VerifierPool,
    submission: &mut Submission,
    r: vector<u8>,
    c: vector<u8>,
    challenge: vector<u8>,
    answer: vector<u8>,
    clock: &Clock,
    ctx: &mut TxContext,
) {
    submission.assert_case(market, task, pool);
    submission.assert_state(submission::audited());
    submission.assert_has_update();
    jury::assert_no_audit_pending(task, submission);
    let now = clock.timestamp_ms();
    let sender = ctx.sender();
    submission.deliver_update(market, task, sender, r, c, challenge, answer, now);
    ending::accept(task, pool, submission, now, ctx)
}

/// Asks for the opening again because a substitute or juror got its key from nobody. Every seat that holds
/// the key pays the silence penalty, the contributor the whole late fee. The second time the submission
/// ends as never opened.
public fun reopen(
    market: &Market,
    task: &mut Task,
    pool: &mut VerifierPool,
    submission: &mut Submission,
    clock: &Clock,
    ctx: &mut TxContext,
) {
    submission.assert_case(market, task, pool);
    submission.assert_may_lack_key();
    let now = clock.timestamp_ms();
    let is_disputed = submission.state() == submission::disputed();
    if (is_disputed) jury::assert_summoned(submission);
    submission.assert_left_without_key(task.terms(), now);
    let mut holders = vector[];
    let mut place = 0;
    while (place < submission.seat_count()) {
        if (submission.can_read(place)) holders.push_back(place);
        place = place + 1;
    };
    committee::burn_silence(task, pool, submission, &holders, ctx);
    submission.add_full_late_fee(task.terms());
    if (is_disputed) drop_case(pool, submission, now);
    if (submission.is_last_attempt()) {
        ending::reject_unopened(task, pool, submission, now, ctx)
    } else submission.ask_again(now)
}

/// Pays out the caller's credit.
public fun claim(market: &Market, submission: &mut Submission, ctx: &mut TxContext): Coin<SUI> {
    market.assert_version();
    submission.assert_version();
    market.assert_is(submission.market());
    let owner = ctx.sender();
    let credit = submission.take_credit(owner);
    assert!(credit.value() > 0, ENothingToClaim);
    events::emit_credit_claimed(submission.id(), owner, credit.value());
    credit.into_coin(ctx)
}

// === Private Functions ===

fun settle_joined(
    task: &mut Task,
    pool: &mut VerifierPool,
    submission: &mut Submission,
    now: u64,
    ctx: &mut TxContext,
) {
    let is_void = task.is_void();
    assert!(is_void || task.is_verified_now(), ETooEarly);
    submission.pay_from_escrow(ctx.sender(), task.tip());
    if (is_void) ending::void(task, pool, submission, TASK_VOID, now, ctx)
    else ending::lapse(task, pool, submission, now, ctx)
}

fun settle_audited(
    task: &mut Task,
    pool: &mut VerifierPool,
    submission: &mut Submission,
    now: u64,
    ctx: &mut TxContext,
) {
    let is_pending = audit::is_pending(task, submission);
    let is_abort = submission.claims_abort();
    // Anyone who has the leaf can start the audit; the contributor certainly has it.
    if (is_pending || !is_abort) assert_grace_over(task, submission, now);
    submission.pay_from_escrow(ctx.sender(), task.tip());
    if (is_pending) ending::reject_unopened(task, pool, submission, now, ctx)
    else if (is_abort) ending::abandon(task, pool, submission, now, ctx)
    else {
        submission.add_full_late_fee(task.terms());
        ending::leave_undecided(task, pool, submission, UPDATE_WITHHELD, now, ctx)
    }
}

fun assert_grace_over(task: &Task, submission: &Submission, now: u64) {
    assert!(task.terms().is_opening_over(now, submission.window_ms()), ETooEarly)
}

/// Ends a case that no juror could judge; its accuser may accuse again.
fun drop_case(pool: &mut VerifierPool, submission: &mut Submission, now: u64) {
    let dispute = submission.dispute();
    let mut juror = 0;
    while (juror < dispute.juror_count()) {
        pool.unpin(dispute.juror_pool_index(juror));
        juror = juror + 1;
    };
    let challenge = dispute.challenge();
    events::emit_case_dropped(submission.task(), submission.id(), challenge, now);
    submission.return_accusation()
}
