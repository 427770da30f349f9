/// The verifier pool: an append-only vector of staked seats, so that an index always means the same
/// seat, and the drawing rules that every committee and jury share.
module walrusd::node;

use sui::{balance::{Self, Balance}, clock::Clock, coin::Coin, sui::SUI};
use walrusd::{events, market::{Self, AdminCap, Market}, math, phase};

// === Errors ===

/// The stake is below the market's minimum for a seat.
const EStakeTooSmall: u64 = 0;
/// An encryption key has 32 bytes.
const EBadKey: u64 = 1;
/// The verifier pool has no room for another seat.
const EPoolFull: u64 = 2;
/// The capability belongs to another pool.
const EWrongCap: u64 = 3;
/// The seat is exiting already.
const EAlreadyExiting: u64 = 4;
/// The seat must exit before its stake can be withdrawn.
const ENotExiting: u64 = 5;
/// The unbonding period of the seat is not over.
const EStillBonded: u64 = 6;
/// The seat still serves on a committee or a jury.
const ESeatInUse: u64 = 7;

// === Constants ===

const MAX_SEATS: u64 = 1_024;

// === Structs ===

/// One verifier's place in the pool. Never removed, so indices stay.
public struct Seat has copy, drop, store {
    verifier: address,
    key: vector<u8>,
    stake: u64,
    min_fee: u64,
    max_state_bytes: u64,
    max_segment_work: u64,
    active_from_ms: u64,
    exiting_at_ms: u64,
    in_use: u64,
}

/// Shared. The append-only vector of seats and their stakes.
public struct VerifierPool has key {
    id: UID,
    version: u64,
    seats: vector<Seat>,
    stakes: Balance<SUI>,
}

/// Owned by a verifier; proves which seat it holds.
public struct VerifierCap has key, store {
    id: UID,
    pool: ID,
    index: u64,
}

// === Admin Functions ===

/// Creates and shares the verifier pool and the market around it.
public fun create_market(
    _: &AdminCap,
    chain_id: vector<u8>,
    package: address,
    tip: u64,
    accuser_share_bps: u64,
    min_window_ms: u64,
    max_window_ms: u64,
    min_seat_stake: u64,
    unbonding_ms: u64,
    ctx: &mut TxContext,
) {
    let params = market::new_params(
        &chain_id,
        tip,
        accuser_share_bps,
        min_window_ms,
        max_window_ms,
        min_seat_stake,
        unbonding_ms,
    );
    let pool = VerifierPool {
        id: object::new(ctx),
        version: market::version(),
        seats: vector[],
        stakes: balance::zero(),
    };
    market::share_new(chain_id, package, object::id(&pool), params, ctx);
    transfer::share_object(pool)
}

// === Public Functions ===

/// Stakes a seat. `key` is the X25519 key to which openings are sealed; the three numbers are what
/// the verifier asks for and can carry.
public fun register_seat(
    market: &Market,
    self: &mut VerifierPool,
    stake: Coin<SUI>,
    key: vector<u8>,
    min_fee: u64,
    max_state_bytes: u64,
    max_segment_work: u64,
    clock: &Clock,
    ctx: &mut TxContext,
): VerifierCap {
    self.assert_valid(market);
    assert!(stake.value() >= market.min_seat_stake(), EStakeTooSmall);
    assert_key(&key);
    assert!(self.seats.length() < MAX_SEATS, EPoolFull);
    let index = self.seats.length();
    let verifier = ctx.sender();
    let amount = stake.value();
    self.stakes.join(stake.into_balance());
    self.seats.push_back(Seat {
        verifier,
        key,
        stake: amount,
        min_fee,
        max_state_bytes,
        max_segment_work,
        active_from_ms: clock.timestamp_ms(),
        exiting_at_ms: 0,
        in_use: 0,
    });
    let pool = object::id(self);
    events::emit_seat_registered(pool, index, verifier, key, amount, min_fee);
    VerifierCap { id: object::new(ctx), pool, index }
}

/// Takes the seat out of every later draw and starts its unbonding.
public fun exit_seat(market: &Market, self: &mut VerifierPool, cap: &VerifierCap, clock: &Clock) {
    self.assert_valid(market);
    let pool = object::id(self);
    assert!(cap.pool == pool, EWrongCap);
    let seat = &mut self.seats[cap.index];
    assert!(seat.exiting_at_ms == 0, EAlreadyExiting);
    seat.exiting_at_ms = clock.timestamp_ms();
    events::emit_seat_exited(pool, cap.index, seat.verifier, seat.exiting_at_ms)
}

/// Returns what is left of the stake, after the unbonding and once nothing needs the seat.
public fun withdraw_seat(
    market: &Market,
    self: &mut VerifierPool,
    cap: VerifierCap,
    clock: &Clock,
    ctx: &mut TxContext,
): Coin<SUI> {
    self.assert_valid(market);
    assert!(cap.pool == object::id(self), EWrongCap);
    let VerifierCap { id, pool, index } = cap;
    let seat = &mut self.seats[index];
    assert!(seat.exiting_at_ms != 0, ENotExiting);
    assert!(
        phase::is_over(clock.timestamp_ms(), seat.exiting_at_ms, market.unbonding_ms()),
        EStillBonded,
    );
    assert!(seat.in_use == 0, ESeatInUse);
    let amount = seat.stake;
    seat.stake = 0;
    id.delete();
    events::emit_seat_withdrawn(pool, index, seat.verifier, amount);
    self.stakes.split(amount).into_coin(ctx)
}

/// Hands a pool of an earlier version of the package to this one. Anyone may, once the market
/// allows this version.
public fun migrate_pool(market: &Market, self: &mut VerifierPool) {
    market.assert_version();
    self.version = market::newer_version(self.version)
}

// === Package Functions ===

/// Checks the versions of the market and the pool, and that they belong together.
public(package) fun assert_valid(self: &VerifierPool, market: &Market) {
    market.assert_version();
    self.assert_version();
    market.assert_pool(object::id(self))
}

public(package) fun assert_version(self: &VerifierPool) {
    market::assert_object_version(self.version)
}

public(package) fun assert_key(key: &vector<u8>) {
    assert!(key.length() == 32, EBadKey)
}

/// Whether a seat may be drawn for work that was created at `created_ms` and drawn at `drawn_ms`,
/// and can carry it for this fee. Who it belongs to is the caller's to check.
public(package) fun is_eligible(
    self: &VerifierPool,
    index: u64,
    created_ms: u64,
    drawn_ms: u64,
    state_bytes: u64,
    segment_work: u64,
    fee: u64,
    stake: u64,
): bool {
    let seat = &self.seats[index];
    seat.active_from_ms < created_ms
        && (seat.exiting_at_ms == 0 || seat.exiting_at_ms > drawn_ms)
        && seat.max_state_bytes >= state_bytes
        && seat.max_segment_work >= segment_work
        && seat.min_fee <= fee
        && seat.stake >= stake
}

/// Keeps a seat from being withdrawn while it serves.
public(package) fun pin(self: &mut VerifierPool, index: u64) {
    let seat = &mut self.seats[index];
    seat.in_use = seat.in_use + 1
}

public(package) fun unpin(self: &mut VerifierPool, index: u64) {
    let seat = &mut self.seats[index];
    seat.in_use = seat.in_use - 1
}

/// Takes `amount`, or what is left, from a seat's stake.
public(package) fun penalize(self: &mut VerifierPool, index: u64, amount: u64): Balance<SUI> {
    let pool = object::id(self);
    let seat = &mut self.seats[index];
    let taken = math::min(seat.stake, amount);
    seat.stake = seat.stake - taken;
    if (taken > 0) events::emit_seat_penalized(pool, index, seat.verifier, taken);
    self.stakes.split(taken)
}

/// Whether the capability holds seat `index` of the market's pool.
public(package) fun holds(cap: &VerifierCap, pool: ID, index: u64): bool {
    cap.pool == pool && cap.index == index
}

public(package) fun seat_count(self: &VerifierPool): u64 { self.seats.length() }

public(package) fun seat_verifier(self: &VerifierPool, index: u64): address {
    self.seats[index].verifier
}

public(package) fun seat_key(self: &VerifierPool, index: u64): vector<u8> { self.seats[index].key }

// === Test Functions ===

#[test_only]
public fun seat_stake(self: &VerifierPool, index: u64): u64 { self.seats[index].stake }

#[test_only]
public fun seat_in_use(self: &VerifierPool, index: u64): u64 { self.seats[index].in_use }

#[test_only]
public fun stakes(self: &VerifierPool): u64 { self.stakes.value() }

#[test_only]
public fun set_version_for_testing(self: &mut VerifierPool, version: u64) { self.version = version }

#[test_only]
public fun object_version(self: &VerifierPool): u64 { self.version }

#[test_only]
/// As if the first seat had been staked until there are `count`.
public fun fill_for_testing(self: &mut VerifierPool, count: u64) {
    while (self.seats.length() < count) {
        let seat = self.seats[0];
        self.seats.push_back(seat)
    }
}
