/// Who verifies a submission: the lot that picks committee and substitutes, and the places that are
/// given on. Anyone may turn these cranks; nobody can choose.
module walrusd::committee;

use sui::{balance, clock::Clock, random::Random};
use walrusd::{
    credit,
    dispute,
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

const BEACON_BYTES: u16 = 32;
/// How often silent seats may be replaced.
const MAX_ROUNDS: u64 = 2;
/// How often a place may be given on.
const MAX_PLACE_TRIES: u64 = 4;

// === Public Functions ===

/// Stores who may verify a submission, then draws the beacon that picks among them. The first lot
/// pays a tip: one that fails must not empty the escrow.
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
    let id = submission.id();
    let eligible = pool.begin_lot(
        id.to_address(),
        task.terms(),
        task.opened_ms(),
        task.publisher(),
        submission.contributor(),
        submission.dataset_owner(),
        dispute::nobody(),
        task.terms().compute_slots(),
        now,
    );
    if (submission.beacon().is_empty()) submission.pay_from_escrow(ctx.sender(), task.tip());
    let count = eligible.length();
    let beacon = random.new_generator(ctx).generate_bytes(BEACON_BYTES);
    submission.set_beacon(beacon);
    submission.set_lot(eligible, beacon, now);
    events::emit_lot_drawn(submission.task(), id, beacon, count, now)
}

/// Seats committee and substitutes that the lot picks; if it picks too few, another is drawn.
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
    let (id, wanted) = (submission.id(), task.terms().compute_slots());
    let name = id.to_bytes();
    let (eligible, beacon, at_ms) = submission.take_lot();
    let chosen =
        pool.choose_seats(eligible, at_ms, wanted, vector[], false, beacon, name);
    pool.end_lot(id.to_address());
    if (chosen.length() < wanted) {
        events::emit_lot_failed(submission.task(), id, vector[], now);
        return
    };
    let committee = task.terms().committee();
    let mut verifiers = vector[];
    let mut slot = 0;
    while (slot < wanted) {
        let index = chosen[slot];
        let verifier = pool.seat_verifier(index);
        pool.pin(index);
        submission.add_seat(
            index,
            pool.seat_generation(index),
            verifier,
            pool.seat_keys(index),
            slot,
            committee,
        );
        verifiers.push_back(verifier);
        slot = slot + 1;
    };
    submission.pay_from_escrow(ctx.sender(), task.tip());
    submission.enter(submission::seated(), now);
    events::emit_committee_seated(submission.task(), id, chosen, verifiers, now)
}

/// Gives the places that have not attested in time to substitutes; without, ends the submission
/// Undecided. A seat that reported the opening was not silent: it loses its place and nothing else.
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
    burn_silent(task, pool, submission, &silent, ctx);
    let reason = ending::not_fully_attested();
    if (submission.rounds() == MAX_ROUNDS) {
        ending::leave_undecided(task, pool, submission, reason, now, ctx);
        return
    };
    submission.count_round();
    give_on(task, pool, submission, &waiting, reason, now, ctx)
}

// === Package Functions ===

/// Gives places to the next substitutes, who need envelopes; with too few, ends the submission
/// Undecided for `reason`.
public(package) fun give_on(
    task: &mut Task,
    pool: &mut VerifierPool,
    submission: &mut Submission,
    places: &vector<u64>,
    reason: u8,
    now: u64,
    ctx: &mut TxContext,
) {
    let mut can_go_on = places.length() <= submission.substitute_count();
    let mut i = 0;
    while (i < places.length()) {
        if (submission.seat_tries(places[i]) >= MAX_PLACE_TRIES) can_go_on = false;
        i = i + 1;
    };
    if (!can_go_on) {
        ending::leave_undecided(task, pool, submission, reason, now, ctx);
        return
    };
    let (task_id, id) = (submission.task(), submission.id());
    let mut i = 0;
    while (i < places.length()) {
        let place = places[i];
        pool.unpin(submission.seat_pool_index(place));
        submission.give_on(place);
        let (index, verifier) =
            (submission.seat_pool_index(place), submission.seat_verifier(place));
        events::emit_seat_replaced(task_id, id, place, index, verifier, now);
        i = i + 1;
    };
    submission.enter(submission::seated(), now)
}

/// Takes the silence penalty from the seats at these places, and burns it as one coin.
public(package) fun burn_silent(
    task: &Task,
    pool: &mut VerifierPool,
    submission: &Submission,
    places: &vector<u64>,
    ctx: &mut TxContext,
) {
    let penalty = task.terms().seat_penalty();
    let mut taken = balance::zero();
    let mut i = 0;
    while (i < places.length()) {
        let index = submission.seat_pool_index(places[i]);
        taken.join(pool.penalize(index, penalty));
        pool.note_silence(index);
        i = i + 1;
    };
    credit::burn(taken, ctx);
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
