/// What opening late costs.
#[test_only]
module walrusd::late_fee_tests;

use std::unit_test::assert_eq;
use walrusd::world;

/// Opens `ms` after the seating and is accepted; `left` is what the contributor gets of its stake.
fun check_stake_left(ms: u64, left: u64) {
    let mut w = world::seated(1);
    w.pass(ms);
    w.open(0);
    let before = w.held();
    w.accept(0);
    assert_eq!(w.state(0), 7);
    assert_eq!(w.credit_of(0, world::contributor(0)), 1_000 + left);
    let burned = w.burned();
    assert_eq!(burned, 100 - left);
    assert_eq!(w.held() + burned, before);
    w.finish()
}

#[test]
fun opening_at_once_is_free() { check_stake_left(0, 100) }

#[test]
fun opening_as_the_window_ends_is_free() { check_stake_left(1_000, 100) }

#[test]
fun fee_is_rounded_down() { check_stake_left(1_009, 100) }

#[test]
fun fee_begins_with_a_hundredth() { check_stake_left(1_010, 99) }

#[test]
fun fee_is_half_the_stake_in_the_middle() { check_stake_left(1_500, 50) }

#[test]
fun fee_is_almost_the_stake_at_last() { check_stake_left(1_999, 1) }

#[test]
fun fee_is_the_stake_when_the_grace_ends() { check_stake_left(2_000, 0) }

#[test]
fun fee_is_never_more_than_the_stake() { check_stake_left(9_000, 0) }

#[test]
fun fees_add_up() {
    let mut w = world::seated(1);
    w.pass(1_300);
    w.open(0);
    w.report(0, 1);
    w.pass(1_200);
    w.open(0);
    w.accept(0);
    assert_eq!(w.claim(0, world::contributor(0)), 1_000 + 50);
    assert_eq!(w.burned(), 50);
    w.finish()
}

#[test]
fun fees_are_at_most_the_stake() {
    let mut w = world::seated(1);
    w.pass(1_700);
    w.open(0);
    w.report(0, 1);
    w.pass(1_700);
    w.open(0);
    w.accept(0);
    assert_eq!(w.claim(0, world::contributor(0)), 1_000);
    assert_eq!(w.burned(), 100);
    w.finish()
}

#[test]
fun undecided_work_pays_the_fee() {
    let mut w = world::seated(1);
    w.pass(1_500);
    w.open(0);
    w.pass(1_000);
    w.replace(0);
    w.pass(1_000);
    assert_eq!(w.burned(), 200);
    let before = w.held();
    w.settle(0);
    assert_eq!(w.state(0), 11);
    assert_eq!(w.credit_of(0, world::contributor(0)), 50);
    w.check_conserved(before);
    w.finish()
}

#[test]
fun rejected_work_pays_everybody_from_the_whole_stake() {
    let mut w = world::joined(1);
    w.set_forged(3);
    w.pass(1_000);
    w.close_joining();
    w.commit(0);
    w.draw();
    w.seat(0);
    w.pass(2_000);
    w.open(0);
    w.challenge(0, 3);
    let before = w.held();
    w.judge(0, world::chain(3));
    assert_eq!(w.state(0), 8);
    let (seat, juror) = (w.seat_verifier(0, 0), w.juror(0, 1));
    assert_eq!(w.credit_of(0, seat), 10);
    assert_eq!(w.credit_of(0, juror), 5);
    w.check_conserved(before);
    w.finish()
}
