/// What a jury's count says. For a segment the contract itself rebuilds the leaf from what the
/// majority's value hides and compares it with the committed one; of anything else it is a word.
module walrusd::verdict;

use sui::balance;
use walrusd::{
    credit,
    dispute,
    ending,
    events,
    node::VerifierPool,
    outcome,
    protocol,
    submission::Submission,
    task::Task
};

// === Constants ===

const CONFIRMED: u8 = 1;
const REFUTED: u8 = 2;
const REDRAWN: u8 = 3;
const DISMISSED: u8 = 4;
const ABSENT: u8 = 5;

// === Package Functions ===

/// Frees the jury and does what its majority's `value` demands, which hides chain and state root.
public(package) fun conclude(
    task: &mut Task,
    pool: &mut VerifierPool,
    submission: &mut Submission,
    value: vector<u8>,
    chain: vector<u8>,
    state_root: vector<u8>,
    now: u64,
    ctx: &mut TxContext,
) {
    dismiss_jurors(task, pool, submission, ctx);
    let (finding, is_replay) = find(task, submission, chain, state_root);
    let outcome = decide(submission, finding);
    let id = submission.id();
    let challenge = submission.dispute().challenge();
    events::emit_case_resolved(submission.task(), id, challenge, outcome, value, now);
    if (outcome == REDRAWN) submission.dispute_mut().redraw(id.to_address(), now)
    else if (outcome == DISMISSED) outcome::dismiss(task, pool, submission, now, ctx)
    else if (outcome == ABSENT) outcome::ask_again(task, pool, submission, value, now, ctx)
    else if (outcome == REFUTED) outcome::refute(task, pool, submission, value, now, ctx)
    else ending::convict(task, pool, submission, value, is_replay, now, ctx)
}

// === Private Functions ===

/// Ends the duty of every juror, and burns a part of the stake of those that were silent. An alternate
/// that committed but was not needed has done its duty.
fun dismiss_jurors(
    task: &Task,
    pool: &mut VerifierPool,
    submission: &Submission,
    ctx: &mut TxContext,
) {
    let dispute = submission.dispute();
    let silent = dispute.list_silent(task.terms().jury());
    let mut taken = balance::zero();
    let mut juror = 0;
    while (juror < silent.length()) {
        let index = dispute.juror_pool_index(juror);
        if (silent[juror]) {
            taken.join(pool.penalize(index, task.terms().juror_penalty()));
            pool.note_silence(index)
        } else pool.note_service(index);
        pool.unpin(index);
        juror = juror + 1;
    };
    credit::burn(taken, ctx);
}

/// What the jury found, and whether a replay shows it.
fun find(
    task: &Task,
    submission: &Submission,
    chain: vector<u8>,
    state_root: vector<u8>,
): (u8, bool) {
    let dispute = submission.dispute();
    let word = dispute::find_word(&chain);
    if (chain.is_empty() || !dispute.is_about_segment()) return (word, false);
    if (word == dispute::fault() || word == dispute::absent()) return (word, false);
    // Nobody has replayed anything.
    if (word == dispute::sound()) return (dispute::none(), false);
    let (segment, slots) = (dispute.index(), task.terms().compute_slots());
    let slot_root = protocol::compute_slot_root(submission.ctx(), segment, slots, chain);
    let leaf = protocol::compute_leaf(segment, state_root, slot_root);
    if (&leaf == dispute.leaf()) (dispute::sound(), true) else (dispute::fault(), true)
}

fun decide(submission: &Submission, finding: u8): u8 {
    if (finding == dispute::none()) {
        if (submission.dispute().round() == 0) REDRAWN else DISMISSED
    } else if (finding == dispute::absent()) ABSENT
    else if (finding == dispute::sound()) REFUTED
    else CONFIRMED
}
