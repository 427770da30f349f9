/// A task: what its publisher fixed, who joined, and the money set aside for it.
///
/// Joining → Training → Opening → Verifying → Settled → Aggregated, or Void before anybody trains.
module walrusd::task;

use sui::{balance::{Self, Balance}, clock::Clock, coin::Coin, random::Random, sui::SUI};
use walrusd::{
    credit::{Self, Credit},
    envelope,
    events,
    market::{Self, Market},
    math,
    node::VerifierPool,
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
/// The aggregate has too few parts.
const ETooFewAccepted: u64 = 7;
/// There is no credit for this address.
const ENothingToClaim: u64 = 8;
/// The submission belongs to another task.
const EWrongTask: u64 = 9;
/// The aggregate may only have accepted submissions as parts.
const EBadParts: u64 = 10;

// === Constants ===

const JOINING: u8 = 0;
const TRAINING: u8 = 1;
const OPENING: u8 = 2;
const VERIFYING: u8 = 3;
const SETTLED: u8 = 4;
const AGGREGATED: u8 = 5;
const VOID: u8 = 6;

const NOBODY_JOINED: u8 = 8;
const CANCELLED: u8 = 11;
const POOL_BUSY: u8 = 12;

const MAX_DATASETS: u64 = 8;
const BEACON_BYTES: u16 = 32;

// === Structs ===

/// Who joined, and where.
public struct Entry has copy, drop, store {
    contributor: address,
    submission: ID,
}

/// The published weighted sum: which entries it sums, as a bit set, its root, the root of the summed
/// blindings, and its blob.
public struct Aggregate has copy, drop, store {
    parts: u64,
    root: vector<u8>,
    blindings_root: vector<u8>,
    blob: u256,
}

/// How far the entries are. `accepted` is a bit set over them. A part of `Task`: a network takes no
/// struct of more than 32 fields.
public struct Counts has copy, drop, store {
    committed: u64,
    opened: u64,
    ended: u64,
    accepted: u64,
    accepted_weight: u64,
}

/// Shared. One per task. `ends_by_ms` is when whatever still hangs may be ended.
public struct Task has key {
    id: UID,
    version: u64,
    market: ID,
    pool: ID,
    publisher: address,
    publisher_pk1: vector<u8>,
    publisher_pk2: vector<u8>,
    phase: u8,
    opened_ms: u64,
    phase_ms: u64,
    ends_by_ms: u64,
    manifest_blob: u256,
    manifest_digest: vector<u8>,
    state_root_0: vector<u8>,
    plan_digest: vector<u8>,
    program_root: vector<u8>,
    parent: address,
    datasets: vector<DatasetRef>,
    terms: Terms,
    tip: u64,
    entries: vector<Entry>,
    join_beacon: vector<u8>,
    counts: Counts,
    aggregate: Option<Aggregate>,
    funds: Balance<SUI>,
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

/// Opens a task for contributors, whose work seats of `pool` will verify. `funds` is exactly
/// `terms::required_funds` at the market's tip.
public fun open_task(
    market: &Market,
    pool: &VerifierPool,
    terms: Terms,
    pk1: vector<u8>,
    pk2: vector<u8>,
    challenge: vector<u8>,
    answer: vector<u8>,
    manifest_blob: u256,
    manifest_digest: vector<u8>,
    state_root_0: vector<u8>,
    plan_digest: vector<u8>,
    program_root: vector<u8>,
    parent: address,
    datasets: vector<address>,
    numbers: vector<u64>,
    funds: Coin<SUI>,
    clock: &Clock,
    ctx: &mut TxContext,
): PublisherCap {
    pool.assert_valid(market);
    market.assert_not_paused();
    terms.check(
        market.min_window_ms(),
        market.max_window_ms(),
        market.min_grace_ms(),
        market.max_life_ms(),
        pool.share(),
    );
    let now = clock.timestamp_ms();
    let (live, fit) = pool.count_fit(&terms, now, now);
    terms.check_pool(live, fit, pool.duties());
    let publisher = ctx.sender();
    let context = compute_publisher_context(market, publisher);
    envelope::verify_recipient(context, pk1, pk2, challenge, answer);
    assert!(
        manifest_digest.length() == 32 && state_root_0.length() == 32
            && plan_digest.length() == 32 && program_root.length() == 32,
        EBadDigest,
    );
    let datasets = new_dataset_refs(&datasets, &numbers);
    let tip = market.tip();
    assert!(funds.value() == terms.required_funds(tip), EWrongFunds);
    let mut funds = funds.into_balance();
    let bond = funds.split(terms.publisher_bond());
    let tips = funds.split(2 * tip);
    let self = Task {
        id: object::new(ctx),
        version: market::version(),
        market: object::id(market),
        pool: object::id(pool),
        publisher,
        publisher_pk1: pk1,
        publisher_pk2: pk2,
        phase: JOINING,
        opened_ms: now,
        phase_ms: now,
        // Twice: what waits for seats, with its clock stopped, may take as long again.
        ends_by_ms: now + 2 * (terms.compute_max_life() as u64),
        manifest_blob,
        manifest_digest,
        state_root_0,
        plan_digest,
        program_root,
        parent,
        datasets,
        terms,
        tip,
        entries: vector[],
        join_beacon: vector[],
        counts: Counts { committed: 0, opened: 0, ended: 0, accepted: 0, accepted_weight: 0 },
        aggregate: option::none(),
        funds,
        bond,
        tips,
        credits: vector[],
        credited: balance::zero(),
    };
    let cap = PublisherCap { id: object::new(ctx), task: object::id(&self) };
    events::emit_task_opened(
        cap.task,
        self.market,
        self.pool,
        publisher,
        manifest_blob,
        manifest_digest,
        state_root_0,
        plan_digest,
        program_root,
        parent,
        datasets,
        terms,
        now,
    );
    transfer::share_object(self);
    cap
}

/// Cancels a task before its joining is closed. Who has joined gets its stake and a fee.
public fun cancel_task(market: &Market, cap: &PublisherCap, self: &mut Task, clock: &Clock) {
    self.assert_valid(market);
    self.assert_cap(cap);
    self.assert_phase(JOINING);
    self.void(CANCELLED, clock.timestamp_ms())
}

/// Ends joining, books the duties of all submissions, and draws the beacon that fixes every
/// contributor's seed. Void if nobody joined, if so many seats have left that a committee and a jury
/// could not be found among the others, or if more than half of the live seats' duties would be
/// booked: then nobody has trained. Anyone may call it.
entry fun close_joining(
    market: &Market,
    pool: &mut VerifierPool,
    self: &mut Task,
    random: &Random,
    clock: &Clock,
    ctx: &mut TxContext,
) {
    market.assert_version();
    pool.assert_version();
    self.assert_version();
    market.assert_is(pool.market());
    market.assert_is(self.market);
    market::assert_pool(object::id(pool), self.pool);
    self.assert_phase(JOINING);
    let now = clock.timestamp_ms();
    let joined = self.entries.length();
    assert!(
        self.terms.is_joining_over(now, self.phase_ms) || joined == self.terms.max_submissions(),
        ETooEarly,
    );
    // Counted and drawn on every branch, so that they cost the same.
    let duties = joined * self.terms.compute_places();
    let (live, fit) = pool.count_fit(&self.terms, self.opened_ms, now);
    let is_busy = 2 * (pool.booked() + duties) > live * pool.duties();
    let beacon = random.new_generator(ctx).generate_bytes(BEACON_BYTES);
    if (joined == 0) {
        self.void(NOBODY_JOINED, now)
    } else if (is_busy || !self.terms.are_enough(fit)) {
        self.void(POOL_BUSY, now)
    } else {
        pool.book(duties);
        self.join_beacon = beacon;
        self.enter(TRAINING, now);
        self.pay_tip(ctx.sender());
        events::emit_joining_closed(object::id(self), beacon, joined, now)
    }
}

/// Ends training: from now on no commitment counts, and committees may be drawn. Anyone may call it.
public fun close_training(market: &Market, self: &mut Task, clock: &Clock, ctx: &mut TxContext) {
    self.assert_valid(market);
    self.assert_phase(TRAINING);
    let now = clock.timestamp_ms();
    assert!(
        self.terms.is_training_over(now, self.phase_ms)
            || self.counts.committed == self.entries.length(),
        ETooEarly,
    );
    self.enter(OPENING, now);
    self.pay_tip(ctx.sender());
    events::emit_training_closed(object::id(self), self.counts.committed, now)
}

/// Publishes the weighted sum of accepted updates; `parts` says which, as a bit set over the entries.
/// Nothing is paid on it; anyone can check it.
public fun record_aggregate(
    market: &Market,
    cap: &PublisherCap,
    self: &mut Task,
    parts: u64,
    root: vector<u8>,
    blindings_root: vector<u8>,
    blob: u256,
    clock: &Clock,
) {
    self.assert_valid(market);
    self.assert_cap(cap);
    self.assert_phase(SETTLED);
    assert!(parts & self.counts.accepted == parts, EBadParts);
    assert!(math::count_bits(parts) >= self.terms.k_min(), ETooFewAccepted);
    assert!(root.length() == 32 && blindings_root.length() == 32, EBadDigest);
    let now = clock.timestamp_ms();
    self.aggregate = option::some(Aggregate { parts, root, blindings_root, blob });
    self.enter(AGGREGATED, now);
    events::emit_aggregate_recorded(object::id(self), parts, root, blindings_root, blob, now)
}

/// Returns to the publisher what the task did not spend.
public fun reclaim(
    market: &Market,
    cap: &PublisherCap,
    self: &mut Task,
    ctx: &mut TxContext,
): Coin<SUI> {
    self.assert_valid(market);
    self.assert_cap(cap);
    assert!(
        self.phase == SETTLED || self.phase == AGGREGATED || self.phase == VOID,
        EWrongPhase,
    );
    let mut rest = self.funds.withdraw_all();
    rest.join(self.bond.withdraw_all());
    rest.join(self.tips.withdraw_all());
    assert!(rest.value() > 0, ENothingToClaim);
    events::emit_funds_reclaimed(object::id(self), rest.value());
    rest.into_coin(ctx)
}

/// Pays out the caller's credit on the task.
public fun claim_task(market: &Market, self: &mut Task, ctx: &mut TxContext): Coin<SUI> {
    self.assert_valid(market);
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

/// Checks the versions of the market and the task, and that they belong together.
public(package) fun assert_valid(self: &Task, market: &Market) {
    market.assert_version();
    self.assert_version();
    market.assert_is(self.market)
}

public(package) fun assert_version(self: &Task) { market::assert_object_version(self.version) }

public(package) fun assert_phase(self: &Task, phase: u8) {
    assert!(self.phase == phase, EWrongPhase)
}

/// Whether contributors may still join.
public(package) fun takes_contributors(self: &Task, now: u64): bool {
    self.phase == JOINING && !self.terms.is_joining_over(now, self.phase_ms)
}

public(package) fun assert_joining(self: &Task, now: u64) {
    self.assert_phase(JOINING);
    assert!(self.takes_contributors(now), ETooLate)
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

/// Takes the money for one more submission out of the funds.
public(package) fun reserve(self: &mut Task): Balance<SUI> {
    self.funds.split(self.terms.compute_escrow(self.tip))
}

public(package) fun add_entry(self: &mut Task, contributor: address, submission: ID) {
    self.entries.push_back(Entry { contributor, submission })
}

public(package) fun count_commitment(self: &mut Task) { self.counts.committed = self.counts.committed + 1 }

/// Counts one more opening; with the last one the task verifies.
public(package) fun count_opening(self: &mut Task, now: u64) {
    self.counts.opened = self.counts.opened + 1;
    if (self.phase == OPENING && self.counts.opened == self.counts.committed) self.enter(VERIFYING, now)
}

/// Notes that the entry `number` is accepted.
public(package) fun count_acceptance(self: &mut Task, number: u64, weight: u64) {
    self.counts.accepted = self.counts.accepted | (1 << (number as u8));
    self.counts.accepted_weight = self.counts.accepted_weight + weight
}

/// Takes up to `amount` out of the publisher's bond.
public(package) fun take_bond(self: &mut Task, amount: u64): Balance<SUI> {
    let taken = math::min(self.bond.value(), amount);
    self.bond.split(taken)
}

/// Takes back what a submission did not spend.
public(package) fun refund(self: &mut Task, rest: Balance<SUI>) { self.funds.join(rest); }

public(package) fun count_end(self: &mut Task) { self.counts.ended = self.counts.ended + 1 }

/// Settles the task if every submission has ended.
public(package) fun settle_if_all_ended(self: &mut Task, now: u64) {
    if (
        (self.phase == OPENING || self.phase == VERIFYING)
            && self.counts.ended == self.entries.length()
    ) {
        self.enter(SETTLED, now);
        events::emit_task_settled(object::id(self), math::count_bits(self.counts.accepted), now)
    }
}

public(package) fun training(): u8 { TRAINING }

/// Checks that training is closed, and that not all has ended.
public(package) fun assert_verified_now(self: &Task) {
    assert!(self.is_verified_now(), EWrongPhase)
}

/// Whether committees may be drawn and work: training is closed, and not all has ended.
public(package) fun is_verified_now(self: &Task): bool {
    self.phase == OPENING || self.phase == VERIFYING
}

public(package) fun is_void(self: &Task): bool { self.phase == VOID }

public(package) fun market(self: &Task): ID { self.market }

public(package) fun pool(self: &Task): ID { self.pool }

public(package) fun phase(self: &Task): u8 { self.phase }

public(package) fun phase_ms(self: &Task): u64 { self.phase_ms }

public(package) fun ends_by_ms(self: &Task): u64 { self.ends_by_ms }

public(package) fun publisher_pk1(self: &Task): vector<u8> { self.publisher_pk1 }

public(package) fun publisher_pk2(self: &Task): vector<u8> { self.publisher_pk2 }

public(package) fun program_root(self: &Task): vector<u8> { self.program_root }

public(package) fun publisher(self: &Task): address { self.publisher }

public(package) fun opened_ms(self: &Task): u64 { self.opened_ms }

public(package) fun state_root_0(self: &Task): vector<u8> { self.state_root_0 }

public(package) fun plan_digest(self: &Task): vector<u8> { self.plan_digest }

public(package) fun terms(self: &Task): &Terms { &self.terms }

public(package) fun tip(self: &Task): u64 { self.tip }

public(package) fun entry_count(self: &Task): u64 { self.entries.length() }

public(package) fun join_beacon(self: &Task): vector<u8> { self.join_beacon }

/// What stands for a publisher as a recipient of envelopes.
public(package) fun compute_publisher_context(market: &Market, publisher: address): vector<u8> {
    envelope::compute_publisher_context(
        market.chain_id(),
        market.package(),
        object::id_address(market),
        publisher,
    )
}

// === Private Functions ===

fun enter(self: &mut Task, phase: u8, now: u64) {
    self.phase = phase;
    self.phase_ms = now
}

/// Ends the task before anybody trains; `settle` repays those who have joined.
fun void(self: &mut Task, reason: u8, now: u64) {
    self.enter(VOID, now);
    events::emit_task_voided(object::id(self), reason, now)
}

fun assert_cap(self: &Task, cap: &PublisherCap) {
    assert!(cap.task == object::id(self), EWrongCap)
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
    pool: &mut VerifierPool,
    self: &mut Task,
    random: &Random,
    clock: &Clock,
    ctx: &mut TxContext,
) {
    close_joining(market, pool, self, random, clock, ctx)
}
