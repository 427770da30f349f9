/// Challenges of what is not a segment, and openings that cannot be read.
#[test_only]
module walrusd::claim_tests;

use std::unit_test::assert_eq;
use walrusd::world::{Self, World};

fun confirm(w: &mut World, kind: u8, index: u64) {
    w.challenge_kind(0, world::accuser(), kind, index);
    w.draw_jury(0);
    w.seat_jury(0);
    w.jury_commit(0, 0, world::fault());
    w.jury_commit(0, 1, world::fault());
    w.jury_commit(0, 2, world::sound());
    w.accuser_reveal_as(0, world::accuser(), world::fault());
    w.jury_reveal(0, 0, world::fault());
    w.jury_reveal(0, 1, world::fault());
    w.jury_reveal(0, 2, world::sound());
    w.resolve(0)
}

fun check_confirmed(kind: u8, index: u64) {
    let mut w = world::opened(1);
    let before = w.held();
    confirm(&mut w, kind, index);
    assert_eq!(w.state(0), 8);
    assert_eq!(w.reason(0), 4);
    // Share of a tenth and the bond.
    assert_eq!(w.credit_of(0, world::accuser()), 10 + 20);
    let (seat, right, wrong) = (w.seat_verifier(0, 0), w.juror(0, 1), w.juror(0, 2));
    assert_eq!(w.credit_of(0, seat), 10);
    assert_eq!(w.credit_of(0, right), 5);
    assert_eq!(w.credit_of(0, wrong), 0);
    w.check_conserved(before + 20);
    w.check_nobody_serves();
    w.finish()
}

fun check_refuted(kind: u8, index: u64) {
    let mut w = world::opened(1);
    w.challenge_kind(0, world::accuser(), kind, index);
    let before = w.held();
    w.judge(0, world::sound());
    assert_eq!(w.state(0), 3);
    // Three jurors of 5, and 5 burned.
    w.check_conserved(before);
    w.accept(0);
    assert_eq!(w.credit_of(0, world::accuser()), 0);
    w.finish()
}

#[test]
fun update_is_forged() { check_confirmed(2, 0) }

#[test]
fun row_is_forged() { check_confirmed(3, 8) }

#[test]
fun cost_is_forged() { check_confirmed(4, 0) }

#[test]
fun file_is_forged() { check_confirmed(5, 0) }

#[test]
fun update_is_sound() { check_refuted(2, 0) }

#[test]
fun row_is_sound() { check_refuted(3, 8) }

#[test]
fun cost_is_sound() { check_refuted(4, 0) }

#[test]
fun file_is_sound() { check_refuted(5, 0) }

#[test]
fun another_word_than_fault_refutes() {
    let mut w = world::opened(1);
    w.challenge_kind(0, world::accuser(), 2, 0);
    w.judge(0, world::digest());
    assert_eq!(w.state(0), 3);
    w.finish()
}

#[test]
fun attested_and_audited_work_can_be_challenged() {
    let mut w = world::opened(1);
    w.attest_all(0);
    w.challenge_kind(0, world::accuser(), 4, 0);
    w.judge(0, world::sound());
    assert_eq!(w.state(0), 4);
    w.draw_audit(0);
    w.challenge_kind(0, world::accuser(), 5, 0);
    w.judge(0, world::sound());
    assert_eq!(w.state(0), 5);
    w.finish()
}

#[test]
fun seats_keep_their_stakes_when_something_else_is_forged() {
    let mut w = world::opened(1);
    w.attest_all(0);
    confirm(&mut w, 2, 0);
    assert_eq!(w.seat_stakes(0), vector[1_000, 1_000]);
    let seat = w.seat_verifier(0, 0);
    assert_eq!(w.credit_of(0, seat), 10);
    w.finish()
}

#[test]
fun reported_work_is_opened_again() {
    let mut w = world::opened(1);
    w.attest(0, 1, 0);
    w.attest(0, 1, 1);
    assert_eq!(w.phase(), 3);
    w.report(0, 0);
    assert_eq!(w.state(0), 2);
    w.pass(1_000);
    w.open(0);
    assert_eq!(w.state(0), 3);
    // What was attested stays.
    w.attest(0, 0, 0);
    w.attest(0, 0, 1);
    assert_eq!(w.state(0), 4);
    w.draw_audit(0);
    w.steer_to(0, 0);
    w.settle(0);
    assert_eq!(w.claim(0, world::contributor(0)), 1_100);
    w.finish()
}

#[test]
fun second_opening_is_counted_once() {
    let mut w = world::seated(2);
    w.open(0);
    w.report(0, 0);
    w.open(0);
    // The other one is not open yet.
    assert_eq!(w.phase(), 2);
    w.open(1);
    assert_eq!(w.phase(), 3);
    w.finish()
}

#[test]
fun reported_work_that_is_not_opened_again_is_rejected() {
    let mut w = world::opened(1);
    w.report(0, 0);
    w.pass(2_000);
    let before = w.held();
    w.settle(0);
    assert_eq!(w.state(0), 8);
    assert_eq!(w.reason(0), 3);
    w.check_conserved(before);
    w.check_nobody_serves();
    w.finish()
}

#[test]
fun substitute_may_report() {
    let mut w = world::replaced();
    w.report(0, 1);
    assert_eq!(w.state(0), 2);
    w.open(0);
    w.attest(0, 1, 0);
    w.attest(0, 1, 1);
    assert_eq!(w.state(0), 4);
    w.finish()
}

#[test]
fun work_that_nobody_can_read_is_rejected() {
    let mut w = world::reopened();
    let seat = w.seat_verifier(0, 1);
    w.challenge_kind(0, seat, 6, 0);
    w.draw_jury(0);
    w.seat_jury(0);
    w.vote(0, world::fault());
    w.accuser_reveal_as(0, seat, world::fault());
    let before = w.held();
    w.resolve(0);
    assert_eq!(w.state(0), 8);
    assert_eq!(w.reason(0), 3);
    // Its fee and its bond, but no share.
    assert_eq!(w.credit_of(0, seat), 10 + 20);
    let juror = w.juror(0, 0);
    assert_eq!(w.credit_of(0, juror), 5);
    let burned = w.burned();
    assert_eq!(burned, 100 - 20 - 15);
    assert_eq!(w.held() + burned, before);
    w.check_nobody_serves();
    w.finish()
}

#[test]
fun seat_that_errs_about_an_opening_loses_nothing() {
    let mut w = world::reopened();
    let seat = w.seat_verifier(0, 0);
    w.challenge_kind(0, seat, 6, 0);
    let before = w.held();
    w.judge(0, world::sound());
    assert_eq!(w.state(0), 3);
    assert_eq!(w.credit_of(0, seat), 20);
    let burned = w.burned();
    assert_eq!(burned, 0);
    assert_eq!(w.held(), before);
    w.accept(0);
    assert_eq!(w.claim(0, seat), 20 + 10);
    w.check_nobody_serves();
    // The jurors were paid from the escrow.
    assert_eq!(w.reclaim(), 3 * 1_062 + 15 + 3 + 50);
    w.finish()
}

#[test]
fun both_reserves_can_be_spent() {
    let mut w = world::replaced();
    w.report(0, 1);
    w.open(0);
    let seat = w.seat_verifier(0, 1);
    w.challenge_kind(0, seat, 6, 0);
    w.judge(0, world::sound());
    w.attest(0, 1, 0);
    w.attest(0, 1, 1);
    w.draw_audit(0);
    w.steer_to(0, 3);
    w.audit(0, 3);
    w.draw_jury(0);
    w.seat_jury(0);
    w.vote(0, world::chain(3));
    w.resolve(0);
    // Ten fees of the silent seat.
    assert_eq!(w.burned(), 100);
    let before = w.held();
    w.settle(0);
    assert_eq!(w.state(0), 7);
    w.check_conserved(before);
    // All that was set aside for it is spent.
    assert_eq!(w.reclaim(), 3 * 1_062 + 50);
    w.finish()
}
