/// One contributor's work on one task: its stake, what it committed to, who verifies it.
///
/// Joined → Committed → Seated → Opened → Attested → Audited → Accepted, with Disputed beside Opened,
/// Attested and Audited, back to Seated when the opening is absent or a substitute needs its key, and
/// Rejected, Lapsed, Aborted, Undecided, Void as other ends.
module walrusd::submission;

use sui::{balance::{Self, Balance}, clock::Clock, coin::Coin, sui::SUI};
use walrusd::{
    credit::{Self, Credit},
    dataset::{Dataset, KeyRequest},
    dispute::{Self, Dispute},
    envelope,
    events,
    market::{Self, Market},
    math,
    merkle,
    node::{Self, VerifierCap, VerifierPool},
    pedersen,
    protocol,
    task::{Self, Task},
    terms::Terms
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
/// The key request does not grant this dataset for this task.
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
/// The plan has no such segment.
const EBadAbort: u64 = 12;
/// The cost is opened if the task says so, and only then.
const EBadCost: u64 = 13;
/// The task has another program.
const EWrongProgram: u64 = 14;
/// The submission is opened already in this attempt.
const EAlreadyOpened: u64 = 15;
/// There is no opening that a key could be for.
const ENotOpened: u64 = 16;
/// There is no such place.
const EBadPlace: u64 = 17;
/// The place has its envelope already.
const EHasEnvelope: u64 = 18;
/// The keys are not those of the recipient.
const EWrongKeys: u64 = 19;
/// The window is still open.
const ETooEarly: u64 = 20;
/// The opening cannot be asked for again: settle the submission.
const ENotReopened: u64 = 21;

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

/// What seats and jurors get of an opening, and what the publisher gets.
const WORK: u8 = 1;
const UPDATE: u8 = 2;

const MAX_ATTEMPTS: u64 = 2;
const MAX_SAMPLES: u64 = 2;
const MAX_WEIGHT: u64 = 65_536;
const MAX_SCHEME_ROWS: u64 = 1_048_576;
const POINT_BYTES: u64 = 48;
const PROOF_BYTES: u64 = 112;

// === Structs ===

/// A seat of the pool that serves a submission. `attested` is a bit set over its dealt segments;
/// `slot` says which of the work digests of a segment is its own. `keys` is the digest of its public
/// keys, `envelope` what it was sealed of the label `work` in the present attempt, `tries` how often
/// its place was given on.
public struct CommitteeSeat has copy, drop, store {
    pool_index: u64,
    generation: u64,
    verifier: address,
    keys: vector<u8>,
    envelope: vector<u8>,
    slot: u64,
    status: u8,
    attested: u64,
    tries: u64,
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

/// An attempt at opening: the sealed manifest, the public point of its key, the cost if the task makes
/// costs public. It was complete once every place of the committee had its envelope.
public struct Opening has copy, drop, store {
    blob: u256,
    digest: vector<u8>,
    p2: vector<u8>,
    was_complete: bool,
    cost: Option<u64>,
}

/// Who may be drawn, as indices of the pool, stored before the beacon that picks among them exists.
public struct Lot has copy, drop, store {
    eligible: vector<u16>,
    beacon: vector<u8>,
    at_ms: u64,
}

/// The version of a dataset that was trained on, as it was when the contributor joined. A part of
/// `Submission`: a network takes no struct of more than 32 fields.
public struct Source has copy, drop, store {
    dataset: ID,
    dataset_version: u64,
    dataset_owner: address,
    dataset_blob: u256,
    dataset_root: vector<u8>,
    dataset_rows: u64,
    dataset_key_check: vector<u8>,
}

/// Who verifies, and how far that is; a part of `Submission`. `attempt` numbers the openings;
/// `substitutes` wait to be called; `reported` is a bit set over the places that say the opening is
/// absent; `audit_round` counts the samples drawn; `update_envelope` is the sealed label `update`.
public struct Verification has copy, drop, store {
    lot: Option<Lot>,
    beacon: vector<u8>,
    committee: vector<CommitteeSeat>,
    substitutes: vector<CommitteeSeat>,
    attempt: u64,
    opening: Option<Opening>,
    reported: u64,
    rounds: u64,
    audit_beacon: vector<u8>,
    audit_round: u64,
    update_envelope: vector<u8>,
}

/// Shared. One contributor's work on one task. `cases` counts its cases; `accusers` may not accuse
/// again; `unproved` counts accusations on cash that failed.
public struct Submission has key {
    id: UID,
    version: u64,
    market: ID,
    pool: ID,
    task: ID,
    number: u64,
    contributor: address,
    state: u8,
    window_ms: u64,
    source: Source,
    weight: u64,
    ctx: vector<u8>,
    commitment: Option<Commitment>,
    `abort`: Option<AbortClaim>,
    verification: Verification,
    dispute: Option<Dispute>,
    cases: u64,
    accusers: vector<address>,
    unproved: u64,
    reason: u8,
    late_fee: u64,
    stake: Balance<SUI>,
    escrow: Balance<SUI>,
    bond: Balance<SUI>,
    credits: vector<Credit>,
    credited: Balance<SUI>,
}

// === Public Functions ===

/// Joins a task with a stake and a granted dataset key. `program_root` is what the contributor takes
/// the task's plan for. Shares the new submission.
public fun join(
    market: &Market,
    task: &mut Task,
    dataset: &Dataset,
    request: &KeyRequest,
    program_root: vector<u8>,
    stake: Coin<SUI>,
    clock: &Clock,
    ctx: &mut TxContext,
) {
    market.assert_version();
    task.assert_version();
    dataset.assert_version();
    request.assert_request_version();
    market.assert_is(task.market());
    market.assert_not_paused();
    let now = clock.timestamp_ms();
    let contributor = ctx.sender();
    task.assert_joining(now);
    assert!(contributor != task.publisher(), EConflict);
    assert!(task.entry_count() < task.terms().max_submissions(), EFull);
    assert!(!task.has_joined(contributor), EAlreadyJoined);
    assert!(program_root == task.program_root(), EWrongProgram);
    assert!(stake.value() == task.terms().stake(), EWrongStake);
    let dataset_id = object::id(dataset);
    assert!(
        request.grants_verification(object::id(task), contributor, dataset_id),
        ENoGrant,
    );
    let number = request.request_number();
    assert!(task.approves(dataset_id, number), EDatasetNotApproved);
    let approved = dataset.borrow_version(number);
    let weight = if (task.terms().is_weighted_by_samples()) approved.rows() else 1;
    assert!(weight <= MAX_WEIGHT, ETooManyRows);
    let self = Submission {
        id: object::new(ctx),
        version: market::version(),
        market: object::id(market),
        pool: task.pool(),
        task: object::id(task),
        number: task.entry_count(),
        contributor,
        state: JOINED,
        window_ms: now,
        source: Source {
            dataset: dataset_id,
            dataset_version: number,
            dataset_owner: dataset.owner(),
            dataset_blob: approved.blob(),
            dataset_root: approved.row_root(),
            dataset_rows: approved.rows(),
            dataset_key_check: approved.key_check(),
        },
        weight,
        ctx: vector[],
        commitment: option::none(),
        `abort`: option::none(),
        verification: Verification {
            lot: option::none(),
            beacon: vector[],
            committee: vector[],
            substitutes: vector[],
            attempt: 1,
            opening: option::none(),
            reported: 0,
            rounds: 0,
            audit_beacon: vector[],
            audit_round: 0,
            update_envelope: vector[],
        },
        dispute: option::none(),
        cases: 0,
        accusers: vector[],
        unproved: 0,
        reason: 0,
        late_fee: 0,
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

/// Fixes the work before anybody knows who will verify it. It may be late, for a fee, as long as
/// training is not closed.
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
    self.charge_lateness(task, now);
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
    self.charge_lateness(task, now);
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

/// Says where the sealed opening is, and which key opens it; envelopes follow, one by one. It may be
/// late, for a fee, until the crank that punishes absence has run.
public fun open(
    market: &Market,
    task: &Task,
    self: &mut Submission,
    blob: u256,
    digest: vector<u8>,
    p2: vector<u8>,
    challenge: vector<u8>,
    answer: vector<u8>,
    cost: Option<u64>,
    blinding: vector<u8>,
    clock: &Clock,
    ctx: &mut TxContext,
) {
    self.assert_valid(market, task);
    assert!(ctx.sender() == self.contributor, ENotContributor);
    self.assert_state(SEATED);
    assert!(self.verification.opening.is_none(), EAlreadyOpened);
    assert!(digest.length() == 32, EBadDigest);
    self.assert_cost(task, &cost, &blinding);
    envelope::verify_opening(self.compute_opening_context(market), p2, challenge, answer);
    self.verification.opening =
        option::some(Opening { blob, digest, p2, was_complete: false, cost });
    events::emit_submission_opened(
        self.task,
        object::id(self),
        self.contributor,
        self.verification.attempt,
        blob,
        digest,
        p2,
        cost,
        clock.timestamp_ms(),
    )
}

/// Delivers to a place of the committee what opens the work. Anybody who can read it may; with the
/// last place the committee may replay.
public fun deliver(
    market: &Market,
    task: &mut Task,
    self: &mut Submission,
    place: u64,
    pk1: vector<u8>,
    pk2: vector<u8>,
    r: vector<u8>,
    c: vector<u8>,
    challenge: vector<u8>,
    answer: vector<u8>,
    clock: &Clock,
    ctx: &mut TxContext,
) {
    self.assert_valid(market, task);
    self.assert_state(SEATED);
    assert!(self.verification.opening.is_some(), ENotOpened);
    assert!(place < self.verification.committee.length(), EBadPlace);
    let seat = &self.verification.committee[place];
    assert!(seat.envelope.is_empty(), EHasEnvelope);
    assert!(protocol::compute_keys_digest(pk1, pk2) == seat.keys, EWrongKeys);
    let owner = seat.verifier;
    let recipient =
        node::compute_seat_context(market, self.pool, seat.pool_index, seat.generation, owner);
    let sender = ctx.sender();
    self.verify_sealed(market, WORK, pk1, pk2, recipient, sender, r, c, challenge, answer);
    let envelope = join_points(r, c);
    let seat = &mut self.verification.committee[place];
    seat.envelope = envelope;
    events::emit_key_delivered(
        self.task,
        object::id(self),
        vector[],
        self.verification.attempt,
        place,
        owner,
        sender,
        envelope,
    );
    if (self.can_all_read()) self.let_read(task, clock.timestamp_ms())
}

/// Hands a submission of an earlier version of the package to this one. Anyone may, once the market
/// allows this version.
public fun migrate_submission(market: &Market, self: &mut Submission) {
    market.assert_version();
    self.version = market::newer_version(self.version)
}

// === Package Functions ===

/// Checks the versions of market, task and submission, that they belong together, and that the
/// submission is the task's.
public(package) fun assert_valid(self: &Submission, market: &Market, task: &Task) {
    market.assert_version();
    task.assert_version();
    self.assert_version();
    market.assert_is(task.market());
    market.assert_is(self.market);
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

public(package) fun end(self: &mut Submission, state: u8, reason: u8, now: u64) {
    self.enter(state, now);
    self.reason = reason
}

public(package) fun is_terminal(self: &Submission): bool { self.state >= ACCEPTED }

public(package) fun id(self: &Submission): ID { object::id(self) }

public(package) fun task(self: &Submission): ID { self.task }

public(package) fun number(self: &Submission): u64 { self.number }

public(package) fun pool(self: &Submission): ID { self.pool }

public(package) fun market(self: &Submission): ID { self.market }

public(package) fun dataset_owner(self: &Submission): address { self.source.dataset_owner }

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

public(package) fun late_fee(self: &Submission): u64 { self.late_fee }

public(package) fun audit_beacon(self: &Submission): vector<u8> { self.verification.audit_beacon }

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

// === Package Functions: Committee ===

/// Checks as `assert_valid`, and that task and submission use this pool.
public(package) fun assert_case(
    self: &Submission,
    market: &Market,
    task: &Task,
    pool: &VerifierPool,
) {
    market.assert_version();
    task.assert_version();
    pool.assert_version();
    self.assert_version();
    market.assert_is(task.market());
    market.assert_is(pool.market());
    market.assert_is(self.market);
    let id = object::id(pool);
    market::assert_pool(id, task.pool());
    market::assert_pool(id, self.pool);
    task.assert_is(self.task)
}

/// Checks that the caller knows the task's program: it stakes on no other.
public(package) fun assert_program(_self: &Submission, task: &Task, program_root: vector<u8>) {
    assert!(program_root == task.program_root(), EWrongProgram)
}

public(package) fun has_lot(self: &Submission): bool { self.verification.lot.is_some() }

/// Stores who may be drawn, then what draws.
public(package) fun set_lot(
    self: &mut Submission,
    eligible: vector<u16>,
    beacon: vector<u8>,
    at_ms: u64,
) {
    self.verification.lot = option::some(Lot { eligible, beacon, at_ms })
}

/// Takes the lot: who may be drawn, the beacon, and when it was drawn.
public(package) fun take_lot(self: &mut Submission): (vector<u16>, vector<u8>, u64) {
    let Lot { eligible, beacon, at_ms } = self.verification.lot.extract();
    (eligible, beacon, at_ms)
}

public(package) fun beacon(self: &Submission): vector<u8> { self.verification.beacon }

public(package) fun set_beacon(self: &mut Submission, beacon: vector<u8>) {
    self.verification.beacon = beacon
}

/// Adds a seat: to the committee until it is full, then to the substitutes.
public(package) fun add_seat(
    self: &mut Submission,
    pool_index: u64,
    generation: u64,
    verifier: address,
    keys: vector<u8>,
    slot: u64,
    committee: u64,
) {
    let seat = CommitteeSeat {
        pool_index,
        generation,
        verifier,
        keys,
        envelope: vector[],
        slot,
        status: SEAT_SEATED,
        attested: 0,
        tries: 0,
    };
    if (slot < committee) self.verification.committee.push_back(seat)
    else self.verification.substitutes.push_back(seat)
}

/// Who judges no case of this submission: its committee and substitutes, and who has accused it. Each
/// address once.
public(package) fun list_passed_over(self: &Submission): vector<address> {
    let mut verifiers = vector[];
    let mut i = 0;
    while (i < self.verification.committee.length()) {
        verifiers.push_back(self.verification.committee[i].verifier);
        i = i + 1;
    };
    i = 0;
    while (i < self.verification.substitutes.length()) {
        verifiers.push_back(self.verification.substitutes[i].verifier);
        i = i + 1;
    };
    i = 0;
    while (i < self.accusers.length()) {
        let accuser = self.accusers[i];
        if (accuser != dispute::nobody() && !verifiers.contains(&accuser)) {
            verifiers.push_back(accuser)
        };
        i = i + 1;
    };
    verifiers
}

public(package) fun is_committee_member(self: &Submission, verifier: address): bool {
    let mut i = 0;
    while (i < self.verification.committee.length()) {
        if (self.verification.committee[i].verifier == verifier) return true;
        i = i + 1;
    };
    false
}

/// Whether a capability holds the seat at a place.
public(package) fun is_held_by(self: &Submission, place: u64, cap: &VerifierCap): bool {
    if (place >= self.verification.committee.length()) return false;
    let seat = &self.verification.committee[place];
    cap.holds(self.pool, seat.pool_index, seat.generation)
}

public(package) fun seat_count(self: &Submission): u64 { self.verification.committee.length() }

public(package) fun substitute_count(self: &Submission): u64 {
    self.verification.substitutes.length()
}

public(package) fun seat_verifier(self: &Submission, place: u64): address {
    self.verification.committee[place].verifier
}

public(package) fun seat_pool_index(self: &Submission, place: u64): u64 {
    self.verification.committee[place].pool_index
}

public(package) fun substitute_pool_index(self: &Submission, i: u64): u64 {
    self.verification.substitutes[i].pool_index
}

public(package) fun seat_slot(self: &Submission, place: u64): u64 {
    self.verification.committee[place].slot
}

public(package) fun seat_tries(self: &Submission, place: u64): u64 {
    self.verification.committee[place].tries
}

/// Whether a seat has attested the segment dealt to it at a position.
public(package) fun has_attested(self: &Submission, place: u64, position: u64): bool {
    (self.verification.committee[place].attested >> (position as u8)) & 1 == 1
}

/// Whether a seat has attested everything that was dealt to it.
public(package) fun has_seat_attested(self: &Submission, place: u64): bool {
    self.verification.committee[place].status == SEAT_ATTESTED
}

public(package) fun have_all_attested(self: &Submission): bool {
    let mut place = 0;
    while (place < self.verification.committee.length()) {
        if (!self.has_seat_attested(place)) return false;
        place = place + 1;
    };
    true
}

/// Notes an attestation; a seat with all of them did not mean what it had reported.
public(package) fun attest(self: &mut Submission, place: u64, position: u64, per_seat: u64) {
    let seat = &mut self.verification.committee[place];
    seat.attested = seat.attested | (1 << (position as u8));
    if (seat.attested == math::full_set(per_seat)) {
        seat.status = SEAT_ATTESTED;
        self.forget_report(place)
    }
}

/// Whether the seat at a place says that the opening is absent.
public(package) fun has_reported(self: &Submission, place: u64): bool {
    (self.verification.reported >> (place as u8)) & 1 == 1
}

/// Notes a report, and returns whether most places have made one.
public(package) fun report(self: &mut Submission, place: u64): bool {
    self.verification.reported = self.verification.reported | (1 << (place as u8));
    2 * math::count_bits(self.verification.reported) > self.verification.committee.length()
}

/// Gives a place to the next substitute.
public(package) fun give_on(self: &mut Submission, place: u64) {
    let tries = self.verification.committee[place].tries + 1;
    let mut successor = self.verification.substitutes.remove(0);
    successor.tries = tries;
    let seat = &mut self.verification.committee[place];
    *seat = successor;
    self.forget_report(place)
}

public(package) fun rounds(self: &Submission): u64 { self.verification.rounds }

public(package) fun count_round(self: &mut Submission) {
    self.verification.rounds = self.verification.rounds + 1
}

// === Package Functions: Opening ===

public(package) fun attempt(self: &Submission): u64 { self.verification.attempt }

public(package) fun is_last_attempt(self: &Submission): bool {
    self.verification.attempt == MAX_ATTEMPTS
}

/// Whether every place of the committee has had its envelope of this attempt.
public(package) fun was_complete(self: &Submission): bool {
    self.verification.opening.is_some() && self.verification.opening.borrow().was_complete
}

/// Whether the seat at a place holds the key.
public(package) fun can_read(self: &Submission, place: u64): bool {
    !self.verification.committee[place].envelope.is_empty()
}

/// Checks that a substitute, or a juror, got its key from nobody in time.
public(package) fun assert_left_without_key(self: &Submission, terms: &Terms, now: u64) {
    let since = if (self.state == DISPUTED) {
        self.dispute.borrow().phase_ms()
    } else {
        assert!(self.was_complete(), ENotReopened);
        self.window_ms
    };
    assert!(terms.is_opening_over(now, since), ETooEarly)
}

/// Checks that it is Seated or before a jury.
public(package) fun assert_may_lack_key(self: &Submission) {
    assert!(self.state == SEATED || self.state == DISPUTED, EWrongState)
}

/// Begins the next attempt at opening. What seats have attested stays.
public(package) fun ask_again(self: &mut Submission, now: u64) {
    self.verification.attempt = self.verification.attempt + 1;
    self.verification.opening = option::none();
    self.verification.reported = 0;
    let mut place = 0;
    while (place < self.verification.committee.length()) {
        let seat = &mut self.verification.committee[place];
        seat.envelope = vector[];
        place = place + 1;
    };
    self.enter(SEATED, now);
    let attempt = self.verification.attempt;
    events::emit_opening_reopened(self.task, object::id(self), attempt, now)
}

/// Adds the whole late fee, as if its contributor had acted at the end of the grace.
public(package) fun add_full_late_fee(self: &mut Submission, terms: &Terms) {
    self.late_fee = math::min(terms.stake() / 2, self.late_fee + terms.late_fee())
}

/// Checks that there is an update: an abort claim has none.
public(package) fun assert_has_update(self: &Submission) {
    assert!(!self.claims_abort(), EWrongState)
}

/// Delivers to the publisher what opens the update.
public(package) fun deliver_update(
    self: &mut Submission,
    market: &Market,
    task: &Task,
    sender: address,
    r: vector<u8>,
    c: vector<u8>,
    challenge: vector<u8>,
    answer: vector<u8>,
    now: u64,
) {
    let recipient = task::compute_publisher_context(market, task.publisher());
    let (pk1, pk2) = (task.publisher_pk1(), task.publisher_pk2());
    self.verify_sealed(market, UPDATE, pk1, pk2, recipient, sender, r, c, challenge, answer);
    let envelope = join_points(r, c);
    self.verification.update_envelope = envelope;
    events::emit_update_delivered(self.task, object::id(self), self.contributor, envelope, now)
}

// === Package Functions: Cases ===

/// Whether there is a case in this phase. In a submission that has ended it is only a record.
public(package) fun is_disputed_in(self: &Submission, phase: u8): bool {
    self.state == DISPUTED && self.dispute.borrow().phase() == phase
}

public(package) fun dispute(self: &Submission): &Dispute { self.dispute.borrow() }

public(package) fun dispute_mut(self: &mut Submission): &mut Dispute { self.dispute.borrow_mut() }

public(package) fun has_accused(self: &Submission, accuser: address): bool {
    self.accusers.contains(&accuser)
}

public(package) fun unproved(self: &Submission): u64 { self.unproved }

public(package) fun count_unproved(self: &mut Submission) { self.unproved = self.unproved + 1 }

public(package) fun add_bond(self: &mut Submission, bond: Balance<SUI>) { self.bond.join(bond); }

/// Brings a case before a jury. The submission's window stands still meanwhile.
public(package) fun open_case(
    self: &mut Submission,
    kind: u8,
    index: u64,
    place: u64,
    accuser: address,
    accuser_seat: u64,
    leaf: vector<u8>,
    now: u64,
) {
    let id = object::id(self);
    let number = self.cases;
    self.cases = number + 1;
    // Whether the opening is absent is asked once, by nobody.
    if (accuser != dispute::nobody() || kind == dispute::absence()) {
        self.accusers.push_back(accuser)
    };
    let dispute = dispute::new(
        id.to_address(),
        kind,
        index,
        place,
        number,
        self.state,
        accuser,
        accuser_seat,
        leaf,
        now,
    );
    let challenge = dispute.challenge();
    self.dispute = option::some(dispute);
    self.state = DISPUTED;
    events::emit_case_opened(
        self.task,
        id,
        accuser,
        accuser_seat,
        kind,
        index,
        place,
        challenge,
        self.bond.value(),
        now,
    )
}

/// Delivers to a juror what opens the work. Returns whether it was the last.
public(package) fun deliver_to_juror(
    self: &mut Submission,
    market: &Market,
    juror: u64,
    pk1: vector<u8>,
    pk2: vector<u8>,
    sender: address,
    r: vector<u8>,
    c: vector<u8>,
    challenge: vector<u8>,
    answer: vector<u8>,
    now: u64,
): bool {
    let dispute = self.dispute.borrow();
    assert!(juror < dispute.juror_count(), EBadPlace);
    assert!(!dispute.is_briefed(juror), EHasEnvelope);
    assert!(&protocol::compute_keys_digest(pk1, pk2) == dispute.juror_keys(juror), EWrongKeys);
    let owner = dispute.juror_verifier(juror);
    let (index, generation) = (dispute.juror_pool_index(juror), dispute.juror_generation(juror));
    let case = dispute.challenge();
    let recipient = node::compute_seat_context(market, self.pool, index, generation, owner);
    self.verify_sealed(market, WORK, pk1, pk2, recipient, sender, r, c, challenge, answer);
    let envelope = join_points(r, c);
    events::emit_key_delivered(
        self.task,
        object::id(self),
        case,
        self.verification.attempt,
        juror,
        owner,
        sender,
        envelope,
    );
    self.dispute.borrow_mut().brief(juror, envelope, now)
}

/// Resumes where the case began, with the window longer by the time that it took; what waits for an
/// audit gets its whole window again, as nobody could act on it before.
public(package) fun resume(self: &mut Submission, now: u64) {
    let dispute = self.dispute.extract();
    self.state = dispute.resume_state();
    self.window_ms =
        if (dispute.is_audit()) now else self.window_ms + (now - dispute.opened_ms())
}

/// Closes a case as if it had not been opened: its accuser has its bond, and may accuse again.
public(package) fun return_accusation(self: &mut Submission) {
    let dispute = self.dispute.borrow();
    if (dispute.has_accuser()) {
        let accuser = dispute.accuser();
        let (_, i) = self.accusers.index_of(&accuser);
        self.accusers.remove(i);
    };
    self.return_bond();
    self.dispute = option::none()
}

/// Credits an accuser with what is there of its bond.
public(package) fun return_bond(self: &mut Submission) {
    if (self.dispute.is_none()) return;
    let (accuser, amount) = (self.dispute.borrow().accuser(), self.bond.value());
    self.pay_from_bond(accuser, amount)
}

// === Package Functions: Audit ===

public(package) fun start_audit(self: &mut Submission, beacon: vector<u8>, now: u64) {
    self.enter(AUDITED, now);
    self.verification.audit_beacon = beacon
}

public(package) fun audit_round(self: &Submission): u64 { self.verification.audit_round }

/// Whether no sample is left to draw.
public(package) fun is_audit_over(self: &Submission): bool {
    self.verification.audit_beacon.is_empty() || self.verification.audit_round == MAX_SAMPLES
}

/// Goes on to the next sample.
public(package) fun draw_next_sample(self: &mut Submission) {
    self.verification.audit_round = self.verification.audit_round + 1
}

public(package) fun end_audit(self: &mut Submission) {
    self.verification.audit_round = MAX_SAMPLES
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

/// Lets a commitment after the training window cost a late fee.
fun charge_lateness(self: &mut Submission, task: &Task, now: u64) {
    let terms = task.terms();
    self.late_fee = terms.add_late_fee(self.late_fee, task.phase_ms(), terms.train_ms(), now)
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
        self.source.dataset_root,
    )
}

/// Checks a public cost against its commitment, and that there is none where costs are private, or no
/// work to have one.
fun assert_cost(self: &Submission, task: &Task, cost: &Option<u64>, blinding: &vector<u8>) {
    if (task.terms().is_cost_public() && !self.claims_abort()) {
        assert!(cost.is_some(), EBadCost);
        let commitment = &self.commitment.borrow().cost_commitment;
        pedersen::verify_opening(commitment, *cost.borrow(), blinding)
    } else assert!(cost.is_none() && blinding.is_empty(), EBadCost)
}

/// What stands for the present attempt at opening.
fun compute_opening_context(self: &Submission, market: &Market): vector<u8> {
    envelope::compute_opening_context(
        market.chain_id(),
        market.package(),
        object::id_address(market),
        self.pool.to_address(),
        self.task.to_address(),
        object::id(self).to_address(),
        self.contributor,
        self.verification.attempt,
    )
}

/// Checks that a recipient finds the value of the present attempt's label in an envelope.
fun verify_sealed(
    self: &Submission,
    market: &Market,
    label: u8,
    pk1: vector<u8>,
    pk2: vector<u8>,
    recipient: vector<u8>,
    sender: address,
    r: vector<u8>,
    c: vector<u8>,
    challenge: vector<u8>,
    answer: vector<u8>,
) {
    let context = self.compute_opening_context(market);
    let opened = envelope::open_label(context, label, self.verification.opening.borrow().p2);
    envelope::verify_envelope(&opened, pk1, pk2, recipient, sender, r, c, challenge, answer)
}

fun can_all_read(self: &Submission): bool {
    let mut place = 0;
    while (place < self.verification.committee.length()) {
        if (!self.can_read(place)) return false;
        place = place + 1;
    };
    true
}

/// Notes that the whole committee has the key. The first time fixes what being late costs. Nothing
/// that was reached before is lost, the beacon of the audit least of all.
fun let_read(self: &mut Submission, task: &mut Task, now: u64) {
    if (!self.was_complete()) {
        let opening = self.verification.opening.borrow_mut();
        opening.was_complete = true;
        let terms = task.terms();
        self.late_fee = terms.add_late_fee(self.late_fee, self.window_ms, terms.open_ms(), now);
        if (self.verification.attempt == 1) task.count_opening(now)
    };
    let state = if (!self.verification.audit_beacon.is_empty()) AUDITED
    else if (self.have_all_attested()) ATTESTED
    else OPENED;
    self.enter(state, now);
    events::emit_submission_readable(self.task, object::id(self), self.verification.attempt, now)
}

fun forget_report(self: &mut Submission, place: u64) {
    let bit = 1 << (place as u8);
    if (self.verification.reported & bit != 0) {
        self.verification.reported = self.verification.reported - bit
    }
}

/// `R ‖ C`, 96 bytes.
fun join_points(mut r: vector<u8>, c: vector<u8>): vector<u8> {
    r.append(c);
    r
}
