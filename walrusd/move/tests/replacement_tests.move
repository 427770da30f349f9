/// Silent seats and their substitutes.
#[test_only]
module walrusd::replacement_tests;

use std::unit_test::assert_eq;
use walrusd::world;

#[test]
fun substitute_takes_the_place_of_a_silent_seat() {
    let mut w = world::opened(1);
    w.attest(0, 0, 0);
    w.attest(0, 0, 1);
    w.attest(0, 1, 0);
    w.pass(1_000);
    let before = w.held();
    let (kept, silent) = (w.seat_verifier(0, 0), w.seat_verifier(0, 1));
    w.replace(0);
    assert_eq!(w.state(0), 3);
    // Ten fees of 10 from the silent one.
    w.check_conserved(before);
    assert_eq!(w.seat_verifier(0, 0), kept);
    assert!(w.seat_verifier(0, 1) != silent);
    assert!(w.seat_verifier(0, 1) != kept);
    assert_eq!(w.seat_slot(0, 0), 0);
    assert_eq!(w.seat_slot(0, 1), 3);
    assert_eq!(w.seat_stakes(0), vector[1_000, 1_000]);
    // What the silent one attested is to be done again.
    w.attest(0, 1, 1);
    assert_eq!(w.state(0), 3);
    w.attest(0, 1, 0);
    assert_eq!(w.state(0), 4);
    w.draw_audit(0);
    w.steer_to(0, 0);
    let before = w.held();
    w.settle(0);
    assert_eq!(w.state(0), 7);
    let substitute = w.seat_verifier(0, 1);
    assert_eq!(w.credit_of(0, kept), 10);
    assert_eq!(w.credit_of(0, substitute), 10);
    assert_eq!(w.credit_of(0, silent), 0);
    // Seating, replacing, drawing the audit, settling.
    assert_eq!(w.credit_of(0, world::crank()), 12);
    w.check_conserved(before);
    w.check_nobody_serves();
    w.finish()
}

#[test]
fun whole_committee_is_replaced() {
    let mut w = world::opened(1);
    let (first, second) = (w.seat_verifier(0, 0), w.seat_verifier(0, 1));
    w.pass(1_000);
    w.replace(0);
    assert_eq!(w.burned(), 200);
    let mut seat = 0;
    while (seat < 2) {
        let who = w.seat_verifier(0, seat);
        assert!(who != first && who != second);
        assert_eq!(w.seat_slot(0, seat), 2 + seat);
        seat = seat + 1;
    };
    w.accept(0);
    assert_eq!(w.state(0), 7);
    w.check_nobody_serves();
    w.finish()
}

#[test]
fun silent_substitutes_are_penalized_too() {
    let mut w = world::replaced();
    assert_eq!(w.burned(), 100);
    w.pass(1_000);
    let before = w.held();
    w.settle(0);
    assert_eq!(w.state(0), 11);
    assert_eq!(w.reason(0), 5);
    assert_eq!(w.seat_stakes(0), vector[1_000, 900]);
    let (done, idle) = (w.seat_verifier(0, 0), w.seat_verifier(0, 1));
    assert_eq!(w.credit_of(0, done), 10);
    assert_eq!(w.credit_of(0, idle), 0);
    assert_eq!(w.credit_of(0, world::contributor(0)), 100);
    w.check_conserved(before);
    w.check_nobody_serves();
    w.finish()
}

#[test]
fun too_few_substitutes_is_undecided() {
    let mut w = world::opened(1);
    w.attest(0, 0, 0);
    w.attest(0, 0, 1);
    let verifiers = world::verifiers();
    let mut i = 0;
    while (i < verifiers.length()) {
        w.exit(verifiers[i]);
        i = i + 1;
    };
    w.pass(1_000);
    let before = w.held();
    w.replace(0);
    assert_eq!(w.state(0), 11);
    assert_eq!(w.reason(0), 7);
    assert_eq!(w.seat_stakes(0), vector[1_000, 900]);
    let done = w.seat_verifier(0, 0);
    assert_eq!(w.credit_of(0, done), 10);
    assert_eq!(w.credit_of(0, world::contributor(0)), 100);
    // Seating and replacing.
    assert_eq!(w.claim(0, world::crank()), 6);
    w.check_conserved(before - 6);
    w.check_nobody_serves();
    assert_eq!(w.phase(), 4);
    w.finish()
}

#[test]
fun window_for_attestations_begins_anew() {
    let mut w = world::replaced();
    w.pass(999);
    w.attest(0, 1, 0);
    w.pass(5_000);
    // Late is fine until the crank has landed.
    w.attest(0, 1, 1);
    assert_eq!(w.state(0), 4);
    w.finish()
}
