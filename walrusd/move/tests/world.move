/// A market, its verifiers, a dataset and one task, driven one action at a time. Each action is a
/// transaction of its own, by whoever may do it.
///
/// The test runner's BLS12-381 is a stub: every operation returns 48 zero bytes, so any proof of
/// knowledge holds, and an opening holds for the commitment of 48 zero bytes. The group itself is
/// tested elsewhere.
#[test_only]
module walrusd::world;

use std::{bcs, hash::sha2_256};
use sui::{
    clock::{Self, Clock},
    coin::{Self, Coin},
    random::{Self, Random},
    sui::SUI,
    test_scenario::{Self as ts, Scenario}
};
use walrusd::{
    attestation,
    audit,
    committee,
    credit,
    dataset::{Self, Dataset, KeyRequest},
    dispute,
    jury,
    market::{Self, AdminCap, Market},
    merkle,
    node::{Self, VerifierCap, VerifierPool},
    protocol,
    settlement,
    submission::{Self, Submission},
    task::{Self, PublisherCap, Task},
    terms::{Self, Terms}
};

// === Constants ===

const ADMIN: address = @0xAD;
const PUBLISHER: address = @0xA;
const OWNER: address = @0xDA;
const CRANK: address = @0xC;
const ACCUSER: address = @0xACC;
const PACKAGE: address = @0xFACE;
const CHAIN_ID: vector<u8> = x"c100000000000000000000000000000000000000000000000000000000000000";
const KEY: vector<u8> = x"4e00000000000000000000000000000000000000000000000000000000000000";
const DIGEST: vector<u8> = x"d100000000000000000000000000000000000000000000000000000000000000";
const SALT: vector<u8> = x"5a00000000000000000000000000000000000000000000000000000000000000";
const ZEROS: vector<u8> = x"0000000000000000000000000000000000000000000000000000000000000000";
const FAULT: vector<u8> = x"0100000000000000000000000000000000000000000000000000000000000000";
const SEGMENTS: u64 = 4;
const WINDOW: u64 = 1_000;

public struct World {
    scenario: Scenario,
    clock: Clock,
    terms: Terms,
    submissions: vector<ID>,
    /// The segment that contributors forge; 0 for none.
    forged: u64,
    /// Whether the word for a fault rebuilds the forged leaf.
    poses: bool,
    /// The segment in which contributors say that the plan ends; 0 for none.
    aborted: u64,
    /// The dataset request of the last `grant`.
    request: Option<ID>,
}

// === Stages ===

/// A market with eight seats and a listed dataset, at a time when all seats are active.
public fun new(): World {
    let mut scenario = ts::begin(@0x0);
    let clock = clock::create_for_testing(scenario.ctx());
    random::create_for_testing(scenario.ctx());
    scenario.next_tx(@0x0);
    let mut random: Random = scenario.take_shared();
    random.update_randomness_state_for_testing(1, DIGEST, scenario.ctx());
    ts::return_shared(random);
    scenario.next_tx(ADMIN);
    market::init_for_testing(scenario.ctx());
    let mut self = World {
        scenario,
        clock,
        terms: default_terms(),
        submissions: vector[],
        forged: 0,
        poses: false,
        aborted: 0,
        request: option::none(),
    };
    self.create_market(CHAIN_ID, 200);
    let verifiers = verifiers();
    let mut i = 0;
    while (i < verifiers.length()) {
        self.register(verifiers[i], 1_000, KEY);
        i = i + 1;
    };
    self.list_dataset(DIGEST, 1, 100);
    self.pass(1);
    self
}

public fun opened_task(): World {
    let mut self = new();
    self.open_task();
    self
}

public fun joined(count: u64): World {
    let mut self = opened_task();
    self.join_many(count);
    self
}

public fun training(count: u64): World {
    let mut self = joined(count);
    self.pass(WINDOW);
    self.close_joining();
    self
}

public fun committed(count: u64): World {
    let mut self = training(count);
    self.commit_many(count);
    self
}

public fun drawn(count: u64): World {
    let mut self = committed(count);
    self.draw();
    self
}

public fun seated(count: u64): World { seated_from(drawn(count), count) }

/// One seated submission of a task whose costs are private.
public fun seated_secretly(): World {
    let mut self = new();
    self.terms = terms_with(2, 0);
    self.open_task();
    self.join_many(1);
    self.pass(WINDOW);
    self.close_joining();
    self.commit(0);
    self.draw();
    seated_from(self, 1)
}

fun seated_from(mut self: World, count: u64): World {
    let mut i = 0;
    while (i < count) {
        self.seat(i);
        i = i + 1;
    };
    self
}

public fun opened(count: u64): World {
    let mut self = seated(count);
    self.open_many(count);
    self
}

/// One opened submission of a task with these terms.
public fun opened_with(terms: Terms): World { opened_from(new(), terms, 0) }

/// One opened submission whose contributor forged segment 3.
public fun opened_forgery(): World { opened_forgery_with(default_terms()) }

public fun opened_forgery_with(terms: Terms): World { opened_from(new(), terms, 3) }

/// The same, but the forged leaf is the one that the word for a fault rebuilds.
public fun opened_posing(): World {
    let mut self = new();
    self.set_posing();
    opened_from(self, default_terms(), 3)
}

fun opened_from(mut self: World, terms: Terms, forged: u64): World {
    self.terms = terms;
    self.forged = forged;
    self.open_task();
    self.join_many(1);
    self.pass(WINDOW);
    self.close_joining();
    self.commit(0);
    self.draw();
    self.seat(0);
    self.open(0);
    self
}

/// One opened submission whose contributor says that the plan ends in a segment.
public fun opened_abort(segment: u64): World {
    let mut self = joined(1);
    self.aborted = segment;
    self.pass(WINDOW);
    self.close_joining();
    self.commit_abort(0);
    self.draw();
    self.seat(0);
    self.open(0);
    self
}

/// One opened submission of which a seat reported the first opening.
public fun reopened(): World {
    let mut self = opened(1);
    self.report(0, 0);
    self.open(0);
    self
}

/// One opened submission of which one seat attested, and the other, seat 1, was replaced.
public fun replaced(): World {
    let mut self = opened(1);
    self.attest(0, 0, 0);
    self.attest(0, 0, 1);
    self.pass(WINDOW);
    self.replace(0);
    self
}

/// One attested submission whose contributor forged segment 3, if it `is_forged`, before an audit of
/// that segment.
public fun selected(is_forged: bool): World {
    let mut self = if (is_forged) opened_forgery() else opened(1);
    self.attest_all(0);
    self.draw_audit(0);
    self.steer_to(0, 3);
    self
}

/// One submission before a seated jury; `is_forged` says who is right.
public fun judging(is_forged: bool): World {
    let mut self = if (is_forged) opened_forgery() else opened(1);
    self.challenge(0, 3);
    self.draw_jury(0);
    self.seat_jury(0);
    self
}

/// The same, with every juror and the accuser committed.
public fun revealing(is_forged: bool): World {
    let mut self = judging(is_forged);
    self.jury_commit_all(0);
    self
}

public fun finish(self: World) {
    let World { scenario, clock, .. } = self;
    clock.destroy_for_testing();
    scenario.end();
}

// === Parts ===

public fun publisher(): address { PUBLISHER }
public fun owner(): address { OWNER }
public fun crank(): address { CRANK }
public fun accuser(): address { ACCUSER }
public fun admin(): address { ADMIN }
public fun digest(): vector<u8> { DIGEST }
public fun key(): vector<u8> { KEY }
public fun salt(): vector<u8> { SALT }
public fun fault(): vector<u8> { FAULT }
public fun sound(): vector<u8> { ZEROS }
public fun chain_id(): vector<u8> { CHAIN_ID }
public fun zero_point(): vector<u8> {
    let mut bytes = vector[];
    while (bytes.length() < 48) bytes.push_back(0);
    bytes
}

public fun contributor(i: u64): address { vector[@0xC0, @0xC1, @0xC2, @0xC3, @0xC4][i] }

public fun verifiers(): vector<address> {
    vector[@0xE0, @0xE1, @0xE2, @0xE3, @0xE4, @0xE5, @0xE6, @0xE7]
}

/// In the order of the struct.
public fun default_numbers(): vector<u64> {
    vector[
        1, 0, 1, 1_000, 10, 5, 100, 7, 1_000, 20, 50, 4, 3, 2, 2, SEGMENTS, 3, 1_000, 64, 64,
        WINDOW, WINDOW, WINDOW, WINDOW, WINDOW, WINDOW, WINDOW,
    ]
}

public fun terms_of(n: vector<u64>): Terms {
    terms::new_terms(
        n[0] as u8, n[1] as u8, n[2] as u8, n[3], n[4], n[5], n[6], n[7], n[8], n[9], n[10],
        n[11], n[12], n[13], n[14], n[15], n[16], n[17], n[18], n[19], n[20], n[21], n[22],
        n[23], n[24], n[25], n[26],
    )
}

public fun default_terms(): Terms { terms_of(default_numbers()) }

/// The default terms but for one number.
public fun terms_with(index: u64, value: u64): Terms { terms_of(numbers_with(index, value)) }

public fun numbers_with(index: u64, value: u64): vector<u64> {
    let mut numbers = default_numbers();
    *(&mut numbers[index]) = value;
    numbers
}

public fun scenario(self: &mut World): &mut Scenario { &mut self.scenario }
public fun clock(self: &World): &Clock { &self.clock }
public fun set_terms(self: &mut World, terms: Terms) { self.terms = terms }
public fun set_aborted(self: &mut World, segment: u64) { self.aborted = segment }
public fun set_forged(self: &mut World, segment: u64) { self.forged = segment }
/// The forged segment is such that the word for a fault rebuilds its leaf.
public fun set_posing(self: &mut World) { self.poses = true }
fun segments(self: &World): u64 {
    if (self.aborted == 0) self.terms.segments() else self.aborted
}
public fun pass(self: &mut World, ms: u64) { self.clock.increment_for_testing(ms) }
public fun submission_id(self: &World, i: u64): ID { self.submissions[i] }

public fun next(self: &mut World, sender: address) { self.scenario.next_tx(sender); }

public fun market(self: &World): Market { self.scenario.take_shared() }
public fun pool(self: &World): VerifierPool { self.scenario.take_shared() }
public fun task(self: &World): Task { self.scenario.take_shared() }
public fun dataset(self: &World): Dataset { self.scenario.take_shared() }
public fun request(self: &World): KeyRequest {
    self.scenario.take_shared_by_id(*self.request.borrow())
}
public fun submission(self: &World, i: u64): Submission {
    self.scenario.take_shared_by_id(self.submissions[i])
}
public fun cap_of(self: &World, who: address): VerifierCap {
    self.scenario.take_from_address(who)
}
public fun coin(self: &mut World, amount: u64): Coin<SUI> {
    coin::mint_for_testing(amount, self.scenario.ctx())
}

/// Everything that tasks, submissions and the pool hold. What is burned leaves it.
public fun held(self: &mut World): u64 {
    let mut total = sum(self.task_holdings());
    let mut i = 0;
    while (i < self.submissions.length()) {
        total = total + sum(self.holdings(i));
        i = i + 1;
    };
    self.next(CRANK);
    let pool = self.pool();
    total = total + pool.stakes();
    ts::return_shared(pool);
    total
}

/// Nothing was made or lost since everything held `before`: what is not held any more was burned.
public fun check_conserved(self: &mut World, before: u64) {
    assert!(self.held() + self.burned() == before)
}

/// No seat of the pool serves on anything.
public fun check_nobody_serves(self: &mut World) {
    self.next(CRANK);
    let pool = self.pool();
    let mut i = 0;
    while (i < pool.seat_count()) {
        assert!(pool.seat_in_use(i) == 0);
        i = i + 1;
    };
    ts::return_shared(pool)
}

fun sum(amounts: vector<u64>): u64 {
    let mut total = 0;
    let mut i = 0;
    while (i < amounts.length()) {
        total = total + amounts[i];
        i = i + 1;
    };
    total
}

/// What the burn address received since the last look.
public fun burned(self: &mut World): u64 {
    self.next(ADMIN);
    let ids = ts::ids_for_address<Coin<SUI>>(@0xdead);
    let mut total = 0;
    let mut i = 0;
    while (i < ids.length()) {
        let coin: Coin<SUI> = self.scenario.take_from_address_by_id(@0xdead, ids[i]);
        total = total + coin.burn_for_testing();
        i = i + 1;
    };
    total
}

// === Market and pool ===

public fun create_market(self: &mut World, chain_id: vector<u8>, min_stake: u64) {
    self.next(ADMIN);
    let cap: AdminCap = self.scenario.take_from_sender();
    let ctx = self.scenario.ctx();
    node::create_market(&cap, chain_id, PACKAGE, 3, 1_000, 10, 100_000, min_stake, 5_000, ctx);
    self.scenario.return_to_sender(cap)
}

public fun set_paused(self: &mut World, paused: bool) {
    self.next(ADMIN);
    let (cap, mut market) = (self.scenario.take_from_sender<AdminCap>(), self.market());
    market::set_paused(&cap, &mut market, paused);
    ts::return_shared(market);
    self.scenario.return_to_sender(cap)
}

/// Draws with the pool of another, newer market.
public fun draw_from_another_pool(self: &mut World) {
    self.next(ADMIN);
    let market = ts::most_recent_id_shared<Market>().destroy_some();
    self.create_market(CHAIN_ID, 200);
    self.next(CRANK);
    let market: Market = self.scenario.take_shared_by_id(market);
    let (pool, mut task, random) = (self.pool(), self.task(), self.scenario.take_shared());
    let ctx = self.scenario.ctx();
    task::draw_for_testing(&market, &pool, &mut task, &random, &self.clock, ctx);
    ts::return_shared(market);
    ts::return_shared(pool);
    ts::return_shared(task);
    ts::return_shared(random)
}

public fun register(self: &mut World, who: address, stake: u64, key: vector<u8>) {
    self.next(who);
    let (market, mut pool, stake) = (self.market(), self.pool(), self.coin(stake));
    let ctx = self.scenario.ctx();
    let cap = node::register_seat(&market, &mut pool, stake, key, 5, 64, 64, &self.clock, ctx);
    transfer::public_transfer(cap, who);
    ts::return_shared(market);
    ts::return_shared(pool)
}

public fun exit(self: &mut World, who: address) {
    self.next(who);
    let (market, mut pool, cap) = (self.market(), self.pool(), self.cap_of(who));
    node::exit_seat(&market, &mut pool, &cap, &self.clock);
    self.scenario.return_to_sender(cap);
    ts::return_shared(market);
    ts::return_shared(pool)
}

public fun withdraw(self: &mut World, who: address): u64 {
    self.next(who);
    let (market, mut pool, cap) = (self.market(), self.pool(), self.cap_of(who));
    let coin = node::withdraw_seat(&market, &mut pool, cap, &self.clock, self.scenario.ctx());
    ts::return_shared(market);
    ts::return_shared(pool);
    coin.burn_for_testing()
}

// === Dataset ===

public fun list_dataset(self: &mut World, row_root: vector<u8>, title_bytes: u64, rows: u64) {
    self.next(OWNER);
    let market = self.market();
    let mut title = vector[];
    while (title.length() < title_bytes) title.push_back(0x61);
    let ctx = self.scenario.ctx();
    dataset::list_dataset(&market, title, 7, 8, DIGEST, row_root, rows, 16, DIGEST, ctx);
    ts::return_shared(market)
}

public fun add_version(self: &mut World, who: address) {
    self.next(who);
    let (market, mut dataset) = (self.market(), self.dataset());
    let ctx = self.scenario.ctx();
    dataset::add_version(&market, &mut dataset, 9, DIGEST, DIGEST, 50, 16, DIGEST, ctx);
    ts::return_shared(market);
    ts::return_shared(dataset)
}

public fun request_key(self: &mut World, who: address, number: u64, scope: u8, lifetime_ms: u64) {
    self.request_key_with(who, number, KEY, scope, lifetime_ms)
}

public fun request_key_with(
    self: &mut World,
    who: address,
    number: u64,
    key: vector<u8>,
    scope: u8,
    lifetime_ms: u64,
) {
    self.next(who);
    let (market, dataset) = (self.market(), self.dataset());
    let ctx = self.scenario.ctx();
    dataset::request_key(
        &market, &dataset, number, key, scope, @0x0, lifetime_ms, &self.clock, ctx,
    );
    ts::return_shared(market);
    ts::return_shared(dataset);
    self.next(who);
    self.request = ts::most_recent_id_shared<KeyRequest>()
}

public fun grant_key(self: &mut World, who: address, envelope: vector<u8>) {
    self.next(who);
    let (market, mut request) = (self.market(), self.request());
    dataset::grant_key(&market, &mut request, envelope, &self.clock, self.scenario.ctx());
    ts::return_shared(market);
    ts::return_shared(request)
}

public fun deny_key(self: &mut World, who: address, reason: vector<u8>) {
    self.next(who);
    let (market, mut request) = (self.market(), self.request());
    dataset::deny_key(&market, &mut request, reason, &self.clock, self.scenario.ctx());
    ts::return_shared(market);
    ts::return_shared(request)
}

public fun expire_key(self: &mut World) {
    self.next(CRANK);
    let (market, mut request) = (self.market(), self.request());
    dataset::expire_key(&market, &mut request, &self.clock);
    ts::return_shared(market);
    ts::return_shared(request)
}

// === Task ===

public fun open_task(self: &mut World) {
    let funds = self.terms.required_funds(3);
    self.open_task_with(KEY, DIGEST, 1, funds)
}

public fun open_task_with(
    self: &mut World,
    key: vector<u8>,
    plan_digest: vector<u8>,
    datasets: u64,
    funds: u64,
) {
    self.next(PUBLISHER);
    let (market, dataset, funds) = (self.market(), self.dataset(), self.coin(funds));
    let mut approved = vector[];
    let mut numbers = vector[];
    while (approved.length() < datasets) {
        approved.push_back(object::id(&dataset).to_address());
        numbers.push_back(1);
    };
    let cap = task::open_task(
        &market, self.terms, key, 5, DIGEST, DIGEST, plan_digest, @0x0, approved, numbers, funds,
        &self.clock, self.scenario.ctx(),
    );
    transfer::public_transfer(cap, PUBLISHER);
    ts::return_shared(market);
    ts::return_shared(dataset)
}

public fun close_joining(self: &mut World) {
    self.next(CRANK);
    let (market, mut task, random) = (self.market(), self.task(), self.scenario.take_shared());
    let ctx = self.scenario.ctx();
    task::close_joining_for_testing(&market, &mut task, &random, &self.clock, ctx);
    ts::return_shared(market);
    ts::return_shared(task);
    ts::return_shared(random)
}

public fun draw(self: &mut World) {
    self.next(CRANK);
    let (market, pool) = (self.market(), self.pool());
    let (mut task, random) = (self.task(), self.scenario.take_shared());
    let ctx = self.scenario.ctx();
    task::draw_for_testing(&market, &pool, &mut task, &random, &self.clock, ctx);
    ts::return_shared(market);
    ts::return_shared(pool);
    ts::return_shared(task);
    ts::return_shared(random)
}

public fun record_aggregate(self: &mut World, root: vector<u8>) {
    self.next(PUBLISHER);
    let cap: PublisherCap = self.scenario.take_from_sender();
    let (market, mut task) = (self.market(), self.task());
    task::record_aggregate(&market, &cap, &mut task, root, DIGEST, 11, &self.clock);
    ts::return_shared(market);
    ts::return_shared(task);
    self.scenario.return_to_sender(cap)
}

public fun reclaim(self: &mut World): u64 {
    self.next(PUBLISHER);
    let cap: PublisherCap = self.scenario.take_from_sender();
    let (market, mut task) = (self.market(), self.task());
    let coin = task::reclaim(&market, &cap, &mut task, self.scenario.ctx());
    ts::return_shared(market);
    ts::return_shared(task);
    self.scenario.return_to_sender(cap);
    coin.burn_for_testing()
}

/// Reclaims the newest task with the cap of the oldest.
public fun reclaim_with_other_cap(self: &mut World) {
    self.next(PUBLISHER);
    let newest: PublisherCap = self.scenario.take_from_sender();
    let oldest: PublisherCap = self.scenario.take_from_sender();
    let (market, mut task) = (self.market(), self.task());
    let coin = task::reclaim(&market, &oldest, &mut task, self.scenario.ctx());
    coin.burn_for_testing();
    ts::return_shared(market);
    ts::return_shared(task);
    self.scenario.return_to_sender(newest);
    self.scenario.return_to_sender(oldest)
}

public fun claim_task(self: &mut World, who: address): u64 {
    self.next(who);
    let (market, mut task) = (self.market(), self.task());
    let coin = task::claim_task(&market, &mut task, self.scenario.ctx());
    ts::return_shared(market);
    ts::return_shared(task);
    coin.burn_for_testing()
}

public fun phase(self: &mut World): u8 {
    self.next(CRANK);
    let task = self.task();
    let phase = task.phase();
    ts::return_shared(task);
    phase
}

/// Pool, bond, tips, and credits of the task.
public fun task_holdings(self: &mut World): vector<u64> {
    self.next(CRANK);
    let task = self.task();
    let holdings = task.holdings();
    ts::return_shared(task);
    holdings
}

// === Submission ===

public fun join_many(self: &mut World, count: u64) {
    let mut i = 0;
    while (i < count) {
        self.grant(contributor(i));
        self.join(contributor(i), 100);
        i = i + 1;
    }
}

public fun grant(self: &mut World, who: address) {
    self.request_key(who, 1, 2, 60_000);
    self.grant_key(OWNER, b"sealed")
}

public fun join(self: &mut World, who: address, stake: u64) {
    self.next(who);
    let (market, mut task, dataset) = (self.market(), self.task(), self.dataset());
    let (request, stake) = (self.request(), self.coin(stake));
    let ctx = self.scenario.ctx();
    submission::join(&market, &mut task, &dataset, &request, stake, &self.clock, ctx);
    ts::return_shared(market);
    ts::return_shared(task);
    ts::return_shared(dataset);
    ts::return_shared(request);
    self.next(who);
    self.submissions.push_back(ts::most_recent_id_shared<Submission>().destroy_some())
}

public fun commit_many(self: &mut World, count: u64) {
    let mut i = 0;
    while (i < count) {
        self.commit(i);
        i = i + 1;
    }
}

public fun commit(self: &mut World, i: u64) {
    let leaves = self.leaves(i);
    let (root, path) = (merkle::compute_root(&leaves), compute_path(&leaves, 0));
    self.commit_with(i, contributor(i), root, 9, path, zero_point())
}

public fun commit_with(
    self: &mut World,
    i: u64,
    who: address,
    trace_root: vector<u8>,
    rows: u64,
    path: vector<vector<u8>>,
    point: vector<u8>,
) {
    self.next(who);
    let (market, mut task, mut submission) = (self.market(), self.task(), self.submission(i));
    let mut proof = vector[];
    while (proof.length() < 112) proof.push_back(0);
    submission::commit(
        &market, &mut task, &mut submission, trace_root, DIGEST, DIGEST, rows, path, point, proof,
        DIGEST, 12, &self.clock, self.scenario.ctx(),
    );
    ts::return_shared(market);
    ts::return_shared(task);
    ts::return_shared(submission)
}

public fun commit_abort(self: &mut World, i: u64) {
    let leaves = self.leaves(i);
    let (root, path) = (merkle::compute_root(&leaves), compute_path(&leaves, 0));
    let segment = self.aborted;
    self.commit_abort_with(i, contributor(i), segment, root, path)
}

public fun commit_abort_with(
    self: &mut World,
    i: u64,
    who: address,
    segment: u64,
    trace_root: vector<u8>,
    path: vector<vector<u8>>,
) {
    self.next(who);
    let (market, mut task, mut submission) = (self.market(), self.task(), self.submission(i));
    submission::commit_abort(
        &market, &mut task, &mut submission, segment, 2, 3, trace_root, path, &self.clock,
        self.scenario.ctx(),
    );
    ts::return_shared(market);
    ts::return_shared(task);
    ts::return_shared(submission)
}

public fun open_many(self: &mut World, count: u64) {
    let mut i = 0;
    while (i < count) {
        self.open(i);
        i = i + 1;
    }
}

public fun open(self: &mut World, i: u64) {
    if (self.aborted == 0 && self.terms.is_cost_public()) self.open_costing(i, 14, DIGEST)
    else self.open_secretly(i, vector[])
}

public fun open_costing(self: &mut World, i: u64, cost: u64, blinding: vector<u8>) {
    let envelopes = vector[b"one", b"two"];
    self.open_as(i, contributor(i), DIGEST, envelopes, option::some(cost), blinding)
}

public fun open_secretly(self: &mut World, i: u64, blinding: vector<u8>) {
    let envelopes = vector[b"one", b"two"];
    self.open_as(i, contributor(i), DIGEST, envelopes, option::none(), blinding)
}

public fun open_with(
    self: &mut World,
    i: u64,
    who: address,
    digest: vector<u8>,
    envelopes: vector<vector<u8>>,
    blinding: vector<u8>,
) {
    self.open_as(i, who, digest, envelopes, option::some(14), blinding)
}

fun open_as(
    self: &mut World,
    i: u64,
    who: address,
    digest: vector<u8>,
    envelopes: vector<vector<u8>>,
    cost: Option<u64>,
    blinding: vector<u8>,
) {
    self.next(who);
    let (market, mut task, mut submission) = (self.market(), self.task(), self.submission(i));
    submission::open(
        &market, &mut task, &mut submission, 13, digest, DIGEST, envelopes, cost, blinding,
        &self.clock, self.scenario.ctx(),
    );
    ts::return_shared(market);
    ts::return_shared(task);
    ts::return_shared(submission)
}

public fun reseal(self: &mut World, i: u64, who: address, envelope: vector<u8>) {
    self.next(who);
    let (market, submission) = (self.market(), self.submission(i));
    submission::reseal(&market, &submission, @0x77, envelope, self.scenario.ctx());
    ts::return_shared(market);
    ts::return_shared(submission)
}

public fun state(self: &mut World, i: u64): u8 {
    self.next(CRANK);
    let submission = self.submission(i);
    let state = submission.state();
    ts::return_shared(submission);
    state
}

public fun reason(self: &mut World, i: u64): u8 {
    self.next(CRANK);
    let submission = self.submission(i);
    let reason = submission.reason();
    ts::return_shared(submission);
    reason
}

/// Stake, escrow, bond, and credits of a submission.
public fun holdings(self: &mut World, i: u64): vector<u64> {
    self.next(CRANK);
    let submission = self.submission(i);
    let holdings = submission.holdings();
    ts::return_shared(submission);
    holdings
}

public fun credit_of(self: &mut World, i: u64, who: address): u64 {
    self.next(CRANK);
    let submission = self.submission(i);
    let amount = credit::amount_of(submission.credits(), who);
    ts::return_shared(submission);
    amount
}

// === Committee ===

public fun seat(self: &mut World, i: u64) {
    self.next(CRANK);
    let (market, mut task) = (self.market(), self.task());
    let (mut pool, mut submission) = (self.pool(), self.submission(i));
    let ctx = self.scenario.ctx();
    committee::seat(&market, &mut task, &mut pool, &mut submission, &self.clock, ctx);
    ts::return_shared(market);
    ts::return_shared(task);
    ts::return_shared(pool);
    ts::return_shared(submission)
}

public fun replace(self: &mut World, i: u64) {
    self.next(CRANK);
    let (market, mut task) = (self.market(), self.task());
    let (mut pool, mut submission) = (self.pool(), self.submission(i));
    let ctx = self.scenario.ctx();
    committee::replace(&market, &mut task, &mut pool, &mut submission, &self.clock, ctx);
    ts::return_shared(market);
    ts::return_shared(task);
    ts::return_shared(pool);
    ts::return_shared(submission)
}

public fun report(self: &mut World, i: u64, seat: u64) {
    let who = self.seat_verifier(i, seat);
    self.report_as(i, who, seat)
}

public fun report_as(self: &mut World, i: u64, who: address, seat: u64) {
    self.next(who);
    let (market, task, mut submission) = (self.market(), self.task(), self.submission(i));
    let cap = self.cap_of(who);
    attestation::report(&market, &task, &mut submission, &cap, seat, &self.clock);
    self.scenario.return_to_sender(cap);
    ts::return_shared(market);
    ts::return_shared(task);
    ts::return_shared(submission)
}

/// Stake in the pool of each seat of a committee.
public fun seat_stakes(self: &mut World, i: u64): vector<u64> {
    self.next(CRANK);
    let (pool, submission) = (self.pool(), self.submission(i));
    let indices = submission.seat_pool_indices();
    let mut stakes = vector[];
    let mut seat = 0;
    while (seat < indices.length()) {
        stakes.push_back(pool.seat_stake(indices[seat]));
        seat = seat + 1;
    };
    ts::return_shared(pool);
    ts::return_shared(submission);
    stakes
}

public fun seat_slot(self: &mut World, i: u64, seat: u64): u64 {
    self.next(CRANK);
    let submission = self.submission(i);
    let slot = submission.seat_slot(seat);
    ts::return_shared(submission);
    slot
}

public fun seat_verifier(self: &mut World, i: u64, seat: u64): address {
    self.next(CRANK);
    let submission = self.submission(i);
    let verifier = submission.seat_verifier(seat);
    ts::return_shared(submission);
    verifier
}

public fun attest_all(self: &mut World, i: u64) {
    self.attest(i, 0, 0);
    self.attest(i, 0, 1);
    self.attest(i, 1, 0);
    self.attest(i, 1, 1)
}

public fun attest(self: &mut World, i: u64, seat: u64, position: u64) {
    let who = self.seat_verifier(i, seat);
    let slot = self.seat_slot(i, seat);
    self.attest_as(i, who, seat, position, slot)
}

/// Reveals the digest of `slot` under the name of `seat`.
public fun attest_as(self: &mut World, i: u64, who: address, seat: u64, position: u64, slot: u64) {
    let segment = self.dealt_segment(i, seat * 2 + position);
    let leaves = self.leaves(i);
    let ctx = self.trace_ctx(i);
    let chain = self.chain_of(segment);
    let digest = protocol::compute_work_digest(ctx, segment, slot, chain);
    let slot_path = compute_path(&slots(ctx, segment, chain), slot);
    let trace_path = compute_path(&leaves, segment);
    let state_root = self.state_of(segment);
    self.attest_with(i, who, seat, position, digest, slot_path, state_root, trace_path)
}

public fun attest_with(
    self: &mut World,
    i: u64,
    who: address,
    seat: u64,
    position: u64,
    digest: vector<u8>,
    slot_path: vector<vector<u8>>,
    state_root: vector<u8>,
    trace_path: vector<vector<u8>>,
) {
    self.next(who);
    let (market, task, mut submission) = (self.market(), self.task(), self.submission(i));
    let cap = self.cap_of(who);
    attestation::attest(
        &market, &task, &mut submission, &cap, seat, position, digest, slot_path, state_root,
        trace_path, &self.clock,
    );
    self.scenario.return_to_sender(cap);
    ts::return_shared(market);
    ts::return_shared(task);
    ts::return_shared(submission)
}

// === Jury ===

public fun challenge(self: &mut World, i: u64, index: u64) {
    self.challenge_with(i, ACCUSER, 1, index, index, 20)
}

/// Claims a fault in something else than a segment.
public fun challenge_kind(self: &mut World, i: u64, who: address, kind: u8, index: u64) {
    self.challenge_at(i, who, kind, index, 0, vector[], vector[], 20)
}

/// Accuses segment `index` with the leaf and path of segment `shown`.
public fun challenge_with(
    self: &mut World,
    i: u64,
    who: address,
    kind: u8,
    index: u64,
    shown: u64,
    bond: u64,
) {
    let leaves = self.leaves(i);
    let path = compute_path(&leaves, shown);
    let found = self.place_of(i, index);
    let place = if (found.is_some()) found.destroy_some() else 0;
    self.challenge_at(i, who, kind, index, place, leaves[shown], path, bond)
}

public fun challenge_at(
    self: &mut World,
    i: u64,
    who: address,
    kind: u8,
    index: u64,
    place: u64,
    leaf: vector<u8>,
    path: vector<vector<u8>>,
    bond: u64,
) {
    let commitment = self.accuser_commitment(i, who, kind, index);
    self.challenge_committing(i, who, kind, index, place, leaf, path, commitment, bond)
}

public fun challenge_committing(
    self: &mut World,
    i: u64,
    who: address,
    kind: u8,
    index: u64,
    place: u64,
    leaf: vector<u8>,
    path: vector<vector<u8>>,
    commitment: vector<u8>,
    bond: u64,
) {
    self.next(who);
    let (market, task, mut submission) = (self.market(), self.task(), self.submission(i));
    let bond = self.coin(bond);
    jury::challenge(
        &market, &task, &mut submission, kind, index, place, leaf, path, commitment, bond,
        &self.clock, self.scenario.ctx(),
    );
    ts::return_shared(market);
    ts::return_shared(task);
    ts::return_shared(submission)
}

/// The accuser finds the honest value of a segment, and a fault in anything else.
fun accuser_commitment(self: &World, i: u64, who: address, kind: u8, index: u64): vector<u8> {
    let challenge =
        protocol::compute_challenge_id(self.submissions[i].to_address(), kind, index, 0);
    let is_segment = kind == dispute::segment();
    let chain = if (is_segment) chain(index) else FAULT;
    let state_root = if (is_segment) state_root(index) else ZEROS;
    protocol::compute_jury_commitment(challenge, who, chain, state_root, SALT)
}

/// A place of the deal that holds a segment; none if nobody was dealt it.
public fun place_of(self: &mut World, i: u64, segment: u64): Option<u64> {
    let mut place = 0;
    while (place < 4) {
        if (self.dealt_segment(i, place) == segment) return option::some(place);
        place = place + 1;
    };
    option::none()
}

/// As if juries had refuted `count` more challenges.
public fun add_verdicts(self: &mut World, i: u64, count: u64) {
    self.next(CRANK);
    let mut submission = self.submission(i);
    submission.add_verdicts_for_testing(count);
    ts::return_shared(submission)
}

/// What an honest juror finds beside the chain.
fun case_root(self: &mut World, i: u64, chain: vector<u8>): vector<u8> {
    self.next(CRANK);
    let submission = self.submission(i);
    let dispute = submission.dispute();
    let is_replay = dispute.is_about_segment() && chain != FAULT;
    let root = if (is_replay) self.state_of(dispute.index()) else ZEROS;
    ts::return_shared(submission);
    root
}

/// Draws and seats a jury of which every member reveals `chain`, and counts it once the accuser's
/// window is over.
public fun judge(self: &mut World, i: u64, chain: vector<u8>) {
    self.draw_jury(i);
    self.seat_jury(i);
    self.vote(i, chain);
    self.pass(WINDOW);
    self.resolve(i)
}

/// Every juror commits to `chain` and reveals it.
public fun vote(self: &mut World, i: u64, chain: vector<u8>) {
    let mut juror = 0;
    while (juror < 3) {
        self.jury_commit(i, juror, chain);
        juror = juror + 1;
    };
    let mut juror = 0;
    while (juror < 3) {
        self.jury_reveal(i, juror, chain);
        juror = juror + 1;
    }
}

public fun draw_jury(self: &mut World, i: u64) {
    self.next(CRANK);
    let (market, pool) = (self.market(), self.pool());
    let (mut submission, random) = (self.submission(i), self.scenario.take_shared());
    let ctx = self.scenario.ctx();
    jury::draw_jury_for_testing(&market, &pool, &mut submission, &random, &self.clock, ctx);
    ts::return_shared(market);
    ts::return_shared(pool);
    ts::return_shared(submission);
    ts::return_shared(random)
}

public fun seat_jury(self: &mut World, i: u64) {
    self.next(CRANK);
    let (market, mut task) = (self.market(), self.task());
    let (mut pool, mut submission) = (self.pool(), self.submission(i));
    let ctx = self.scenario.ctx();
    jury::seat_jury(&market, &mut task, &mut pool, &mut submission, &self.clock, ctx);
    ts::return_shared(market);
    ts::return_shared(task);
    ts::return_shared(pool);
    ts::return_shared(submission)
}

public fun juror(self: &mut World, i: u64, juror: u64): address {
    self.next(CRANK);
    let submission = self.submission(i);
    let verifier = submission.dispute().juror_verifier(juror);
    ts::return_shared(submission);
    verifier
}

public fun dispute_phase(self: &mut World, i: u64): u8 {
    self.next(CRANK);
    let submission = self.submission(i);
    let phase = submission.dispute().phase();
    ts::return_shared(submission);
    phase
}

public fun jury_commit_all(self: &mut World, i: u64) {
    self.jury_commit(i, 0, chain(3));
    self.jury_commit(i, 1, chain(3));
    self.jury_commit(i, 2, chain(3))
}

/// Commits to a work chain, with the honest state root.
public fun jury_commit(self: &mut World, i: u64, juror: u64, chain: vector<u8>) {
    let state_root = self.case_root(i, chain);
    self.jury_commit_stating(i, juror, chain, state_root)
}

/// Commits to a work chain and to whichever state root.
public fun jury_commit_stating(
    self: &mut World,
    i: u64,
    juror: u64,
    chain: vector<u8>,
    state_root: vector<u8>,
) {
    let who = self.juror(i, juror);
    self.next(who);
    let submission = self.submission(i);
    let challenge = submission.dispute().challenge();
    ts::return_shared(submission);
    let commitment =
        protocol::compute_jury_commitment(challenge, who, chain, state_root, SALT);
    self.jury_commit_with(i, who, juror, commitment)
}

public fun jury_commit_with(
    self: &mut World,
    i: u64,
    who: address,
    juror: u64,
    commitment: vector<u8>,
) {
    self.next(who);
    let (market, task, mut submission) = (self.market(), self.task(), self.submission(i));
    let cap = self.cap_of(who);
    jury::jury_commit(&market, &task, &mut submission, &cap, juror, commitment, &self.clock);
    self.scenario.return_to_sender(cap);
    ts::return_shared(market);
    ts::return_shared(task);
    ts::return_shared(submission)
}

public fun jury_reveal_all(self: &mut World, i: u64) {
    self.jury_reveal(i, 0, chain(3));
    self.jury_reveal(i, 1, chain(3));
    self.jury_reveal(i, 2, chain(3))
}

public fun jury_reveal(self: &mut World, i: u64, juror: u64, chain: vector<u8>) {
    let who = self.juror(i, juror);
    self.jury_reveal_as(i, who, juror, chain, SALT)
}

public fun jury_reveal_as(
    self: &mut World,
    i: u64,
    who: address,
    juror: u64,
    chain: vector<u8>,
    salt: vector<u8>,
) {
    let state_root = self.case_root(i, chain);
    self.jury_reveal_with(i, who, juror, chain, state_root, salt)
}

public fun jury_reveal_stating(
    self: &mut World,
    i: u64,
    juror: u64,
    chain: vector<u8>,
    state_root: vector<u8>,
) {
    let who = self.juror(i, juror);
    self.jury_reveal_with(i, who, juror, chain, state_root, SALT)
}

fun jury_reveal_with(
    self: &mut World,
    i: u64,
    who: address,
    juror: u64,
    chain: vector<u8>,
    state_root: vector<u8>,
    salt: vector<u8>,
) {
    self.next(who);
    let (market, task, mut submission) = (self.market(), self.task(), self.submission(i));
    let cap = self.cap_of(who);
    jury::jury_reveal(
        &market, &task, &mut submission, &cap, juror, chain, state_root, salt, &self.clock,
    );
    self.scenario.return_to_sender(cap);
    ts::return_shared(market);
    ts::return_shared(task);
    ts::return_shared(submission)
}

public fun accuser_reveal(self: &mut World, i: u64) { self.accuser_reveal_as(i, ACCUSER, chain(3)) }

public fun accuser_reveal_as(self: &mut World, i: u64, who: address, chain: vector<u8>) {
    let state_root = self.case_root(i, chain);
    self.next(who);
    let (market, task, mut submission) = (self.market(), self.task(), self.submission(i));
    let ctx = self.scenario.ctx();
    jury::accuser_reveal(
        &market, &task, &mut submission, chain, state_root, SALT, &self.clock, ctx,
    );
    ts::return_shared(market);
    ts::return_shared(task);
    ts::return_shared(submission)
}

public fun resolve(self: &mut World, i: u64) {
    self.next(CRANK);
    let (market, mut task) = (self.market(), self.task());
    let (mut pool, mut submission) = (self.pool(), self.submission(i));
    let ctx = self.scenario.ctx();
    jury::resolve(&market, &mut task, &mut pool, &mut submission, &self.clock, ctx);
    ts::return_shared(market);
    ts::return_shared(task);
    ts::return_shared(pool);
    ts::return_shared(submission)
}

// === Audit ===

public fun draw_audit(self: &mut World, i: u64) {
    self.next(CRANK);
    let (market, task) = (self.market(), self.task());
    let (mut submission, random) = (self.submission(i), self.scenario.take_shared());
    let ctx = self.scenario.ctx();
    audit::draw_audit_for_testing(&market, &task, &mut submission, &random, &self.clock, ctx);
    ts::return_shared(market);
    ts::return_shared(task);
    ts::return_shared(submission);
    ts::return_shared(random)
}

/// As if the lot had fallen on `segment`; 0 for none.
public fun steer_to(self: &mut World, i: u64, segment: u64) {
    self.next(CRANK);
    let (task, mut submission) = (self.task(), self.submission(i));
    let mut n = 0u64;
    loop {
        submission.set_audit_beacon_for_testing(sha2_256(bcs::to_bytes(&n)));
        if (audit::segment_for_testing(&task, &submission) == segment) break;
        n = n + 1;
    };
    ts::return_shared(task);
    ts::return_shared(submission)
}

/// Brings the segment on which the lot fell before a jury, by anybody.
public fun audit(self: &mut World, i: u64, segment: u64) {
    let leaves = self.leaves(i);
    let path = compute_path(&leaves, segment);
    self.audit_with(i, leaves[segment], path)
}

public fun audit_with(self: &mut World, i: u64, leaf: vector<u8>, path: vector<vector<u8>>) {
    self.next(CRANK);
    let (market, task, mut submission) = (self.market(), self.task(), self.submission(i));
    audit::audit(&market, &task, &mut submission, leaf, path, &self.clock);
    ts::return_shared(market);
    ts::return_shared(task);
    ts::return_shared(submission)
}

// === Settlement ===

/// Ends an opened submission that everybody attests and no audit looks at.
public fun accept(self: &mut World, i: u64) {
    self.attest_all(i);
    self.draw_audit(i);
    self.steer_to(i, 0);
    self.settle(i)
}

public fun settle(self: &mut World, i: u64) {
    self.next(CRANK);
    let (market, mut task) = (self.market(), self.task());
    let (mut pool, mut submission) = (self.pool(), self.submission(i));
    let ctx = self.scenario.ctx();
    settlement::settle(&market, &mut task, &mut pool, &mut submission, &self.clock, ctx);
    ts::return_shared(market);
    ts::return_shared(task);
    ts::return_shared(pool);
    ts::return_shared(submission)
}

public fun claim(self: &mut World, i: u64, who: address): u64 {
    self.next(who);
    let (market, mut submission) = (self.market(), self.submission(i));
    let coin = settlement::claim(&market, &mut submission, self.scenario.ctx());
    ts::return_shared(market);
    ts::return_shared(submission);
    coin.burn_for_testing()
}

// === Traces ===

/// The honest work chain of a segment.
public fun chain(segment: u64): vector<u8> { sha2_256(bcs::to_bytes(&segment)) }

public fun state_root(segment: u64): vector<u8> { sha2_256(bcs::to_bytes(&(segment + 1_000))) }

fun chain_of(self: &World, segment: u64): vector<u8> {
    if (segment != self.forged) chain(segment)
    else if (self.poses) FAULT
    else sha2_256(b"forged")
}

/// The last leaf of a trace whose replay ends early has no state.
fun state_of(self: &World, segment: u64): vector<u8> {
    let is_posing = self.poses && segment == self.forged;
    if (segment == self.aborted || is_posing) ZEROS else state_root(segment)
}

/// What submission `i` is bound to; known once joining has closed.
public fun trace_ctx(self: &mut World, i: u64): vector<u8> {
    self.next(CRANK);
    let task = self.task();
    let (id, who) = (object::id(&task).to_address(), contributor(i));
    let seed = protocol::compute_seed(id, who, task.join_beacon());
    let ctx = protocol::compute_ctx(CHAIN_ID, PACKAGE, id, who, seed, DIGEST, DIGEST);
    ts::return_shared(task);
    ctx
}

/// The leaves of submission `i`'s trace. Segment 0's state root is the task's.
public fun leaves(self: &mut World, i: u64): vector<vector<u8>> {
    let ctx = self.trace_ctx(i);
    let mut leaves = vector[protocol::compute_leaf_zero(DIGEST)];
    let mut segment = 1;
    while (segment <= self.segments()) {
        let slot_root =
            protocol::compute_slot_root(ctx, segment, 2, self.chain_of(segment));
        leaves.push_back(protocol::compute_leaf(segment, self.state_of(segment), slot_root));
        segment = segment + 1;
    };
    leaves
}

public fun dealt_segment(self: &mut World, i: u64, place: u64): u64 {
    self.next(CRANK);
    let task = self.task();
    let seed = protocol::compute_deal_seed(task.beacon(), self.submissions[i].to_address());
    ts::return_shared(task);
    let segments = self.segments();
    walrusd::dealing::compute_dealt_segment(&seed, segments, place % segments)
}

fun slots(ctx: vector<u8>, segment: u64, chain: vector<u8>): vector<vector<u8>> {
    let mut slots = vector[];
    let mut slot = 0;
    while (slot < 4) {
        let digest = protocol::compute_work_digest(ctx, segment, slot, chain);
        slots.push_back(protocol::compute_slot(digest));
        slot = slot + 1;
    };
    slots
}

/// The audit path of leaf `index`, by the recursive definition of RFC 6962, section 2.1.1.
public fun compute_path(leaves: &vector<vector<u8>>, index: u64): vector<vector<u8>> {
    let count = leaves.length();
    if (count == 1) return vector[];
    let mut half = 1;
    while (2 * half < count) half = 2 * half;
    let (left, right) = (range(leaves, 0, half), range(leaves, half, count));
    let (mut path, sibling) = if (index < half) (compute_path(&left, index), &right)
    else (compute_path(&right, index - half), &left);
    path.push_back(merkle::compute_root(sibling));
    path
}

fun range(leaves: &vector<vector<u8>>, start: u64, end: u64): vector<vector<u8>> {
    let mut out = vector[];
    let mut i = start;
    while (i < end) {
        out.push_back(leaves[i]);
        i = i + 1;
    };
    out
}
