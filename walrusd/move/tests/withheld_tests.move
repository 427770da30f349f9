/// An audit whose jury cannot read the opening: what its word costs, and what it does not prove.
#[test_only]
module walrusd::withheld_tests;

use std::unit_test::assert_eq;
use walrusd::world;

/// A jury looks at the segment on which the lot fell.
fun judge(w: &mut world::World, chain: vector<u8>) {
    w.audit(0, 3);
    w.draw_jury(0);
    w.seat_jury(0);
    w.vote(0, chain);
    w.resolve(0)
}

/// An attested submission whose contributor forged segment 3, such that the word for a fault
/// rebuilds its leaf, before an audit of that segment.
fun selected_posing(): world::World {
    let mut w = world::opened_posing();
    w.attest_all(0);
    w.draw_audit(0);
    w.steer_to(0, 3);
    w
}

/// The end of an audit that is kept from its jury.
fun check_withheld(w: &mut world::World, before: u64) {
    assert_eq!(w.state(0), 8);
    // As if it had never been opened; that seats forged is not shown.
    assert_eq!(w.reason(0), 3);
    assert_eq!(w.seat_stakes(0), vector[1_000, 1_000]);
    let (first, second) = (w.seat_verifier(0, 0), w.seat_verifier(0, 1));
    assert_eq!(w.credit_of(0, first), 10);
    assert_eq!(w.credit_of(0, second), 10);
    let mut juror = 0;
    while (juror < 3) {
        let who = w.juror(0, juror);
        assert_eq!(w.credit_of(0, who), 5);
        juror = juror + 1;
    };
    assert_eq!(w.credit_of(0, world::contributor(0)), 0);
    assert_eq!(w.credit_of(0, @0x0), 0);
    // Of the stake of 100 two seats of 10 and three jurors of 5 leave this.
    let burned = w.burned();
    assert_eq!(burned, 65);
    assert_eq!(w.held() + burned, before);
    w.check_nobody_serves()
}

#[test]
fun audit_that_is_withheld_costs_the_contributor_alone() {
    let mut w = world::selected(true);
    let before = w.held();
    judge(&mut w, world::fault());
    check_withheld(&mut w, before);
    w.finish()
}

#[test]
fun sound_work_that_is_withheld_is_no_better() {
    let mut w = world::selected(false);
    let before = w.held();
    judge(&mut w, world::fault());
    check_withheld(&mut w, before);
    w.finish()
}

#[test]
fun forged_leaf_cannot_answer_for_what_is_withheld() {
    let mut w = selected_posing();
    let before = w.held();
    judge(&mut w, world::fault());
    check_withheld(&mut w, before);
    w.finish()
}

#[test]
fun accuser_cannot_make_it_withheld() {
    // The word is a value like any other where an accuser holds the key.
    let mut w = world::opened_forgery();
    w.attest_all(0);
    w.challenge(0, 3);
    w.judge(0, world::fault());
    assert_eq!(w.reason(0), 4);
    let mut lost = 0;
    let stakes = w.seat_stakes(0);
    let mut seat = 0;
    while (seat < 2) {
        lost = lost + 1_000 - stakes[seat];
        seat = seat + 1;
    };
    assert_eq!(lost, 1_000);
    w.finish()
}

#[test]
fun accuser_of_what_poses_finds_it_refuted() {
    let mut w = world::opened_posing();
    w.challenge(0, 3);
    w.judge(0, world::fault());
    assert_eq!(w.state(0), 3);
    w.finish()
}

#[test]
fun fault_of_another_state_is_a_forgery() {
    let mut w = world::selected(true);
    w.audit(0, 3);
    w.draw_jury(0);
    w.seat_jury(0);
    let mut juror = 0;
    while (juror < 3) {
        w.jury_commit_stating(0, juror, world::fault(), world::state_root(3));
        juror = juror + 1;
    };
    juror = 0;
    while (juror < 3) {
        w.jury_reveal_stating(0, juror, world::fault(), world::state_root(3));
        juror = juror + 1;
    };
    w.resolve(0);
    assert_eq!(w.reason(0), 11);
    w.finish()
}

#[test]
fun few_who_could_not_read_do_not_decide() {
    let mut w = world::selected(true);
    w.audit(0, 3);
    w.draw_jury(0);
    w.seat_jury(0);
    w.jury_commit(0, 0, world::fault());
    w.jury_commit(0, 1, world::chain(3));
    w.jury_commit(0, 2, world::chain(3));
    w.jury_reveal(0, 0, world::fault());
    w.jury_reveal(0, 1, world::chain(3));
    w.jury_reveal(0, 2, world::chain(3));
    w.resolve(0);
    assert_eq!(w.reason(0), 11);
    let (wrong, right) = (w.juror(0, 0), w.juror(0, 1));
    assert_eq!(w.credit_of(0, wrong), 0);
    assert_eq!(w.credit_of(0, right), 5);
    w.finish()
}
