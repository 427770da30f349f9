/// What the settling crank and the claims refuse.
#[test_only]
module walrusd::settlement_tests;

use walrusd::{settlement, world};

#[test, expected_failure(abort_code = settlement::EAlreadyEnded)]
fun settle_twice() {
    let mut w = world::opened(1);
    w.accept(0);
    w.settle(0);
    abort
}

#[test, expected_failure(abort_code = settlement::EDisputed)]
fun settle_what_a_jury_judges() {
    let mut w = world::opened(1);
    w.challenge(0, 3);
    w.pass(10_000);
    w.settle(0);
    abort
}

#[test, expected_failure(abort_code = settlement::ETooEarly)]
fun settle_before_the_draw() {
    let mut w = world::training(1);
    w.pass(10_000);
    w.settle(0);
    abort
}

#[test, expected_failure(abort_code = settlement::ETooEarly)]
fun settle_before_seats() {
    let mut w = world::drawn(1);
    w.pass(10_000);
    w.settle(0);
    abort
}

#[test, expected_failure(abort_code = settlement::ETooEarly)]
fun settle_in_the_grace() {
    let mut w = world::seated(1);
    w.pass(1_999);
    w.settle(0);
    abort
}

#[test, expected_failure(abort_code = settlement::ETooEarly)]
fun settle_one_moment_early() {
    let mut w = world::replaced();
    w.pass(999);
    w.settle(0);
    abort
}

#[test, expected_failure(abort_code = settlement::ETooEarly)]
fun settle_before_silent_seats_are_replaced() {
    let mut w = world::opened(1);
    w.pass(10_000);
    w.settle(0);
    abort
}

#[test, expected_failure(abort_code = settlement::ETooEarly)]
fun settle_before_the_lot_is_drawn() {
    let mut w = world::opened(1);
    w.attest_all(0);
    w.pass(10_000);
    w.settle(0);
    abort
}

#[test, expected_failure(abort_code = settlement::ETooEarly)]
fun settle_while_the_audit_waits() {
    let mut w = world::selected(false);
    w.pass(1_999);
    w.settle(0);
    abort
}

#[test, expected_failure(abort_code = settlement::ENothingToClaim)]
fun claim_nothing() {
    let mut w = world::opened(1);
    w.claim(0, world::contributor(0));
    abort
}

#[test, expected_failure(abort_code = settlement::ENothingToClaim)]
fun claim_twice() {
    let mut w = world::opened(1);
    w.accept(0);
    w.claim(0, world::contributor(0));
    w.claim(0, world::contributor(0));
    abort
}
