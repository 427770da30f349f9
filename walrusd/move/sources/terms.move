/// Everything a publisher fixes when it opens a task, and the limits that keep every later step
/// safe: with terms within them no settlement can abort and lock funds.
module walrusd::terms;

use walrusd::{math, phase};

// === Errors ===

/// The commitment scheme, the weights rule or the cost rule is unknown.
const EBadScheme: u64 = 0;
/// An amount is zero where it must not be, or above its limit.
const EBadAmount: u64 = 1;
/// Committee, segments or jury are outside their limits.
const EBadCommittee: u64 = 2;
/// A window is shorter or longer than the market allows.
const EBadWindow: u64 = 3;
/// The stake or the accuser's bond would not pay a jury.
const EStakeBelowJuryCost: u64 = 4;
/// The audit does not outweigh the fee a lazy verifier would keep.
const EAuditTooWeak: u64 = 5;

// === Constants ===

const PEDERSEN: u8 = 1;
const PAILLIER: u8 = 2;
const WEIGHTS_EQUAL: u8 = 0;
const WEIGHTS_SAMPLES: u8 = 1;
const COST_PRIVATE: u8 = 0;
const COST_PUBLIC: u8 = 1;
const BPS: u64 = 10_000;
const SILENCE_FEES: u64 = 10;
const MAX_AMOUNT: u64 = 10_000_000_000_000_000;
const MAX_SUBMISSIONS: u64 = 64;
const MIN_ACCEPTED: u64 = 3;
const MAX_COMMITTEE: u64 = 16;
const MAX_SEGMENTS: u64 = 1_048_576;
const MAX_PER_SEAT: u64 = 64;
const MAX_JURY: u64 = 15;
const MAX_U64: u128 = 18_446_744_073_709_551_615;

// === Structs ===

/// Everything a publisher fixes at opening. Amounts in Mist, windows in milliseconds.
public struct Terms has copy, drop, store {
    scheme: u8,
    weights_rule: u8,
    cost_rule: u8,
    reward: u64,
    verifier_fee: u64,
    juror_fee: u64,
    stake: u64,
    lapse_penalty: u64,
    verifier_stake: u64,
    accuser_bond: u64,
    publisher_bond: u64,
    max_submissions: u64,
    k_min: u64,
    committee: u64,
    segments_per_seat: u64,
    segments: u64,
    jury: u64,
    audit_bps: u64,
    state_bytes: u64,
    segment_work: u64,
    join_ms: u64,
    train_ms: u64,
    open_ms: u64,
    grace_ms: u64,
    verify_ms: u64,
    jury_commit_ms: u64,
    jury_reveal_ms: u64,
}

/// An approved version of a dataset.
public struct DatasetRef has copy, drop, store {
    dataset: ID,
    number: u64,
}

// === Public Functions ===

/// Unchecked terms; `task::open_task` checks them against the market.
public fun new_terms(
    scheme: u8,
    weights_rule: u8,
    cost_rule: u8,
    reward: u64,
    verifier_fee: u64,
    juror_fee: u64,
    stake: u64,
    lapse_penalty: u64,
    verifier_stake: u64,
    accuser_bond: u64,
    publisher_bond: u64,
    max_submissions: u64,
    k_min: u64,
    committee: u64,
    segments_per_seat: u64,
    segments: u64,
    jury: u64,
    audit_bps: u64,
    state_bytes: u64,
    segment_work: u64,
    join_ms: u64,
    train_ms: u64,
    open_ms: u64,
    grace_ms: u64,
    verify_ms: u64,
    jury_commit_ms: u64,
    jury_reveal_ms: u64,
): Terms {
    Terms {
        scheme,
        weights_rule,
        cost_rule,
        reward,
        verifier_fee,
        juror_fee,
        stake,
        lapse_penalty,
        verifier_stake,
        accuser_bond,
        publisher_bond,
        max_submissions,
        k_min,
        committee,
        segments_per_seat,
        segments,
        jury,
        audit_bps,
        state_bytes,
        segment_work,
        join_ms,
        train_ms,
        open_ms,
        grace_ms,
        verify_ms,
        jury_commit_ms,
        jury_reveal_ms,
    }
}

/// What the publisher pays in at opening: reward, fees and tips for every submission, the tips of
/// the task's own cranks, and the publisher's bond.
public fun required_funds(self: &Terms, tip: u64): u64 {
    let funds =
        (self.max_submissions as u128) * (self.cost_per_submission(tip) as u128)
            + 2 * (tip as u128) + (self.publisher_bond as u128);
    assert!(funds <= MAX_U64, EBadAmount);
    funds as u64
}

// === Package Functions ===

/// What is set aside for one submission: reward, verifier fees, the jurors of an audit and of one
/// jury about availability, and the tips of the four cranks that may be turned.
public(package) fun cost_per_submission(self: &Terms, tip: u64): u64 {
    let cost =
        (self.reward as u128) + (self.committee as u128) * (self.verifier_fee as u128)
            + 2 * (self.jury as u128) * (self.juror_fee as u128) + 4 * (tip as u128);
    assert!(cost <= MAX_U64, EBadAmount);
    cost as u64
}

/// Checks the terms against their limits and the market's shortest and longest window.
public(package) fun check(self: &Terms, min_window_ms: u64, max_window_ms: u64) {
    assert!(
        (self.scheme == PEDERSEN || self.scheme == PAILLIER)
            && (self.weights_rule == WEIGHTS_EQUAL || self.weights_rule == WEIGHTS_SAMPLES)
            && (self.cost_rule == COST_PRIVATE || self.cost_rule == COST_PUBLIC),
        EBadScheme,
    );
    self.check_amounts();
    self.check_committee();
    self.check_windows(min_window_ms, max_window_ms);
    let jury_cost = self.jury * self.juror_fee;
    assert!(
        self.stake >= self.committee * self.verifier_fee + jury_cost
            && self.accuser_bond >= jury_cost,
        EStakeBelowJuryCost,
    );
    // Being bribed must cost more in expectation than the fee for honest work brings, and a seat
    // must hold what its silence costs.
    assert!(
        (self.audit_bps as u128) * (self.verifier_stake as u128)
            > (self.verifier_fee as u128) * (BPS as u128) * (self.segments_per_seat as u128)
            && self.verifier_stake >= self.seat_penalty()
            && self.verifier_stake >= self.juror_penalty(),
        EAuditTooWeak,
    )
}

public(package) fun new_dataset_ref(dataset: ID, number: u64): DatasetRef {
    DatasetRef { dataset, number }
}

public(package) fun is_ref_to(self: &DatasetRef, dataset: ID, number: u64): bool {
    self.dataset == dataset && self.number == number
}

public(package) fun is_weighted_by_samples(self: &Terms): bool {
    self.weights_rule == WEIGHTS_SAMPLES
}

/// Whether every final cost is opened to everybody, and checked here.
public(package) fun is_cost_public(self: &Terms): bool { self.cost_rule == COST_PUBLIC }

/// What a committee seat loses for keeping silent.
public(package) fun seat_penalty(self: &Terms): u64 { SILENCE_FEES * self.verifier_fee }

/// What a juror loses for keeping silent.
public(package) fun juror_penalty(self: &Terms): u64 { SILENCE_FEES * self.juror_fee }

/// What opening at `now` costs of a stake, in a window that opened at `since`: nothing in time,
/// then in proportion, and the whole of it from the end of the grace on.
public(package) fun compute_late_fee(self: &Terms, stake: u64, since: u64, now: u64): u64 {
    let due = (since as u128) + (self.open_ms as u128);
    if ((now as u128) <= due) return 0;
    let late = (now as u128) - due;
    let grace = self.grace_ms as u128;
    if (late >= grace) stake else math::part_of(stake, late as u64, self.grace_ms)
}

/// Deadlines.
public(package) fun is_joining_over(self: &Terms, now: u64, since: u64): bool {
    phase::is_over(now, since, self.join_ms)
}

public(package) fun is_training_over(self: &Terms, now: u64, since: u64): bool {
    phase::is_over(now, since, self.train_ms)
}

public(package) fun is_opening_over(self: &Terms, now: u64, since: u64): bool {
    phase::are_both_over(now, since, self.open_ms, self.grace_ms)
}

public(package) fun is_verifying_over(self: &Terms, now: u64, since: u64): bool {
    phase::is_over(now, since, self.verify_ms)
}

public(package) fun is_jury_commit_over(self: &Terms, now: u64, since: u64): bool {
    phase::is_over(now, since, self.jury_commit_ms)
}

public(package) fun is_jury_reveal_over(self: &Terms, now: u64, since: u64): bool {
    phase::is_over(now, since, self.jury_reveal_ms)
}

/// Both windows of a jury in which not everybody committed.
public(package) fun is_jury_over(self: &Terms, now: u64, since: u64): bool {
    phase::are_both_over(now, since, self.jury_commit_ms, self.jury_reveal_ms)
}

public(package) fun reward(self: &Terms): u64 { self.reward }

public(package) fun verifier_fee(self: &Terms): u64 { self.verifier_fee }

public(package) fun juror_fee(self: &Terms): u64 { self.juror_fee }

public(package) fun stake(self: &Terms): u64 { self.stake }

public(package) fun lapse_penalty(self: &Terms): u64 { self.lapse_penalty }

public(package) fun verifier_stake(self: &Terms): u64 { self.verifier_stake }

public(package) fun accuser_bond(self: &Terms): u64 { self.accuser_bond }

public(package) fun publisher_bond(self: &Terms): u64 { self.publisher_bond }

public(package) fun max_submissions(self: &Terms): u64 { self.max_submissions }

public(package) fun k_min(self: &Terms): u64 { self.k_min }

public(package) fun committee(self: &Terms): u64 { self.committee }

public(package) fun segments_per_seat(self: &Terms): u64 { self.segments_per_seat }

public(package) fun segments(self: &Terms): u64 { self.segments }

public(package) fun jury(self: &Terms): u64 { self.jury }

public(package) fun audit_bps(self: &Terms): u64 { self.audit_bps }

public(package) fun state_bytes(self: &Terms): u64 { self.state_bytes }

public(package) fun segment_work(self: &Terms): u64 { self.segment_work }

// === Private Functions ===

fun check_amounts(self: &Terms) {
    assert!(
        self.reward > 0 && self.verifier_fee > 0 && self.juror_fee > 0 && self.stake > 0
            && self.reward <= MAX_AMOUNT
            && self.verifier_fee <= MAX_AMOUNT
            && self.juror_fee <= MAX_AMOUNT
            && self.stake <= MAX_AMOUNT
            && self.lapse_penalty <= MAX_AMOUNT
            && self.verifier_stake <= MAX_AMOUNT
            && self.accuser_bond <= MAX_AMOUNT
            && self.publisher_bond <= MAX_AMOUNT
            && self.lapse_penalty <= self.stake,
        EBadAmount,
    )
}

fun check_committee(self: &Terms) {
    assert!(
        1 <= self.max_submissions && self.max_submissions <= MAX_SUBMISSIONS
            && self.k_min >= MIN_ACCEPTED
            && 1 <= self.committee && self.committee <= MAX_COMMITTEE
            && 1 <= self.segments && self.segments <= MAX_SEGMENTS
            && 1 <= self.segments_per_seat
            && self.segments_per_seat <= MAX_PER_SEAT
            && self.segments_per_seat <= self.segments
            && self.jury % 2 == 1 && self.jury <= MAX_JURY
            && self.audit_bps <= BPS
            && self.state_bytes > 0 && self.segment_work > 0,
        EBadCommittee,
    )
}

fun check_windows(self: &Terms, min_ms: u64, max_ms: u64) {
    let windows = vector[
        self.join_ms,
        self.train_ms,
        self.open_ms,
        self.grace_ms,
        self.verify_ms,
        self.jury_commit_ms,
        self.jury_reveal_ms,
    ];
    let mut i = 0;
    while (i < windows.length()) {
        assert!(min_ms <= windows[i] && windows[i] <= max_ms, EBadWindow);
        i = i + 1;
    }
}
