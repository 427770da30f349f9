/// A challenge and its jury. Jurors replay and commit to what they found, then reveal it; the value
/// of the majority decides.
module walrusd::jury;

use sui::{clock::Clock, coin::Coin, random::Random, sui::SUI};
use walrusd::{
    audit,
    dispute,
    ending,
    events,
    market::Market,
    node::{VerifierCap, VerifierPool},
    protocol,
    submission::{Self, Submission},
    task::Task,
    trace,
    verdict
};

// === Errors ===

/// This kind of challenge is not judged by this version.
const EUnsupportedKind: u64 = 0;
/// Nobody was dealt this segment, or there is no such part.
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
/// The window has closed.
const ETooLate: u64 = 14;
/// The submission has too many verdicts.
const ETooManyVerdicts: u64 = 15;
/// Only a seat that cannot read an opening that was opened again may claim this.
const ENotReported: u64 = 16;
/// The audit sampled a segment of this submission, and a jury must judge it first.
const EAuditPending: u64 = 17;

// === Constants ===

const MAX_TRIES: u64 = 256;
const MAX_VERDICTS: u64 = 1_024;
const BEACON_BYTES: u16 = 32;

// === Public Functions ===

/// Accuses one part of a submission: a dealt segment, for which `place` is one that holds it and
/// `leaf` what the trace commits to there; a row of the scheme; or one of the parts that are whole.
/// `commitment` hides what the accuser found until the jury reveals.
public fun challenge(
    market: &Market,
    task: &Task,
    submission: &mut Submission,
    kind: u8,
    index: u64,
    place: u64,
    leaf: vector<u8>,
    path: vector<vector<u8>>,
    commitment: vector<u8>,
    bond: Coin<SUI>,
    clock: &Clock,
    ctx: &mut TxContext,
) {
    submission.assert_valid(market, task);
    submission.assert_open_to_challenge();
    // An accuser who is the forger's friend would bring a jury that nobody gives the key.
    assert!(
        submission.state() != submission::audited() || !audit::is_pending(task, submission),
        EAuditPending,
    );
    assert!(can_be_judged(submission, kind), EUnsupportedKind);
    assert!(is_part(task, submission, kind, index, place), EBadIndex);
    assert!(!submission.is_judged(kind, index), EAlreadyJudged);
    assert!(submission.verdict_count() < MAX_VERDICTS, ETooManyVerdicts);
    let accuser = ctx.sender();
    assert!(accuser != submission.contributor(), EConflict);
    assert!(
        kind != dispute::unavailable()
            || submission.is_reopened() && submission.is_silent_member(accuser),
        ENotReported,
    );
    assert!(commitment.length() == 32, EBadDigest);
    let is_shown = if (kind == dispute::segment()) {
        trace::has_leaf(task, submission, index, leaf, &path)
    } else {
        leaf.is_empty() && path.is_empty()
    };
    assert!(is_shown, EWrongLeaf);
    assert!(bond.value() == task.terms().accuser_bond(), EWrongBond);
    let now = clock.timestamp_ms();
    let amount = bond.value();
    let dispute = dispute::new(
        submission.id().to_address(),
        kind,
        index,
        place,
        submission.state(),
        accuser,
        commitment,
        leaf,
        now,
    );
    let challenge = dispute.challenge();
    submission.start_dispute(dispute, bond.into_balance());
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
    assert!(ctx.sender() == accuser && !dispute.is_audit(), ENotAccuser);
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
    verdict::conclude(market, task, pool, submission, now, ctx)
}

// === Private Functions ===

/// Whether a jury can judge this kind of claim. Work that was never finished has nothing but its
/// trace.
fun can_be_judged(submission: &Submission, kind: u8): bool {
    if (submission.claims_abort()) {
        kind == dispute::segment() || kind == dispute::unavailable()
    } else {
        dispute::is_kind(kind)
    }
}

/// Whether a claim of this kind can be about this part.
fun is_part(task: &Task, submission: &Submission, kind: u8, index: u64, place: u64): bool {
    if (kind == dispute::segment()) {
        place < trace::place_count(task) && trace::segment_at(task, submission, place) == index
    } else if (kind == dispute::rows()) {
        index < submission.scheme_rows() && place == 0
    } else {
        index == 0 && place == 0
    }
}

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
