/// What generated histories are replayed with: a scenario whose transactions are numbered, and
/// comparisons of BCS by its SHA-256.
#[test_only]
module walrusd::replay;

use std::{bcs, hash::sha2_256};
use sui::{
    clock::{Self, Clock},
    coin::{Self, Coin},
    random::{Self, Random},
    sui::SUI,
    test_scenario::{Self as ts, Scenario}
};
use walrusd::{market, node};

public struct World { scenario: Scenario, clock: Clock, number: u64 }

public fun new(seed: vector<u8>): World {
    let mut scenario = ts::begin(@0x0);
    let clock = clock::create_for_testing(scenario.ctx());
    random::create_for_testing(scenario.ctx());
    scenario.next_tx(@0x0);
    let mut random: Random = scenario.take_shared();
    random.update_randomness_state_for_testing(1, seed, scenario.ctx());
    ts::return_shared(random);
    World { scenario, clock, number: 1 }
}

/// Begins transaction `number`; those between were refused and left nothing.
public fun begin(w: &mut World, number: u64, sender: address, now: u64) {
    while (w.number < number) {
        w.number = w.number + 1;
        w.scenario.next_tx(sender);
    };
    w.clock.set_for_testing(now)
}

public fun deploy(
    w: &mut World,
    admin: address,
    chain_id: vector<u8>,
    package: address,
    tip: u64,
    min_window_ms: u64,
    max_window_ms: u64,
    min_grace_ms: u64,
    max_life_ms: u64,
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
    w.begin(2, admin, 0);
    let ctx = w.scenario.ctx();
    let cap = market::admin_cap_for_testing(ctx);
    let market = market::new_for_testing(
        chain_id, package, tip, min_window_ms, max_window_ms, min_grace_ms, max_life_ms, ctx,
    );
    node::create_pool(
        &cap, &market, stake, duties, fee, seat_life_ms, unbonding_ms, max_min_fee, min_rate,
        min_memory, min_penalty, ctx,
    );
    market.share_for_testing();
    transfer::public_transfer(cap, admin)
}

public fun coin(w: &mut World, amount: u64): Coin<SUI> {
    coin::mint_for_testing(amount, w.scenario.ctx())
}

public fun clock_and_context(w: &mut World): (&Clock, &mut TxContext) {
    (&w.clock, w.scenario.ctx())
}

public fun random(w: &World): Random { w.scenario.take_shared() }

public fun shared<T: key>(w: &World, id: address): T {
    w.scenario.take_shared_by_id(object::id_from_address(id))
}

public fun owned<T: key>(w: &World, owner: address, id: address): T {
    w.scenario.take_from_address_by_id(owner, object::id_from_address(id))
}

public fun keep_shared<T: key>(object: T) { ts::return_shared(object) }

public fun keep_owned<T: key>(owner: address, object: T) { ts::return_to_address(owner, object) }

public fun check<T>(value: &T, expected: vector<u8>) {
    assert!(sha2_256(bcs::to_bytes(value)) == expected)
}

public fun check_shared<T: key>(w: &World, id: address, expected: vector<u8>) {
    let object: T = w.shared(id);
    check(&object, expected);
    keep_shared(object)
}

public fun check_owned<T: key>(w: &World, owner: address, id: address, expected: vector<u8>) {
    let object: T = w.owned(owner, id);
    check(&object, expected);
    keep_owned(owner, object)
}

public fun finish(w: World) {
    let World { scenario, clock, .. } = w;
    clock.destroy_for_testing();
    scenario.end();
}
