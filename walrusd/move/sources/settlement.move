/// The crank that ends submissions, and the claims. Anyone may turn the crank: every path ends
/// without depending on one party.
module walrusd::settlement;

use sui::{clock::Clock, coin::Coin, sui::SUI};
use walrusd::{
    audit,
    ending,
    events,
    market::Market,
    node::VerifierPool,
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

// === Public Functions ===

/// Ends a submission that has nothing more to wait for, and pays the caller a tip.
public fun settle(
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
    assert!(!submission.is_terminal(), EAlreadyEnded);
    let state = submission.state();
    assert!(state != submission::disputed(), EDisputed);
    let now = clock.timestamp_ms();
    assert!(may_settle(task, submission, now), ETooEarly);
    submission.pay_from_escrow(ctx.sender(), task.tip());
    if (state == submission::joined()) {
        ending::lapse(task, pool, submission, now, ctx)
    } else if (state == submission::seated()) {
        ending::reject_absence(task, pool, submission, now, ctx)
    } else if (state == submission::opened()) {
        ending::leave_unattested(task, pool, submission, now, ctx)
    } else if (audit::is_pending(task, submission)) {
        // The contributor holds the leaf and did not let it be audited.
        ending::reject_absence(task, pool, submission, now, ctx)
    } else if (submission.claims_abort()) {
        ending::abandon(task, pool, submission, now, ctx)
    } else {
        ending::accept(task, pool, submission, now, ctx)
    }
}

/// Pays out the caller's credit on a submission.
public fun claim(market: &Market, submission: &mut Submission, ctx: &mut TxContext): Coin<SUI> {
    market.assert_version();
    submission.assert_version();
    let owner = ctx.sender();
    let credit = submission.take_credit(owner);
    assert!(credit.value() > 0, ENothingToClaim);
    events::emit_credit_claimed(submission.id(), owner, credit.value());
    credit.into_coin(ctx)
}

// === Private Functions ===

fun may_settle(task: &Task, submission: &Submission, now: u64): bool {
    let state = submission.state();
    let since = submission.window_ms();
    if (state == submission::joined()) task.is_drawn()
    else if (state == submission::seated()) task.terms().is_opening_over(now, since)
    else if (state == submission::opened()) {
        submission.is_replaced() && task.terms().is_verifying_over(now, since)
    } else {
        state == submission::audited()
            && (!audit::is_pending(task, submission)
                || task.terms().is_opening_over(now, since))
    }
}
