/// The market: what an administrator may tune, which package versions may act, and the pause.
/// It is always taken by reference, so that tasks never contend on it.
module walrusd::market;

use walrusd::events;

// === Errors ===

/// The object or the market belongs to another package version.
const EWrongVersion: u64 = 0;
/// The market is paused: no new tasks and no new joins.
const EPaused: u64 = 1;
/// A market parameter is outside its limits.
const EBadParams: u64 = 2;
/// The verifier pool is not the market's.
const EWrongPool: u64 = 3;
/// The version is already allowed, or not allowed, or the only one, or one too many.
const EBadVersion: u64 = 4;
/// The object does not come from an earlier version of the package.
const ENotOlder: u64 = 5;

// === Constants ===

const VERSION: u64 = 1;
const MAX_AMOUNT: u64 = 10_000_000_000_000_000;
const MAX_ACCUSER_SHARE_BPS: u64 = 2_000;
const MAX_ALLOWED_VERSIONS: u64 = 8;
const BURN: address = @0xdead;

// === Structs ===

/// What an administrator may tune. Amounts in Mist, windows in milliseconds.
public struct MarketParams has copy, drop, store {
    tip: u64,
    accuser_share_bps: u64,
    min_window_ms: u64,
    max_window_ms: u64,
    min_seat_stake: u64,
    unbonding_ms: u64,
}

/// Shared. Always taken by reference, so tasks never contend on it.
public struct Market has key {
    id: UID,
    version: u64,
    chain_id: vector<u8>,
    package: address,
    pool: ID,
    paused: bool,
    allowed_versions: vector<u64>,
    params: MarketParams,
}

/// Owned by whoever published the package.
public struct AdminCap has key, store {
    id: UID,
}

fun init(ctx: &mut TxContext) {
    transfer::transfer(AdminCap { id: object::new(ctx) }, ctx.sender())
}

// === Admin Functions ===

/// Stops, or allows again, new tasks and new joins. Nothing that runs already is stopped.
public fun set_paused(_: &AdminCap, self: &mut Market, paused: bool) {
    self.assert_version();
    self.paused = paused
}

/// Lets one more version of the package act, for instance the next one beside this one. Works from
/// every version, so that no mistake here is final.
public fun allow_version(_: &AdminCap, self: &mut Market, version: u64) {
    assert!(
        version > 0 && !self.allowed_versions.contains(&version)
            && self.allowed_versions.length() < MAX_ALLOWED_VERSIONS,
        EBadVersion,
    );
    self.allowed_versions.push_back(version)
}

/// Stops one version of the package; at least one remains. Works from every version.
public fun disallow_version(_: &AdminCap, self: &mut Market, version: u64) {
    let count = self.allowed_versions.length();
    let mut i = 0;
    while (i < count && self.allowed_versions[i] != version) i = i + 1;
    assert!(i < count && count > 1, EBadVersion);
    self.allowed_versions.remove(i);
}

/// Hands a market of an earlier version to this one, which alone may act from then on. Anyone may
/// then migrate the other shared objects, each with its module's `migrate_…`.
public fun migrate_market(_: &AdminCap, self: &mut Market) {
    self.version = newer_version(self.version);
    self.allowed_versions = vector[VERSION]
}

// === Package Functions ===

/// Shares a new market around its verifier pool.
public(package) fun share_new(
    chain_id: vector<u8>,
    package: address,
    pool: ID,
    params: MarketParams,
    ctx: &mut TxContext,
) {
    let self = Market {
        id: object::new(ctx),
        version: VERSION,
        chain_id,
        package,
        pool,
        paused: false,
        allowed_versions: vector[VERSION],
        params,
    };
    events::emit_market_created(object::id(&self), pool, chain_id);
    transfer::share_object(self)
}

/// The parameters, if all are within their limits.
public(package) fun new_params(
    chain_id: &vector<u8>,
    tip: u64,
    accuser_share_bps: u64,
    min_window_ms: u64,
    max_window_ms: u64,
    min_seat_stake: u64,
    unbonding_ms: u64,
): MarketParams {
    assert!(
        chain_id.length() == 32
            && accuser_share_bps <= MAX_ACCUSER_SHARE_BPS
            && 0 < min_window_ms && min_window_ms <= max_window_ms
            && tip <= MAX_AMOUNT
            && min_seat_stake > 0,
        EBadParams,
    );
    MarketParams {
        tip,
        accuser_share_bps,
        min_window_ms,
        max_window_ms,
        min_seat_stake,
        unbonding_ms,
    }
}

/// Checks that this version of the package may act.
public(package) fun assert_version(self: &Market) {
    let version = VERSION;
    assert!(self.allowed_versions.contains(&version), EWrongVersion)
}

/// The version of this package, for an object of an earlier one.
public(package) fun newer_version(version: u64): u64 {
    assert!(version < VERSION, ENotOlder);
    VERSION
}

/// Checks that a shared object has the layout of this version.
public(package) fun assert_object_version(version: u64) {
    assert!(version == VERSION, EWrongVersion)
}

public(package) fun assert_pool(self: &Market, pool: ID) {
    assert!(self.pool == pool, EWrongPool)
}

public(package) fun assert_not_paused(self: &Market) {
    assert!(!self.paused, EPaused)
}

public(package) fun version(): u64 { VERSION }

public(package) fun max_amount(): u64 { MAX_AMOUNT }

/// Nobody holds the key of this address: what is sent there is out of circulation, but counted.
public(package) fun burn_address(): address { BURN }

public(package) fun chain_id(self: &Market): vector<u8> { self.chain_id }

public(package) fun package(self: &Market): address { self.package }

public(package) fun pool(self: &Market): ID { self.pool }

public(package) fun tip(self: &Market): u64 { self.params.tip }

public(package) fun accuser_share_bps(self: &Market): u64 { self.params.accuser_share_bps }

public(package) fun min_window_ms(self: &Market): u64 { self.params.min_window_ms }

public(package) fun max_window_ms(self: &Market): u64 { self.params.max_window_ms }

public(package) fun min_seat_stake(self: &Market): u64 { self.params.min_seat_stake }

public(package) fun unbonding_ms(self: &Market): u64 { self.params.unbonding_ms }

// === Test Functions ===

#[test_only]
public fun init_for_testing(ctx: &mut TxContext) { init(ctx) }

#[test_only]
public fun admin_cap_for_testing(ctx: &mut TxContext): AdminCap {
    AdminCap { id: object::new(ctx) }
}

#[test_only]
public fun set_version_for_testing(self: &mut Market, version: u64) { self.version = version }

#[test_only]
public fun object_version(self: &Market): u64 { self.version }

#[test_only]
public fun allowed_versions(self: &Market): vector<u64> { self.allowed_versions }

#[test_only]
public fun set_allowed_versions_for_testing(self: &mut Market, versions: vector<u64>) {
    self.allowed_versions = versions
}
