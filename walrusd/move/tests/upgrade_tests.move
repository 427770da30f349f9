/// Versions of the package: which may act, and how the objects of an earlier one are taken over.
#[test_only]
module walrusd::upgrade_tests;

use sui::test_scenario::{return_shared, return_to_address};
use walrusd::{dataset, market::{Self, AdminCap}, node, submission, task, world::{Self, World}};

use fun allow as World.allow;
use fun disallow as World.disallow;
use fun migrate_market as World.migrate_market;
use fun allowed as World.allowed;
use fun age as World.age;
use fun migrate_all as World.migrate_all;

fun allow(w: &mut World, version: u64) {
    w.next(world::admin());
    let cap: AdminCap = w.scenario().take_from_sender();
    let mut market = w.market();
    market::allow_version(&cap, &mut market, version);
    return_shared(market);
    return_to_address(world::admin(), cap)
}

fun disallow(w: &mut World, version: u64) {
    w.next(world::admin());
    let cap: AdminCap = w.scenario().take_from_sender();
    let mut market = w.market();
    market::disallow_version(&cap, &mut market, version);
    return_shared(market);
    return_to_address(world::admin(), cap)
}

fun migrate_market(w: &mut World) {
    w.next(world::admin());
    let cap: AdminCap = w.scenario().take_from_sender();
    let mut market = w.market();
    market::migrate_market(&cap, &mut market);
    return_shared(market);
    return_to_address(world::admin(), cap)
}

fun allowed(w: &mut World): vector<u64> {
    w.next(world::crank());
    let market = w.market();
    let versions = market.allowed_versions();
    return_shared(market);
    versions
}

/// As if everything had been made by an earlier version of the package.
fun age(w: &mut World) {
    w.next(world::crank());
    let mut market = w.market();
    market.set_version_for_testing(0);
    market.set_allowed_versions_for_testing(vector[0]);
    return_shared(market);
    let mut pool = w.pool();
    pool.set_version_for_testing(0);
    return_shared(pool);
    let mut task = w.task();
    task.set_version_for_testing(0);
    return_shared(task);
    let mut submission = w.submission(0);
    submission.set_version_for_testing(0);
    return_shared(submission);
    let mut dataset = w.dataset();
    dataset.set_version_for_testing(0);
    return_shared(dataset);
    let mut request = w.request();
    request.set_request_version_for_testing(0);
    return_shared(request)
}

fun migrate_all(w: &mut World) {
    w.next(world::crank());
    let market = w.market();
    let mut pool = w.pool();
    node::migrate_pool(&market, &mut pool);
    assert!(pool.object_version() == 1);
    return_shared(pool);
    let mut task = w.task();
    task::migrate_task(&market, &mut task);
    assert!(task.object_version() == 1);
    return_shared(task);
    let mut submission = w.submission(0);
    submission::migrate_submission(&market, &mut submission);
    assert!(submission.object_version() == 1);
    return_shared(submission);
    let mut dataset = w.dataset();
    dataset::migrate_dataset(&market, &mut dataset);
    assert!(dataset.object_version() == 1);
    return_shared(dataset);
    let mut request = w.request();
    dataset::migrate_request(&market, &mut request);
    assert!(request.request_object_version() == 1);
    return_shared(request);
    return_shared(market)
}

#[test]
fun a_running_task_is_taken_over() {
    let mut w = world::opened(1);
    w.age();
    w.migrate_market();
    assert!(w.allowed() == vector[1]);
    w.migrate_all();
    w.accept(0);
    w.finish()
}

#[test]
fun versions_come_and_go() {
    let mut w = world::new();
    w.allow(2);
    w.allow(3);
    w.disallow(1);
    assert!(w.allowed() == vector[2, 3]);
    w.allow(1);
    w.disallow(2);
    assert!(w.allowed() == vector[3, 1]);
    w.finish()
}

#[test, expected_failure(abort_code = market::EWrongVersion)]
fun an_old_task_waits_for_its_migration() {
    let mut w = world::opened(1);
    w.age();
    w.migrate_market();
    w.settle(0);
    abort
}

#[test, expected_failure(abort_code = market::EWrongVersion)]
fun objects_wait_for_the_market() {
    let mut w = world::opened(1);
    w.age();
    w.migrate_all();
    abort
}

#[test, expected_failure(abort_code = market::EWrongVersion)]
fun a_stopped_version_does_nothing() {
    let mut w = world::opened(1);
    w.allow(2);
    w.disallow(1);
    w.settle(0);
    abort
}

#[test, expected_failure(abort_code = market::ENotOlder)]
fun a_market_migrates_once() {
    let mut w = world::new();
    w.migrate_market();
    abort
}

#[test, expected_failure(abort_code = market::ENotOlder)]
fun objects_migrate_once() {
    let mut w = world::opened(1);
    w.migrate_all();
    abort
}

#[test, expected_failure(abort_code = market::EBadVersion)]
fun version_zero_is_none() {
    let mut w = world::new();
    w.allow(0);
    abort
}

#[test, expected_failure(abort_code = market::EBadVersion)]
fun a_version_is_allowed_once() {
    let mut w = world::new();
    w.allow(1);
    abort
}

#[test, expected_failure(abort_code = market::EBadVersion)]
fun nine_versions() {
    let mut w = world::new();
    let mut version = 2;
    while (version <= 9) {
        w.allow(version);
        version = version + 1
    };
    abort
}

#[test, expected_failure(abort_code = market::EBadVersion)]
fun the_last_version_stays() {
    let mut w = world::new();
    w.disallow(1);
    abort
}

#[test, expected_failure(abort_code = market::EBadVersion)]
fun an_unknown_version_is_not_stopped() {
    let mut w = world::new();
    w.allow(2);
    w.disallow(3);
    abort
}
