/// What the market and the verifier pool refuse.
#[test_only]
module walrusd::market_tests;

use walrusd::{market, node, world};

#[test, expected_failure(abort_code = market::EBadParams)]
fun chain_id_of_31_bytes() {
    let mut w = world::new();
    let mut id = world::chain_id();
    id.pop_back();
    w.create_market(id, 200);
    abort
}

#[test, expected_failure(abort_code = market::EBadParams)]
fun market_without_minimum_stake() {
    let mut w = world::new();
    w.create_market(world::chain_id(), 0);
    abort
}

#[test, expected_failure(abort_code = market::EPaused)]
fun paused_market_takes_no_task() {
    let mut w = world::new();
    w.set_paused(true);
    w.open_task();
    abort
}

#[test, expected_failure(abort_code = market::EPaused)]
fun paused_market_takes_no_join() {
    let mut w = world::opened_task();
    w.grant(world::contributor(0));
    w.set_paused(true);
    w.join(world::contributor(0), 100);
    abort
}

#[test, expected_failure(abort_code = market::EWrongVersion)]
fun other_version_of_the_market() {
    let mut w = world::training(1);
    w.next(world::admin());
    let mut market = w.market();
    market.set_allowed_versions_for_testing(vector[2, 3]);
    sui::test_scenario::return_shared(market);
    w.commit(0);
    abort
}

#[test, expected_failure(abort_code = market::EWrongVersion)]
fun other_version_of_the_pool() {
    let mut w = world::new();
    w.next(world::admin());
    let mut pool = w.pool();
    pool.set_version_for_testing(2);
    sui::test_scenario::return_shared(pool);
    w.register(@0xF0, 1_000, world::key());
    abort
}

#[test, expected_failure(abort_code = market::EWrongPool)]
fun pool_of_another_market() {
    let mut w = world::committed(1);
    w.draw_from_another_pool();
    abort
}

#[test, expected_failure(abort_code = node::EStakeTooSmall)]
fun seat_with_too_little() {
    let mut w = world::new();
    w.register(@0xF0, 199, world::key());
    abort
}

#[test, expected_failure(abort_code = node::EBadKey)]
fun seat_with_a_short_key() {
    let mut w = world::new();
    w.register(@0xF0, 200, b"short");
    abort
}

#[test, expected_failure(abort_code = node::EPoolFull)]
fun one_seat_too_many() {
    let mut w = world::new();
    w.next(world::admin());
    let mut pool = w.pool();
    pool.fill_for_testing(1_023);
    sui::test_scenario::return_shared(pool);
    w.register(@0xF0, 200, world::key());
    w.register(@0xF0, 200, world::key());
    abort
}

#[test, expected_failure(abort_code = node::EWrongCap)]
fun exit_with_a_cap_of_another_pool() {
    let mut w = world::new();
    // The newer market is the one that `exit` finds.
    w.create_market(world::chain_id(), 200);
    w.exit(@0xE0);
    abort
}

#[test, expected_failure(abort_code = node::EAlreadyExiting)]
fun seat_exits_twice() {
    let mut w = world::new();
    w.exit(@0xE0);
    w.exit(@0xE0);
    abort
}

#[test, expected_failure(abort_code = node::ENotExiting)]
fun withdraw_without_exit() {
    let mut w = world::new();
    w.withdraw(@0xE0);
    abort
}

#[test, expected_failure(abort_code = node::EStillBonded)]
fun withdraw_one_moment_early() {
    let mut w = world::new();
    w.exit(@0xE0);
    w.pass(4_999);
    w.withdraw(@0xE0);
    abort
}

#[test, expected_failure(abort_code = node::ESeatInUse)]
fun withdraw_while_serving() {
    let mut w = world::seated(1);
    let verifier = w.seat_verifier(0, 0);
    w.exit(verifier);
    w.pass(5_000);
    w.withdraw(verifier);
    abort
}
