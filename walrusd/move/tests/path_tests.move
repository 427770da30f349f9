/// Whole lives of a task, with every coin accounted for.
#[test_only]
module walrusd::path_tests;

use std::unit_test::assert_eq;
use walrusd::world;

#[test]
fun straight_path() {
    let mut w = world::joined(3);
    // Four times (reward 1000 + 2 fees of 10 + 2 juries of 3 times 5 + 4 tips of 3), less three
    // reservations.
    assert_eq!(w.task_holdings(), vector[1_062, 50, 6, 0]);
    assert_eq!(w.holdings(0), vector[100, 1_062, 0, 0]);
    w.pass(1_000);
    w.close_joining();
    w.commit_many(3);
    w.draw();
    let mut i = 0;
    while (i < 3) {
        w.seat(i);
        i = i + 1;
    };
    w.open_many(3);
    assert_eq!(w.phase(), 3);
    let mut i = 0;
    while (i < 3) {
        w.attest_all(i);
        assert_eq!(w.state(i), 4);
        w.draw_audit(i);
        assert_eq!(w.state(i), 5);
        w.steer_to(i, 0);
        w.settle(i);
        assert_eq!(w.state(i), 7);
        i = i + 1;
    };
    assert_eq!(w.phase(), 4);
    assert_eq!(w.claim(0, world::contributor(0)), 1_100);
    assert_eq!(w.claim(0, world::crank()), 9);
    let verifier = w.seat_verifier(0, 0);
    assert_eq!(w.claim(0, verifier), 10);
    assert_eq!(w.holdings(0), vector[0, 0, 0, 10]);
    w.record_aggregate(world::digest());
    assert_eq!(w.phase(), 5);
    assert_eq!(w.claim_task(world::crank()), 6);
    // Nobody judged, and nobody was replaced: two juries and a tip come back of each.
    assert_eq!(w.reclaim(), 1_062 + 3 * 33 + 50);
    assert_eq!(w.task_holdings(), vector[0, 0, 0, 0]);
    assert_eq!(w.burned(), 0);
    w.finish()
}

#[test]
fun forgery_is_slashed() {
    let mut w = world::revealing(true);
    w.accuser_reveal(0);
    w.jury_reveal_all(0);
    w.resolve(0);
    assert_eq!(w.state(0), 8);
    assert_eq!(w.reason(0), 4);
    // Stake 100: two seats of 10, three jurors of 5, a tenth to the accuser, 55 burned.
    assert_eq!(w.burned(), 55);
    assert_eq!(w.credit_of(0, world::accuser()), 10 + 20);
    let (seat, juror) = (w.seat_verifier(0, 0), w.juror(0, 1));
    assert_eq!(w.credit_of(0, seat), 10);
    assert_eq!(w.credit_of(0, juror), 5);
    assert_eq!(w.credit_of(0, world::contributor(0)), 0);
    assert_eq!(w.claim(0, world::accuser()), 30);
    assert_eq!(w.phase(), 4);
    // The reward and the fees came back, less the tip for seating.
    assert_eq!(w.reclaim(), 4 * 1_062 - 3 + 50);
    w.check_nobody_serves();
    w.finish()
}

#[test]
fun silent_accuser_gets_no_share() {
    let mut w = world::revealing(true);
    w.jury_reveal_all(0);
    w.pass(1_000);
    w.resolve(0);
    assert_eq!(w.credit_of(0, world::accuser()), 20);
    assert_eq!(w.burned(), 65);
    w.finish()
}

#[test]
fun false_accusation_is_refuted() {
    let mut w = world::revealing(false);
    w.accuser_reveal(0);
    w.jury_reveal_all(0);
    w.resolve(0);
    assert_eq!(w.state(0), 3);
    // Bond 20: three jurors of 5, 5 burned.
    assert_eq!(w.burned(), 5);
    w.accept(0);
    assert_eq!(w.state(0), 7);
    assert_eq!(w.claim(0, world::contributor(0)), 1_100);
    w.check_nobody_serves();
    w.finish()
}

#[test]
fun attested_work_can_be_challenged() {
    let mut w = world::opened_forgery();
    w.attest_all(0);
    assert_eq!(w.state(0), 4);
    w.challenge(0, 3);
    assert_eq!(w.state(0), 6);
    w.finish()
}

#[test]
fun no_majority_is_redrawn_then_undecided() {
    let mut w = world::judging(false);
    disagree(&mut w);
    assert_eq!(w.state(0), 6);
    assert_eq!(w.dispute_phase(0), 0);
    w.draw_jury(0);
    w.seat_jury(0);
    disagree(&mut w);
    assert_eq!(w.state(0), 11);
    assert_eq!(w.reason(0), 6);
    assert_eq!(w.credit_of(0, world::accuser()), 20);
    assert_eq!(w.claim(0, world::contributor(0)), 100);
    assert_eq!(w.burned(), 0);
    w.check_nobody_serves();
    w.finish()
}

#[test]
fun silent_juror_is_penalized() {
    let mut w = world::revealing(false);
    w.jury_reveal(0, 0, world::chain(3));
    w.jury_reveal(0, 2, world::chain(3));
    w.pass(1_000);
    w.resolve(0);
    // Ten juror fees from the silent one, and 10 of the bond.
    assert_eq!(w.burned(), 50 + 10);
    assert_eq!(w.state(0), 3);
    w.accept(0);
    w.check_nobody_serves();
    w.finish()
}

#[test]
fun jury_that_never_commits_is_redrawn() {
    let mut w = world::judging(false);
    w.pass(2_000);
    w.resolve(0);
    assert_eq!(w.dispute_phase(0), 0);
    assert_eq!(w.burned(), 150);
    w.finish()
}

#[test]
fun late_jurors_may_reveal_without_the_rest() {
    let mut w = world::judging(true);
    w.jury_commit(0, 0, world::chain(3));
    w.jury_commit(0, 1, world::chain(3));
    w.pass(1_000);
    w.jury_reveal(0, 0, world::chain(3));
    assert_eq!(w.dispute_phase(0), 3);
    w.jury_reveal(0, 1, world::chain(3));
    w.pass(1_000);
    w.resolve(0);
    assert_eq!(w.state(0), 8);
    w.finish()
}

#[test]
fun nobody_joins() {
    let mut w = world::opened_task();
    w.pass(1_000);
    w.close_joining();
    assert_eq!(w.phase(), 6);
    assert_eq!(w.reclaim(), 4 * 1_062 + 6 + 50);
    w.finish()
}

#[test]
fun full_task_closes_early() {
    let mut w = world::joined(4);
    w.close_joining();
    assert_eq!(w.phase(), 1);
    w.finish()
}

#[test]
fun contributor_lapses() {
    let mut w = world::training(1);
    w.pass(1_000);
    w.draw();
    w.settle(0);
    assert_eq!(w.state(0), 9);
    assert_eq!(w.burned(), 7);
    assert_eq!(w.claim(0, world::contributor(0)), 93);
    assert_eq!(w.phase(), 4);
    w.finish()
}

#[test]
fun contributor_never_opens() {
    let mut w = world::seated(1);
    w.pass(2_000);
    w.settle(0);
    assert_eq!(w.state(0), 8);
    assert_eq!(w.reason(0), 3);
    assert_eq!(w.burned(), 100);
    assert_eq!(w.claim(0, world::crank()), 6);
    w.check_nobody_serves();
    w.finish()
}

#[test]
fun late_opening_counts_until_the_crank() {
    let mut w = world::seated(1);
    w.pass(5_000);
    w.open(0);
    assert_eq!(w.state(0), 3);
    w.finish()
}

#[test]
fun half_attested_work_is_undecided() {
    let mut w = world::opened(1);
    w.attest(0, 1, 0);
    w.attest(0, 1, 1);
    w.attest(0, 0, 1);
    w.pass(1_000);
    w.replace(0);
    w.pass(1_000);
    w.settle(0);
    assert_eq!(w.state(0), 11);
    assert_eq!(w.reason(0), 5);
    let (idle, done) = (w.seat_verifier(0, 0), w.seat_verifier(0, 1));
    assert_eq!(w.credit_of(0, idle), 0);
    assert_eq!(w.credit_of(0, done), 10);
    assert_eq!(w.claim(0, world::contributor(0)), 100);
    w.finish()
}

#[test]
fun too_few_seats_is_void() {
    let mut w = world::committed(1);
    let verifiers = world::verifiers();
    let mut i = 1;
    while (i < verifiers.length()) {
        w.exit(verifiers[i]);
        i = i + 1;
    };
    w.draw();
    w.seat(0);
    assert_eq!(w.state(0), 12);
    assert_eq!(w.reason(0), 7);
    assert_eq!(w.claim(0, world::crank()), 3);
    assert_eq!(w.claim(0, world::contributor(0)), 100);
    assert_eq!(w.phase(), 4);
    w.finish()
}

#[test]
fun too_few_jurors_is_undecided() {
    let mut w = world::opened(1);
    w.challenge(0, 3);
    let verifiers = world::verifiers();
    let mut i = 0;
    while (i < verifiers.length()) {
        w.exit(verifiers[i]);
        i = i + 1;
    };
    w.draw_jury(0);
    w.seat_jury(0);
    assert_eq!(w.state(0), 11);
    assert_eq!(w.reason(0), 8);
    assert_eq!(w.claim(0, world::accuser()), 20);
    assert_eq!(w.claim(0, world::contributor(0)), 100);
    w.finish()
}

/// Three jurors, three values.
fun disagree(w: &mut world::World) {
    w.jury_commit(0, 0, world::chain(3));
    w.jury_commit(0, 1, world::chain(4));
    w.jury_commit(0, 2, world::chain(5));
    w.jury_reveal(0, 0, world::chain(3));
    w.jury_reveal(0, 1, world::chain(4));
    w.jury_reveal(0, 2, world::chain(5));
    w.pass(1_000);
    w.resolve(0)
}
