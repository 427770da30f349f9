/// Claims that a plan cannot be carried out, and what becomes of them.
#[test_only]
module walrusd::abort_tests;

use std::unit_test::assert_eq;
use walrusd::world;

#[test]
fun attested_abort_is_paid_by_the_bond() {
    let mut w = world::opened_abort(2);
    let before = w.held();
    w.accept(0);
    assert_eq!(w.state(0), 10);
    assert_eq!(w.reason(0), 10);
    // Two segments of four: half the reward, 50 of it from the bond.
    assert_eq!(w.credit_of(0, world::contributor(0)), 100 + 500);
    let seat = w.seat_verifier(0, 1);
    assert_eq!(w.credit_of(0, seat), 10);
    assert_eq!(w.task_holdings()[1], 0);
    w.check_conserved(before);
    w.check_nobody_serves();
    assert_eq!(w.phase(), 4);
    assert_eq!(w.claim(0, world::contributor(0)), 600);
    assert_eq!(w.reclaim(), 4 * 1_062 - 450 - 20 - 9);
    w.finish()
}

#[test]
fun large_bond_pays_all_of_it() {
    let mut w = world::new();
    w.set_terms(world::terms_with(10, 600));
    w.open_task();
    w.join_many(1);
    w.set_aborted(3);
    w.pass(1_000);
    w.close_joining();
    w.commit_abort(0);
    w.draw();
    w.seat(0);
    w.open(0);
    let before = w.held();
    w.accept(0);
    // Three quarters of the reward: 600 from the bond, 150 from the escrow.
    assert_eq!(w.task_holdings(), vector[4 * 1_062 - 150 - 20 - 9, 0, 0, 6]);
    w.check_conserved(before);
    w.finish()
}

#[test]
fun abort_is_not_accepted_work() {
    let mut w = world::opened_abort(4);
    w.accept(0);
    // The whole plan, less than one submission of three.
    assert_eq!(w.credit_of(0, world::contributor(0)), 100 + 1_000);
    w.next(world::crank());
    let task = w.task();
    assert_eq!(task.accepted_count(), 0);
    sui::test_scenario::return_shared(task);
    w.finish()
}

#[test]
fun false_abort_is_slashed() {
    let mut w = world::opened_abort(2);
    w.challenge(0, 2);
    // The jury finds that the plan goes on.
    w.set_aborted(0);
    let before = w.held();
    w.judge(0, world::chain(2));
    assert_eq!(w.state(0), 8);
    assert_eq!(w.reason(0), 4);
    assert_eq!(w.credit_of(0, world::contributor(0)), 0);
    assert_eq!(w.task_holdings()[1], 50);
    w.check_conserved(before);
    w.finish()
}

#[test]
fun true_abort_stands_before_a_jury() {
    let mut w = world::opened_abort(2);
    w.challenge(0, 2);
    w.judge(0, world::chain(2));
    assert_eq!(w.state(0), 3);
    w.accept(0);
    assert_eq!(w.state(0), 10);
    w.finish()
}

#[test]
fun audited_abort_is_paid() {
    let mut w = world::opened_abort(1);
    w.attest_all(0);
    w.draw_audit(0);
    w.steer_to(0, 1);
    w.audit(0, 1);
    w.draw_jury(0);
    w.seat_jury(0);
    w.vote(0, world::chain(1));
    w.resolve(0);
    assert_eq!(w.state(0), 5);
    w.settle(0);
    assert_eq!(w.state(0), 10);
    w.finish()
}

#[test]
fun late_abort_pays_the_fee() {
    let mut w = world::opened_abort(2);
    w.report(0, 0);
    w.pass(1_250);
    w.open(0);
    let before = w.held();
    w.accept(0);
    assert_eq!(w.state(0), 10);
    assert_eq!(w.credit_of(0, world::contributor(0)), 75 + 500);
    w.check_conserved(before);
    w.finish()
}
