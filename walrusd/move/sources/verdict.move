/// What follows from a jury's count. For a segment the contract itself rebuilds the leaf from the
/// majority's value and compares it with the committed one; of anything else, and of an audit that
/// is kept from its jury, the value is a word.
module walrusd::verdict;

use walrusd::{
    credit,
    dispute::Dispute,
    ending,
    events,
    market::Market,
    node::VerifierPool,
    penalty,
    protocol,
    submission::Submission,
    task::Task
};

// === Constants ===

const CONFIRMED: u8 = 1;
const REFUTED: u8 = 2;
const REDRAWN: u8 = 3;
const UNDECIDED: u8 = 4;

// === Package Functions ===

/// Frees the jury and does what its majority demands.
public(package) fun conclude(
    market: &Market,
    task: &mut Task,
    pool: &mut VerifierPool,
    submission: &mut Submission,
    now: u64,
    ctx: &mut TxContext,
) {
    penalty::burn_silent_jurors(task, pool, submission.dispute(), ctx);
    unpin_jury(pool, submission.dispute());
    let (id, challenge) = (submission.id(), submission.dispute().challenge());
    let majority = submission.dispute().find_majority();
    if (majority.is_none()) {
        if (submission.dispute().round() == 0) {
            submission.dispute_mut().redraw(id.to_address(), now);
            events::emit_challenge_resolved(submission.task(), id, challenge, REDRAWN, now)
        } else {
            events::emit_challenge_resolved(submission.task(), id, challenge, UNDECIDED, now);
            ending::leave_without_majority(task, pool, submission, now, ctx)
        };
        return
    };
    let majority = majority.destroy_some();
    if (is_work_sound(task, submission, majority)) {
        pay_for_refutation(task, submission, majority, ctx);
        submission.resume(now);
        events::emit_challenge_resolved(submission.task(), id, challenge, REFUTED, now)
    } else {
        events::emit_challenge_resolved(submission.task(), id, challenge, CONFIRMED, now);
        ending::reject_confirmed(market, task, pool, submission, majority, now, ctx)
    }
}

// === Private Functions ===

fun unpin_jury(pool: &mut VerifierPool, dispute: &Dispute) {
    let mut juror = 0;
    while (juror < dispute.juror_count()) {
        pool.unpin(dispute.juror_pool_index(juror));
        juror = juror + 1;
    }
}

fun is_work_sound(task: &Task, submission: &Submission, majority: u64): bool {
    let dispute = submission.dispute();
    if (!dispute.is_about_segment()) return !dispute.says_fault(majority);
    // Asked first: a forger could commit to the very leaf that the word rebuilds.
    if (dispute.is_withheld(majority)) return false;
    let (chain, state_root) = (dispute.juror_chain(majority), dispute.juror_state_root(majority));
    let (segment, committee) = (dispute.index(), task.terms().committee());
    let slot_root = protocol::compute_slot_root(submission.ctx(), segment, committee, chain);
    protocol::compute_leaf(segment, state_root, slot_root) == dispute.leaf()
}

/// A wrong accuser pays the jurors, and its bond is lost. The jurors of an audit, and of a claim
/// that a verifier makes in good faith, are paid from what the publisher set aside.
fun pay_for_refutation(
    task: &Task,
    submission: &mut Submission,
    majority: u64,
    ctx: &mut TxContext,
) {
    let is_blameless =
        submission.dispute().is_audit() || submission.dispute().is_about_availability();
    let fee = task.terms().juror_fee();
    let mut juror = 0;
    while (juror < submission.dispute().juror_count()) {
        if (submission.dispute().agrees(juror, majority)) {
            let verifier = submission.dispute().juror_verifier(juror);
            if (is_blameless) submission.pay_from_escrow(verifier, fee)
            else submission.pay_from_bond(verifier, fee);
        };
        juror = juror + 1;
    };
    if (is_blameless) submission.return_bond()
    else {
        credit::burn(submission.take_bond(), ctx);
    }
}
