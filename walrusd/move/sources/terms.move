/// Everything a publisher fixes when it opens a task, and the limits that keep every later step
/// safe: with terms within them no settlement can abort and lock funds.
module walrusd::terms;

use walrusd::{math, phase};

// === Errors ===

/// The commitment scheme, the weights rule or the cost rule is unknown.
const EBadScheme: u64 = 0;
/// An amount is zero where it must not be, or above its limit.
const EBadAmount: u64 = 1;
/// Committee, substitutes, segments or jury are outside their limits.
const EBadCommittee: u64 = 2;
/// A window, or the life of the task, is outside what the market allows.
const EBadWindow: u64 = 3;
/// Half of the stake would not pay committee, juries and accuser.
const EStakeBelowJuryCost: u64 = 4;
/// The audit does not outweigh the fee a lazy verifier would keep.
const EAuditTooWeak: u64 = 5;
/// A duty could cost a seat more than the share that backs it.
const ELossAboveShare: u64 = 6;
/// Too few live seats of the pool fit the terms.
const ETooFewFit: u64 = 7;
/// The fitting seats have too few duties for so many submissions.
const EPoolTooSmall: u64 = 8;

// === Constants ===

const PEDERSEN: u8 = 1;
const PAILLIER: u8 = 2;
const WEIGHTS_EQUAL: u8 = 0;
const WEIGHTS_SAMPLES: u8 = 1;
const COST_PRIVATE: u8 = 0;
const COST_PUBLIC: u8 = 1;
const BPS: u64 = 10_000;
const MAX_AMOUNT: u64 = 10_000_000_000_000_000;
const MAX_SUBMISSIONS: u64 = 64;
const MIN_ACCEPTED: u64 = 3;
const MAX_COMMITTEE: u64 = 16;
const MAX_SUBSTITUTES: u64 = 16;
const MAX_SEGMENTS: u64 = 1_048_576;
const MAX_PER_SEAT: u64 = 64;
const MAX_JURY: u64 = 15;
const MAX_U64: u128 = 18_446_744_073_709_551_615;

/// How many fees a silent seat or juror loses.
const SILENCE_FEES: u64 = 10;
/// At how many windows one duty of a committee may be found silent.
const DEAREST_SILENCES: u64 = 4;
/// How many verifier fees an accuser gets whose claim is confirmed, at most.
const ACCUSER_FEES: u64 = 5;
/// What absence costs is at most one part in so many of the stake.
const LATE_PARTS: u64 = 4;
/// Whose seats are not drawn: publisher, contributor, owner of the dataset.
const PARTIES: u64 = 3;
/// How often silent seats may be replaced.
const MAX_ROUNDS: u64 = 2;
/// How many audit samples may be drawn.
const MAX_SAMPLES: u64 = 2;
/// How many accusations on cash may fail.
const MAX_UNPROVED: u64 = 3;
/// The tips of one submission: of `draw_committee`, `seat_committee`, `replace` twice, `draw_audit`,
/// and `deliver_update` or `settle`.
const TIPS: u64 = 6;

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
    late_fee: u64,
    cancel_fee: u64,
    verifier_stake: u64,
    publisher_bond: u64,
    max_submissions: u64,
    k_min: u64,
    committee: u64,
    substitutes: u64,
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

/// Unchecked terms; `task::open_task` checks them against the market and the pool.
public fun new_terms(
    scheme: u8,
    weights_rule: u8,
    cost_rule: u8,
    reward: u64,
    verifier_fee: u64,
    juror_fee: u64,
    stake: u64,
    lapse_penalty: u64,
    late_fee: u64,
    cancel_fee: u64,
    verifier_stake: u64,
    publisher_bond: u64,
    max_submissions: u64,
    k_min: u64,
    committee: u64,
    substitutes: u64,
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
        late_fee,
        cancel_fee,
        verifier_stake,
        publisher_bond,
        max_submissions,
        k_min,
        committee,
        substitutes,
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

/// What the publisher pays in at opening: what is set aside for every submission, the tips of the
/// task's own cranks, and the publisher's bond.
public fun required_funds(self: &Terms, tip: u64): u64 {
    let funds =
        (self.max_submissions as u128) * self.compute_wide_escrow(tip)
            + 2 * (tip as u128) + (self.publisher_bond as u128);
    assert!(funds <= MAX_U64, EBadAmount);
    funds as u64
}

// === Package Functions ===

/// Aborts for terms under which settlement could overflow, or honest work would not pay. `share` is
/// the part of a seat's stake that backs one duty.
public(package) fun check(
    self: &Terms,
    min_window_ms: u64,
    max_window_ms: u64,
    min_grace_ms: u64,
    max_life_ms: u64,
    share: u64,
) {
    assert!(self.scheme == PEDERSEN || self.scheme == PAILLIER, EBadScheme);
    assert!(
        self.weights_rule == WEIGHTS_EQUAL || self.weights_rule == WEIGHTS_SAMPLES,
        EBadScheme,
    );
    assert!(self.cost_rule == COST_PRIVATE || self.cost_rule == COST_PUBLIC, EBadScheme);
    self.check_amounts();
    self.check_sizes();
    self.check_windows(min_window_ms, max_window_ms);
    assert!(
        self.grace_ms >= min_grace_ms && self.compute_max_life() <= (max_life_ms as u128),
        EBadWindow,
    );
    // Half of the stake pays everybody whom a fault has cost work; late fees take the other.
    let seats = (self.committee + ACCUSER_FEES) * self.verifier_fee;
    assert!(self.stake / 2 >= seats + 2 * self.compute_case_cost(), EStakeBelowJuryCost);
    // The chance of an audit times what is lost, against the fee, without a division.
    assert!(
        (self.audit_bps as u128) * (self.verifier_stake as u128)
            > (self.verifier_fee as u128) * (BPS as u128) * (self.segments_per_seat as u128),
        EAuditTooWeak,
    );
    assert!(self.compute_loss() <= share, ELossAboveShare)
}

/// Aborts for terms that a pool cannot serve: `fit` of its `live` seats fit. Two thirds must, so that
/// nobody chooses the electorate by terms that only his own seats allow, and half of their duties
/// must be enough for all submissions.
public(package) fun check_pool(self: &Terms, live: u64, fit: u64, duties: u64) {
    assert!(3 * fit >= 2 * live && self.are_enough(fit), ETooFewFit);
    assert!(2 * self.max_submissions * self.compute_places() <= fit * duties, EPoolTooSmall)
}

/// Whether `fit` seats are a committee and a jury without those of the parties.
public(package) fun are_enough(self: &Terms, fit: u64): bool {
    fit >= self.compute_places() + PARTIES
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

/// How many jurors are drawn for a case: the jury, and half as many alternates.
public(package) fun compute_jurors(self: &Terms): u64 { self.jury + (self.jury + 1) / 2 }

/// How many seats a submission's committee is drawn with: its substitutes too.
public(package) fun compute_slots(self: &Terms): u64 { self.committee + self.substitutes }

/// How many duties are booked for a submission: its committee's, and one whole case's.
public(package) fun compute_places(self: &Terms): u64 {
    self.compute_slots() + self.compute_jurors()
}

/// What the jurors of one case may get.
public(package) fun compute_case_cost(self: &Terms): u64 {
    self.compute_jurors() * self.juror_fee
}

/// What a committee seat loses for keeping silent, and an accuser that is refuted.
public(package) fun seat_penalty(self: &Terms): u64 { SILENCE_FEES * self.verifier_fee }

/// What a juror loses for keeping silent.
public(package) fun juror_penalty(self: &Terms): u64 { SILENCE_FEES * self.juror_fee }

/// The most that one duty may cost a seat, all its penalties together. For a seat of a committee:
/// what a wrong attestation costs, its silence at every window, and a case that it lost; for a juror
/// its silence.
public(package) fun compute_loss(self: &Terms): u64 {
    let silence = DEAREST_SILENCES * self.seat_penalty();
    math::max(
        self.verifier_stake + silence + self.compute_case_cost(),
        self.juror_penalty(),
    )
}

/// The units of segment work a second that a seat needs which has `duties` at once: a committee's
/// replays take at most half of the window, a jury's at most a quarter.
public(package) fun compute_rate(self: &Terms, duties: u64): u128 {
    let work = 1_000 * (self.segment_work as u128) * (duties as u128);
    let verify = self.verify_ms as u128;
    let commit = self.jury_commit_ms as u128;
    let committee = (2 * work * (self.segments_per_seat as u128) + verify - 1) / verify;
    let jury = (4 * work + commit - 1) / commit;
    if (committee > jury) committee else jury
}

/// How long the clocks of a task may run, with every case that there may be, in milliseconds. While a
/// draw waits for seats no clock runs.
///
/// A submission is asked for envelopes and attested once for each round of replacements, and once for
/// each substitute that takes a place after a case. It is accused at most once by each seat, once more
/// by one of them after an opening that was absent, and by those that pay cash; juries are about its
/// audit's samples and, once, whether its opening is absent. Each case may be judged twice, and waits
/// for envelopes, for commitments, for reveals, and as long again for who brings the majority's value.
/// Audits begin, and the update is delivered, within an opening's window each.
public(package) fun compute_max_life(self: &Terms): u128 {
    let opening = (self.open_ms as u128) + (self.grace_ms as u128);
    let attempts = (MAX_ROUNDS + self.substitutes) as u128;
    let jury = opening + (self.jury_commit_ms as u128) + 2 * (self.jury_reveal_ms as u128);
    let cases = (self.compute_slots() + MAX_UNPROVED + MAX_SAMPLES + 2) as u128;
    (self.join_ms as u128) + (self.train_ms as u128) + (self.grace_ms as u128)
        + attempts * (opening + (self.verify_ms as u128))
        + 2 * cases * jury
        + ((MAX_SAMPLES + 1) as u128) * opening
}

/// What is set aside for one submission: reward, committee's fees, two cases, six tips. The terms are
/// those of a task, so it fits 64 bits.
public(package) fun compute_escrow(self: &Terms, tip: u64): u64 {
    self.compute_wide_escrow(tip) as u64
}

/// All late fees of a contributor that owed `owed`, was due at `window_ms` after `since_ms`, and acts
/// `now`: in proportion to how late it is, within the grace, and at most half of the stake.
public(package) fun add_late_fee(
    self: &Terms,
    owed: u64,
    since_ms: u64,
    window_ms: u64,
    now: u64,
): u64 {
    let due = (since_ms as u128) + (window_ms as u128);
    if ((now as u128) <= due) return owed;
    let late = (now as u128) - due;
    let grace = self.grace_ms as u128;
    let fee = if (late >= grace) self.late_fee
    else math::part_of(self.late_fee, late as u64, self.grace_ms);
    math::min(self.stake / 2, owed + fee)
}

/// Deadlines.
public(package) fun is_joining_over(self: &Terms, now: u64, since: u64): bool {
    phase::is_over(now, since, self.join_ms)
}

/// Whether the grace after training is over, too.
public(package) fun is_training_over(self: &Terms, now: u64, since: u64): bool {
    phase::are_both_over(now, since, self.train_ms, self.grace_ms)
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

public(package) fun reward(self: &Terms): u64 { self.reward }

public(package) fun verifier_fee(self: &Terms): u64 { self.verifier_fee }

public(package) fun juror_fee(self: &Terms): u64 { self.juror_fee }

public(package) fun stake(self: &Terms): u64 { self.stake }

public(package) fun lapse_penalty(self: &Terms): u64 { self.lapse_penalty }

public(package) fun late_fee(self: &Terms): u64 { self.late_fee }

public(package) fun cancel_fee(self: &Terms): u64 { self.cancel_fee }

public(package) fun verifier_stake(self: &Terms): u64 { self.verifier_stake }

public(package) fun publisher_bond(self: &Terms): u64 { self.publisher_bond }

public(package) fun max_submissions(self: &Terms): u64 { self.max_submissions }

public(package) fun k_min(self: &Terms): u64 { self.k_min }

public(package) fun committee(self: &Terms): u64 { self.committee }

public(package) fun substitutes(self: &Terms): u64 { self.substitutes }

public(package) fun segments_per_seat(self: &Terms): u64 { self.segments_per_seat }

public(package) fun segments(self: &Terms): u64 { self.segments }

public(package) fun jury(self: &Terms): u64 { self.jury }

public(package) fun audit_bps(self: &Terms): u64 { self.audit_bps }

public(package) fun state_bytes(self: &Terms): u64 { self.state_bytes }

public(package) fun train_ms(self: &Terms): u64 { self.train_ms }

public(package) fun open_ms(self: &Terms): u64 { self.open_ms }

public(package) fun jury_commit_ms(self: &Terms): u64 { self.jury_commit_ms }

public(package) fun jury_reveal_ms(self: &Terms): u64 { self.jury_reveal_ms }

// === Private Functions ===

fun compute_wide_escrow(self: &Terms, tip: u64): u128 {
    (self.reward as u128)
        + (self.committee as u128) * (self.verifier_fee as u128)
        + 2 * (self.compute_jurors() as u128) * (self.juror_fee as u128)
        + (TIPS as u128) * (tip as u128)
}

fun check_amounts(self: &Terms) {
    assert!(
        self.reward > 0 && self.verifier_fee > 0 && self.juror_fee > 0 && self.stake > 0
            && self.reward <= MAX_AMOUNT
            && self.verifier_fee <= MAX_AMOUNT
            && self.juror_fee <= MAX_AMOUNT
            && self.stake <= MAX_AMOUNT
            && self.verifier_stake <= MAX_AMOUNT
            && self.publisher_bond <= MAX_AMOUNT
            && self.lapse_penalty <= self.stake / LATE_PARTS
            && self.late_fee <= self.stake / LATE_PARTS
            // What a void submission gets for its gas is paid from its escrow.
            && self.cancel_fee <= self.reward,
        EBadAmount,
    )
}

fun check_sizes(self: &Terms) {
    assert!(
        1 <= self.max_submissions && self.max_submissions <= MAX_SUBMISSIONS
            && self.k_min >= MIN_ACCEPTED
            && 1 <= self.committee && self.committee <= MAX_COMMITTEE
            && 1 <= self.substitutes && self.substitutes <= MAX_SUBSTITUTES
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
