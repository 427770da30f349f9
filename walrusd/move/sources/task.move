/// A task: what its publisher fixed, who joined, and the money set aside for it.
///
/// Joining → Training → Opening → Verifying → Settled → Aggregated, or Void when nobody joined.
module walrusd::task;

use sui::{balance::{Self, Balance}, clock::Clock, coin::Coin, random::Random, sui::SUI};
use walrusd::{
    credit::{Self, Credit},
    events,
    market::{Self, Market},
    math,
    node::{Self, VerifierPool},
    terms::{Self, DatasetRef, Terms}
};

// === Errors ===

/// The task is not in the phase this action needs.
const EWrongPhase: u64 = 0;
/// The window is still open.
const ETooEarly: u64 = 1;
/// The window has closed.
const ETooLate: u64 = 2;
/// The coin does not hold exactly what is required.
const EWrongFunds: u64 = 3;
/// A digest has 32 bytes.
const EBadDigest: u64 = 4;
/// A task names between 1 and 8 approved datasets.
const ETooManyDatasets: u64 = 5;
/// The capability belongs to another task.
const EWrongCap: u64 = 6;
/// Too few submissions were accepted for a public aggregate.
const ETooFewAccepted: u64 = 7;
/// There is no credit for this address.
const ENothingToClaim: u64 = 8;
/// The submission belongs to another task.
const EWrongTask: u64 = 9;

// === Constants ===

const JOINING: u8 = 0;
const TRAINING: u8 = 1;
const OPENING: u8 = 2;
const VERIFYING: u8 = 3;
const SETTLED: u8 = 4;
const AGGREGATED: u8 = 5;
const VOID: u8 = 6;

const NOBODY_JOINED: u8 = 9;

const MAX_DATASETS: u64 = 8;
const BEACON_BYTES: u16 = 32;

// === Structs ===

/// Who joined, and where.
public struct Entry has copy, drop, store {
    contributor: address,
    submission: ID,
}

/// The published weighted sum: its root, the root of the summed blindings, and its blob.
public struct Aggregate has copy, drop, store {
    root: vector<u8>,
    blindings_root: vector<u8>,
    blob: u256,
}

/// Shared. One per task.
public struct Task has key {
    id: UID,
    version: u64,
    publisher: address,
    publisher_key: vector<u8>,
    phase: u8,
    opened_ms: u64,
    phase_ms: u64,
    manifest_blob: u256,
    manifest_digest: vector<u8>,
    state_root_0: vector<u8>,
    plan_digest: vector<u8>,
    parent: address,
    datasets: vector<DatasetRef>,
    terms: Terms,
    tip: u64,
    entries: vector<Entry>,
    join_beacon: vector<u8>,
    beacon: vector<u8>,
    pool_len: u64,
    drawn_ms: u64,
    committed: u64,
    opened: u64,
    ended: u64,
    accepted: u64,
    accepted_weight: u64,
    aggregate: Option<Aggregate>,
    pool: Balance<SUI>,
    bond: Balance<SUI>,
    tips: Balance<SUI>,
    credits: vector<Credit>,
    credited: Balance<SUI>,
}

/// Owned by the publisher; lets it record the aggregate and take back what is left.
public struct PublisherCap has key, store {
    id: UID,
    task: ID,
}

// === Public Functions ===

/// Opens a task for contributors. `funds` is exactly `terms::required_funds` at the market's tip.
public fun open_task(
    market: &Market,
    terms: Terms,
    publisher_key: vector<u8>,
    manifest_blob: u256,
    manifest_digest: vector<u8>,
    state_root_0: vector<u8>,
    plan_digest: vector<u8>,
    parent: address,
    datasets: vector<address>,
    numbers: vector<u64>,
    funds: Coin<SUI>,
    clock: &Clock,
    ctx: &mut TxContext,
): PublisherCap {
    market.assert_version();
    market.assert_not_paused();
    terms.check(market.min_window_ms(), market.max_window_ms());
    node::assert_key(&publisher_key);
    assert!(
        manifest_digest.length() == 32 && state_root_0.length() == 32
            && plan_digest.length() == 32,
        EBadDigest,
    );
    let datasets = new_dataset_refs(&datasets, &numbers);
    let tip = market.tip();
    assert!(funds.value() == terms.required_funds(tip), EWrongFunds);
    let mut pool = funds.into_balance();
    let bond = pool.split(terms.publisher_bond());
    let tips = pool.split(2 * tip);
    let now = clock.timestamp_ms();
    let self = Task {
        id: object::new(ctx),
        version: market::version(),
        publisher: ctx.sender(),
        publisher_key,
        phase: JOINING,
        opened_ms: now,
        phase_ms: now,
        manifest_blob,
        manifest_digest,
        state_root_0,
        plan_digest,
        parent,
        datasets,
        terms,
        tip,
        entries: vector[],
        join_beacon: vector[],
        beacon: vector[],
        pool_len: 0,
        drawn_ms: 0,
        committed: 0,
        opened: 0,
        ended: 0,
        accepted: 0,
        accepted_weight: 0,
        aggregate: option::none(),
        pool,
        bond,
        tips,
        credits: vector[],
        credited: balance::zero(),
    };
    let cap = PublisherCap { id: object::new(ctx), task: object::id(&self) };
    events::emit_task_opened(
        cap.task,
        self.publisher,
        manifest_blob,
        manifest_digest,
        state_root_0,
        plan_digest,
        parent,
        datasets,
        terms,
        now,
    );
    transfer::share_object(self);
    cap
}

/// Ends joining and draws the beacon that fixes every contributor's seed. Anyone may call it.
entry fun close_joining(
    market: &Market,
    self: &mut Task,
    random: &Random,
    clock: &Clock,
    ctx: &mut TxContext,
) {
    market.assert_version();
    self.assert_version();
    self.assert_phase(JOINING);
    let now = clock.timestamp_ms();
    assert!(
        self.terms.is_joining_over(now, self.phase_ms)
            || self.entries.length() == self.terms.max_submissions(),
        ETooEarly,
    );
    // Drawn on both branches, so that they cost the same.
    let beacon = random.new_generator(ctx).generate_bytes(BEACON_BYTES);
    if (self.entries.is_empty()) {
        self.enter(VOID, now);
        events::emit_task_voided(object::id(self), NOBODY_JOINED, now)
    } else {
        self.join_beacon = beacon;
        self.enter(TRAINING, now);
        self.pay_tip(ctx.sender());
        events::emit_joining_closed(object::id(self), beacon, self.entries.length(), now)
    }
}

/// Ends training and draws the beacon that seats every committee. Anyone may call it.
entry fun draw(
    market: &Market,
    pool: &VerifierPool,
    self: &mut Task,
    random: &Random,
    clock: &Clock,
    ctx: &mut TxContext,
) {
    market.assert_version();
    pool.assert_version();
    self.assert_version();
    market.assert_pool(object::id(pool));
    self.assert_phase(TRAINING);
    let now = clock.timestamp_ms();
    assert!(
        self.terms.is_training_over(now, self.phase_ms)
            || self.committed == self.entries.length(),
        ETooEarly,
    );
    self.beacon = random.new_generator(ctx).generate_bytes(BEACON_BYTES);
    self.pool_len = pool.seat_count();
    self.drawn_ms = now;
    self.enter(OPENING, now);
    self.pay_tip(ctx.sender());
    events::emit_committee_drawn(object::id(self), self.beacon, self.pool_len, now)
}

/// Publishes the weighted sum of the accepted updates. Nothing is paid on it; anyone can check it.
public fun record_aggregate(
    market: &Market,
    cap: &PublisherCap,
    self: &mut Task,
    root: vector<u8>,
    blindings_root: vector<u8>,
    blob: u256,
    clock: &Clock,
) {
    market.assert_version();
    self.assert_version();
    assert!(cap.task == object::id(self), EWrongCap);
    self.assert_phase(SETTLED);
    assert!(self.accepted >= self.terms.k_min(), ETooFewAccepted);
    assert!(root.length() == 32 && blindings_root.length() == 32, EBadDigest);
    let now = clock.timestamp_ms();
    self.aggregate = option::some(Aggregate { root, blindings_root, blob });
    self.enter(AGGREGATED, now);
    events::emit_aggregate_recorded(object::id(self), root, blindings_root, blob, now)
}

/// Returns to the publisher what the task did not spend.
public fun reclaim(
    market: &Market,
    cap: &PublisherCap,
    self: &mut Task,
    ctx: &mut TxContext,
): Coin<SUI> {
    market.assert_version();
    self.assert_version();
    assert!(cap.task == object::id(self), EWrongCap);
    assert!(
        self.phase == SETTLED || self.phase == AGGREGATED || self.phase == VOID,
        EWrongPhase,
    );
    let mut rest = self.pool.withdraw_all();
    rest.join(self.bond.withdraw_all());
    rest.join(self.tips.withdraw_all());
    assert!(rest.value() > 0, ENothingToClaim);
    events::emit_funds_reclaimed(object::id(self), rest.value());
    rest.into_coin(ctx)
}

/// Pays out the caller's credit on the task.
public fun claim_task(market: &Market, self: &mut Task, ctx: &mut TxContext): Coin<SUI> {
    market.assert_version();
    self.assert_version();
    let owner = ctx.sender();
    let amount = credit::remove(&mut self.credits, owner);
    assert!(amount > 0, ENothingToClaim);
    events::emit_credit_claimed(object::id(self), owner, amount);
    self.credited.split(amount).into_coin(ctx)
}

/// Hands a task of an earlier version of the package to this one. Anyone may, once the market
/// allows this version.
public fun migrate_task(market: &Market, self: &mut Task) {
    market.assert_version();
    self.version = market::newer_version(self.version)
}

// === Package Functions ===

public(package) fun assert_version(self: &Task) { market::assert_object_version(self.version) }

public(package) fun assert_phase(self: &Task, phase: u8) {
    assert!(self.phase == phase, EWrongPhase)
}

public(package) fun assert_joining(self: &Task, now: u64) {
    self.assert_phase(JOINING);
    assert!(!self.terms.is_joining_over(now, self.phase_ms), ETooLate)
}

/// Checks that a submission belongs to this task.
public(package) fun assert_is(self: &Task, task: ID) {
    assert!(object::id(self) == task, EWrongTask)
}

public(package) fun has_joined(self: &Task, contributor: address): bool {
    let mut i = 0;
    while (i < self.entries.length()) {
        if (self.entries[i].contributor == contributor) return true;
        i = i + 1;
    };
    false
}

public(package) fun approves(self: &Task, dataset: ID, number: u64): bool {
    let mut i = 0;
    while (i < self.datasets.length()) {
        if (self.datasets[i].is_ref_to(dataset, number)) return true;
        i = i + 1;
    };
    false
}

/// Takes the money for one more submission out of the pool.
public(package) fun reserve(self: &mut Task): Balance<SUI> {
    self.pool.split(self.terms.cost_per_submission(self.tip))
}

public(package) fun add_entry(self: &mut Task, contributor: address, submission: ID) {
    self.entries.push_back(Entry { contributor, submission })
}

public(package) fun count_commitment(self: &mut Task) { self.committed = self.committed + 1 }

/// Counts one more opening; with the last one the task verifies.
public(package) fun count_opening(self: &mut Task, now: u64) {
    self.opened = self.opened + 1;
    if (self.phase == OPENING && self.opened == self.committed) self.enter(VERIFYING, now)
}

public(package) fun count_acceptance(self: &mut Task, weight: u64) {
    self.accepted = self.accepted + 1;
    self.accepted_weight = self.accepted_weight + weight
}

/// Takes up to `amount` out of the publisher's bond.
public(package) fun take_bond(self: &mut Task, amount: u64): Balance<SUI> {
    let taken = math::min(self.bond.value(), amount);
    self.bond.split(taken)
}

/// Takes back what a submission did not spend.
public(package) fun refund(self: &mut Task, rest: Balance<SUI>) { self.pool.join(rest); }

public(package) fun count_end(self: &mut Task) { self.ended = self.ended + 1 }

/// Settles the task if every submission has ended.
public(package) fun settle_if_all_ended(self: &mut Task, now: u64) {
    if (
        (self.phase == OPENING || self.phase == VERIFYING)
            && self.ended == self.entries.length()
    ) {
        self.enter(SETTLED, now);
        events::emit_task_settled(object::id(self), self.accepted, now)
    }
}

public(package) fun training(): u8 { TRAINING }

public(package) fun publisher(self: &Task): address { self.publisher }

public(package) fun opened_ms(self: &Task): u64 { self.opened_ms }

public(package) fun state_root_0(self: &Task): vector<u8> { self.state_root_0 }

public(package) fun plan_digest(self: &Task): vector<u8> { self.plan_digest }

public(package) fun terms(self: &Task): &Terms { &self.terms }

public(package) fun tip(self: &Task): u64 { self.tip }

public(package) fun entry_count(self: &Task): u64 { self.entries.length() }

public(package) fun join_beacon(self: &Task): vector<u8> { self.join_beacon }

public(package) fun beacon(self: &Task): vector<u8> { self.beacon }

public(package) fun is_drawn(self: &Task): bool { !self.beacon.is_empty() }

public(package) fun pool_len(self: &Task): u64 { self.pool_len }

public(package) fun drawn_ms(self: &Task): u64 { self.drawn_ms }

// === Private Functions ===

fun enter(self: &mut Task, phase: u8, now: u64) {
    self.phase = phase;
    self.phase_ms = now
}

fun pay_tip(self: &mut Task, caller: address) {
    credit::add(&mut self.credits, caller, self.tip);
    self.credited.join(self.tips.split(self.tip));
}

fun new_dataset_refs(datasets: &vector<address>, numbers: &vector<u64>): vector<DatasetRef> {
    let count = datasets.length();
    assert!(
        1 <= count && count <= MAX_DATASETS && numbers.length() == count,
        ETooManyDatasets,
    );
    let mut refs = vector[];
    let mut i = 0;
    while (i < count) {
        refs.push_back(terms::new_dataset_ref(object::id_from_address(datasets[i]), numbers[i]));
        i = i + 1;
    };
    refs
}

// === Test Functions ===

#[test_only]
public fun close_joining_for_testing(
    market: &Market,
    self: &mut Task,
    random: &Random,
    clock: &Clock,
    ctx: &mut TxContext,
) {
    close_joining(market, self, random, clock, ctx)
}

#[test_only]
public fun draw_for_testing(
    market: &Market,
    pool: &VerifierPool,
    self: &mut Task,
    random: &Random,
    clock: &Clock,
    ctx: &mut TxContext,
) {
    draw(market, pool, self, random, clock, ctx)
}

#[test_only]
public fun phase(self: &Task): u8 { self.phase }

#[test_only]
public fun accepted_count(self: &Task): u64 { self.accepted }

#[test_only]
public fun credits(self: &Task): &vector<Credit> { &self.credits }

#[test_only]
/// Everything the task holds: pool, bond, tips, and credits.
public fun holdings(self: &Task): vector<u64> {
    vector[self.pool.value(), self.bond.value(), self.tips.value(), self.credited.value()]
}

#[test_only]
public fun set_version_for_testing(self: &mut Task, version: u64) { self.version = version }

#[test_only]
public fun object_version(self: &Task): u64 { self.version }
