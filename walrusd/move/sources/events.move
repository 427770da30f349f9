/// The contract's events: one per transition, past tense. Fields are what an observer needs to
/// follow without reading objects.
module walrusd::events;

use sui::event;
use walrusd::terms::{DatasetRef, Terms};

// === Structs ===

/// Signals that the market exists.
public struct MarketCreated has copy, drop {
    market: ID,
    chain_id: vector<u8>,
}

/// Signals that verifiers may take seats in a pool of the market.
public struct PoolCreated has copy, drop {
    market: ID,
    pool: ID,
    stake: u64,
    duties: u64,
    fee: u64,
    seat_life_ms: u64,
    unbonding_ms: u64,
    max_min_fee: u64,
    min_rate: u64,
    min_memory: u64,
    min_penalty: u64,
}

/// Signals that a verifier took a seat for the pool's stake; its keys are checked.
public struct SeatRegistered has copy, drop {
    pool: ID,
    index: u64,
    generation: u64,
    verifier: address,
    pk1: vector<u8>,
    pk2: vector<u8>,
    min_fee: u64,
    max_penalty: u64,
    rate: u64,
    memory: u64,
    at_ms: u64,
}

/// Signals what a seat asks for and can do from now on.
public struct SeatDeclared has copy, drop {
    pool: ID,
    index: u64,
    min_fee: u64,
    max_penalty: u64,
    rate: u64,
    memory: u64,
}

/// Signals that a seat lives on for the pool's seat life.
public struct SeatRenewed has copy, drop {
    pool: ID,
    index: u64,
    verifier: address,
    at_ms: u64,
}

/// Signals that a seat's stake was filled up again.
public struct SeatToppedUp has copy, drop {
    pool: ID,
    index: u64,
    verifier: address,
    amount: u64,
    stake: u64,
}

/// Signals that a seat is no longer drawn and unbonds; anybody may exit a dead one.
public struct SeatExited has copy, drop {
    pool: ID,
    index: u64,
    verifier: address,
    at_ms: u64,
}

/// Signals that a seat's stake went back to its verifier, whoever asked: its slot is free.
public struct SeatWithdrawn has copy, drop {
    pool: ID,
    index: u64,
    generation: u64,
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
    market: ID,
    pool: ID,
    publisher: address,
    manifest_blob: u256,
    manifest_digest: vector<u8>,
    state_root_0: vector<u8>,
    plan_digest: vector<u8>,
    program_root: vector<u8>,
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

/// Signals that no commitment counts any more, and committees may be drawn.
public struct TrainingClosed has copy, drop {
    task: ID,
    committed: u64,
    at_ms: u64,
}

/// Signals that every submission of a task has ended.
public struct TaskSettled has copy, drop {
    task: ID,
    accepted: u64,
    at_ms: u64,
}

/// Signals that a task ended before anybody trained: why is an `EndReason`.
public struct TaskVoided has copy, drop {
    task: ID,
    reason: u8,
    at_ms: u64,
}

/// Signals that the publisher published the weighted sum of the `parts`, a bit set.
public struct AggregateRecorded has copy, drop {
    task: ID,
    parts: u64,
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

/// Signals that a contributor joined with a stake.
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

/// Signals that a contributor committed to its work.
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

/// Signals a contributor's claim that the plan cannot be carried out beyond a segment.
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

/// Signals that the beacon of a submission's committee is fixed, after the list it draws from.
///
/// `eligible` is the length of that list.
public struct LotDrawn has copy, drop {
    task: ID,
    submission: ID,
    beacon: vector<u8>,
    eligible: u64,
    at_ms: u64,
}

/// Signals that a lot filled too few places: another is drawn.
///
/// `challenge` names the case whose jury it was for; it is empty for a committee.
public struct LotFailed has copy, drop {
    task: ID,
    submission: ID,
    challenge: vector<u8>,
    at_ms: u64,
}

/// Signals who verifies a submission, the committee first, then the substitutes.
public struct CommitteeSeated has copy, drop {
    task: ID,
    submission: ID,
    pool_indices: vector<u64>,
    verifiers: vector<address>,
    at_ms: u64,
}

/// Signals an attempt at opening. It can be read once every place has its envelope.
public struct SubmissionOpened has copy, drop {
    task: ID,
    submission: ID,
    contributor: address,
    attempt: u64,
    blob: u256,
    digest: vector<u8>,
    p2: vector<u8>,
    cost: Option<u64>,
    at_ms: u64,
}

/// Signals a checked envelope of the label `work` for a seat, or a juror of `challenge`.
///
/// `challenge` is empty for a seat of the committee. `place` is its place there, or the juror's
/// in the jury; `recipient` is its owner.
public struct KeyDelivered has copy, drop {
    task: ID,
    submission: ID,
    challenge: vector<u8>,
    attempt: u64,
    place: u64,
    recipient: address,
    sender: address,
    envelope: vector<u8>,
}

/// Signals that every place of the committee has its envelope: it may replay.
public struct SubmissionReadable has copy, drop {
    task: ID,
    submission: ID,
    attempt: u64,
    at_ms: u64,
}

/// Signals that a seat says that the opening is absent.
public struct OpeningReported has copy, drop {
    task: ID,
    submission: ID,
    attempt: u64,
    place: u64,
    verifier: address,
    at_ms: u64,
}

/// Signals that the contributor must open once more: `attempt` is the new one.
public struct OpeningReopened has copy, drop {
    task: ID,
    submission: ID,
    attempt: u64,
    at_ms: u64,
}

/// Signals that a place of the committee was given on to a substitute.
public struct SeatReplaced has copy, drop {
    task: ID,
    submission: ID,
    place: u64,
    pool_index: u64,
    verifier: address,
    at_ms: u64,
}

/// Signals that a seat proved its replay of one segment.
public struct SegmentAttested has copy, drop {
    task: ID,
    submission: ID,
    place: u64,
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

/// Signals an accusation, or a question that nobody accuses for (0x0): a jury will judge.
///
/// `accuser_seat` is the place of an accusing seat, or 2^64 − 1.
public struct CaseOpened has copy, drop {
    task: ID,
    submission: ID,
    accuser: address,
    accuser_seat: u64,
    kind: u8,
    index: u64,
    place: u64,
    challenge: vector<u8>,
    bond: u64,
    at_ms: u64,
}

/// Signals that the beacon for a jury is fixed, after the list of `eligible` seats.
public struct JuryDrawn has copy, drop {
    task: ID,
    submission: ID,
    challenge: vector<u8>,
    beacon: vector<u8>,
    eligible: u64,
    at_ms: u64,
}

/// Signals who the jurors are: each needs an envelope.
public struct JurySeated has copy, drop {
    task: ID,
    submission: ID,
    challenge: vector<u8>,
    pool_indices: vector<u64>,
    jurors: vector<address>,
    at_ms: u64,
}

/// Signals that every juror has its envelope: they may judge.
public struct JuryReadable has copy, drop {
    task: ID,
    submission: ID,
    challenge: vector<u8>,
    at_ms: u64,
}

/// Signals that a juror committed to its value.
public struct JurorCommitted has copy, drop {
    submission: ID,
    challenge: vector<u8>,
    juror: address,
}

/// Signals a juror's value, a digest of its verdict.
public struct JurorRevealed has copy, drop {
    submission: ID,
    challenge: vector<u8>,
    juror: address,
    value: vector<u8>,
}

/// Signals what a jury decided: a `CaseOutcome` and the majority's value, if there is one.
public struct CaseResolved has copy, drop {
    task: ID,
    submission: ID,
    challenge: vector<u8>,
    outcome: u8,
    value: vector<u8>,
    at_ms: u64,
}

/// Signals that a case ended without a verdict.
public struct CaseDropped has copy, drop {
    task: ID,
    submission: ID,
    challenge: vector<u8>,
    at_ms: u64,
}

/// Signals that the publisher can read the update: its label's envelope is on chain.
public struct UpdateDelivered has copy, drop {
    task: ID,
    submission: ID,
    contributor: address,
    envelope: vector<u8>,
    at_ms: u64,
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

/// Signals a new version of a dataset, also the first.
public struct DatasetVersionAdded has copy, drop {
    dataset: ID,
    number: u64,
    blob: u256,
    row_root: vector<u8>,
    rows: u64,
}

/// Signals that a dataset's key was requested.
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

public(package) fun emit_market_created(market: ID, chain_id: vector<u8>) {
    event::emit(MarketCreated { market, chain_id })
}

public(package) fun emit_pool_created(
    market: ID,
    pool: ID,
    stake: u64,
    duties: u64,
    fee: u64,
    seat_life_ms: u64,
    unbonding_ms: u64,
    max_min_fee: u64,
    min_rate: u64,
    min_memory: u64,
    min_penalty: u64,
) {
    event::emit(PoolCreated {
        market,
        pool,
        stake,
        duties,
        fee,
        seat_life_ms,
        unbonding_ms,
        max_min_fee,
        min_rate,
        min_memory,
        min_penalty,
    })
}

public(package) fun emit_seat_registered(
    pool: ID,
    index: u64,
    generation: u64,
    verifier: address,
    pk1: vector<u8>,
    pk2: vector<u8>,
    min_fee: u64,
    max_penalty: u64,
    rate: u64,
    memory: u64,
    at_ms: u64,
) {
    event::emit(SeatRegistered {
        pool,
        index,
        generation,
        verifier,
        pk1,
        pk2,
        min_fee,
        max_penalty,
        rate,
        memory,
        at_ms,
    })
}

public(package) fun emit_seat_declared(
    pool: ID,
    index: u64,
    min_fee: u64,
    max_penalty: u64,
    rate: u64,
    memory: u64,
) {
    event::emit(SeatDeclared { pool, index, min_fee, max_penalty, rate, memory })
}

public(package) fun emit_seat_renewed(pool: ID, index: u64, verifier: address, at_ms: u64) {
    event::emit(SeatRenewed { pool, index, verifier, at_ms })
}

public(package) fun emit_seat_topped_up(
    pool: ID,
    index: u64,
    verifier: address,
    amount: u64,
    stake: u64,
) {
    event::emit(SeatToppedUp { pool, index, verifier, amount, stake })
}

public(package) fun emit_seat_exited(pool: ID, index: u64, verifier: address, at_ms: u64) {
    event::emit(SeatExited { pool, index, verifier, at_ms })
}

public(package) fun emit_seat_withdrawn(
    pool: ID,
    index: u64,
    generation: u64,
    verifier: address,
    amount: u64,
) {
    event::emit(SeatWithdrawn { pool, index, generation, verifier, amount })
}

public(package) fun emit_seat_penalized(pool: ID, index: u64, verifier: address, amount: u64) {
    event::emit(SeatPenalized { pool, index, verifier, amount })
}

public(package) fun emit_task_opened(
    task: ID,
    market: ID,
    pool: ID,
    publisher: address,
    manifest_blob: u256,
    manifest_digest: vector<u8>,
    state_root_0: vector<u8>,
    plan_digest: vector<u8>,
    program_root: vector<u8>,
    parent: address,
    datasets: vector<DatasetRef>,
    terms: Terms,
    opened_ms: u64,
) {
    event::emit(TaskOpened {
        task,
        market,
        pool,
        publisher,
        manifest_blob,
        manifest_digest,
        state_root_0,
        plan_digest,
        program_root,
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

public(package) fun emit_training_closed(task: ID, committed: u64, at_ms: u64) {
    event::emit(TrainingClosed { task, committed, at_ms })
}

public(package) fun emit_task_settled(task: ID, accepted: u64, at_ms: u64) {
    event::emit(TaskSettled { task, accepted, at_ms })
}

public(package) fun emit_task_voided(task: ID, reason: u8, at_ms: u64) {
    event::emit(TaskVoided { task, reason, at_ms })
}

public(package) fun emit_aggregate_recorded(
    task: ID,
    parts: u64,
    root: vector<u8>,
    blindings_root: vector<u8>,
    blob: u256,
    at_ms: u64,
) {
    event::emit(AggregateRecorded { task, parts, root, blindings_root, blob, at_ms })
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

public(package) fun emit_lot_drawn(
    task: ID,
    submission: ID,
    beacon: vector<u8>,
    eligible: u64,
    at_ms: u64,
) {
    event::emit(LotDrawn { task, submission, beacon, eligible, at_ms })
}

public(package) fun emit_lot_failed(task: ID, submission: ID, challenge: vector<u8>, at_ms: u64) {
    event::emit(LotFailed { task, submission, challenge, at_ms })
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
    attempt: u64,
    blob: u256,
    digest: vector<u8>,
    p2: vector<u8>,
    cost: Option<u64>,
    at_ms: u64,
) {
    event::emit(SubmissionOpened {
        task,
        submission,
        contributor,
        attempt,
        blob,
        digest,
        p2,
        cost,
        at_ms,
    })
}

public(package) fun emit_key_delivered(
    task: ID,
    submission: ID,
    challenge: vector<u8>,
    attempt: u64,
    place: u64,
    recipient: address,
    sender: address,
    envelope: vector<u8>,
) {
    event::emit(KeyDelivered {
        task,
        submission,
        challenge,
        attempt,
        place,
        recipient,
        sender,
        envelope,
    })
}

public(package) fun emit_submission_readable(task: ID, submission: ID, attempt: u64, at_ms: u64) {
    event::emit(SubmissionReadable { task, submission, attempt, at_ms })
}

public(package) fun emit_opening_reported(
    task: ID,
    submission: ID,
    attempt: u64,
    place: u64,
    verifier: address,
    at_ms: u64,
) {
    event::emit(OpeningReported { task, submission, attempt, place, verifier, at_ms })
}

public(package) fun emit_opening_reopened(task: ID, submission: ID, attempt: u64, at_ms: u64) {
    event::emit(OpeningReopened { task, submission, attempt, at_ms })
}

public(package) fun emit_seat_replaced(
    task: ID,
    submission: ID,
    place: u64,
    pool_index: u64,
    verifier: address,
    at_ms: u64,
) {
    event::emit(SeatReplaced { task, submission, place, pool_index, verifier, at_ms })
}

public(package) fun emit_segment_attested(
    task: ID,
    submission: ID,
    place: u64,
    verifier: address,
    segment: u64,
) {
    event::emit(SegmentAttested { task, submission, place, verifier, segment })
}

public(package) fun emit_submission_attested(task: ID, submission: ID, at_ms: u64) {
    event::emit(SubmissionAttested { task, submission, at_ms })
}

public(package) fun emit_audit_drawn(task: ID, submission: ID, beacon: vector<u8>, at_ms: u64) {
    event::emit(AuditDrawn { task, submission, beacon, at_ms })
}

public(package) fun emit_case_opened(
    task: ID,
    submission: ID,
    accuser: address,
    accuser_seat: u64,
    kind: u8,
    index: u64,
    place: u64,
    challenge: vector<u8>,
    bond: u64,
    at_ms: u64,
) {
    event::emit(CaseOpened {
        task,
        submission,
        accuser,
        accuser_seat,
        kind,
        index,
        place,
        challenge,
        bond,
        at_ms,
    })
}

public(package) fun emit_jury_drawn(
    task: ID,
    submission: ID,
    challenge: vector<u8>,
    beacon: vector<u8>,
    eligible: u64,
    at_ms: u64,
) {
    event::emit(JuryDrawn { task, submission, challenge, beacon, eligible, at_ms })
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

public(package) fun emit_jury_readable(
    task: ID,
    submission: ID,
    challenge: vector<u8>,
    at_ms: u64,
) {
    event::emit(JuryReadable { task, submission, challenge, at_ms })
}

public(package) fun emit_juror_committed(submission: ID, challenge: vector<u8>, juror: address) {
    event::emit(JurorCommitted { submission, challenge, juror })
}

public(package) fun emit_juror_revealed(
    submission: ID,
    challenge: vector<u8>,
    juror: address,
    value: vector<u8>,
) {
    event::emit(JurorRevealed { submission, challenge, juror, value })
}

public(package) fun emit_case_resolved(
    task: ID,
    submission: ID,
    challenge: vector<u8>,
    outcome: u8,
    value: vector<u8>,
    at_ms: u64,
) {
    event::emit(CaseResolved { task, submission, challenge, outcome, value, at_ms })
}

public(package) fun emit_case_dropped(task: ID, submission: ID, challenge: vector<u8>, at_ms: u64) {
    event::emit(CaseDropped { task, submission, challenge, at_ms })
}

public(package) fun emit_update_delivered(
    task: ID,
    submission: ID,
    contributor: address,
    envelope: vector<u8>,
    at_ms: u64,
) {
    event::emit(UpdateDelivered { task, submission, contributor, envelope, at_ms })
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
