/// The cranks that end submissions, or ask for an opening again, and the claims. Anyone may turn the
/// cranks: every path ends without depending on one party.
module walrusd::settlement;

use sui::{clock::Clock, coin::Coin, sui::SUI};
use walrusd::{
    audit,
    committee,
    dispute,
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
/// There is no dispute in the phase this action needs.
const ENoDispute: u64 = 4;

// === Public Functions ===

/// Ends a submission that is finished, whose contributor is absent, or that hangs too long, and pays
/// the caller a tip.
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
    let is_late = task.terms().is_opening_over(now, submission.window_ms());
    let is_out_of_time = now >= task.ends_by_ms();
    if (state == submission::joined()) {
        assert!(task.is_void() || task.is_verified_now(), ETooEarly);
        pay_tip(task, submission, ctx);
        if (task.is_void()) ending::void(task, pool, submission, ending::task_void(), now, ctx)
        else ending::lapse(task, pool, submission, now, ctx)
    } else if (state == submission::committed()) {
        // No committee could be drawn in twice the longest life of a task.
        assert!(!submission.has_lot() && is_out_of_time, ETooEarly);
        pay_tip(task, submission, ctx);
        ending::void(task, pool, submission, ending::stalled(), now, ctx)
    } else if (state == submission::seated()) {
        assert!(!submission.was_complete() && is_late, ETooEarly);
        pay_tip(task, submission, ctx);
        ending::reject_unopened(task, pool, submission, now, ctx)
    } else if (state == submission::disputed()) {
        // No jury could be drawn in that time.
        let is_waiting = submission.is_disputed_in(dispute::waiting());
        assert!(is_waiting && is_out_of_time, EDisputed);
        pay_tip(task, submission, ctx);
        ending::leave_undecided(task, pool, submission, ending::stalled(), now, ctx)
    } else {
        // Silent seats are replaced first, an attested submission drawn for its audit.
        assert!(state == submission::audited(), ETooEarly);
        let is_pending = audit::is_pending(task, submission);
        let is_abort = submission.claims_abort() && !is_pending;
        assert!(is_abort || is_late, ETooEarly);
        pay_tip(task, submission, ctx);
        if (is_abort) {
            ending::abandon(task, pool, submission, now, ctx)
        } else if (is_pending) {
            // Anyone who has the leaf could start the audit; the contributor certainly has it.
            ending::reject_unopened(task, pool, submission, now, ctx)
        } else {
            submission.add_full_late_fee(task.terms());
            let reason = ending::update_withheld();
            ending::leave_undecided(task, pool, submission, reason, now, ctx)
        }
    }
}

/// Delivers to the publisher what opens the update: with that the submission is accepted. Anyone who
/// can read it may, and gets the tip.
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
    audit::assert_not_pending(task, submission);
    let (now, sender) = (clock.timestamp_ms(), ctx.sender());
    submission.deliver_update(market, task, sender, r, c, challenge, answer, now);
    pay_tip(task, submission, ctx);
    ending::accept(task, pool, submission, now, ctx)
}

/// Asks for the opening again because a substitute or juror got its key from nobody. Every seat that
/// holds it pays the silence penalty, the contributor the whole late fee; the second time the
/// submission ends as never opened. A case is dropped: its accuser may accuse again.
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
    let is_disputed = submission.state() == submission::disputed();
    assert!(!is_disputed || submission.is_disputed_in(dispute::summoned()), ENoDispute);
    let now = clock.timestamp_ms();
    submission.assert_left_without_key(task.terms(), now);
    let mut holders = vector[];
    let mut place = 0;
    while (place < submission.seat_count()) {
        if (submission.can_read(place)) holders.push_back(place);
        place = place + 1;
    };
    committee::burn_silent(task, pool, submission, &holders, ctx);
    submission.add_full_late_fee(task.terms());
    if (is_disputed) drop_case(pool, submission, now);
    if (submission.is_last_attempt()) ending::reject_unopened(task, pool, submission, now, ctx)
    else submission.ask_again(now)
}

/// Pays out what the caller may claim of a submission.
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

fun pay_tip(task: &Task, submission: &mut Submission, ctx: &TxContext) {
    submission.pay_from_escrow(ctx.sender(), task.tip())
}

/// Ends a case that no juror could judge.
fun drop_case(pool: &mut VerifierPool, submission: &mut Submission, now: u64) {
    let dispute = submission.dispute();
    let challenge = dispute.challenge();
    let mut juror = 0;
    while (juror < dispute.juror_count()) {
        pool.unpin(dispute.juror_pool_index(juror));
        juror = juror + 1;
    };
    events::emit_case_dropped(submission.task(), submission.id(), challenge, now);
    submission.return_accusation()
}
