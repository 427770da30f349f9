/// Cases before juries: accusations, drawing and seating a jury, its envelopes, and its votes. Jurors
/// commit to the digest of a verdict, then reveal it.
module walrusd::jury;

use sui::{clock::Clock, coin::Coin, random::Random, sui::SUI};
use walrusd::{
    attestation,
    audit,
    dispute,
    events,
    market::Market,
    node::{VerifierCap, VerifierPool},
    outcome,
    protocol,
    submission::Submission,
    task::Task,
    trace
};

// === Errors ===

/// This kind of case is not judged by this version.
const EUnsupportedKind: u64 = 0;
/// The place was not dealt this segment, or there is no such part.
const EBadIndex: u64 = 1;
/// This address has accused this submission already.
const EAlreadyAccused: u64 = 2;
/// The bond is not the amount that the task asks for.
const EWrongBond: u64 = 3;
/// A contributor may not accuse itself.
const EConflict: u64 = 4;
/// The leaf is not the one that the trace commits to.
const EWrongLeaf: u64 = 5;
/// There is no dispute in the phase this action needs.
const ENoDispute: u64 = 6;
/// The capability does not hold this seat of the jury.
const ENotJuror: u64 = 7;
/// The juror has committed already.
const EAlreadyCommitted: u64 = 8;
/// The value was revealed already.
const EAlreadyRevealed: u64 = 9;
/// The revealed value does not match its commitment.
const EBadReveal: u64 = 10;
/// The jury may still commit or reveal.
const ETooEarly: u64 = 11;
/// A digest has 32 bytes.
const EBadDigest: u64 = 12;
/// The window has closed.
const ETooLate: u64 = 13;
/// Too many accusations on cash were not upheld.
const ETooManyUnproved: u64 = 14;
/// Chain and state root are not what the majority's value hides.
const EBadPreimage: u64 = 15;
/// The audit sampled a segment of this submission, and a jury must judge it first.
const EAuditPending: u64 = 16;

// === Constants ===

const MAX_UNPROVED: u64 = 3;
const BEACON_BYTES: u16 = 32;

// === Public Functions: Accusations ===

/// Accuses one part of a submission, as a seat of its committee, whose stake is the bond. `index` names
/// a segment, at a `position` of the seat's own, or a row; of other kinds there is only one. `leaf` is
/// what the trace commits to for a segment.
public fun accuse(
    market: &Market,
    task: &Task,
    submission: &mut Submission,
    cap: &VerifierCap,
    place: u64,
    kind: u8,
    index: u64,
    position: u64,
    leaf: vector<u8>,
    path: vector<vector<u8>>,
    program_root: vector<u8>,
    clock: &Clock,
) {
    submission.assert_valid(market, task);
    let now = clock.timestamp_ms();
    assert_may_be_accused(task, submission, now);
    attestation::assert_seated(submission, cap, place);
    submission.assert_program(task, program_root);
    assert!(is_supported(submission, kind), EUnsupportedKind);
    let per_seat = task.terms().segments_per_seat();
    let is_segment = kind == dispute::segment();
    assert!(position < if (is_segment) per_seat else 1, EBadIndex);
    let dealt = if (is_segment) place * per_seat + position else 0;
    let exists = if (is_segment) trace::segment_at(task, submission, dealt) == index
    else if (kind == dispute::rows()) index < submission.scheme_rows()
    else index == 0;
    assert!(exists, EBadIndex);
    let accuser = submission.seat_verifier(place);
    assert!(!submission.has_accused(accuser), EAlreadyAccused);
    let is_right_leaf = if (is_segment) trace::has_leaf(task, submission, index, leaf, &path)
    else leaf.is_empty() && path.is_empty();
    assert!(is_right_leaf, EWrongLeaf);
    submission.open_case(kind, index, dealt, accuser, place, leaf, now)
}

/// Accuses the verification file, as an outsider, for the cost of a case and the silence penalty.
public fun accuse_file(
    market: &Market,
    task: &Task,
    submission: &mut Submission,
    program_root: vector<u8>,
    bond: Coin<SUI>,
    clock: &Clock,
    ctx: &mut TxContext,
) {
    submission.assert_valid(market, task);
    let now = clock.timestamp_ms();
    assert_may_be_accused(task, submission, now);
    submission.assert_program(task, program_root);
    assert!(is_supported(submission, dispute::file()), EUnsupportedKind);
    let accuser = ctx.sender();
    assert!(
        accuser != submission.contributor() && !submission.is_committee_member(accuser),
        EConflict,
    );
    assert!(!submission.has_accused(accuser), EAlreadyAccused);
    assert!(submission.unproved() < MAX_UNPROVED, ETooManyUnproved);
    let terms = task.terms();
    assert!(bond.value() == terms.compute_case_cost() + terms.seat_penalty(), EWrongBond);
    submission.add_bond(bond.into_balance());
    submission.open_case(dispute::file(), 0, 0, accuser, dispute::no_seat(), vector[], now)
}

// === Public Functions: Juries ===

/// Stores who may judge the case, then draws the beacon that picks among them. The list may hold the
/// whole committee, whom the lot then passes over, so it must be longer.
entry fun draw_jury(
    market: &Market,
    task: &Task,
    pool: &mut VerifierPool,
    submission: &mut Submission,
    random: &Random,
    clock: &Clock,
    ctx: &mut TxContext,
) {
    submission.assert_case(market, task, pool);
    assert!(submission.is_disputed_in(dispute::waiting()), ENoDispute);
    let now = clock.timestamp_ms();
    let terms = task.terms();
    let wanted = terms.compute_jurors() + count_passed_over(task, submission);
    let eligible = pool.begin_lot(
        submission.id().to_address(),
        terms,
        task.opened_ms(),
        task.publisher(),
        submission.contributor(),
        submission.dataset_owner(),
        submission.dispute().accuser(),
        wanted,
        now,
    );
    let count = eligible.length();
    let beacon = random.new_generator(ctx).generate_bytes(BEACON_BYTES);
    submission.dispute_mut().draw(beacon, now);
    submission.set_lot(eligible, beacon, now);
    let challenge = submission.dispute().challenge();
    events::emit_jury_drawn(submission.task(), submission.id(), challenge, beacon, count, now)
}

/// Seats the jurors that the lot picks. If it picks too few, the case waits for another.
public fun seat_jury(
    market: &Market,
    task: &Task,
    pool: &mut VerifierPool,
    submission: &mut Submission,
    clock: &Clock,
) {
    submission.assert_case(market, task, pool);
    assert!(submission.is_disputed_in(dispute::drawn()), ENoDispute);
    let now = clock.timestamp_ms();
    let id = submission.id();
    let challenge = submission.dispute().challenge();
    let wanted = task.terms().compute_jurors();
    let mut taken = submission.list_passed_over();
    taken.push_back(submission.dispute().accuser());
    let (eligible, beacon, drawn_ms) = submission.take_lot();
    let chosen = pool.choose_seats(eligible, drawn_ms, wanted, taken, true, beacon, challenge);
    pool.end_lot(id.to_address());
    if (chosen.length() < wanted) {
        submission.dispute_mut().wait(now);
        events::emit_lot_failed(submission.task(), id, challenge, now);
        return
    };
    let mut jurors = vector[];
    let mut i = 0;
    while (i < wanted) {
        let index = chosen[i];
        pool.pin(index);
        let verifier = pool.seat_verifier(index);
        let (generation, keys) = (pool.seat_generation(index), pool.seat_keys(index));
        submission.dispute_mut().add_juror(index, generation, verifier, keys);
        jurors.push_back(verifier);
        i = i + 1;
    };
    submission.dispute_mut().summon(now);
    events::emit_jury_seated(submission.task(), id, challenge, chosen, jurors, now)
}

/// Delivers to a juror what opens the work. Anybody who can read it may; with the last juror they may
/// judge.
public fun deliver_juror(
    market: &Market,
    task: &Task,
    submission: &mut Submission,
    juror: u64,
    pk1: vector<u8>,
    pk2: vector<u8>,
    r: vector<u8>,
    c: vector<u8>,
    challenge: vector<u8>,
    answer: vector<u8>,
    clock: &Clock,
    ctx: &mut TxContext,
) {
    submission.assert_valid(market, task);
    assert!(submission.is_disputed_in(dispute::summoned()), ENoDispute);
    let now = clock.timestamp_ms();
    let sender = ctx.sender();
    let is_last = submission.deliver_to_juror(
        market,
        juror,
        pk1,
        pk2,
        sender,
        r,
        c,
        challenge,
        answer,
        now,
    );
    if (is_last) {
        let case = submission.dispute().challenge();
        events::emit_jury_readable(submission.task(), submission.id(), case, now)
    }
}

/// Commits to a juror's value without revealing it.
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
    assert!(!submission.dispute().is_voting_over(task.terms(), now), ETooLate);
    assert_juror(submission, cap, juror);
    assert!(submission.dispute().juror_commitment(juror).is_empty(), EAlreadyCommitted);
    assert!(commitment.length() == 32, EBadDigest);
    submission.dispute_mut().commit(juror, commitment, now);
    let dispute = submission.dispute();
    let verifier = dispute.juror_verifier(juror);
    events::emit_juror_committed(submission.id(), dispute.challenge(), verifier)
}

/// Reveals a juror's value, once all have committed or their time is over. It may be late as long as
/// the jury is not resolved.
public fun jury_reveal(
    market: &Market,
    task: &Task,
    submission: &mut Submission,
    cap: &VerifierCap,
    juror: u64,
    value: vector<u8>,
    salt: vector<u8>,
    clock: &Clock,
) {
    submission.assert_valid(market, task);
    assert_voting(submission);
    let now = clock.timestamp_ms();
    assert!(submission.dispute().is_voting_over(task.terms(), now), ENoDispute);
    assert_juror(submission, cap, juror);
    assert!(!submission.dispute().has_revealed(juror), EAlreadyRevealed);
    assert!(value.length() == 32 && salt.length() == 32, EBadDigest);
    let challenge = submission.dispute().challenge();
    let verifier = submission.dispute().juror_verifier(juror);
    let expected = protocol::compute_jury_commitment(challenge, verifier, value, salt);
    assert!(&expected == submission.dispute().juror_commitment(juror), EBadReveal);
    submission.dispute_mut().reveal(juror, value, now);
    events::emit_juror_revealed(submission.id(), challenge, verifier, value)
}

/// Decides by what the majority's value hides. `chain` and `state_root` are empty if there is no
/// majority, or if nobody has told in time what its value hides.
public fun resolve(
    market: &Market,
    task: &mut Task,
    pool: &mut VerifierPool,
    submission: &mut Submission,
    chain: vector<u8>,
    state_root: vector<u8>,
    clock: &Clock,
    ctx: &mut TxContext,
) {
    submission.assert_case(market, task, pool);
    assert_voting(submission);
    let now = clock.timestamp_ms();
    let dispute = submission.dispute();
    assert!(dispute.is_ready(task.terms(), now), ETooEarly);
    let mut value = dispute.find_majority(task.terms().jury());
    if (!value.is_empty() && chain.is_empty()) {
        assert!(dispute.is_telling_over(task.terms(), now), EBadPreimage);
        value = vector[]
    };
    let is_told = if (value.is_empty()) chain.is_empty() && state_root.is_empty()
    else dispute.is_preimage(chain, state_root, &value);
    assert!(is_told, EBadPreimage);
    outcome::decide(task, pool, submission, value, chain, state_root, now, ctx)
}

// === Package Functions ===

/// Checks that no audit waits: it goes first, as a friend of the forger could hold it up.
public(package) fun assert_no_audit_pending(task: &Task, submission: &Submission) {
    assert!(!audit::is_pending(task, submission), EAuditPending)
}

/// Checks that jurors wait for their envelopes.
public(package) fun assert_summoned(submission: &Submission) {
    assert!(submission.is_disputed_in(dispute::summoned()), ENoDispute)
}

// === Private Functions ===

/// How many of those that the lot passes over may be on its list: no party is.
fun count_passed_over(task: &Task, submission: &Submission): u64 {
    let passed_over = submission.list_passed_over();
    let mut parties = vector[task.publisher(), submission.contributor()];
    parties.push_back(submission.dataset_owner());
    parties.push_back(submission.dispute().accuser());
    let mut count = 0;
    let mut i = 0;
    while (i < passed_over.length()) {
        if (!parties.contains(&passed_over[i])) count = count + 1;
        i = i + 1;
    };
    count
}

fun assert_may_be_accused(task: &Task, submission: &Submission, now: u64) {
    submission.assert_open_to_challenge();
    assert_no_audit_pending(task, submission);
    // A case that no jury was found for was dismissed: no other could be heard either.
    assert!(now < task.ends_by_ms(), ETooLate)
}

/// Whether this kind of claim is judged. An abort claim has neither an update nor a file.
fun is_supported(submission: &Submission, kind: u8): bool {
    if (submission.claims_abort()) kind == dispute::segment() || kind == dispute::opening()
    else dispute::is_kind(kind)
}

fun assert_voting(submission: &Submission) {
    assert!(
        submission.is_disputed_in(dispute::committing())
            || submission.is_disputed_in(dispute::revealing()),
        ENoDispute,
    )
}

fun assert_juror(submission: &Submission, cap: &VerifierCap, juror: u64) {
    let dispute = submission.dispute();
    assert!(
        juror < dispute.juror_count()
            && cap.holds(
                submission.pool(),
                dispute.juror_pool_index(juror),
                dispute.juror_generation(juror),
            ),
        ENotJuror,
    )
}

// === Test Functions ===

#[test_only]
public fun draw_jury_for_testing(
    market: &Market,
    task: &Task,
    pool: &mut VerifierPool,
    submission: &mut Submission,
    random: &Random,
    clock: &Clock,
    ctx: &mut TxContext,
) {
    draw_jury(market, task, pool, submission, random, clock, ctx)
}
