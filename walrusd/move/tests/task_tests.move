/// What a task refuses.
#[test_only]
module walrusd::task_tests;

use walrusd::{node, task, world};

#[test, expected_failure(abort_code = task::EWrongFunds)]
fun one_coin_too_much() {
    let mut w = world::new();
    w.open_task_with(world::key(), world::digest(), 1, 4_161);
    abort
}

#[test, expected_failure(abort_code = task::EWrongFunds)]
fun one_coin_too_little() {
    let mut w = world::new();
    w.open_task_with(world::key(), world::digest(), 1, 4_159);
    abort
}

#[test, expected_failure(abort_code = node::EBadKey)]
fun short_publisher_key() {
    let mut w = world::new();
    w.open_task_with(b"short", world::digest(), 1, 4_160);
    abort
}

#[test, expected_failure(abort_code = task::EBadDigest)]
fun short_plan_digest() {
    let mut w = world::new();
    w.open_task_with(world::key(), b"short", 1, 4_160);
    abort
}

#[test, expected_failure(abort_code = task::ETooManyDatasets)]
fun no_dataset() {
    let mut w = world::new();
    w.open_task_with(world::key(), world::digest(), 0, 4_160);
    abort
}

#[test, expected_failure(abort_code = task::ETooManyDatasets)]
fun nine_datasets() {
    let mut w = world::new();
    w.open_task_with(world::key(), world::digest(), 9, 4_160);
    abort
}

#[test, expected_failure(abort_code = task::ETooEarly)]
fun close_one_moment_early() {
    let mut w = world::joined(1);
    w.pass(999);
    w.close_joining();
    abort
}

#[test, expected_failure(abort_code = task::EWrongPhase)]
fun close_twice() {
    let mut w = world::training(1);
    w.close_joining();
    abort
}

#[test, expected_failure(abort_code = task::ETooEarly)]
fun draw_one_moment_early() {
    let mut w = world::training(1);
    w.pass(999);
    w.draw();
    abort
}

#[test, expected_failure(abort_code = task::EWrongPhase)]
fun draw_before_training() {
    let mut w = world::joined(1);
    w.draw();
    abort
}

#[test, expected_failure(abort_code = task::EWrongPhase)]
fun draw_twice() {
    let mut w = world::drawn(1);
    w.draw();
    abort
}

#[test, expected_failure(abort_code = task::EWrongPhase)]
fun aggregate_before_settlement() {
    let mut w = world::opened(3);
    w.record_aggregate(world::digest());
    abort
}

#[test, expected_failure(abort_code = task::ETooFewAccepted)]
fun aggregate_of_two() {
    let mut w = world::opened(2);
    w.accept(0);
    w.accept(1);
    w.record_aggregate(world::digest());
    abort
}

#[test, expected_failure(abort_code = task::EWrongPhase)]
fun reclaim_while_running() {
    let mut w = world::opened(1);
    w.reclaim();
    abort
}

#[test, expected_failure(abort_code = task::ENothingToClaim)]
fun reclaim_twice() {
    let mut w = world::opened_task();
    w.pass(1_000);
    w.close_joining();
    w.reclaim();
    w.reclaim();
    abort
}

#[test, expected_failure(abort_code = task::ENothingToClaim)]
fun claim_without_credit() {
    let mut w = world::training(1);
    w.claim_task(world::publisher());
    abort
}

#[test, expected_failure(abort_code = task::ENothingToClaim)]
fun claim_tips_twice() {
    let mut w = world::training(1);
    w.claim_task(world::crank());
    w.claim_task(world::crank());
    abort
}

#[test, expected_failure(abort_code = task::EWrongCap)]
fun cap_of_another_task() {
    let mut w = world::opened_task();
    w.open_task();
    w.reclaim_with_other_cap();
    abort
}

#[test, expected_failure(abort_code = task::EWrongTask)]
fun submission_of_another_task() {
    let mut w = world::training(1);
    w.open_task();
    w.commit(0);
    abort
}
