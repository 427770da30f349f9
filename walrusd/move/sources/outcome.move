/// What follows from a jury's finding, or from none. Only a finding of fault ends a submission: any other
/// way out leads back to where it was, with the window longer by exactly the time that the case took.
module walrusd::outcome;

use sui::{balance::{Self, Balance}, sui::SUI};
use walrusd::{
    committee,
    credit,
    dispute,
    ending,
    events,
    math,
    node::VerifierPool,
    protocol,
    submission::Submission,
    task::Task,
    trace
};

// === Constants ===

const CONFIRMED: u8 = 1;
const REFUTED: u8 = 2;
const REDRAWN: u8 = 3;
const DISMISSED: u8 = 4;
const ABSENT: u8 = 5;

const NEVER_OPENED: u8 = 3;
const CHALLENGE_CONFIRMED: u8 = 4;
const NO_MAJORITY: u8 = 6;
const TOO_FEW_SEATS: u8 = 7;
const AUDIT_CONFIRMED: u8 = 10;

// === Package Functions ===

/// Decides the case by the majority's value, which hides `chain` and `state_root`; all are empty if there
/// is none.
public(package) fun decide(
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
    let outcome = if (finding == dispute::none()) {
        if (submission.dispute().round() == 0) REDRAWN else DISMISSED
    } else if (finding == dispute::absent()) ABSENT
    else if (finding == dispute::sound()) REFUTED
    else CONFIRMED;
    let challenge = submission.dispute().challenge();
    events::emit_case_resolved(
        submission.task(),
        submission.id(),
        challenge,
        outcome,
        value,
        now,
    );
    if (outcome == REDRAWN) {
        let id = submission.id().to_address();
        submission.dispute_mut().redraw(id, now)
    } else if (outcome == DISMISSED) dismiss(task, pool, submission, now, ctx)
    else if (outcome == ABSENT) find_absent(task, pool, submission, &value, now, ctx)
    else if (outcome == REFUTED) refute(task, pool, submission, &value, now, ctx)
    else confirm(task, pool, submission, &value, is_replay, now, ctx)
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
    let penalty = task.terms().juror_penalty();
    let mut burned = balance::zero();
    let mut juror = 0;
    while (juror < silent.length()) {
        let index = dispute.juror_pool_index(juror);
        if (silent[juror]) {
            burned.join(pool.penalize(index, penalty));
            pool.note_silence(index)
        } else pool.note_service(index);
        pool.unpin(index);
        juror = juror + 1;
    };
    credit::burn(burned, ctx);
}

/// What the jury found, and whether a replay shows it.
fun find(
    task: &Task,
    submission: &Submission,
    chain: vector<u8>,
    state_root: vector<u8>,
): (u8, bool) {
    if (chain.is_empty()) return (dispute::none(), false);
    let dispute = submission.dispute();
    let word = dispute::find_word(&chain);
    if (!dispute.is_about_segment() || word == dispute::fault() || word == dispute::absent()) {
        return (word, false)
    };
    // To say that a segment is sound one must have replayed it.
    if (word == dispute::sound()) return (dispute::none(), false);
    let index = dispute.index();
    let slots = task.terms().compute_slots();
    let root = protocol::compute_slot_root(submission.ctx(), index, slots, chain);
    let is_same = &protocol::compute_leaf(index, state_root, root) == dispute.leaf();
    (if (is_same) dispute::sound() else dispute::fault(), true)
}

/// Two juries could not decide. Nobody pays; an audit draws another sample.
public(package) fun dismiss(
    task: &mut Task,
    pool: &mut VerifierPool,
    submission: &mut Submission,
    now: u64,
    ctx: &mut TxContext,
) {
    if (submission.dispute().is_audit()) {
        submission.draw_next_sample();
        if (submission.is_audit_over()) {
            ending::leave_undecided(task, pool, submission, NO_MAJORITY, now, ctx);
            return
        }
    };
    if (submission.dispute().is_on_cash()) submission.count_unproved();
    submission.return_bond();
    go_on(task, pool, submission, now, ctx)
}

/// The work held: who accused pays the jury and the silence penalty, the publisher for an audit.
fun refute(
    task: &mut Task,
    pool: &mut VerifierPool,
    submission: &mut Submission,
    value: &vector<u8>,
    now: u64,
    ctx: &mut TxContext,
) {
    let fee = task.terms().juror_fee();
    let holders = submission.dispute().list_holders(value);
    if (!submission.dispute().has_accuser()) {
        let mut i = 0;
        while (i < holders.length()) {
            submission.pay_from_escrow(holders[i], fee);
            i = i + 1;
        };
        if (submission.dispute().is_audit()) submission.end_audit()
        else {
            let reporters = list_reporters(submission);
            committee::burn_silence(task, pool, submission, &reporters, ctx)
        }
    } else if (submission.dispute().is_on_cash()) {
        submission.count_unproved();
        let lost = submission.take_bond();
        pay_from_loser(submission, &holders, fee, lost, ctx)
    } else {
        let index = submission.seat_pool_index(submission.dispute().accuser_seat());
        let owed = holders.length() * fee + task.terms().seat_penalty();
        let lost = pool.penalize(index, owed);
        pay_from_loser(submission, &holders, fee, lost, ctx)
    };
    go_on(task, pool, submission, now, ctx)
}

/// Pays jurors from what an accuser has lost, in order, and burns the rest.
fun pay_from_loser(
    submission: &mut Submission,
    owners: &vector<address>,
    each: u64,
    mut lost: Balance<SUI>,
    ctx: &mut TxContext,
) {
    let mut i = 0;
    while (i < owners.length()) {
        let amount = math::min(lost.value(), each);
        submission.pay(owners[i], lost.split(amount));
        i = i + 1;
    };
    credit::burn(lost, ctx);
}

/// The opening is absent: it is asked for again; the second time the stake is lost.
fun find_absent(
    task: &mut Task,
    pool: &mut VerifierPool,
    submission: &mut Submission,
    value: &vector<u8>,
    now: u64,
    ctx: &mut TxContext,
) {
    if (submission.is_last_attempt()) {
        let nobody = vector[];
        ending::reject_judged(
            task,
            pool,
            submission,
            value,
            &nobody,
            false,
            NEVER_OPENED,
            now,
            ctx,
        );
        return
    };
    submission.return_accusation();
    submission.ask_again(now)
}

/// The jury found a fault. If a replay shows it, the seats that attested the segment lose their stakes,
/// at any place, as two may hold the same segment; otherwise nothing shows that one of them lied.
fun confirm(
    task: &mut Task,
    pool: &mut VerifierPool,
    submission: &mut Submission,
    value: &vector<u8>,
    is_replay: bool,
    now: u64,
    ctx: &mut TxContext,
) {
    let guilty = if (is_replay) list_guilty(task, submission) else vector[];
    let stake = task.terms().verifier_stake();
    let mut burned = balance::zero();
    let mut i = 0;
    while (i < guilty.length()) {
        burned.join(pool.penalize(submission.seat_pool_index(guilty[i]), stake));
        i = i + 1;
    };
    credit::burn(burned, ctx);
    let dispute = submission.dispute();
    let reason = if (dispute.is_audit()) AUDIT_CONFIRMED
    else if (dispute.is_about_absence()) NEVER_OPENED
    else CHALLENGE_CONFIRMED;
    ending::reject_judged(task, pool, submission, value, &guilty, true, reason, now, ctx)
}

/// Resumes where the case began. Places that it called in question go to substitutes.
fun go_on(
    task: &mut Task,
    pool: &mut VerifierPool,
    submission: &mut Submission,
    now: u64,
    ctx: &mut TxContext,
) {
    let dispute = submission.dispute();
    let (seat, is_about_absence) = (dispute.accuser_seat(), dispute.is_about_absence());
    submission.resume(now);
    let places = if (is_about_absence) list_reporters(submission)
    else if (seat != dispute::no_seat() && !submission.has_seat_attested(seat)) vector[seat]
    else vector[];
    if (!places.is_empty()) {
        committee::give_on(task, pool, submission, &places, TOO_FEW_SEATS, now, ctx)
    }
}

fun list_reporters(submission: &Submission): vector<u64> {
    let mut reporters = vector[];
    let mut place = 0;
    while (place < submission.seat_count()) {
        if (submission.has_reported(place)) reporters.push_back(place);
        place = place + 1;
    };
    reporters
}

/// The places whose seats attested the segment of the case.
fun list_guilty(task: &Task, submission: &Submission): vector<u64> {
    let dealt = submission.dispute().place();
    let mut guilty = vector[];
    let mut place = 0;
    while (place < submission.seat_count()) {
        if (trace::has_attested(task, submission, place, dealt)) guilty.push_back(place);
        place = place + 1;
    };
    guilty
}
