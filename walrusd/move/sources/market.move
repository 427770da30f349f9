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
/// The object belongs to another market.
const EWrongMarket: u64 = 3;
/// The object belongs to another verifier pool.
const EWrongPool: u64 = 4;
/// The version is already allowed, or not allowed, or the only one, or one too many.
const EBadVersion: u64 = 5;
/// The object does not come from an earlier version of the package.
const ENotOlder: u64 = 6;

// === Constants ===

const VERSION: u64 = 1;
const MAX_AMOUNT: u64 = 10_000_000_000_000_000;
/// The longest window, life or unbonding period: ten years, so that sums of times never overflow.
const MAX_SPAN_MS: u64 = 315_360_000_000;
const MAX_ALLOWED_VERSIONS: u64 = 8;
const BURN: address = @0xdead;

// === Structs ===

/// What an administrator may tune. Amounts in Mist, windows in milliseconds. `min_grace_ms` is the
/// shortest time that an honest party may be away, `max_life_ms` the longest that a task may take.
public struct MarketParams has copy, drop, store {
    tip: u64,
    min_window_ms: u64,
    max_window_ms: u64,
    min_grace_ms: u64,
    max_life_ms: u64,
}

/// Shared. Always taken by reference, so tasks never contend on it.
public struct Market has key {
    id: UID,
    version: u64,
    chain_id: vector<u8>,
    package: address,
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

/// Creates and shares a market. Its verifier pools are made by `node::create_pool`.
public fun create_market(
    _: &AdminCap,
    chain_id: vector<u8>,
    package: address,
    tip: u64,
    min_window_ms: u64,
    max_window_ms: u64,
    min_grace_ms: u64,
    max_life_ms: u64,
    ctx: &mut TxContext,
) {
    transfer::share_object(
        new(
            chain_id,
            package,
            tip,
            min_window_ms,
            max_window_ms,
            min_grace_ms,
            max_life_ms,
            ctx,
        ),
    )
}

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

/// Checks that an object of the market `market` is of this one.
public(package) fun assert_is(self: &Market, market: ID) {
    assert!(object::id(self) == market, EWrongMarket)
}

/// Checks that an object of the pool `pool` is used with no other than that.
public(package) fun assert_pool(given: ID, pool: ID) {
    assert!(given == pool, EWrongPool)
}

public(package) fun assert_not_paused(self: &Market) {
    assert!(!self.paused, EPaused)
}

public(package) fun version(): u64 { VERSION }

public(package) fun max_amount(): u64 { MAX_AMOUNT }

public(package) fun max_span_ms(): u64 { MAX_SPAN_MS }

/// Nobody holds the key of this address: what is sent there is out of circulation, but counted.
public(package) fun burn_address(): address { BURN }

public(package) fun chain_id(self: &Market): vector<u8> { self.chain_id }

public(package) fun package(self: &Market): address { self.package }

public(package) fun tip(self: &Market): u64 { self.params.tip }

public(package) fun min_window_ms(self: &Market): u64 { self.params.min_window_ms }

public(package) fun max_window_ms(self: &Market): u64 { self.params.max_window_ms }

public(package) fun min_grace_ms(self: &Market): u64 { self.params.min_grace_ms }

public(package) fun max_life_ms(self: &Market): u64 { self.params.max_life_ms }

// === Private Functions ===

fun new(
    chain_id: vector<u8>,
    package: address,
    tip: u64,
    min_window_ms: u64,
    max_window_ms: u64,
    min_grace_ms: u64,
    max_life_ms: u64,
    ctx: &mut TxContext,
): Market {
    assert!(
        chain_id.length() == 32
            && tip <= MAX_AMOUNT
            && 0 < min_window_ms && min_window_ms <= max_window_ms && max_window_ms <= MAX_SPAN_MS
            && 0 < min_grace_ms && min_grace_ms <= max_window_ms
            && 0 < max_life_ms && max_life_ms <= MAX_SPAN_MS,
        EBadParams,
    );
    let self = Market {
        id: object::new(ctx),
        version: VERSION,
        chain_id,
        package,
        paused: false,
        allowed_versions: vector[VERSION],
        params: MarketParams { tip, min_window_ms, max_window_ms, min_grace_ms, max_life_ms },
    };
    events::emit_market_created(object::id(&self), chain_id);
    self
}

// === Test Functions ===

#[test_only]
/// A market that is not shared yet, so that its first pool can be made in the same transaction.
public fun new_for_testing(
    chain_id: vector<u8>,
    package: address,
    tip: u64,
    min_window_ms: u64,
    max_window_ms: u64,
    min_grace_ms: u64,
    max_life_ms: u64,
    ctx: &mut TxContext,
): Market {
    new(chain_id, package, tip, min_window_ms, max_window_ms, min_grace_ms, max_life_ms, ctx)
}

#[test_only]
public fun share_for_testing(self: Market) { transfer::share_object(self) }

#[test_only]
public fun admin_cap_for_testing(ctx: &mut TxContext): AdminCap {
    AdminCap { id: object::new(ctx) }
}
