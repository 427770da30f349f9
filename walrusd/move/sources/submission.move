/// One contributor's work on one task: its stake, what it committed to, who verifies it.
///
/// Joined → Committed → Seated → Opened → Attested → Audited → Accepted, with Disputed beside Opened,
/// Attested and Audited, back to Seated when a seat cannot read the opening, and Rejected, Lapsed,
/// Aborted, Undecided, Void as other ends.
module walrusd::submission;

use sui::{balance::{Self, Balance}, clock::Clock, coin::Coin, sui::SUI};
use walrusd::{
    credit::{Self, Credit},
    dataset::{Dataset, KeyRequest},
    dispute::{Self, Dispute, Judged},
    events,
    market::{Self, Market},
    math,
    merkle,
    pedersen,
    protocol,
    task::{Self, Task}
};

// === Errors ===

/// The submission is not in the state this action needs.
const EWrongState: u64 = 0;
/// Only the contributor may do this.
const ENotContributor: u64 = 1;
/// This address has joined the task already.
const EAlreadyJoined: u64 = 2;
/// The task takes no more submissions.
const EFull: u64 = 3;
/// The stake is not the amount that the task asks for.
const EWrongStake: u64 = 4;
/// The task does not approve this version of the dataset.
const EDatasetNotApproved: u64 = 5;
/// The key request does not grant this dataset for training and verification.
const ENoGrant: u64 = 6;
/// The publisher may not contribute to its own task.
const EConflict: u64 = 7;
/// The dataset has too many rows for a weight.
const ETooManyRows: u64 = 8;
/// A digest has 32 bytes and a point 48.
const EBadDigest: u64 = 9;
/// The trace does not start at the task's initial state.
const EBadLeafZero: u64 = 10;
/// The number of commitment rows is zero or too large.
const EBadRows: u64 = 11;
/// There must be one envelope for each seat of the committee.
const EBadEnvelopes: u64 = 12;
/// Only the contributor, the committee, the accuser or a juror may do this.
const ENotParty: u64 = 13;
/// The plan has no such segment.
const EBadAbort: u64 = 14;
/// The cost is opened if the task says so, and only then.
const EBadCost: u64 = 15;

// === Constants ===

const JOINED: u8 = 0;
const COMMITTED: u8 = 1;
const SEATED: u8 = 2;
const OPENED: u8 = 3;
const ATTESTED: u8 = 4;
const AUDITED: u8 = 5;
const DISPUTED: u8 = 6;
const ACCEPTED: u8 = 7;
const REJECTED: u8 = 8;
const LAPSED: u8 = 9;
const ABORTED: u8 = 10;
const UNDECIDED: u8 = 11;
const VOID: u8 = 12;

const SEAT_SEATED: u8 = 0;
const SEAT_ATTESTED: u8 = 1;

const MAX_WEIGHT: u64 = 65_536;
const MAX_SCHEME_ROWS: u64 = 1_048_576;
const MAX_ENVELOPE_BYTES: u64 = 2_048;
const POINT_BYTES: u64 = 48;
const PROOF_BYTES: u64 = 112;

// === Structs ===

/// A seated verifier. `attested` is a bit set over its dealt segments; `slot` says which of the
/// `2 * committee` work digests of a segment is the seat's own.
public struct CommitteeSeat has copy, drop, store {
    pool_index: u64,
    verifier: address,
    key: vector<u8>,
    slot: u64,
    status: u8,
    attested: u64,
}

/// What a contributor fixed before the committee was drawn.
public struct Commitment has copy, drop, store {
    trace_root: vector<u8>,
    update_root: vector<u8>,
    scheme_root: vector<u8>,
    scheme_rows: u64,
    cost_commitment: vector<u8>,
    file_digest: vector<u8>,
    file_blob: u256,
}

/// The claim that the plan cannot be carried out: where its replay ends, and why.
public struct AbortClaim has copy, drop, store {
    segment: u64,
    step: u64,
    code: u64,
}

/// The sealed opening: its blob, the check value of its key, one envelope a seat; the cost, if the
/// task makes costs public.
public struct Opening has copy, drop, store {
    blob: u256,
    digest: vector<u8>,
    key_check: vector<u8>,
    envelopes: vector<vector<u8>>,
    cost: Option<u64>,
}

/// Shared. One contributor's work on one task.
public struct Submission has key {
    id: UID,
    version: u64,
    task: ID,
    number: u64,
    contributor: address,
    state: u8,
    window_ms: u64,
    dataset: ID,
    dataset_version: u64,
    dataset_owner: address,
    dataset_blob: u256,
    dataset_root: vector<u8>,
    dataset_rows: u64,
    dataset_key_check: vector<u8>,
    weight: u64,
    ctx: vector<u8>,
    commitment: Option<Commitment>,
    `abort`: Option<AbortClaim>,
    committee: vector<CommitteeSeat>,
    opening: Option<Opening>,
    audit_beacon: vector<u8>,
    dispute: Option<Dispute>,
    judged: vector<Judged>,
    reason: u8,
    late_fee: u64,
    reopened: bool,
    replaced: bool,
    stake: Balance<SUI>,
    escrow: Balance<SUI>,
    bond: Balance<SUI>,
    credits: vector<Credit>,
    credited: Balance<SUI>,
}

// === Public Functions ===

/// Joins a task with a stake and a granted dataset key. Shares the new submission.
public fun join(
    market: &Market,
    task: &mut Task,
    dataset: &Dataset,
    request: &KeyRequest,
    stake: Coin<SUI>,
    clock: &Clock,
    ctx: &mut TxContext,
) {
    market.assert_version();
    task.assert_version();
    dataset.assert_version();
    request.assert_request_version();
    market.assert_not_paused();
    let now = clock.timestamp_ms();
    let contributor = ctx.sender();
    task.assert_joining(now);
    assert!(contributor != task.publisher(), EConflict);
    assert!(task.entry_count() < task.terms().max_submissions(), EFull);
    assert!(!task.has_joined(contributor), EAlreadyJoined);
    assert!(stake.value() == task.terms().stake(), EWrongStake);
    let dataset_id = object::id(dataset);
    assert!(request.grants_verification(contributor, dataset_id), ENoGrant);
    let number = request.request_number();
    assert!(task.approves(dataset_id, number), EDatasetNotApproved);
    let approved = dataset.borrow_version(number);
    let weight = if (task.terms().is_weighted_by_samples()) approved.rows() else 1;
    assert!(weight <= MAX_WEIGHT, ETooManyRows);
    let self = Submission {
        id: object::new(ctx),
        version: market::version(),
        task: object::id(task),
        number: task.entry_count(),
        contributor,
        state: JOINED,
        window_ms: now,
        dataset: dataset_id,
        dataset_version: number,
        dataset_owner: dataset.owner(),
        dataset_blob: approved.blob(),
        dataset_root: approved.row_root(),
        dataset_rows: approved.rows(),
        dataset_key_check: approved.key_check(),
        weight,
        ctx: vector[],
        commitment: option::none(),
        `abort`: option::none(),
        committee: vector[],
        opening: option::none(),
        audit_beacon: vector[],
        dispute: option::none(),
        judged: vector[],
        reason: 0,
        late_fee: 0,
        reopened: false,
        replaced: false,
        stake: stake.into_balance(),
        escrow: task.reserve(),
        bond: balance::zero(),
        credits: vector[],
        credited: balance::zero(),
    };
    let submission = object::id(&self);
    task.add_entry(contributor, submission);
    events::emit_submission_joined(
        self.task,
        submission,
        contributor,
        dataset_id,
        number,
        self.stake.value(),
        weight,
        now,
    );
    transfer::share_object(self)
}

/// Fixes the work before anybody knows who will verify it. Late is fine until the draw.
public fun commit(
    market: &Market,
    task: &mut Task,
    self: &mut Submission,
    trace_root: vector<u8>,
    update_root: vector<u8>,
    scheme_root: vector<u8>,
    scheme_rows: u64,
    leaf_zero_path: vector<vector<u8>>,
    cost_commitment: vector<u8>,
    cost_proof: vector<u8>,
    file_digest: vector<u8>,
    file_blob: u256,
    clock: &Clock,
    ctx: &mut TxContext,
) {
    self.assert_valid(market, task);
    assert!(ctx.sender() == self.contributor, ENotContributor);
    task.assert_phase(task::training());
    self.assert_state(JOINED);
    assert!(
        trace_root.length() == 32 && update_root.length() == 32 && scheme_root.length() == 32
            && file_digest.length() == 32
            && cost_commitment.length() == POINT_BYTES
            && cost_proof.length() == PROOF_BYTES,
        EBadDigest,
    );
    assert!(1 <= scheme_rows && scheme_rows <= MAX_SCHEME_ROWS, EBadRows);
    assert_starts_at(task, &trace_root, task.terms().segments() + 1, &leaf_zero_path);
    let trace_ctx = self.compute_ctx(market, task);
    let mut context = trace_ctx;
    context.append(trace_root);
    context.append(update_root);
    pedersen::verify_proof(context, cost_commitment, &cost_proof);
    let now = clock.timestamp_ms();
    self.ctx = trace_ctx;
    self.commitment = option::some(Commitment {
        trace_root,
        update_root,
        scheme_root,
        scheme_rows,
        cost_commitment,
        file_digest,
        file_blob,
    });
    self.enter(COMMITTED, now);
    task.count_commitment();
    events::emit_submission_committed(
        self.task,
        object::id(self),
        self.contributor,
        trace_ctx,
        trace_root,
        update_root,
        scheme_root,
        scheme_rows,
        cost_commitment,
        file_digest,
        file_blob,
        now,
    )
}

/// Claims that the plan cannot be carried out: the replay of `segment` ends at `step` for the reason
/// `code`. The trace has the leaves up to that one, which the committee replays like any other.
public fun commit_abort(
    market: &Market,
    task: &mut Task,
    self: &mut Submission,
    segment: u64,
    step: u64,
    code: u64,
    trace_root: vector<u8>,
    leaf_zero_path: vector<vector<u8>>,
    clock: &Clock,
    ctx: &mut TxContext,
) {
    self.assert_valid(market, task);
    assert!(ctx.sender() == self.contributor, ENotContributor);
    task.assert_phase(task::training());
    self.assert_state(JOINED);
    assert!(trace_root.length() == 32, EBadDigest);
    assert!(1 <= segment && segment <= task.terms().segments(), EBadAbort);
    assert_starts_at(task, &trace_root, segment + 1, &leaf_zero_path);
    let now = clock.timestamp_ms();
    self.ctx = self.compute_ctx(market, task);
    self.`abort` = option::some(AbortClaim { segment, step, code });
    self.commitment = option::some(Commitment {
        trace_root,
        update_root: vector[],
        scheme_root: vector[],
        scheme_rows: 0,
        cost_commitment: vector[],
        file_digest: vector[],
        file_blob: 0,
    });
    self.enter(COMMITTED, now);
    task.count_commitment();
    events::emit_abort_committed(
        self.task,
        object::id(self),
        self.contributor,
        self.ctx,
        trace_root,
        segment,
        step,
        code,
        now,
    )
}

/// Publishes the sealed opening, and the cost if the task makes costs public. Accepted until the
/// crank that penalises its absence, for a fee that grows from the end of the window on.
public fun open(
    market: &Market,
    task: &mut Task,
    self: &mut Submission,
    blob: u256,
    digest: vector<u8>,
    key_check: vector<u8>,
    envelopes: vector<vector<u8>>,
    cost: Option<u64>,
    blinding: vector<u8>,
    clock: &Clock,
    ctx: &mut TxContext,
) {
    self.assert_valid(market, task);
    assert!(ctx.sender() == self.contributor, ENotContributor);
    self.assert_state(SEATED);
    assert!(digest.length() == 32 && key_check.length() == 32, EBadDigest);
    assert!(envelopes.length() == self.committee.length(), EBadEnvelopes);
    let mut i = 0;
    while (i < envelopes.length()) {
        assert_envelope(&envelopes[i]);
        i = i + 1;
    };
    self.assert_cost(task, &cost, &blinding);
    let now = clock.timestamp_ms();
    let stake = self.stake.value();
    let fee = task.terms().compute_late_fee(stake, self.window_ms, now);
    self.late_fee = math::min(stake, self.late_fee + fee);
    self.opening = option::some(Opening { blob, digest, key_check, envelopes, cost });
    self.enter(OPENED, now);
    if (!self.reopened) task.count_opening(now);
    events::emit_submission_opened(
        self.task,
        object::id(self),
        self.contributor,
        blob,
        digest,
        key_check,
        cost,
        now,
    )
}

/// Seals the opening's key to one more recipient. Changes no state: the event is the message.
public fun reseal(
    market: &Market,
    self: &Submission,
    recipient: address,
    envelope: vector<u8>,
    ctx: &mut TxContext,
) {
    market.assert_version();
    self.assert_version();
    assert!(self.opening.is_some(), EWrongState);
    assert_envelope(&envelope);
    let sender = ctx.sender();
    assert!(self.is_party(sender), ENotParty);
    events::emit_key_resealed(object::id(self), recipient, sender, envelope)
}

/// Hands a submission of an earlier version of the package to this one. Anyone may, once the market
/// allows this version.
public fun migrate_submission(market: &Market, self: &mut Submission) {
    market.assert_version();
    self.version = market::newer_version(self.version)
}

// === Package Functions ===

/// Checks the versions of market, task and submission, and that the submission is the task's.
public(package) fun assert_valid(self: &Submission, market: &Market, task: &Task) {
    market.assert_version();
    task.assert_version();
    self.assert_version();
    task.assert_is(self.task)
}

public(package) fun assert_version(self: &Submission) {
    market::assert_object_version(self.version)
}

public(package) fun assert_state(self: &Submission, state: u8) {
    assert!(self.state == state, EWrongState)
}

/// Checks that the committee can work on it, or has: Opened, Attested or Audited.
public(package) fun assert_open_to_challenge(self: &Submission) {
    assert!(
        self.state == OPENED || self.state == ATTESTED || self.state == AUDITED,
        EWrongState,
    )
}

/// Enters a state and starts its window.
public(package) fun enter(self: &mut Submission, state: u8, now: u64) {
    self.state = state;
    self.window_ms = now
}

/// Notes that the opening cannot be read: the contributor must open again.
public(package) fun ask_to_reopen(self: &mut Submission, now: u64) {
    self.reopened = true;
    self.enter(SEATED, now)
}

/// Notes the beacon of the audit.
public(package) fun start_audit(self: &mut Submission, beacon: vector<u8>, now: u64) {
    self.audit_beacon = beacon;
    self.enter(AUDITED, now)
}

public(package) fun end(self: &mut Submission, state: u8, reason: u8, now: u64) {
    self.enter(state, now);
    self.reason = reason
}

/// Whether `who` may not verify or judge this submission, by address: publisher, contributor, or
/// owner of the dataset.
public(package) fun is_conflicted(self: &Submission, task: &Task, who: address): bool {
    who == task.publisher() || who == self.contributor || who == self.dataset_owner
}

public(package) fun is_terminal(self: &Submission): bool { self.state >= ACCEPTED }

public(package) fun id(self: &Submission): ID { object::id(self) }

public(package) fun task(self: &Submission): ID { self.task }

public(package) fun contributor(self: &Submission): address { self.contributor }

public(package) fun state(self: &Submission): u8 { self.state }

public(package) fun window_ms(self: &Submission): u64 { self.window_ms }

public(package) fun weight(self: &Submission): u64 { self.weight }

public(package) fun ctx(self: &Submission): vector<u8> { self.ctx }

public(package) fun trace_root(self: &Submission): &vector<u8> {
    &self.commitment.borrow().trace_root
}

/// The rows of the commitment scheme, which a challenge may name.
public(package) fun scheme_rows(self: &Submission): u64 { self.commitment.borrow().scheme_rows }

/// Whether the contributor claims that the plan cannot be carried out.
public(package) fun claims_abort(self: &Submission): bool { self.`abort`.is_some() }

/// The segment in which the plan is said to end.
public(package) fun abort_segment(self: &Submission): u64 { self.`abort`.borrow().segment }

public(package) fun is_reopened(self: &Submission): bool { self.reopened }

public(package) fun is_replaced(self: &Submission): bool { self.replaced }

public(package) fun late_fee(self: &Submission): u64 { self.late_fee }

public(package) fun audit_beacon(self: &Submission): vector<u8> { self.audit_beacon }

public(package) fun committed(): u8 { COMMITTED }

public(package) fun joined(): u8 { JOINED }

public(package) fun seated(): u8 { SEATED }

public(package) fun opened(): u8 { OPENED }

public(package) fun attested(): u8 { ATTESTED }

public(package) fun audited(): u8 { AUDITED }

public(package) fun disputed(): u8 { DISPUTED }

public(package) fun accepted(): u8 { ACCEPTED }

public(package) fun rejected(): u8 { REJECTED }

public(package) fun lapsed(): u8 { LAPSED }

public(package) fun aborted(): u8 { ABORTED }

public(package) fun undecided(): u8 { UNDECIDED }

public(package) fun void(): u8 { VOID }

// === Package Functions: Committee ===

public(package) fun new_seat(
    pool_index: u64,
    verifier: address,
    key: vector<u8>,
    slot: u64,
): CommitteeSeat {
    CommitteeSeat { pool_index, verifier, key, slot, status: SEAT_SEATED, attested: 0 }
}

public(package) fun set_committee(self: &mut Submission, committee: vector<CommitteeSeat>) {
    self.committee = committee
}

/// Gives a seat to a substitute.
public(package) fun replace_seat(self: &mut Submission, seat: u64, substitute: CommitteeSeat) {
    *(&mut self.committee[seat]) = substitute
}

/// Starts the window of the substitutes. There are none after them.
public(package) fun end_replacement(self: &mut Submission, now: u64) {
    self.replaced = true;
    self.enter(OPENED, now)
}

public(package) fun seat_count(self: &Submission): u64 { self.committee.length() }

public(package) fun seat_pool_index(self: &Submission, seat: u64): u64 {
    self.committee[seat].pool_index
}

public(package) fun seat_verifier(self: &Submission, seat: u64): address {
    self.committee[seat].verifier
}

public(package) fun seat_slot(self: &Submission, seat: u64): u64 { self.committee[seat].slot }

public(package) fun seat_pool_indices(self: &Submission): vector<u64> {
    let mut indices = vector[];
    let mut i = 0;
    while (i < self.committee.length()) {
        indices.push_back(self.committee[i].pool_index);
        i = i + 1;
    };
    indices
}

/// The seats that have not attested all they were dealt.
public(package) fun silent_seats(self: &Submission): vector<u64> {
    let mut silent = vector[];
    let mut i = 0;
    while (i < self.committee.length()) {
        if (!self.has_seat_attested(i)) silent.push_back(i);
        i = i + 1;
    };
    silent
}

/// Whether `verifier` holds a seat that has not attested all it was dealt.
public(package) fun is_silent_member(self: &Submission, verifier: address): bool {
    let mut i = 0;
    while (i < self.committee.length()) {
        if (self.committee[i].verifier == verifier && !self.has_seat_attested(i)) return true;
        i = i + 1;
    };
    false
}

public(package) fun has_seat_attested(self: &Submission, seat: u64): bool {
    self.committee[seat].status == SEAT_ATTESTED
}

public(package) fun is_committee_member(self: &Submission, verifier: address): bool {
    let mut i = 0;
    while (i < self.committee.length()) {
        if (self.committee[i].verifier == verifier) return true;
        i = i + 1;
    };
    false
}

public(package) fun has_attested(self: &Submission, seat: u64, position: u64): bool {
    (self.committee[seat].attested >> (position as u8)) & 1 == 1
}

/// Sets one bit of a seat; the last of `per_seat` bits makes the seat Attested.
public(package) fun attest(self: &mut Submission, seat: u64, position: u64, per_seat: u64) {
    let entry = &mut self.committee[seat];
    entry.attested = entry.attested | (1 << (position as u8));
    if (entry.attested == math::full_set(per_seat)) entry.status = SEAT_ATTESTED
}

public(package) fun have_all_attested(self: &Submission): bool {
    let mut i = 0;
    while (i < self.committee.length()) {
        if (!self.has_seat_attested(i)) return false;
        i = i + 1;
    };
    true
}

// === Package Functions: Dispute ===

/// Whether a dispute runs in this phase. One that ended the submission is only a record.
public(package) fun is_disputed_in(self: &Submission, phase: u8): bool {
    self.state == DISPUTED && self.dispute.is_some() && self.dispute.borrow().phase() == phase
}

public(package) fun start_dispute(
    self: &mut Submission,
    dispute: Dispute,
    bond: Balance<SUI>,
) {
    self.bond.join(bond);
    self.dispute.fill(dispute);
    let now = self.dispute().phase_ms();
    self.enter(DISPUTED, now)
}

/// Ends a refuted dispute: the verdict stands, and the submission resumes where it was.
public(package) fun resume(self: &mut Submission, now: u64) {
    let dispute = self.dispute.extract();
    self.judged.push_back(dispute::new_judged(dispute.kind(), dispute.index()));
    self.enter(dispute.resume_state(), now)
}

public(package) fun is_judged(self: &Submission, kind: u8, index: u64): bool {
    self.judged.contains(&dispute::new_judged(kind, index))
}

public(package) fun verdict_count(self: &Submission): u64 { self.judged.length() }

public(package) fun dispute(self: &Submission): &Dispute { self.dispute.borrow() }

public(package) fun dispute_mut(self: &mut Submission): &mut Dispute { self.dispute.borrow_mut() }

// === Package Functions: Money ===

public(package) fun stake(self: &Submission): u64 { self.stake.value() }

public(package) fun pay_from_stake(self: &mut Submission, owner: address, amount: u64) {
    credit::add(&mut self.credits, owner, amount);
    self.credited.join(self.stake.split(amount));
}

public(package) fun pay_from_escrow(self: &mut Submission, owner: address, amount: u64) {
    credit::add(&mut self.credits, owner, amount);
    self.credited.join(self.escrow.split(amount));
}

public(package) fun pay_from_bond(self: &mut Submission, owner: address, amount: u64) {
    credit::add(&mut self.credits, owner, amount);
    self.credited.join(self.bond.split(amount));
}

/// Credits what the task pays beside the escrow.
public(package) fun pay(self: &mut Submission, owner: address, payment: Balance<SUI>) {
    credit::add(&mut self.credits, owner, payment.value());
    self.credited.join(payment);
}

/// Credits to the accuser what is left of its bond.
public(package) fun return_bond(self: &mut Submission) {
    let bond = self.bond.value();
    if (bond == 0) return;
    let accuser = self.dispute().accuser();
    self.pay_from_bond(accuser, bond)
}

public(package) fun take_stake(self: &mut Submission): Balance<SUI> { self.stake.withdraw_all() }

public(package) fun take_escrow(self: &mut Submission): Balance<SUI> {
    self.escrow.withdraw_all()
}

public(package) fun take_bond(self: &mut Submission): Balance<SUI> { self.bond.withdraw_all() }

/// Takes what `owner` may claim; a balance of 0 if there is nothing.
public(package) fun take_credit(self: &mut Submission, owner: address): Balance<SUI> {
    let amount = credit::remove(&mut self.credits, owner);
    self.credited.split(amount)
}

// === Private Functions ===

/// Checks that a trace of so many leaves starts at the task's initial state.
fun assert_starts_at(
    task: &Task,
    trace_root: &vector<u8>,
    leaves: u64,
    path: &vector<vector<u8>>,
) {
    let leaf_zero = protocol::compute_leaf_zero(task.state_root_0());
    assert!(merkle::leads_to(trace_root, leaf_zero, 0, leaves, path), EBadLeafZero)
}

/// Checks that the cost is the committed one where costs are public, and stays secret elsewhere.
/// Work that was never finished has none.
fun assert_cost(self: &Submission, task: &Task, cost: &Option<u64>, blinding: &vector<u8>) {
    if (task.terms().is_cost_public() && !self.claims_abort()) {
        assert!(cost.is_some(), EBadCost);
        let commitment = &self.commitment.borrow().cost_commitment;
        pedersen::verify_opening(commitment, *cost.borrow(), blinding)
    } else assert!(cost.is_none() && blinding.is_empty(), EBadCost)
}

fun assert_envelope(envelope: &vector<u8>) {
    assert!(1 <= envelope.length() && envelope.length() <= MAX_ENVELOPE_BYTES, EBadEnvelopes)
}

fun is_party(self: &Submission, who: address): bool {
    who == self.contributor
        || self.is_committee_member(who)
        || self.dispute.is_some()
            && (self.dispute().accuser() == who || self.dispute().is_juror(who))
}

/// Everything the trace is bound to.
fun compute_ctx(self: &Submission, market: &Market, task: &Task): vector<u8> {
    let task_address = self.task.to_address();
    protocol::compute_ctx(
        market.chain_id(),
        market.package(),
        task_address,
        self.contributor,
        protocol::compute_seed(task_address, self.contributor, task.join_beacon()),
        task.plan_digest(),
        self.dataset_root,
    )
}

// === Test Functions ===

#[test_only]
public fun credits(self: &Submission): &vector<Credit> { &self.credits }

#[test_only]
/// Everything the submission holds: stake, escrow, bond, and credits.
public fun holdings(self: &Submission): vector<u64> {
    vector[self.stake.value(), self.escrow.value(), self.bond.value(), self.credited.value()]
}

#[test_only]
/// As if the audit had been drawn from this beacon.
public fun set_audit_beacon_for_testing(self: &mut Submission, beacon: vector<u8>) {
    self.audit_beacon = beacon
}

#[test_only]
/// As if juries had refuted `count` more challenges.
public fun add_verdicts_for_testing(self: &mut Submission, count: u64) {
    let mut i = 0;
    while (i < count) {
        self.judged.push_back(dispute::new_judged(dispute::rows(), 1_000_000 + i));
        i = i + 1;
    }
}

#[test_only]
public fun reason(self: &Submission): u8 { self.reason }

#[test_only]
public fun set_version_for_testing(self: &mut Submission, version: u64) { self.version = version }

#[test_only]
public fun object_version(self: &Submission): u64 { self.version }
