/// What follows from a jury's finding, or from none. Only a finding of fault ends a submission; any
/// other way out leads back to where it was, with the window longer by the time that the case took.
module walrusd::outcome;

use walrusd::{
    committee,
    credit,
    ending,
    node::VerifierPool,
    submission::Submission,
    task::Task
};

// === Package Functions ===

/// Ends a case that two juries could not decide. Nobody pays; an audit draws another sample.
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
            let reason = ending::no_majority();
            ending::leave_undecided(task, pool, submission, reason, now, ctx);
            return
        }
    };
    if (submission.dispute().is_on_cash()) submission.count_unproved();
    submission.return_bond();
    go_on(task, pool, submission, now, ctx)
}

/// Ends a case in which the work held: who accused pays the jury and the silence penalty.
public(package) fun refute(
    task: &mut Task,
    pool: &mut VerifierPool,
    submission: &mut Submission,
    value: vector<u8>,
    now: u64,
    ctx: &mut TxContext,
) {
    let holders = submission.dispute().list_holders(&value);
    let fee = task.terms().juror_fee();
    let dispute = submission.dispute();
    if (!dispute.has_accuser()) {
        let is_audit = dispute.is_audit();
        let mut i = 0;
        while (i < holders.length()) {
            submission.pay_from_escrow(holders[i], fee);
            i = i + 1;
        };
        if (is_audit) submission.end_audit()
        else {
            let reporters = list_reporters(submission);
            committee::burn_silent(task, pool, submission, &reporters, ctx)
        }
    } else {
        let mut lost = if (dispute.is_on_cash()) {
            submission.count_unproved();
            submission.take_bond()
        } else {
            let index = submission.seat_pool_index(dispute.accuser_seat());
            pool.penalize(index, holders.length() * fee + task.terms().seat_penalty())
        };
        let mut i = 0;
        while (i < holders.length()) {
            let amount = if (lost.value() < fee) lost.value() else fee;
            submission.pay(holders[i], lost.split(amount));
            i = i + 1;
        };
        credit::burn(lost, ctx);
    };
    go_on(task, pool, submission, now, ctx)
}

/// Asks for an opening that a jury found absent; the second time the stake is lost.
public(package) fun ask_again(
    task: &mut Task,
    pool: &mut VerifierPool,
    submission: &mut Submission,
    value: vector<u8>,
    now: u64,
    ctx: &mut TxContext,
) {
    if (submission.is_last_attempt()) {
        ending::reject_absent(task, pool, submission, value, now, ctx);
        return
    };
    submission.return_accusation();
    submission.ask_again(now)
}

// === Private Functions ===

/// Resumes where the case began. Places that it called in question go to substitutes.
fun go_on(
    task: &mut Task,
    pool: &mut VerifierPool,
    submission: &mut Submission,
    now: u64,
    ctx: &mut TxContext,
) {
    let dispute = submission.dispute();
    let (has_seat, place) = (dispute.has_seat(), dispute.accuser_seat());
    let mut places = if (dispute.is_about_absence()) list_reporters(submission) else vector[];
    submission.resume(now);
    if (has_seat && !submission.has_seat_attested(place)) places.push_back(place);
    if (!places.is_empty()) {
        committee::give_on(task, pool, submission, &places, ending::too_few_seats(), now, ctx)
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
