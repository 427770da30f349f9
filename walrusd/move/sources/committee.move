/// Who verifies a submission: its lot, the seats that it picks, and substitutes in the places of those
/// that keep silent. Anyone may turn each step; nobody can choose.
module walrusd::committee;

use sui::{balance, clock::Clock, random::Random};
use walrusd::{
    credit,
    ending,
    events,
    market::Market,
    node::VerifierPool,
    submission::{Self, Submission},
    task::Task
};

// === Errors ===

/// The lot of the submission is not drawn.
const ENoLot: u64 = 0;
/// The lot of the submission is drawn already.
const ELotDrawn: u64 = 1;
/// The committee may still attest.
const ETooEarly: u64 = 2;

// === Constants ===

const NOT_FULLY_ATTESTED: u8 = 5;

const BEACON_BYTES: u16 = 32;
const MAX_ROUNDS: u64 = 2;
const MAX_PLACE_TRIES: u64 = 4;

// === Public Functions ===

/// Stores who may verify a submission, then draws the beacon that picks among them. The tip is paid
/// for the first lot alone: a lot that fails must not empty the escrow.
entry fun draw_committee(
    market: &Market,
    task: &Task,
    pool: &mut VerifierPool,
    submission: &mut Submission,
    random: &Random,
    clock: &Clock,
    ctx: &mut TxContext,
) {
    submission.assert_case(market, task, pool);
    task.assert_verified_now();
    submission.assert_state(submission::committed());
    assert!(!submission.has_lot(), ELotDrawn);
    let now = clock.timestamp_ms();
    let terms = task.terms();
    let eligible = pool.begin_lot(
        submission.id().to_address(),
        terms,
        task.opened_ms(),
        task.publisher(),
        submission.contributor(),
        submission.dataset_owner(),
        @0x0,
        terms.compute_slots(),
        now,
    );
    let count = eligible.length();
    if (submission.beacon().is_empty()) submission.pay_from_escrow(ctx.sender(), task.tip());
    let beacon = random.new_generator(ctx).generate_bytes(BEACON_BYTES);
    submission.set_beacon(beacon);
    submission.set_lot(eligible, beacon, now);
    events::emit_lot_drawn(submission.task(), submission.id(), beacon, count, now)
}

/// Seats committee and substitutes that the lot picks. If it picks too few, another is drawn.
public fun seat_committee(
    market: &Market,
    task: &Task,
    pool: &mut VerifierPool,
    submission: &mut Submission,
    clock: &Clock,
    ctx: &mut TxContext,
) {
    submission.assert_case(market, task, pool);
    submission.assert_state(submission::committed());
    assert!(submission.has_lot(), ENoLot);
    let now = clock.timestamp_ms();
    let id = submission.id();
    let wanted = task.terms().compute_slots();
    let (eligible, beacon, drawn_ms) = submission.take_lot();
    let chosen = pool.choose_seats(
        eligible,
        drawn_ms,
        wanted,
        vector[],
        false,
        beacon,
        id.to_bytes(),
    );
    pool.end_lot(id.to_address());
    if (chosen.length() < wanted) {
        events::emit_lot_failed(submission.task(), id, vector[], now);
        return
    };
    let committee = task.terms().committee();
    let mut slot = 0;
    while (slot < wanted) {
        let index = chosen[slot];
        pool.pin(index);
        submission.add_seat(
            index,
            pool.seat_generation(index),
            pool.seat_verifier(index),
            pool.seat_keys(index),
            slot,
            committee,
        );
        slot = slot + 1;
    };
    submission.pay_from_escrow(ctx.sender(), task.tip());
    submission.enter(submission::seated(), now);
    let verifiers = submission.list_passed_over();
    events::emit_committee_seated(submission.task(), id, chosen, verifiers, now)
}

/// Gives the places that have not attested in time to substitutes; without, ends Undecided. A seat that
/// reported the opening was not silent: it loses its place and nothing else.
public fun replace(
    market: &Market,
    task: &mut Task,
    pool: &mut VerifierPool,
    submission: &mut Submission,
    clock: &Clock,
    ctx: &mut TxContext,
) {
    submission.assert_case(market, task, pool);
    submission.assert_state(submission::opened());
    let now = clock.timestamp_ms();
    assert!(task.terms().is_verifying_over(now, submission.window_ms()), ETooEarly);
    submission.pay_from_escrow(ctx.sender(), task.tip());
    let mut waiting = vector[];
    let mut silent = vector[];
    let mut place = 0;
    while (place < submission.seat_count()) {
        if (!submission.has_seat_attested(place)) {
            waiting.push_back(place);
            if (!submission.has_reported(place)) silent.push_back(place)
        };
        place = place + 1;
    };
    // When the task's time is up nobody can accuse what it will not attest.
    if (now < task.ends_by_ms()) burn_silence(task, pool, submission, &silent, ctx);
    if (submission.rounds() == MAX_ROUNDS) {
        ending::leave_undecided(task, pool, submission, NOT_FULLY_ATTESTED, now, ctx);
        return
    };
    submission.count_round();
    give_on(task, pool, submission, &waiting, NOT_FULLY_ATTESTED, now, ctx)
}

// === Package Functions ===

/// Gives places to the next substitutes, who need envelopes; with too few, ends Undecided.
public(package) fun give_on(
    task: &mut Task,
    pool: &mut VerifierPool,
    submission: &mut Submission,
    places: &vector<u64>,
    reason: u8,
    now: u64,
    ctx: &mut TxContext,
) {
    let mut are_exhausted = submission.substitute_count() < places.length();
    let mut i = 0;
    while (i < places.length()) {
        if (submission.seat_tries(places[i]) >= MAX_PLACE_TRIES) are_exhausted = true;
        i = i + 1;
    };
    if (are_exhausted) {
        ending::leave_undecided(task, pool, submission, reason, now, ctx);
        return
    };
    let mut i = 0;
    while (i < places.length()) {
        let place = places[i];
        pool.unpin(submission.seat_pool_index(place));
        submission.give_on(place);
        events::emit_seat_replaced(
            submission.task(),
            submission.id(),
            place,
            submission.seat_pool_index(place),
            submission.seat_verifier(place),
            now,
        );
        i = i + 1;
    };
    submission.enter(submission::seated(), now)
}

/// Takes the silence penalty from the seats at these places, and burns it as one coin.
public(package) fun burn_silence(
    task: &Task,
    pool: &mut VerifierPool,
    submission: &Submission,
    places: &vector<u64>,
    ctx: &mut TxContext,
) {
    let penalty = task.terms().seat_penalty();
    let mut burned = balance::zero();
    let mut i = 0;
    while (i < places.length()) {
        let index = submission.seat_pool_index(places[i]);
        burned.join(pool.penalize(index, penalty));
        pool.note_silence(index);
        i = i + 1;
    };
    credit::burn(burned, ctx);
}

// === Test Functions ===

#[test_only]
public fun draw_committee_for_testing(
    market: &Market,
    task: &Task,
    pool: &mut VerifierPool,
    submission: &mut Submission,
    random: &Random,
    clock: &Clock,
    ctx: &mut TxContext,
) {
    draw_committee(market, task, pool, submission, random, clock, ctx)
}
