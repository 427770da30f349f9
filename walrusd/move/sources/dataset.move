/// Listed datasets and the requests for their keys. A granted request is also the receipt of the
/// key's release; what a key may be used for is its scope.
///
/// They belong to no market: one listing serves any. A grant to train for a task is for that task
/// alone, and only while it takes contributors.
module walrusd::dataset;

use sui::clock::Clock;
use walrusd::{events, market::{Self, Market}, phase, task::Task};

// === Errors ===

/// Only the dataset's owner may do this.
const ENotOwner: u64 = 0;
/// A digest has 32 bytes.
const EBadDigest: u64 = 1;
/// A title has between 1 and 128 bytes.
const EBadTitle: u64 = 2;
/// A dataset has at most 64 versions.
const ETooManyVersions: u64 = 3;
/// The dataset has no such version.
const ENoVersion: u64 = 4;
/// An encryption key has 32 bytes.
const EBadKey: u64 = 5;
/// The scope of a key request is unknown, or needs a task.
const EBadScope: u64 = 6;
/// The request has been answered already.
const EWrongState: u64 = 7;
/// The request has expired.
const EExpired: u64 = 8;
/// The request has not expired yet.
const ENotExpired: u64 = 9;
/// An envelope has between 1 and 2048 bytes.
const EBadEnvelope: u64 = 10;
/// A dataset version has at least one row, and rows of at least one byte.
const EEmpty: u64 = 11;
/// A request lives between one minute and thirty days.
const EBadLifetime: u64 = 12;
/// The request is for another task.
const EWrongTask: u64 = 13;
/// The task takes no more contributors.
const ETaskClosed: u64 = 14;
/// The task still takes contributors.
const ETaskOpen: u64 = 15;

// === Constants ===

const MAX_TITLE_BYTES: u64 = 128;
const MAX_VERSIONS: u64 = 64;
const MAX_ENVELOPE_BYTES: u64 = 2_048;
const MAX_REASON_BYTES: u64 = 256;
const MIN_LIFETIME_MS: u64 = 60_000;
const MAX_LIFETIME_MS: u64 = 2_592_000_000;

const REQUESTED: u8 = 0;
const GRANTED: u8 = 1;
const DENIED: u8 = 2;
const EXPIRED: u8 = 3;

const TRAIN: u8 = 1;
const TRAIN_AND_VERIFY: u8 = 2;

// === Structs ===

/// One immutable version: the encrypted blob and what proves rows of it.
public struct DatasetVersion has copy, drop, store {
    number: u64,
    blob: u256,
    manifest_digest: vector<u8>,
    row_root: vector<u8>,
    rows: u64,
    row_bytes: u64,
    key_check: vector<u8>,
}

/// Shared. A listed dataset with its public description.
public struct Dataset has key {
    id: UID,
    version: u64,
    owner: address,
    title: vector<u8>,
    description_blob: u256,
    versions: vector<DatasetVersion>,
}

/// Shared. A request for a dataset's key and, once granted, the receipt of its release.
public struct KeyRequest has key {
    id: UID,
    version: u64,
    dataset: ID,
    number: u64,
    owner: address,
    requester: address,
    key: vector<u8>,
    scope: u8,
    task: address,
    state: u8,
    requested_ms: u64,
    expires_ms: u64,
    envelope: vector<u8>,
    reason: vector<u8>,
}

// === Public Functions ===

/// Lists a dataset with its first version.
public fun list_dataset(
    market: &Market,
    title: vector<u8>,
    description_blob: u256,
    blob: u256,
    manifest_digest: vector<u8>,
    row_root: vector<u8>,
    rows: u64,
    row_bytes: u64,
    key_check: vector<u8>,
    ctx: &mut TxContext,
) {
    market.assert_version();
    assert!(1 <= title.length() && title.length() <= MAX_TITLE_BYTES, EBadTitle);
    let first = new_version(1, blob, manifest_digest, row_root, rows, row_bytes, key_check);
    let self = Dataset {
        id: object::new(ctx),
        version: market::version(),
        owner: ctx.sender(),
        title,
        description_blob,
        versions: vector[first],
    };
    let dataset = object::id(&self);
    events::emit_dataset_listed(dataset, self.owner, title, description_blob);
    events::emit_dataset_version_added(dataset, 1, blob, row_root, rows);
    transfer::share_object(self)
}

/// Adds the next version; the earlier ones stay as they are.
public fun add_version(
    market: &Market,
    self: &mut Dataset,
    blob: u256,
    manifest_digest: vector<u8>,
    row_root: vector<u8>,
    rows: u64,
    row_bytes: u64,
    key_check: vector<u8>,
    ctx: &mut TxContext,
) {
    market.assert_version();
    self.assert_version();
    assert!(ctx.sender() == self.owner, ENotOwner);
    let number = self.versions.length() + 1;
    let added = new_version(number, blob, manifest_digest, row_root, rows, row_bytes, key_check);
    assert!(number <= MAX_VERSIONS, ETooManyVersions);
    self.versions.push_back(added);
    events::emit_dataset_version_added(object::id(self), number, blob, row_root, rows)
}

/// Asks the owner to seal the key of one version to the X25519 key `key`. A key to train and be
/// verified with is for one task; one to train alone may be for none, 0x0.
public fun request_key(
    market: &Market,
    dataset: &Dataset,
    number: u64,
    key: vector<u8>,
    scope: u8,
    task: address,
    lifetime_ms: u64,
    clock: &Clock,
    ctx: &mut TxContext,
) {
    market.assert_version();
    dataset.assert_version();
    dataset.borrow_version(number);
    assert!(key.length() == 32, EBadKey);
    assert!(scope == TRAIN || scope == TRAIN_AND_VERIFY && task != @0x0, EBadScope);
    assert!(MIN_LIFETIME_MS <= lifetime_ms && lifetime_ms <= MAX_LIFETIME_MS, EBadLifetime);
    let now = clock.timestamp_ms();
    let self = KeyRequest {
        id: object::new(ctx),
        version: market::version(),
        dataset: object::id(dataset),
        number,
        owner: dataset.owner,
        requester: ctx.sender(),
        key,
        scope,
        task,
        state: REQUESTED,
        requested_ms: now,
        expires_ms: now + lifetime_ms,
        envelope: vector[],
        reason: vector[],
    };
    events::emit_key_requested(
        object::id(&self),
        self.dataset,
        number,
        self.owner,
        self.requester,
        key,
        scope,
        task,
        self.expires_ms,
    );
    transfer::share_object(self)
}

/// Releases the key for a task, sealed to the requester.
public fun grant_key(
    market: &Market,
    task: &Task,
    self: &mut KeyRequest,
    envelope: vector<u8>,
    clock: &Clock,
    ctx: &mut TxContext,
) {
    self.assert_for(market, task);
    let now = clock.timestamp_ms();
    assert!(task.takes_contributors(now), ETaskClosed);
    self.grant(market, envelope, now, ctx)
}

/// Releases the key for no task, sealed to the requester.
public fun grant_key_alone(
    market: &Market,
    self: &mut KeyRequest,
    envelope: vector<u8>,
    clock: &Clock,
    ctx: &mut TxContext,
) {
    assert!(self.task == @0x0, EWrongTask);
    self.grant(market, envelope, clock.timestamp_ms(), ctx)
}

/// Refuses the request, with a reason for the requester to read. Takes the clock like every answer
/// to a request, so that its signature need not change when a refusal is dated.
public fun deny_key(
    market: &Market,
    self: &mut KeyRequest,
    reason: vector<u8>,
    _clock: &Clock,
    ctx: &mut TxContext,
) {
    market.assert_version();
    market::assert_object_version(self.version);
    assert!(ctx.sender() == self.owner, ENotOwner);
    assert!(self.state == REQUESTED, EWrongState);
    assert!(reason.length() <= MAX_REASON_BYTES, EBadEnvelope);
    self.state = DENIED;
    self.reason = reason;
    events::emit_key_denied(object::id(self), self.dataset, self.requester, reason)
}

/// Closes a request that nobody answered in time. Anyone may call it.
public fun expire_key(market: &Market, self: &mut KeyRequest, clock: &Clock) {
    market.assert_version();
    market::assert_object_version(self.version);
    assert!(self.state == REQUESTED, EWrongState);
    assert!(phase::is_over(clock.timestamp_ms(), self.expires_ms, 0), ENotExpired);
    self.lapse()
}

/// Closes an unanswered request for a task that takes no more contributors. Anyone may call it.
public fun lapse_key(market: &Market, task: &Task, self: &mut KeyRequest, clock: &Clock) {
    self.assert_for(market, task);
    market::assert_object_version(self.version);
    assert!(self.state == REQUESTED, EWrongState);
    assert!(!task.takes_contributors(clock.timestamp_ms()), ETaskOpen);
    self.lapse()
}

/// Hands a dataset of an earlier version of the package to this one. Anyone may, once the market
/// allows this version.
public fun migrate_dataset(market: &Market, self: &mut Dataset) {
    market.assert_version();
    self.version = market::newer_version(self.version)
}

/// Hands a key request of an earlier version of the package to this one. Anyone may, once the market
/// allows this version.
public fun migrate_request(market: &Market, self: &mut KeyRequest) {
    market.assert_version();
    self.version = market::newer_version(self.version)
}

// === Package Functions ===

public(package) fun assert_version(self: &Dataset) {
    market::assert_object_version(self.version)
}

public(package) fun assert_request_version(self: &KeyRequest) {
    market::assert_object_version(self.version)
}

/// Whether the request gave `who` the dataset's key for training and for verification, in this task.
public(package) fun grants_verification(
    self: &KeyRequest,
    task: ID,
    who: address,
    dataset: ID,
): bool {
    self.state == GRANTED
        && self.task == task.to_address()
        && self.scope == TRAIN_AND_VERIFY
        && self.requester == who
        && self.dataset == dataset
}

public(package) fun request_number(self: &KeyRequest): u64 { self.number }

public(package) fun owner(self: &Dataset): address { self.owner }

/// Version `number`, counted from 1.
public(package) fun borrow_version(self: &Dataset, number: u64): &DatasetVersion {
    assert!(1 <= number && number <= self.versions.length(), ENoVersion);
    &self.versions[number - 1]
}

public(package) fun blob(self: &DatasetVersion): u256 { self.blob }

public(package) fun row_root(self: &DatasetVersion): vector<u8> { self.row_root }

public(package) fun rows(self: &DatasetVersion): u64 { self.rows }

public(package) fun key_check(self: &DatasetVersion): vector<u8> { self.key_check }

// === Private Functions ===

/// Checks that the request is for this task of the market.
fun assert_for(self: &KeyRequest, market: &Market, task: &Task) {
    task.assert_valid(market);
    assert!(self.task == object::id_address(task), EWrongTask)
}

fun grant(
    self: &mut KeyRequest,
    market: &Market,
    envelope: vector<u8>,
    now: u64,
    ctx: &TxContext,
) {
    market.assert_version();
    market::assert_object_version(self.version);
    assert!(ctx.sender() == self.owner, ENotOwner);
    assert!(self.state == REQUESTED, EWrongState);
    assert!(now < self.expires_ms, EExpired);
    assert!(1 <= envelope.length() && envelope.length() <= MAX_ENVELOPE_BYTES, EBadEnvelope);
    self.state = GRANTED;
    self.envelope = envelope;
    events::emit_key_granted(
        object::id(self),
        self.dataset,
        self.number,
        self.requester,
        self.scope,
        envelope,
        now,
    )
}

fun lapse(self: &mut KeyRequest) {
    self.state = EXPIRED;
    events::emit_key_expired(object::id(self), self.dataset, self.requester)
}

fun new_version(
    number: u64,
    blob: u256,
    manifest_digest: vector<u8>,
    row_root: vector<u8>,
    rows: u64,
    row_bytes: u64,
    key_check: vector<u8>,
): DatasetVersion {
    assert!(
        manifest_digest.length() == 32 && row_root.length() == 32 && key_check.length() == 32,
        EBadDigest,
    );
    assert!(rows > 0 && row_bytes > 0, EEmpty);
    DatasetVersion { number, blob, manifest_digest, row_root, rows, row_bytes, key_check }
}
