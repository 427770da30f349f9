/// Verifier pools: seats with equal stakes, which of them fit terms, and the lot that picks among
/// those.
///
/// A seat is one lot. A slot that was left is used again, under the next generation, so dead seats
/// never fill a pool. The transaction that draws a beacon stores the list of eligible seats before;
/// another one seats whom the beacon picks from that list alone, so whoever acts in between changes
/// nothing.
module walrusd::node;

use sui::{balance::{Self, Balance}, clock::Clock, coin::Coin, sui::SUI};
use walrusd::{
    credit,
    envelope,
    events,
    market::{Self, AdminCap, Market},
    math,
    phase,
    protocol,
    terms::Terms
};

// === Errors ===

/// A pool parameter is outside its limits.
const EBadParams: u64 = 0;
/// The coin does not hold what the pool asks for.
const EWrongStake: u64 = 1;
/// A seat's fee, penalty, rate or memory is outside the pool's limits.
const EBadDeclaration: u64 = 2;
/// The verifier pool has no room for another seat.
const EPoolFull: u64 = 3;
/// The slot of the pool is taken.
const ESlotTaken: u64 = 4;
/// The capability does not hold this seat.
const EWrongCap: u64 = 5;
/// The seat is exiting already.
const EAlreadyExiting: u64 = 6;
/// The seat must exit before its stake can be withdrawn.
const ENotExiting: u64 = 7;
/// The unbonding period of the seat is not over.
const EStillBonded: u64 = 8;
/// The seat is in use.
const ESeatInUse: u64 = 9;
/// The seat is renewed and was not silent twice.
const ENotEvictable: u64 = 10;
/// A lot of the pool is drawn and not seated yet.
const ELotPending: u64 = 11;
/// Too few seats are eligible now: draw again later.
const ETooFewSeats: u64 = 12;
/// Too many of the seats that fit have no free duty: draw again later.
const EPoolBusy: u64 = 13;

// === Constants ===

const MAX_SEATS: u64 = 1_024;
const MAX_DUTIES: u64 = 64;
const MAX_TRIES: u64 = 256;
const MAX_SILENT: u8 = 255;
/// After so many duties in a row at which a seat was silent anybody may exit it.
const SILENT_EVICTED: u8 = 2;
/// Holds a slot that nobody does, and the lot that nobody has.
const NOBODY: address = @0x0;

// === Structs ===

/// What is equal for every seat of a pool. Amounts in Mist, times in milliseconds.
public struct PoolParams has copy, drop, store {
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

/// One verifier's seat, or a vacant slot. `keys` is the digest of its public keys; `rate` is in units
/// of segment work a second, `memory` in bytes; `silent` counts the duties in a row at which it was
/// silent.
public struct Seat has copy, drop, store {
    verifier: address,
    generation: u64,
    keys: vector<u8>,
    stake: u64,
    min_fee: u64,
    max_penalty: u64,
    rate: u64,
    memory: u64,
    active_from_ms: u64,
    renewed_ms: u64,
    exiting_at_ms: u64,
    duties: u64,
    silent: u8,
}

/// Shared. The seats and their stakes. `booked` duties are promised to submissions; `lot` is the
/// submission whose lot is drawn and not used yet.
public struct VerifierPool has key {
    id: UID,
    version: u64,
    market: ID,
    params: PoolParams,
    seats: vector<Seat>,
    booked: u64,
    lot: address,
    stakes: Balance<SUI>,
}

/// Owned by a verifier; proves which seat it holds, and publishes the seat's keys.
public struct VerifierCap has key, store {
    id: UID,
    market: ID,
    pool: ID,
    index: u64,
    generation: u64,
    pk1: vector<u8>,
    pk2: vector<u8>,
}

// === Admin Functions ===

/// Creates and shares a verifier pool of a market. Unbonding takes at least as long as a task may, so
/// that a stake is there until its work is judged.
public fun create_pool(
    _: &AdminCap,
    market: &Market,
    stake: u64,
    duties: u64,
    fee: u64,
    seat_life_ms: u64,
    unbonding_ms: u64,
    max_min_fee: u64,
    min_rate: u64,
    min_memory: u64,
    min_penalty: u64,
    ctx: &mut TxContext,
) {
    market.assert_version();
    assert!(
        0 < stake && stake <= market::max_amount()
            && 1 <= duties && duties <= MAX_DUTIES
            && fee <= stake
            && 0 < seat_life_ms && seat_life_ms <= market::max_span_ms()
            && market.max_life_ms() <= unbonding_ms && unbonding_ms <= market::max_span_ms()
            && max_min_fee > 0 && min_rate > 0 && min_memory > 0
            && 0 < min_penalty && min_penalty <= stake / duties,
        EBadParams,
    );
    let self = VerifierPool {
        id: object::new(ctx),
        version: market::version(),
        market: object::id(market),
        params: PoolParams {
            stake,
            duties,
            fee,
            seat_life_ms,
            unbonding_ms,
            max_min_fee,
            min_rate,
            min_memory,
            min_penalty,
        },
        seats: vector[],
        booked: 0,
        lot: NOBODY,
        stakes: balance::zero(),
    };
    events::emit_pool_created(
        self.market,
        object::id(&self),
        stake,
        duties,
        fee,
        seat_life_ms,
        unbonding_ms,
        max_min_fee,
        min_rate,
        min_memory,
        min_penalty,
    );
    transfer::share_object(self)
}

// === Public Functions ===

/// Takes a seat for the pool's stake and fee. `slot` is a vacant slot, or the number of slots to add
/// one: the proof of the keys is bound to it. It serves tasks that are opened later.
public fun register_seat(
    market: &Market,
    self: &mut VerifierPool,
    payment: Coin<SUI>,
    slot: u64,
    pk1: vector<u8>,
    pk2: vector<u8>,
    challenge: vector<u8>,
    answer: vector<u8>,
    min_fee: u64,
    max_penalty: u64,
    rate: u64,
    memory: u64,
    clock: &Clock,
    ctx: &mut TxContext,
): VerifierCap {
    self.assert_valid(market);
    assert!(payment.value() == self.params.stake + self.params.fee, EWrongStake);
    self.check_declaration(min_fee, max_penalty, rate, memory);
    assert!(slot < MAX_SEATS, EPoolFull);
    assert!(slot <= self.seats.length(), ESlotTaken);
    if (slot == self.seats.length()) self.seats.push_back(new_vacant(0));
    assert!(self.seats[slot].verifier == NOBODY, ESlotTaken);
    let generation = self.seats[slot].generation + 1;
    let verifier = ctx.sender();
    let pool = object::id(self);
    let context = compute_seat_context(market, pool, slot, generation, verifier);
    envelope::verify_recipient(context, pk1, pk2, challenge, answer);
    let now = clock.timestamp_ms();
    let mut stake = payment.into_balance();
    credit::burn(stake.split(self.params.fee), ctx);
    self.stakes.join(stake);
    *(&mut self.seats[slot]) =
        Seat {
            verifier,
            generation,
            keys: protocol::compute_keys_digest(pk1, pk2),
            stake: self.params.stake,
            min_fee,
            max_penalty,
            rate,
            memory,
            active_from_ms: now,
            renewed_ms: now,
            exiting_at_ms: 0,
            duties: 0,
            silent: 0,
        };
    events::emit_seat_registered(
        pool,
        slot,
        generation,
        verifier,
        pk1,
        pk2,
        min_fee,
        max_penalty,
        rate,
        memory,
        now,
    );
    let market = self.market;
    VerifierCap { id: object::new(ctx), market, pool, index: slot, generation, pk1, pk2 }
}

/// Says anew what a seat asks for and can do. Duties that it has stay.
public fun declare_seat(
    market: &Market,
    self: &mut VerifierPool,
    cap: &VerifierCap,
    min_fee: u64,
    max_penalty: u64,
    rate: u64,
    memory: u64,
) {
    self.assert_held(market, cap);
    self.check_declaration(min_fee, max_penalty, rate, memory);
    let seat = &mut self.seats[cap.index];
    seat.min_fee = min_fee;
    seat.max_penalty = max_penalty;
    seat.rate = rate;
    seat.memory = memory;
    events::emit_seat_declared(cap.pool, cap.index, min_fee, max_penalty, rate, memory)
}

/// Lets a seat live for another term, for the pool's fee.
public fun renew_seat(
    market: &Market,
    self: &mut VerifierPool,
    cap: &VerifierCap,
    fee: Coin<SUI>,
    clock: &Clock,
    ctx: &mut TxContext,
) {
    self.assert_held(market, cap);
    let price = self.params.fee;
    let seat = &mut self.seats[cap.index];
    assert!(seat.exiting_at_ms == 0, EAlreadyExiting);
    assert!(fee.value() == price, EWrongStake);
    credit::burn(fee.into_balance(), ctx);
    seat.renewed_ms = clock.timestamp_ms();
    events::emit_seat_renewed(cap.pool, cap.index, seat.verifier, seat.renewed_ms)
}

/// Fills up what penalties took of a seat's stake, at most to the pool's stake.
public fun top_up_seat(
    market: &Market,
    self: &mut VerifierPool,
    cap: &VerifierCap,
    coin: Coin<SUI>,
) {
    self.assert_held(market, cap);
    let amount = coin.value();
    let most = self.params.stake;
    let seat = &mut self.seats[cap.index];
    assert!(0 < amount && amount <= most - seat.stake, EWrongStake);
    seat.stake = seat.stake + amount;
    self.stakes.join(coin.into_balance());
    events::emit_seat_topped_up(cap.pool, cap.index, seat.verifier, amount, seat.stake)
}

/// Takes the seat out of every later draw and starts its unbonding.
public fun exit_seat(market: &Market, self: &mut VerifierPool, cap: &VerifierCap, clock: &Clock) {
    self.assert_held(market, cap);
    assert!(self.seats[cap.index].exiting_at_ms == 0, EAlreadyExiting);
    self.exit(cap.index, clock.timestamp_ms())
}

/// Exits a seat that was silent twice in a row, or not renewed. Anyone may.
public fun evict_seat(market: &Market, self: &mut VerifierPool, index: u64, clock: &Clock) {
    self.assert_valid(market);
    assert!(index < self.seats.length(), ENotEvictable);
    let now = clock.timestamp_ms();
    let seat = &self.seats[index];
    assert!(seat.verifier != NOBODY, ENotEvictable);
    assert!(seat.exiting_at_ms == 0, EAlreadyExiting);
    assert!(
        seat.silent >= SILENT_EVICTED
            || phase::is_over(now, seat.renewed_ms, self.params.seat_life_ms),
        ENotEvictable,
    );
    self.exit(index, now)
}

/// Returns what is left of the stake, after the unbonding and once nothing needs the seat.
public fun withdraw_seat(
    market: &Market,
    self: &mut VerifierPool,
    cap: VerifierCap,
    clock: &Clock,
    ctx: &mut TxContext,
): Coin<SUI> {
    self.assert_held(market, &cap);
    let stake = self.vacate(cap.index, clock.timestamp_ms());
    cap.delete();
    stake.into_coin(ctx)
}

/// Sends what is left of the stake to its verifier, as `withdraw_seat` does, so that the slot is
/// free. Anyone may.
public fun release_seat(
    market: &Market,
    self: &mut VerifierPool,
    index: u64,
    clock: &Clock,
    ctx: &mut TxContext,
) {
    self.assert_valid(market);
    assert!(index < self.seats.length(), ENotExiting);
    let verifier = self.seats[index].verifier;
    let stake = self.vacate(index, clock.timestamp_ms());
    transfer::public_transfer(stake.into_coin(ctx), verifier)
}

/// Destroys a capability whose seat was released.
public fun discard_cap(market: &Market, self: &VerifierPool, cap: VerifierCap) {
    self.assert_valid(market);
    market.assert_is(cap.market);
    market::assert_pool(object::id(self), cap.pool);
    assert!(!self.is_held(&cap), ESeatInUse);
    cap.delete()
}

/// Hands a pool of an earlier version of the package to this one. Anyone may, once the market
/// allows this version.
public fun migrate_pool(market: &Market, self: &mut VerifierPool) {
    market.assert_version();
    self.version = market::newer_version(self.version)
}

// === Package Functions ===

/// Checks the versions of the market and the pool, and that they belong together.
public(package) fun assert_valid(self: &VerifierPool, market: &Market) {
    market.assert_version();
    market::assert_object_version(self.version);
    market.assert_is(self.market)
}

public(package) fun assert_version(self: &VerifierPool) {
    market::assert_object_version(self.version)
}

/// Whether the capability holds this seat of a pool.
public(package) fun holds(cap: &VerifierCap, pool: ID, index: u64, generation: u64): bool {
    cap.pool == pool && cap.index == index && cap.generation == generation
}

/// What stands for a seat wherever it is a recipient of envelopes.
public(package) fun compute_seat_context(
    market: &Market,
    pool: ID,
    index: u64,
    generation: u64,
    owner: address,
): vector<u8> {
    envelope::compute_seat_context(
        market.chain_id(),
        market.package(),
        object::id_address(market),
        pool.to_address(),
        index,
        generation,
        owner,
    )
}

/// What backs one duty of a seat.
public(package) fun share(self: &VerifierPool): u64 { self.params.stake / self.params.duties }

public(package) fun market(self: &VerifierPool): ID { self.market }

public(package) fun duties(self: &VerifierPool): u64 { self.params.duties }

public(package) fun seat_verifier(self: &VerifierPool, index: u64): address {
    self.seats[index].verifier
}

public(package) fun seat_generation(self: &VerifierPool, index: u64): u64 {
    self.seats[index].generation
}

public(package) fun seat_keys(self: &VerifierPool, index: u64): vector<u8> {
    self.seats[index].keys
}

// === Package Functions: Duties ===

public(package) fun booked(self: &VerifierPool): u64 { self.booked }

/// Promises duties to submissions.
public(package) fun book(self: &mut VerifierPool, duties: u64) {
    self.booked = self.booked + duties
}

/// Takes back what was promised to a submission that has ended.
public(package) fun unbook(self: &mut VerifierPool, duties: u64) {
    self.booked = self.booked - duties
}

/// Gives a seat one more duty: its stake stays while it has any.
public(package) fun pin(self: &mut VerifierPool, index: u64) {
    let seat = &mut self.seats[index];
    seat.duties = seat.duties + 1
}

public(package) fun unpin(self: &mut VerifierPool, index: u64) {
    let seat = &mut self.seats[index];
    seat.duties = seat.duties - 1
}

/// Counts a duty at which a seat was silent.
public(package) fun note_silence(self: &mut VerifierPool, index: u64) {
    let seat = &mut self.seats[index];
    if (seat.silent < MAX_SILENT) seat.silent = seat.silent + 1
}

/// Forgets earlier silence: the seat has done a duty.
public(package) fun note_service(self: &mut VerifierPool, index: u64) {
    let seat = &mut self.seats[index];
    seat.silent = 0
}

/// Takes `amount` of a seat's stake, at most what backs one duty, or what is left.
public(package) fun penalize(self: &mut VerifierPool, index: u64, amount: u64): Balance<SUI> {
    let pool = object::id(self);
    let most = math::min(amount, self.share());
    let seat = &mut self.seats[index];
    let taken = math::min(seat.stake, most);
    seat.stake = seat.stake - taken;
    if (taken > 0) events::emit_seat_penalized(pool, index, seat.verifier, taken);
    self.stakes.split(taken)
}

// === Package Functions: Lots ===

/// How many seats are live, and how many of those fit a task opened at `opened_ms`, busy or not: they
/// were there before, what they ask for and can do allows it, with all of the pool's duties at once,
/// and their stake backs one at least.
public(package) fun count_fit(
    self: &VerifierPool,
    terms: &Terms,
    opened_ms: u64,
    now: u64,
): (u64, u64) {
    let life = self.params.seat_life_ms;
    let share = self.share();
    let fee = math::min(terms.verifier_fee(), terms.juror_fee());
    let loss = terms.compute_loss();
    let memory = terms.state_bytes();
    let rate = terms.compute_rate(self.params.duties);
    let count = self.seats.length();
    let (mut live, mut fit) = (0, 0);
    let mut i = 0;
    while (i < count) {
        let seat = &self.seats[i];
        if (seat.exiting_at_ms == 0 && seat.verifier != NOBODY && now < seat.renewed_ms + life) {
            live = live + 1;
            if (
                seat.active_from_ms <= opened_ms && seat.stake >= share
                    && seat.min_fee <= fee && seat.max_penalty >= loss
                    && seat.memory >= memory && (seat.rate as u128) >= rate
            ) {
                fit = fit + 1
            }
        };
        i = i + 1
    };
    (live, fit)
}

/// Reserves the pool's lot for a submission and returns who may be drawn, in the pool's order: live
/// seats that fit, were there before the task, and have a duty left whose share of the stake is
/// whole; none of the four parties', of which one may be nobody. The caller makes the beacon last.
///
/// Nothing changes while another lot is drawn, while fewer than `wanted` seats are eligible, and
/// while fewer than two thirds of those that fit are: whoever keeps his own seats idle and the others
/// busy would own the lot.
public(package) fun begin_lot(
    self: &mut VerifierPool,
    submission: address,
    terms: &Terms,
    opened_ms: u64,
    publisher: address,
    contributor: address,
    dataset_owner: address,
    accuser: address,
    wanted: u64,
    now: u64,
): vector<u16> {
    assert!(self.lot == NOBODY, ELotPending);
    let life = self.params.seat_life_ms;
    // Renewed at this moment or before, a seat is dead. A vacant slot backs no duty.
    let dead_ms = if (now < life) 0 else now - life;
    let duties = self.params.duties;
    let share = self.share();
    let fee = math::min(terms.verifier_fee(), terms.juror_fee());
    let loss = terms.compute_loss();
    let memory = terms.state_bytes();
    let rate = terms.compute_rate(duties);
    let count = self.seats.length();
    let mut eligible = vector[];
    let mut fit = 0;
    let mut i = 0;
    // References are compared, and each field is read once: bytes that are copied are the price here.
    while (i < count) {
        let seat = &self.seats[i];
        if (
            seat.exiting_at_ms == 0 && seat.renewed_ms > dead_ms
                && seat.active_from_ms <= opened_ms
                && seat.min_fee <= fee && seat.max_penalty >= loss
                && seat.memory >= memory && (seat.rate as u128) >= rate
                && &seat.verifier != &publisher && &seat.verifier != &contributor
                && &seat.verifier != &dataset_owner && &seat.verifier != &accuser
        ) {
            let backed = seat.stake / share;
            if (backed > 0) fit = fit + 1;
            let used = seat.duties;
            if (used < duties && used < backed) eligible.push_back(i as u16)
        };
        i = i + 1
    };
    assert!(eligible.length() >= wanted, ETooFewSeats);
    assert!(3 * eligible.length() >= 2 * fit, EPoolBusy);
    self.lot = submission;
    eligible
}

/// `wanted` indices of the pool, of different verifiers and none of those `taken`, in the order in
/// which the beacon picks them from the list; fewer if it ends. A pick leaves the list, where the
/// last one takes its place. A slot that was left since the list was made is passed over.
public(package) fun choose_seats(
    self: &VerifierPool,
    mut left: vector<u16>,
    drawn_ms: u64,
    wanted: u64,
    mut taken: vector<address>,
    is_jury: bool,
    beacon: vector<u8>,
    name: vector<u8>,
): vector<u64> {
    let mut chosen = vector[];
    let mut attempt = 0;
    while (attempt < MAX_TRIES && !left.is_empty() && chosen.length() < wanted) {
        let remaining = left.length();
        let at = if (is_jury) protocol::compute_juror_draw(beacon, name, attempt, remaining)
        else protocol::compute_seat_draw(beacon, name, attempt, remaining);
        let index = left.swap_remove(at) as u64;
        let seat = &self.seats[index];
        let verifier = seat.verifier;
        if (
            verifier != NOBODY && seat.active_from_ms < drawn_ms && !taken.contains(&verifier)
        ) {
            taken.push_back(verifier);
            chosen.push_back(index)
        };
        attempt = attempt + 1
    };
    chosen
}

/// Frees the pool's lot, if it is this submission's.
public(package) fun end_lot(self: &mut VerifierPool, submission: address) {
    if (self.lot == submission) self.lot = NOBODY
}

// === Private Functions ===

fun check_declaration(
    self: &VerifierPool,
    min_fee: u64,
    max_penalty: u64,
    rate: u64,
    memory: u64,
) {
    assert!(
        min_fee <= self.params.max_min_fee
            && self.params.min_penalty <= max_penalty && max_penalty <= self.share()
            && rate >= self.params.min_rate && memory >= self.params.min_memory,
        EBadDeclaration,
    )
}

/// A slot that nobody holds, after so many seats.
fun new_vacant(generation: u64): Seat {
    Seat {
        verifier: NOBODY,
        generation,
        keys: vector[],
        stake: 0,
        min_fee: 0,
        max_penalty: 0,
        rate: 0,
        memory: 0,
        active_from_ms: 0,
        renewed_ms: 0,
        exiting_at_ms: 0,
        duties: 0,
        silent: 0,
    }
}

/// Whether the seat of a capability is still the one that it was made for.
fun is_held(self: &VerifierPool, cap: &VerifierCap): bool {
    let seat = &self.seats[cap.index];
    seat.verifier != NOBODY && seat.generation == cap.generation
}

fun assert_held(self: &VerifierPool, market: &Market, cap: &VerifierCap) {
    self.assert_valid(market);
    market.assert_is(cap.market);
    market::assert_pool(object::id(self), cap.pool);
    assert!(self.is_held(cap), EWrongCap)
}

fun exit(self: &mut VerifierPool, index: u64, now: u64) {
    let pool = object::id(self);
    let seat = &mut self.seats[index];
    seat.exiting_at_ms = now;
    events::emit_seat_exited(pool, index, seat.verifier, now)
}

/// Frees the slot of a seat that has unbonded, and returns its stake.
fun vacate(self: &mut VerifierPool, index: u64, now: u64): Balance<SUI> {
    let seat = self.seats[index];
    assert!(seat.exiting_at_ms != 0, ENotExiting);
    assert!(
        phase::is_over(now, seat.exiting_at_ms, self.params.unbonding_ms),
        EStillBonded,
    );
    assert!(seat.duties == 0, ESeatInUse);
    let generation = seat.generation;
    *(&mut self.seats[index]) = new_vacant(generation);
    let pool = object::id(self);
    events::emit_seat_withdrawn(pool, index, generation, seat.verifier, seat.stake);
    self.stakes.split(seat.stake)
}

fun delete(self: VerifierCap) {
    let VerifierCap { id, market: _, pool: _, index: _, generation: _, pk1: _, pk2: _ } = self;
    id.delete()
}
