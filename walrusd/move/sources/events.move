/// The contract's events: one per transition, past tense. Fields are what an observer needs to
/// follow without reading objects.
module walrusd::events;

use sui::event;
use walrusd::terms::{DatasetRef, Terms};

// === Structs ===

/// Signals that the market and its verifier pool exist.
public struct MarketCreated has copy, drop {
    market: ID,
    pool: ID,
    chain_id: vector<u8>,
}

/// Signals that a verifier staked a seat.
public struct SeatRegistered has copy, drop {
    pool: ID,
    index: u64,
    verifier: address,
    key: vector<u8>,
    stake: u64,
    min_fee: u64,
}

/// Signals that a seat is no longer drawn and unbonds.
public struct SeatExited has copy, drop {
    pool: ID,
    index: u64,
    verifier: address,
    at_ms: u64,
}

/// Signals that a seat's stake went back to its verifier.
public struct SeatWithdrawn has copy, drop {
    pool: ID,
    index: u64,
    verifier: address,
    amount: u64,
}

/// Signals that a seat lost part of its stake.
public struct SeatPenalized has copy, drop {
    pool: ID,
    index: u64,
    verifier: address,
    amount: u64,
}

/// Signals that contributors may join.
public struct TaskOpened has copy, drop {
    task: ID,
    publisher: address,
    manifest_blob: u256,
    manifest_digest: vector<u8>,
    state_root_0: vector<u8>,
    plan_digest: vector<u8>,
    parent: address,
    datasets: vector<DatasetRef>,
    terms: Terms,
    opened_ms: u64,
}

/// Signals that training may begin: the beacon fixes every contributor's seed.
public struct JoiningClosed has copy, drop {
    task: ID,
    join_beacon: vector<u8>,
    joined: u64,
    at_ms: u64,
}

/// Signals that the beacon for all committees of a task is fixed.
public struct CommitteeDrawn has copy, drop {
    task: ID,
    beacon: vector<u8>,
    pool_len: u64,
    at_ms: u64,
}

/// Signals that every submission of a task has ended.
public struct TaskSettled has copy, drop {
    task: ID,
    accepted: u64,
    at_ms: u64,
}

/// Signals that a task ended without work.
public struct TaskVoided has copy, drop {
    task: ID,
    reason: u8,
    at_ms: u64,
}

/// Signals that the publisher published the weighted sum.
public struct AggregateRecorded has copy, drop {
    task: ID,
    root: vector<u8>,
    blindings_root: vector<u8>,
    blob: u256,
    at_ms: u64,
}

/// Signals that the publisher took back what a task did not spend.
public struct FundsReclaimed has copy, drop {
    task: ID,
    amount: u64,
}

/// Signals that a contributor staked.
public struct SubmissionJoined has copy, drop {
    task: ID,
    submission: ID,
    contributor: address,
    dataset: ID,
    dataset_version: u64,
    stake: u64,
    weight: u64,
    at_ms: u64,
}

/// Signals that a contributor fixed its work.
public struct SubmissionCommitted has copy, drop {
    task: ID,
    submission: ID,
    contributor: address,
    ctx: vector<u8>,
    trace_root: vector<u8>,
    update_root: vector<u8>,
    scheme_root: vector<u8>,
    scheme_rows: u64,
    cost_commitment: vector<u8>,
    file_digest: vector<u8>,
    file_blob: u256,
    at_ms: u64,
}

/// Signals a contributor's claim that the plan cannot be carried out, and where it ends.
public struct AbortCommitted has copy, drop {
    task: ID,
    submission: ID,
    contributor: address,
    ctx: vector<u8>,
    trace_root: vector<u8>,
    segment: u64,
    step: u64,
    code: u64,
    at_ms: u64,
}

/// Signals who verifies a submission.
public struct CommitteeSeated has copy, drop {
    task: ID,
    submission: ID,
    pool_indices: vector<u64>,
    verifiers: vector<address>,
    at_ms: u64,
}

/// Signals that the committee can read what it must replay.
public struct SubmissionOpened has copy, drop {
    task: ID,
    submission: ID,
    contributor: address,
    blob: u256,
    digest: vector<u8>,
    key_check: vector<u8>,
    cost: Option<u64>,
    at_ms: u64,
}

/// Signals that a seat cannot read the opening: the contributor must open again.
public struct OpeningReported has copy, drop {
    task: ID,
    submission: ID,
    seat: u64,
    verifier: address,
    at_ms: u64,
}

/// Signals that a substitute took the place of a silent seat.
public struct SeatReplaced has copy, drop {
    task: ID,
    submission: ID,
    seat: u64,
    pool_index: u64,
    verifier: address,
    at_ms: u64,
}

/// Signals that a seat proved its replay of one segment.
public struct SegmentAttested has copy, drop {
    task: ID,
    submission: ID,
    seat: u64,
    verifier: address,
    segment: u64,
}

/// Signals that every dealt segment is attested.
public struct SubmissionAttested has copy, drop {
    task: ID,
    submission: ID,
    at_ms: u64,
}

/// Signals that the beacon of a submission's audit is fixed.
public struct AuditDrawn has copy, drop {
    task: ID,
    submission: ID,
    beacon: vector<u8>,
    at_ms: u64,
}

/// Signals an accusation, or an audit (accuser 0x0), that a jury will judge.
public struct ChallengeOpened has copy, drop {
    task: ID,
    submission: ID,
    accuser: address,
    kind: u8,
    index: u64,
    challenge: vector<u8>,
    bond: u64,
    at_ms: u64,
}

/// Signals that the beacon for a jury is fixed.
public struct JuryDrawn has copy, drop {
    task: ID,
    submission: ID,
    challenge: vector<u8>,
    beacon: vector<u8>,
    pool_len: u64,
    at_ms: u64,
}

/// Signals who judges.
public struct JurySeated has copy, drop {
    task: ID,
    submission: ID,
    challenge: vector<u8>,
    pool_indices: vector<u64>,
    jurors: vector<address>,
    at_ms: u64,
}

/// Signals that a juror fixed its value.
public struct JurorCommitted has copy, drop {
    submission: ID,
    challenge: vector<u8>,
    juror: address,
}

/// Signals a juror's value, or the accuser's.
public struct JurorRevealed has copy, drop {
    submission: ID,
    challenge: vector<u8>,
    juror: address,
    chain: vector<u8>,
    state_root: vector<u8>,
}

/// Signals what a jury decided.
public struct ChallengeResolved has copy, drop {
    task: ID,
    submission: ID,
    challenge: vector<u8>,
    outcome: u8,
    at_ms: u64,
}

/// Signals that an opening's key was sealed to one more recipient.
public struct KeyResealed has copy, drop {
    submission: ID,
    recipient: address,
    sender: address,
    envelope: vector<u8>,
}

/// Signals a submission's end: its state, why, what its contributor gets, what was burned.
public struct SubmissionEnded has copy, drop {
    task: ID,
    submission: ID,
    contributor: address,
    state: u8,
    reason: u8,
    payout: u64,
    burned: u64,
    at_ms: u64,
}

/// Signals that a credit was paid out.
public struct CreditClaimed has copy, drop {
    object: ID,
    owner: address,
    amount: u64,
}

/// Signals a new dataset.
public struct DatasetListed has copy, drop {
    dataset: ID,
    owner: address,
    title: vector<u8>,
    description_blob: u256,
}

/// Signals a new version of a dataset (the first one too).
public struct DatasetVersionAdded has copy, drop {
    dataset: ID,
    number: u64,
    blob: u256,
    row_root: vector<u8>,
    rows: u64,
}

/// Signals that somebody asks for a dataset's key.
public struct KeyRequested has copy, drop {
    request: ID,
    dataset: ID,
    number: u64,
    owner: address,
    requester: address,
    key: vector<u8>,
    scope: u8,
    task: address,
    expires_ms: u64,
}

/// Signals, and proves, that a dataset's key was released to one requester.
public struct KeyGranted has copy, drop {
    request: ID,
    dataset: ID,
    number: u64,
    requester: address,
    scope: u8,
    envelope: vector<u8>,
    at_ms: u64,
}

/// Signals that the owner refused.
public struct KeyDenied has copy, drop {
    request: ID,
    dataset: ID,
    requester: address,
    reason: vector<u8>,
}

/// Signals that a request lapsed unanswered.
public struct KeyExpired has copy, drop {
    request: ID,
    dataset: ID,
    requester: address,
}

// === Package Functions ===

public(package) fun emit_market_created(market: ID, pool: ID, chain_id: vector<u8>) {
    event::emit(MarketCreated { market, pool, chain_id })
}

public(package) fun emit_seat_registered(
    pool: ID,
    index: u64,
    verifier: address,
    key: vector<u8>,
    stake: u64,
    min_fee: u64,
) {
    event::emit(SeatRegistered { pool, index, verifier, key, stake, min_fee })
}

public(package) fun emit_seat_exited(pool: ID, index: u64, verifier: address, at_ms: u64) {
    event::emit(SeatExited { pool, index, verifier, at_ms })
}

public(package) fun emit_seat_withdrawn(pool: ID, index: u64, verifier: address, amount: u64) {
    event::emit(SeatWithdrawn { pool, index, verifier, amount })
}

public(package) fun emit_seat_penalized(pool: ID, index: u64, verifier: address, amount: u64) {
    event::emit(SeatPenalized { pool, index, verifier, amount })
}

public(package) fun emit_task_opened(
    task: ID,
    publisher: address,
    manifest_blob: u256,
    manifest_digest: vector<u8>,
    state_root_0: vector<u8>,
    plan_digest: vector<u8>,
    parent: address,
    datasets: vector<DatasetRef>,
    terms: Terms,
    opened_ms: u64,
) {
    event::emit(TaskOpened {
        task,
        publisher,
        manifest_blob,
        manifest_digest,
        state_root_0,
        plan_digest,
        parent,
        datasets,
        terms,
        opened_ms,
    })
}

public(package) fun emit_joining_closed(
    task: ID,
    join_beacon: vector<u8>,
    joined: u64,
    at_ms: u64,
) {
    event::emit(JoiningClosed { task, join_beacon, joined, at_ms })
}

public(package) fun emit_committee_drawn(task: ID, beacon: vector<u8>, pool_len: u64, at_ms: u64) {
    event::emit(CommitteeDrawn { task, beacon, pool_len, at_ms })
}

public(package) fun emit_task_settled(task: ID, accepted: u64, at_ms: u64) {
    event::emit(TaskSettled { task, accepted, at_ms })
}

public(package) fun emit_task_voided(task: ID, reason: u8, at_ms: u64) {
    event::emit(TaskVoided { task, reason, at_ms })
}

public(package) fun emit_aggregate_recorded(
    task: ID,
    root: vector<u8>,
    blindings_root: vector<u8>,
    blob: u256,
    at_ms: u64,
) {
    event::emit(AggregateRecorded { task, root, blindings_root, blob, at_ms })
}

public(package) fun emit_funds_reclaimed(task: ID, amount: u64) {
    event::emit(FundsReclaimed { task, amount })
}

public(package) fun emit_submission_joined(
    task: ID,
    submission: ID,
    contributor: address,
    dataset: ID,
    dataset_version: u64,
    stake: u64,
    weight: u64,
    at_ms: u64,
) {
    event::emit(SubmissionJoined {
        task,
        submission,
        contributor,
        dataset,
        dataset_version,
        stake,
        weight,
        at_ms,
    })
}

public(package) fun emit_submission_committed(
    task: ID,
    submission: ID,
    contributor: address,
    ctx: vector<u8>,
    trace_root: vector<u8>,
    update_root: vector<u8>,
    scheme_root: vector<u8>,
    scheme_rows: u64,
    cost_commitment: vector<u8>,
    file_digest: vector<u8>,
    file_blob: u256,
    at_ms: u64,
) {
    event::emit(SubmissionCommitted {
        task,
        submission,
        contributor,
        ctx,
        trace_root,
        update_root,
        scheme_root,
        scheme_rows,
        cost_commitment,
        file_digest,
        file_blob,
        at_ms,
    })
}

public(package) fun emit_abort_committed(
    task: ID,
    submission: ID,
    contributor: address,
    ctx: vector<u8>,
    trace_root: vector<u8>,
    segment: u64,
    step: u64,
    code: u64,
    at_ms: u64,
) {
    event::emit(AbortCommitted {
        task,
        submission,
        contributor,
        ctx,
        trace_root,
        segment,
        step,
        code,
        at_ms,
    })
}

public(package) fun emit_committee_seated(
    task: ID,
    submission: ID,
    pool_indices: vector<u64>,
    verifiers: vector<address>,
    at_ms: u64,
) {
    event::emit(CommitteeSeated { task, submission, pool_indices, verifiers, at_ms })
}

public(package) fun emit_submission_opened(
    task: ID,
    submission: ID,
    contributor: address,
    blob: u256,
    digest: vector<u8>,
    key_check: vector<u8>,
    cost: Option<u64>,
    at_ms: u64,
) {
    event::emit(SubmissionOpened {
        task,
        submission,
        contributor,
        blob,
        digest,
        key_check,
        cost,
        at_ms,
    })
}

public(package) fun emit_opening_reported(
    task: ID,
    submission: ID,
    seat: u64,
    verifier: address,
    at_ms: u64,
) {
    event::emit(OpeningReported { task, submission, seat, verifier, at_ms })
}

public(package) fun emit_seat_replaced(
    task: ID,
    submission: ID,
    seat: u64,
    pool_index: u64,
    verifier: address,
    at_ms: u64,
) {
    event::emit(SeatReplaced { task, submission, seat, pool_index, verifier, at_ms })
}

public(package) fun emit_segment_attested(
    task: ID,
    submission: ID,
    seat: u64,
    verifier: address,
    segment: u64,
) {
    event::emit(SegmentAttested { task, submission, seat, verifier, segment })
}

public(package) fun emit_submission_attested(task: ID, submission: ID, at_ms: u64) {
    event::emit(SubmissionAttested { task, submission, at_ms })
}

public(package) fun emit_audit_drawn(
    task: ID,
    submission: ID,
    beacon: vector<u8>,
    at_ms: u64,
) {
    event::emit(AuditDrawn { task, submission, beacon, at_ms })
}

public(package) fun emit_challenge_opened(
    task: ID,
    submission: ID,
    accuser: address,
    kind: u8,
    index: u64,
    challenge: vector<u8>,
    bond: u64,
    at_ms: u64,
) {
    event::emit(ChallengeOpened { task, submission, accuser, kind, index, challenge, bond, at_ms })
}

public(package) fun emit_jury_drawn(
    task: ID,
    submission: ID,
    challenge: vector<u8>,
    beacon: vector<u8>,
    pool_len: u64,
    at_ms: u64,
) {
    event::emit(JuryDrawn { task, submission, challenge, beacon, pool_len, at_ms })
}

public(package) fun emit_jury_seated(
    task: ID,
    submission: ID,
    challenge: vector<u8>,
    pool_indices: vector<u64>,
    jurors: vector<address>,
    at_ms: u64,
) {
    event::emit(JurySeated { task, submission, challenge, pool_indices, jurors, at_ms })
}

public(package) fun emit_juror_committed(submission: ID, challenge: vector<u8>, juror: address) {
    event::emit(JurorCommitted { submission, challenge, juror })
}

public(package) fun emit_juror_revealed(
    submission: ID,
    challenge: vector<u8>,
    juror: address,
    chain: vector<u8>,
    state_root: vector<u8>,
) {
    event::emit(JurorRevealed { submission, challenge, juror, chain, state_root })
}

public(package) fun emit_challenge_resolved(
    task: ID,
    submission: ID,
    challenge: vector<u8>,
    outcome: u8,
    at_ms: u64,
) {
    event::emit(ChallengeResolved { task, submission, challenge, outcome, at_ms })
}

public(package) fun emit_key_resealed(
    submission: ID,
    recipient: address,
    sender: address,
    envelope: vector<u8>,
) {
    event::emit(KeyResealed { submission, recipient, sender, envelope })
}

public(package) fun emit_submission_ended(
    task: ID,
    submission: ID,
    contributor: address,
    state: u8,
    reason: u8,
    payout: u64,
    burned: u64,
    at_ms: u64,
) {
    event::emit(SubmissionEnded {
        task,
        submission,
        contributor,
        state,
        reason,
        payout,
        burned,
        at_ms,
    })
}

public(package) fun emit_credit_claimed(object: ID, owner: address, amount: u64) {
    event::emit(CreditClaimed { object, owner, amount })
}

public(package) fun emit_dataset_listed(
    dataset: ID,
    owner: address,
    title: vector<u8>,
    description_blob: u256,
) {
    event::emit(DatasetListed { dataset, owner, title, description_blob })
}

public(package) fun emit_dataset_version_added(
    dataset: ID,
    number: u64,
    blob: u256,
    row_root: vector<u8>,
    rows: u64,
) {
    event::emit(DatasetVersionAdded { dataset, number, blob, row_root, rows })
}

public(package) fun emit_key_requested(
    request: ID,
    dataset: ID,
    number: u64,
    owner: address,
    requester: address,
    key: vector<u8>,
    scope: u8,
    task: address,
    expires_ms: u64,
) {
    event::emit(KeyRequested {
        request,
        dataset,
        number,
        owner,
        requester,
        key,
        scope,
        task,
        expires_ms,
    })
}

public(package) fun emit_key_granted(
    request: ID,
    dataset: ID,
    number: u64,
    requester: address,
    scope: u8,
    envelope: vector<u8>,
    at_ms: u64,
) {
    event::emit(KeyGranted { request, dataset, number, requester, scope, envelope, at_ms })
}

public(package) fun emit_key_denied(
    request: ID,
    dataset: ID,
    requester: address,
    reason: vector<u8>,
) {
    event::emit(KeyDenied { request, dataset, requester, reason })
}

public(package) fun emit_key_expired(request: ID, dataset: ID, requester: address) {
    event::emit(KeyExpired { request, dataset, requester })
}
