/// The audit: who may draw it, what it refuses, and what a jury makes of it.
#[test_only]
module walrusd::audit_tests;

use std::unit_test::assert_eq;
use walrusd::{audit, jury, submission, world};

/// A jury looks at the segment on which the lot fell.
fun judge(w: &mut world::World, chain: vector<u8>) {
    w.audit(0, 3);
    w.draw_jury(0);
    w.seat_jury(0);
    w.vote(0, chain);
    // Nobody has to wait for an accuser.
    w.resolve(0)
}

#[test, expected_failure(abort_code = submission::EWrongState)]
fun draw_before_all_is_attested() {
    let mut w = world::opened(1);
    w.draw_audit(0);
    abort
}

#[test, expected_failure(abort_code = submission::EWrongState)]
fun draw_twice() {
    let mut w = world::selected(false);
    w.draw_audit(0);
    abort
}

#[test, expected_failure(abort_code = submission::EWrongState)]
fun audit_before_the_lot() {
    let mut w = world::opened(1);
    w.attest_all(0);
    w.audit(0, 3);
    abort
}

#[test, expected_failure(abort_code = audit::ENotSelected)]
fun audit_against_the_lot() {
    let mut w = world::selected(false);
    w.steer_to(0, 0);
    w.audit(0, 3);
    abort
}

#[test, expected_failure(abort_code = audit::ENotSelected)]
fun audit_twice() {
    let mut w = world::selected(false);
    judge(&mut w, world::chain(3));
    w.audit(0, 3);
    abort
}

#[test, expected_failure(abort_code = audit::ENotSelected)]
fun audit_of_what_an_accuser_had_judged() {
    let mut w = world::opened(1);
    w.challenge(0, 3);
    w.judge(0, world::chain(3));
    w.attest_all(0);
    w.draw_audit(0);
    w.steer_to(0, 3);
    w.audit(0, 3);
    abort
}

#[test, expected_failure(abort_code = audit::EWrongLeaf)]
fun audit_of_another_segment() {
    let mut w = world::selected(false);
    w.audit(0, 2);
    abort
}

#[test, expected_failure(abort_code = audit::EWrongLeaf)]
fun audit_with_a_short_leaf() {
    let mut w = world::selected(false);
    w.audit_with(0, b"short", vector[]);
    abort
}

#[test]
fun sound_work_passes_its_audit() {
    let mut w = world::selected(false);
    let before = w.held();
    judge(&mut w, world::chain(3));
    assert_eq!(w.state(0), 5);
    w.settle(0);
    assert_eq!(w.state(0), 7);
    assert_eq!(w.reason(0), 1);
    assert_eq!(w.credit_of(0, world::contributor(0)), 1_100);
    w.check_conserved(before);
    w.check_nobody_serves();
    // The jurors were paid from the escrow: one jury and a tip come back.
    assert_eq!(w.reclaim(), 3 * 1_062 + 15 + 3 + 50);
    w.finish()
}

#[test]
fun bribed_seat_loses_its_stake() {
    let mut w = world::selected(true);
    let before = w.held();
    let bribed = w.place_of(0, 3).destroy_some() / 2;
    judge(&mut w, world::chain(3));
    assert_eq!(w.state(0), 8);
    assert_eq!(w.reason(0), 11);
    let stakes = w.seat_stakes(0);
    assert_eq!(stakes[bribed], 0);
    assert_eq!(stakes[1 - bribed], 1_000);
    let (bad, good) = (w.seat_verifier(0, bribed), w.seat_verifier(0, 1 - bribed));
    let (juror, nobody) = (w.juror(0, 0), @0x0);
    assert_eq!(w.credit_of(0, bad), 0);
    assert_eq!(w.credit_of(0, good), 10);
    assert_eq!(w.credit_of(0, juror), 5);
    assert_eq!(w.credit_of(0, nobody), 0);
    // A seat's 1000, and of the stake what a seat of 10 and three jurors of 5 leave.
    let burned = w.burned();
    assert_eq!(burned, 1_000 + 75);
    assert_eq!(w.held() + burned, before);
    w.check_nobody_serves();
    w.finish()
}

#[test]
fun every_seat_that_attested_the_segment_loses() {
    // Three segments for four places: both seats hold the last one.
    let mut w = world::opened_forgery_with(world::terms_with(15, 3));
    w.attest_all(0);
    w.challenge(0, 3);
    let before = w.held();
    w.judge(0, world::chain(3));
    assert_eq!(w.state(0), 8);
    assert_eq!(w.reason(0), 4);
    assert_eq!(w.seat_stakes(0), vector[0, 0]);
    w.check_conserved(before);
    w.finish()
}

#[test]
fun seat_that_attested_another_segment_keeps_its_stake() {
    let mut w = world::opened_forgery();
    let place = w.place_of(0, 3).destroy_some();
    let (bribed, position) = (place / 2, place % 2);
    w.attest(0, bribed, 1 - position);
    w.attest(0, 1 - bribed, 0);
    w.challenge(0, 3);
    let before = w.held();
    w.judge(0, world::chain(3));
    assert_eq!(w.seat_stakes(0), vector[1_000, 1_000]);
    let who = w.seat_verifier(0, bribed);
    assert_eq!(w.credit_of(0, who), 10);
    w.check_conserved(before);
    w.finish()
}

#[test]
fun penalty_takes_what_is_left_of_a_stake() {
    let mut numbers = world::numbers_with(8, 400);
    // A seat holds more than is at stake; only that much is lost.
    *(&mut numbers[17]) = 5_000;
    let mut w = world::opened_forgery_with(world::terms_of(numbers));
    w.attest_all(0);
    w.challenge(0, 3);
    w.judge(0, world::chain(3));
    let bribed = w.place_of(0, 3).destroy_some() / 2;
    assert_eq!(w.seat_stakes(0)[bribed], 600);
    w.finish()
}

#[test]
fun neglected_audit_is_rejected() {
    let mut w = world::selected(false);
    w.pass(2_000);
    let before = w.held();
    w.settle(0);
    assert_eq!(w.state(0), 8);
    assert_eq!(w.reason(0), 3);
    let seat = w.seat_verifier(0, 0);
    assert_eq!(w.credit_of(0, seat), 0);
    assert_eq!(w.credit_of(0, world::contributor(0)), 0);
    w.check_conserved(before);
    w.check_nobody_serves();
    w.finish()
}

#[test]
fun late_audit_counts_until_the_crank() {
    let mut w = world::selected(false);
    w.pass(9_000);
    w.audit(0, 3);
    assert_eq!(w.state(0), 6);
    w.finish()
}

#[test]
fun jury_without_majority_leaves_it_undecided() {
    let mut w = world::selected(false);
    w.audit(0, 3);
    let before = w.held();
    let mut round = 0u8;
    while (round < 2) {
        w.draw_jury(0);
        w.seat_jury(0);
        w.jury_commit(0, 0, world::chain(3));
        w.jury_commit(0, 1, world::chain(4));
        w.jury_commit(0, 2, world::chain(5));
        w.jury_reveal(0, 0, world::chain(3));
        w.jury_reveal(0, 1, world::chain(4));
        w.jury_reveal(0, 2, world::chain(5));
        w.resolve(0);
        round = round + 1;
    };
    assert_eq!(w.state(0), 11);
    assert_eq!(w.reason(0), 6);
    let seat = w.seat_verifier(0, 0);
    assert_eq!(w.credit_of(0, seat), 10);
    assert_eq!(w.credit_of(0, world::contributor(0)), 100);
    w.check_conserved(before);
    w.finish()
}

#[test, expected_failure(abort_code = jury::EAuditPending)]
fun accuser_before_the_audit() {
    let mut w = world::selected(false);
    w.challenge(0, 3);
    abort
}

#[test, expected_failure(abort_code = jury::EAuditPending)]
fun accuser_of_another_part_before_the_audit() {
    let mut w = world::selected(false);
    w.challenge_kind(0, world::accuser(), 4, 0);
    abort
}

#[test]
fun accuser_may_come_after_the_audit() {
    let mut w = world::selected(false);
    judge(&mut w, world::chain(3));
    w.challenge(0, 2);
    w.judge(0, world::chain(2));
    assert_eq!(w.state(0), 5);
    w.settle(0);
    assert_eq!(w.state(0), 7);
    w.finish()
}

#[test]
fun accuser_may_come_where_the_lot_spares() {
    let mut w = world::selected(false);
    w.steer_to(0, 0);
    w.challenge(0, 3);
    w.judge(0, world::chain(3));
    w.settle(0);
    assert_eq!(w.state(0), 7);
    w.finish()
}
