/// A case and its jury. Jurors replay and commit to what they found, then reveal a digest of it; what
/// the digest of the majority hides decides.
module walrusd::jury;

use sui::{clock::Clock, coin::Coin, random::Random, sui::SUI};
use walrusd::{
    attestation,
    audit,
    dispute,
    events,
    market::Market,
    node::{VerifierCap, VerifierPool},
    protocol,
    submission::Submission,
    task::Task,
    trace,
    verdict
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
/// Who contributed or verifies may not accuse on cash.
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
/// The window for commitments has closed.
const ETooLate: u64 = 13;
/// Too many accusations on cash were not upheld.
const ETooManyUnproved: u64 = 14;
/// Chain and state root are not what the majority's value hides.
const EBadPreimage: u64 = 15;

// === Constants ===

const BEACON_BYTES: u16 = 32;
/// How many accusations on cash may fail before no more are heard.
const MAX_UNPROVED: u64 = 3;

// === Public Functions ===

/// Accuses one part of a submission, as a seat of its committee, whose stake is the bond: a segment at
/// a `position` of its own, for which `leaf` is what the trace commits to there; a row of the scheme;
/// or one of the parts that are whole.
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
    submission.assert_open_to_challenge();
    audit::assert_not_pending(task, submission);
    attestation::assert_seated(submission, cap, place);
    submission.assert_program(task, program_root);
    assert!(can_be_judged(submission, kind), EUnsupportedKind);
    let is_segment = kind == dispute::segment();
    let mut dealt = 0;
    if (is_segment) {
        let per_seat = task.terms().segments_per_seat();
        assert!(position < per_seat, EBadIndex);
        dealt = place * per_seat + position;
        assert!(trace::segment_at(task, submission, dealt) == index, EBadIndex)
    } else {
        let rows = if (kind == dispute::rows()) submission.scheme_rows() else 1;
        assert!(index < rows && position == 0, EBadIndex)
    };
    let accuser = submission.seat_verifier(place);
    assert!(!submission.has_accused(accuser), EAlreadyAccused);
    let is_shown = if (is_segment) trace::has_leaf(task, submission, index, &leaf, &path)
    else leaf.is_empty() && path.is_empty();
    assert!(is_shown, EWrongLeaf);
    submission.open_case(kind, index, dealt, accuser, place, leaf, clock.timestamp_ms())
}

/// Accuses the verification file, for the cost of a case and the silence penalty. Outsiders hold no
/// key of the opening, so they may accuse only what is public.
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
    submission.assert_open_to_challenge();
    audit::assert_not_pending(task, submission);
    submission.assert_program(task, program_root);
    assert!(can_be_judged(submission, dispute::file()), EUnsupportedKind);
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
    let (kind, no_seat) = (dispute::file(), dispute::no_seat());
    submission.open_case(kind, 0, 0, accuser, no_seat, vector[], clock.timestamp_ms())
}

/// Stores who may judge the case, then draws the beacon that picks among them. The list may hold the
/// whole committee, whom the lot then passes over, so it must be longer. Anyone may call it.
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
    let id = submission.id();
    let eligible = pool.begin_lot(
        id.to_address(),
        task.terms(),
        task.opened_ms(),
        task.publisher(),
        submission.contributor(),
        submission.dataset_owner(),
        submission.dispute().accuser(),
        task.terms().compute_places(),
        now,
    );
    let count = eligible.length();
    let beacon = random.new_generator(ctx).generate_bytes(BEACON_BYTES);
    submission.dispute_mut().draw(beacon, now);
    submission.set_lot(eligible, beacon, now);
    let challenge = submission.dispute().challenge();
    events::emit_jury_drawn(submission.task(), id, challenge, beacon, count, now)
}

/// Seats the jurors that the lot picks; if it picks too few, the case waits for another.
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
    let (id, wanted) = (submission.id(), task.terms().compute_jurors());
    let (eligible, beacon, at_ms) = submission.take_lot();
    let mut taken = submission.seat_verifiers();
    taken.push_back(submission.dispute().accuser());
    let challenge = submission.dispute().challenge();
    let chosen =
        pool.choose_seats(eligible, at_ms, wanted, taken, true, beacon, challenge);
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
        let verifier = pool.seat_verifier(index);
        pool.pin(index);
        let (generation, keys) = (pool.seat_generation(index), pool.seat_keys(index));
        submission.dispute_mut().add_juror(index, generation, verifier, keys);
        jurors.push_back(verifier);
        i = i + 1;
    };
    submission.dispute_mut().summon(now);
    events::emit_jury_seated(submission.task(), id, challenge, chosen, jurors, now)
}

/// Delivers to a juror what opens the work; with the last one they may judge.
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

/// Commits to a juror's value without showing it.
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
    let (challenge, verifier) = (dispute.challenge(), dispute.juror_verifier(juror));
    events::emit_juror_committed(submission.id(), challenge, verifier)
}

/// Reveals a juror's value, the digest of its verdict. It may be late as long as nobody has resolved
/// the case.
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
    let dispute = submission.dispute();
    assert!(!dispute.has_revealed(juror), EAlreadyRevealed);
    assert!(value.length() == 32 && salt.length() == 32, EBadDigest);
    let (challenge, verifier) = (dispute.challenge(), dispute.juror_verifier(juror));
    let found = protocol::compute_jury_commitment(challenge, verifier, value, salt);
    assert!(&found == dispute.juror_commitment(juror), EBadReveal);
    submission.dispute_mut().reveal(juror, value, now);
    events::emit_juror_revealed(submission.id(), challenge, verifier, value)
}

/// Decides by what the majority's value hides. Chain and state root are empty if there is no majority,
/// or if nobody has told in time. Anyone may call it.
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
    if (chain.is_empty()) {
        let may_be_untold = value.is_empty() || dispute.is_telling_over(task.terms(), now);
        assert!(may_be_untold && state_root.is_empty(), EBadPreimage);
        value = vector[]
    } else {
        let is_told = !value.is_empty() && dispute.is_preimage(chain, state_root, &value);
        assert!(is_told, EBadPreimage)
    };
    verdict::conclude(task, pool, submission, value, chain, state_root, now, ctx)
}

// === Private Functions ===

/// Whether the kind exists, and the submission has what it is about: an abort claim has neither an
/// update nor a file.
fun can_be_judged(submission: &Submission, kind: u8): bool {
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
    assert!(submission.is_juror_held_by(juror, cap), ENotJuror)
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
