/// A challenge and its jury. Jurors replay and commit to what they found, then reveal it; the value
/// of the majority decides, and the contract itself compares it with the committed leaf.
module walrusd::jury;

use sui::{balance, clock::Clock, coin::Coin, random::Random, sui::SUI};
use walrusd::{
    dispute::{Self, Dispute},
    ending,
    events,
    market::Market,
    merkle,
    node::{VerifierCap, VerifierPool},
    protocol,
    submission::Submission,
    task::Task
};

// === Errors ===

/// This kind of challenge is not judged by this version.
const EUnsupportedKind: u64 = 0;
/// The challenged segment does not exist.
const EBadIndex: u64 = 1;
/// A verdict on this claim stands.
const EAlreadyJudged: u64 = 2;
/// The bond is not the amount that the task asks for.
const EWrongBond: u64 = 3;
/// A contributor may not challenge itself.
const EConflict: u64 = 4;
/// The leaf is not the one that the trace commits to.
const EWrongLeaf: u64 = 5;
/// There is no dispute in the phase this action needs.
const ENoDispute: u64 = 6;
/// The capability does not hold this seat of the jury.
const ENotJuror: u64 = 7;
/// Only the accuser may do this.
const ENotAccuser: u64 = 8;
/// The juror has committed already.
const EAlreadyCommitted: u64 = 9;
/// The value was revealed already.
const EAlreadyRevealed: u64 = 10;
/// The revealed value does not match its commitment.
const EBadReveal: u64 = 11;
/// The jury may still commit or reveal.
const ETooEarly: u64 = 12;
/// A digest has 32 bytes.
const EBadDigest: u64 = 13;
/// The window for commitments has closed.
const ETooLate: u64 = 14;

// === Constants ===

const SEGMENT: u8 = 1;

const CONFIRMED: u8 = 1;
const REFUTED: u8 = 2;
const REDRAWN: u8 = 3;
const UNDECIDED: u8 = 4;

const MAX_TRIES: u64 = 256;
const SILENCE_FEES: u64 = 10;
const BEACON_BYTES: u16 = 32;

// === Public Functions ===

/// Accuses one segment of a trace. `leaf` is what the trace commits to there, and `commitment`
/// hides what the accuser found instead until the jury reveals.
public fun challenge(
    market: &Market,
    task: &Task,
    submission: &mut Submission,
    kind: u8,
    index: u64,
    leaf: vector<u8>,
    path: vector<vector<u8>>,
    commitment: vector<u8>,
    bond: Coin<SUI>,
    clock: &Clock,
    ctx: &mut TxContext,
) {
    submission.assert_valid(market, task);
    submission.assert_open_to_challenge();
    assert!(kind == SEGMENT, EUnsupportedKind);
    let segments = task.terms().segments();
    assert!(1 <= index && index <= segments, EBadIndex);
    assert!(!submission.is_judged(kind, index), EAlreadyJudged);
    let accuser = ctx.sender();
    assert!(accuser != submission.contributor(), EConflict);
    assert!(commitment.length() == 32, EBadDigest);
    assert!(
        merkle::leads_to(submission.trace_root(), leaf, index, segments + 1, &path),
        EWrongLeaf,
    );
    assert!(bond.value() == task.terms().accuser_bond(), EWrongBond);
    let now = clock.timestamp_ms();
    let amount = bond.value();
    let dispute = dispute::new(
        submission.id().to_address(),
        kind,
        index,
        submission.state(),
        accuser,
        commitment,
        leaf,
        now,
    );
    let challenge = dispute.challenge();
    submission.start_dispute(dispute, bond);
    events::emit_challenge_opened(
        submission.task(),
        submission.id(),
        accuser,
        kind,
        index,
        challenge,
        amount,
        now,
    )
}

/// Draws the beacon from which the jury is seated. Anyone may call it.
entry fun draw_jury(
    market: &Market,
    pool: &VerifierPool,
    submission: &mut Submission,
    random: &Random,
    clock: &Clock,
    ctx: &mut TxContext,
) {
    market.assert_version();
    pool.assert_version();
    submission.assert_version();
    market.assert_pool(object::id(pool));
    assert!(submission.is_disputed_in(dispute::waiting()), ENoDispute);
    let now = clock.timestamp_ms();
    let beacon = random.new_generator(ctx).generate_bytes(BEACON_BYTES);
    submission.dispute_mut().draw(beacon, pool.seat_count(), now);
    events::emit_jury_drawn(
        submission.task(),
        submission.id(),
        submission.dispute().challenge(),
        beacon,
        pool.seat_count(),
        now,
    )
}

/// Seats the jury, or ends the submission Undecided when the pool has too few eligible seats.
public fun seat_jury(
    market: &Market,
    task: &mut Task,
    pool: &mut VerifierPool,
    submission: &mut Submission,
    clock: &Clock,
    ctx: &mut TxContext,
) {
    assert_valid(market, task, pool, submission);
    assert!(submission.is_disputed_in(dispute::drawn()), ENoDispute);
    let now = clock.timestamp_ms();
    let drawn = draw_seats(task, pool, submission);
    if (drawn.length() < task.terms().jury()) {
        ending::leave_without_jury(task, pool, submission, now, ctx);
        return
    };
    let mut jurors = vector[];
    let mut verifiers = vector[];
    let mut i = 0;
    while (i < drawn.length()) {
        let verifier = pool.seat_verifier(drawn[i]);
        pool.pin(drawn[i]);
        jurors.push_back(dispute::new_juror(drawn[i], verifier, pool.seat_key(drawn[i])));
        verifiers.push_back(verifier);
        i = i + 1;
    };
    submission.dispute_mut().seat(jurors, now);
    events::emit_jury_seated(
        submission.task(),
        submission.id(),
        submission.dispute().challenge(),
        drawn,
        verifiers,
        now,
    )
}

/// Fixes what a juror found. The last commitment starts the reveals.
public fun jury_commit(
    market: &Market,
    task: &Task,
    submission: &mut Submission,
    cap: &VerifierCap,
    juror: u64,
    commitment: vector<u8>,
    clock: &Clock,
) {
    submission.assert_valid(market, task);
    assert!(submission.is_disputed_in(dispute::committing()), ENoDispute);
    let now = clock.timestamp_ms();
    let since = submission.dispute().phase_ms();
    assert!(!task.terms().is_jury_commit_over(now, since), ETooLate);
    assert_juror(market, submission, cap, juror);
    assert!(!submission.dispute().has_committed(juror), EAlreadyCommitted);
    assert!(commitment.length() == 32, EBadDigest);
    submission.dispute_mut().commit(juror, commitment, now);
    events::emit_juror_committed(
        submission.id(),
        submission.dispute().challenge(),
        submission.dispute().juror_verifier(juror),
    )
}

/// Reveals what a juror found.
public fun jury_reveal(
    market: &Market,
    task: &Task,
    submission: &mut Submission,
    cap: &VerifierCap,
    juror: u64,
    chain: vector<u8>,
    state_root: vector<u8>,
    salt: vector<u8>,
    clock: &Clock,
) {
    submission.assert_valid(market, task);
    assert_revealing(task, submission, clock.timestamp_ms());
    assert_juror(market, submission, cap, juror);
    let dispute = submission.dispute_mut();
    assert!(!dispute.has_revealed(juror), EAlreadyRevealed);
    let verifier = dispute.juror_verifier(juror);
    let challenge = dispute.challenge();
    assert_value(
        challenge,
        verifier,
        chain,
        state_root,
        salt,
        dispute.juror_commitment(juror),
    );
    dispute.reveal(juror, chain, state_root);
    events::emit_juror_revealed(submission.id(), challenge, verifier, chain, state_root)
}

/// Reveals what the accuser found, committed to for the challenge's first round.
public fun accuser_reveal(
    market: &Market,
    task: &Task,
    submission: &mut Submission,
    chain: vector<u8>,
    state_root: vector<u8>,
    salt: vector<u8>,
    clock: &Clock,
    ctx: &mut TxContext,
) {
    submission.assert_valid(market, task);
    assert_revealing(task, submission, clock.timestamp_ms());
    let id = submission.id();
    let dispute = submission.dispute_mut();
    let accuser = dispute.accuser();
    assert!(ctx.sender() == accuser, ENotAccuser);
    assert!(!dispute.has_accuser_revealed(), EAlreadyRevealed);
    let first_round = protocol::compute_challenge_id(
        id.to_address(),
        dispute.kind(),
        dispute.index(),
        0,
    );
    let commitment = dispute.accuser_commitment();
    assert_value(first_round, accuser, chain, state_root, salt, commitment);
    dispute.reveal_accuser(chain, state_root);
    events::emit_juror_revealed(id, dispute.challenge(), accuser, chain, state_root)
}

/// Counts the jury. Anyone may call it, once everybody has revealed or the windows have closed.
public fun resolve(
    market: &Market,
    task: &mut Task,
    pool: &mut VerifierPool,
    submission: &mut Submission,
    clock: &Clock,
    ctx: &mut TxContext,
) {
    assert_valid(market, task, pool, submission);
    assert!(
        submission.is_disputed_in(dispute::committing())
            || submission.is_disputed_in(dispute::revealing()),
        ENoDispute,
    );
    let now = clock.timestamp_ms();
    assert!(submission.dispute().is_ready(task.terms(), now), ETooEarly);
    dismiss_jury(pool, submission.dispute(), SILENCE_FEES * task.terms().juror_fee(), ctx);
    let (id, challenge) = (submission.id(), submission.dispute().challenge());
    let majority = submission.dispute().find_majority();
    if (majority.is_none()) {
        if (submission.dispute().round() == 0) {
            submission.dispute_mut().redraw(id.to_address(), now);
            events::emit_challenge_resolved(submission.task(), id, challenge, REDRAWN, now)
        } else {
            events::emit_challenge_resolved(submission.task(), id, challenge, UNDECIDED, now);
            ending::leave_without_majority(task, pool, submission, now, ctx)
        };
        return
    };
    let majority = majority.destroy_some();
    if (is_leaf_right(task, submission, majority)) {
        pay_majority(task, submission, majority);
        ending::burn(submission.take_bond(), ctx);
        submission.resume(now);
        events::emit_challenge_resolved(submission.task(), id, challenge, REFUTED, now)
    } else {
        events::emit_challenge_resolved(submission.task(), id, challenge, CONFIRMED, now);
        ending::reject_forgery(market, task, pool, submission, majority, now, ctx)
    }
}

// === Private Functions ===

fun assert_valid(market: &Market, task: &Task, pool: &VerifierPool, submission: &Submission) {
    market.assert_version();
    task.assert_version();
    pool.assert_version();
    submission.assert_version();
    market.assert_pool(object::id(pool));
    task.assert_is(submission.task())
}

fun assert_juror(market: &Market, submission: &Submission, cap: &VerifierCap, juror: u64) {
    let dispute = submission.dispute();
    assert!(
        juror < dispute.juror_count()
            && cap.holds(market.pool(), dispute.juror_pool_index(juror)),
        ENotJuror,
    )
}

/// Starts the reveals if it is time, and checks that they have started.
fun assert_revealing(task: &Task, submission: &mut Submission, now: u64) {
    if (submission.is_disputed_in(dispute::committing())) {
        submission.dispute_mut().advance(task.terms(), now)
    };
    assert!(submission.is_disputed_in(dispute::revealing()), ENoDispute)
}

fun assert_value(
    challenge: vector<u8>,
    who: address,
    chain: vector<u8>,
    state_root: vector<u8>,
    salt: vector<u8>,
    commitment: vector<u8>,
) {
    assert!(chain.length() == 32 && state_root.length() == 32 && salt.length() == 32, EBadDigest);
    let found = protocol::compute_jury_commitment(challenge, who, chain, state_root, salt);
    assert!(found == commitment, EBadReveal)
}

/// The pool indices of the jury, in seat order; fewer when the tries are spent.
fun draw_seats(task: &Task, pool: &VerifierPool, submission: &Submission): vector<u64> {
    let (terms, dispute) = (task.terms(), submission.dispute());
    let mut drawn = vector[];
    let pool_len = dispute.pool_len();
    if (pool_len == 0) return drawn;
    let mut attempt = 0;
    while (attempt < MAX_TRIES && drawn.length() < terms.jury()) {
        let index = protocol::compute_juror_draw(
            dispute.beacon(),
            dispute.challenge(),
            attempt,
            pool_len,
        );
        if (
            !drawn.contains(&index)
                && pool.is_eligible(
                    index,
                    task.opened_ms(),
                    dispute.drawn_ms(),
                    terms.state_bytes(),
                    terms.segment_work(),
                    terms.juror_fee(),
                    terms.verifier_stake(),
                )
                && !is_barred(task, submission, pool.seat_verifier(index))
        ) drawn.push_back(index);
        attempt = attempt + 1;
    };
    drawn
}

fun is_barred(task: &Task, submission: &Submission, verifier: address): bool {
    submission.is_conflicted(task, verifier)
        || submission.is_committee_member(verifier)
        || submission.dispute().accuser() == verifier
}

/// Burns part of the stake of every silent juror, and frees all their seats.
fun dismiss_jury(pool: &mut VerifierPool, dispute: &Dispute, penalty: u64, ctx: &mut TxContext) {
    let mut burned = balance::zero();
    let mut i = 0;
    while (i < dispute.juror_count()) {
        let index = dispute.juror_pool_index(i);
        if (!dispute.has_revealed(i)) {
            burned.join(pool.penalize(index, penalty));
        };
        pool.unpin(index);
        i = i + 1;
    };
    ending::burn(burned, ctx);
}

/// Whether the committed leaf is the one that follows from the majority's value.
fun is_leaf_right(task: &Task, submission: &Submission, majority: u64): bool {
    let dispute = submission.dispute();
    let slot_root = protocol::compute_slot_root(
        submission.ctx(),
        dispute.index(),
        task.terms().committee(),
        dispute.juror_chain(majority),
    );
    let state_root = dispute.juror_state_root(majority);
    protocol::compute_leaf(dispute.index(), state_root, slot_root) == dispute.leaf()
}

fun pay_majority(task: &Task, submission: &mut Submission, majority: u64) {
    let fee = task.terms().juror_fee();
    let mut juror = 0;
    while (juror < submission.dispute().juror_count()) {
        if (submission.dispute().agrees(juror, majority)) {
            let verifier = submission.dispute().juror_verifier(juror);
            submission.pay_from_bond(verifier, fee);
        };
        juror = juror + 1;
    }
}

// === Test Functions ===

#[test_only]
public fun draw_jury_for_testing(
    market: &Market,
    pool: &VerifierPool,
    submission: &mut Submission,
    random: &Random,
    clock: &Clock,
    ctx: &mut TxContext,
) {
    draw_jury(market, pool, submission, random, clock, ctx)
}
