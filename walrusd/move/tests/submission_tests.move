/// What a submission refuses.
#[test_only]
module walrusd::submission_tests;

use std::unit_test::assert_eq;
use walrusd::{pedersen, submission, task, world};

#[test, expected_failure(abort_code = task::ETooLate)]
fun join_when_over() {
    let mut w = world::opened_task();
    w.grant(world::contributor(0));
    w.pass(1_000);
    w.join(world::contributor(0), 100);
    abort
}

#[test, expected_failure(abort_code = task::EWrongPhase)]
fun join_in_training() {
    let mut w = world::training(1);
    w.grant(world::contributor(1));
    w.join(world::contributor(1), 100);
    abort
}

#[test, expected_failure(abort_code = submission::EConflict)]
fun publisher_joins() {
    let mut w = world::opened_task();
    w.grant(world::publisher());
    w.join(world::publisher(), 100);
    abort
}

#[test, expected_failure(abort_code = submission::EFull)]
fun fifth_of_four() {
    let mut w = world::joined(4);
    w.grant(world::contributor(4));
    w.join(world::contributor(4), 100);
    abort
}

#[test, expected_failure(abort_code = submission::EAlreadyJoined)]
fun join_twice() {
    let mut w = world::joined(1);
    w.join(world::contributor(0), 100);
    abort
}

#[test, expected_failure(abort_code = submission::EWrongStake)]
fun stake_too_small() {
    let mut w = world::opened_task();
    w.grant(world::contributor(0));
    w.join(world::contributor(0), 99);
    abort
}

#[test, expected_failure(abort_code = submission::ENoGrant)]
fun grant_of_another() {
    let mut w = world::joined(1);
    w.join(world::contributor(1), 100);
    abort
}

#[test, expected_failure(abort_code = submission::ENoGrant)]
fun grant_not_given() {
    let mut w = world::opened_task();
    w.request_key(world::contributor(0), 1, 2, 60_000);
    w.join(world::contributor(0), 100);
    abort
}

#[test, expected_failure(abort_code = submission::ENoGrant)]
fun grant_for_training_only() {
    let mut w = world::opened_task();
    w.request_key(world::contributor(0), 1, 1, 60_000);
    w.grant_key(world::owner(), b"sealed");
    w.join(world::contributor(0), 100);
    abort
}

#[test, expected_failure(abort_code = submission::EDatasetNotApproved)]
fun version_not_approved() {
    let mut w = world::opened_task();
    w.add_version(world::owner());
    w.request_key(world::contributor(0), 2, 2, 60_000);
    w.grant_key(world::owner(), b"sealed");
    w.join(world::contributor(0), 100);
    abort
}

#[test, expected_failure(abort_code = submission::ETooManyRows)]
fun weight_too_large() {
    let mut w = world::new();
    w.list_dataset(world::digest(), 1, 65_537);
    w.set_terms(world::terms_with(1, 1));
    w.open_task();
    w.join_many(1);
    abort
}

#[test, expected_failure(abort_code = submission::ENotContributor)]
fun commit_by_another() {
    let mut w = world::training(2);
    w.commit_with(0, world::contributor(1), world::digest(), 1, vector[], world::zero_point());
    abort
}

#[test, expected_failure(abort_code = task::EWrongPhase)]
fun commit_after_the_draw() {
    let mut w = world::training(2);
    w.commit(0);
    w.pass(1_000);
    w.draw();
    w.commit(1);
    abort
}

#[test, expected_failure(abort_code = submission::EWrongState)]
fun commit_twice() {
    let mut w = world::committed(1);
    w.commit(0);
    abort
}

#[test, expected_failure(abort_code = submission::EBadDigest)]
fun short_trace_root() {
    let mut w = world::training(1);
    w.commit_with(0, world::contributor(0), b"short", 1, vector[], world::zero_point());
    abort
}

#[test, expected_failure(abort_code = submission::EBadDigest)]
fun short_point() {
    let mut w = world::training(1);
    w.commit_with(0, world::contributor(0), world::digest(), 1, vector[], world::digest());
    abort
}

#[test, expected_failure(abort_code = submission::EBadRows)]
fun no_commitment_rows() {
    let mut w = world::training(1);
    w.commit_with(0, world::contributor(0), world::digest(), 0, vector[], world::zero_point());
    abort
}

#[test, expected_failure(abort_code = submission::EBadLeafZero)]
fun trace_from_elsewhere() {
    let mut w = world::training(1);
    let leaves = w.leaves(0);
    let path = world::compute_path(&leaves, 0);
    w.commit_with(0, world::contributor(0), world::digest(), 1, path, world::zero_point());
    abort
}

#[test, expected_failure(abort_code = pedersen::EBadPoint)]
fun commitment_to_the_identity() {
    let mut w = world::training(1);
    let leaves = w.leaves(0);
    let root = walrusd::merkle::compute_root(&leaves);
    let path = world::compute_path(&leaves, 0);
    let identity = *sui::bls12381::g1_identity().bytes();
    w.commit_with(0, world::contributor(0), root, 1, path, identity);
    abort
}

#[test, expected_failure(abort_code = submission::ENotContributor)]
fun abort_by_another() {
    let mut w = world::training(2);
    w.commit_abort_with(0, world::contributor(1), 1, world::digest(), vector[]);
    abort
}

#[test, expected_failure(abort_code = task::EWrongPhase)]
fun abort_after_the_draw() {
    let mut w = world::training(2);
    w.commit(0);
    w.pass(1_000);
    w.draw();
    w.commit_abort_with(1, world::contributor(1), 1, world::digest(), vector[]);
    abort
}

#[test, expected_failure(abort_code = submission::EWrongState)]
fun abort_what_was_committed() {
    let mut w = world::committed(1);
    w.commit_abort_with(0, world::contributor(0), 1, world::digest(), vector[]);
    abort
}

#[test, expected_failure(abort_code = submission::EBadDigest)]
fun short_trace_root_of_an_abort() {
    let mut w = world::training(1);
    w.commit_abort_with(0, world::contributor(0), 1, b"short", vector[]);
    abort
}

#[test, expected_failure(abort_code = submission::EBadAbort)]
fun abort_before_the_plan() {
    let mut w = world::training(1);
    w.commit_abort_with(0, world::contributor(0), 0, world::digest(), vector[]);
    abort
}

#[test, expected_failure(abort_code = submission::EBadAbort)]
fun abort_beyond_the_plan() {
    let mut w = world::training(1);
    w.commit_abort_with(0, world::contributor(0), 5, world::digest(), vector[]);
    abort
}

#[test, expected_failure(abort_code = submission::EBadLeafZero)]
fun abort_with_too_many_leaves() {
    let mut w = world::training(1);
    let leaves = w.leaves(0);
    let root = walrusd::merkle::compute_root(&leaves);
    let path = world::compute_path(&leaves, 0);
    w.commit_abort_with(0, world::contributor(0), 2, root, path);
    abort
}

#[test, expected_failure(abort_code = submission::EBadCost)]
fun cost_of_an_abort() {
    let mut w = world::opened_abort(2);
    w.report(0, 0);
    w.open_costing(0, 0, vector[]);
    abort
}

#[test, expected_failure(abort_code = submission::EBadCost)]
fun blinding_of_an_abort() {
    let mut w = world::opened_abort(2);
    w.report(0, 0);
    w.open_secretly(0, world::digest());
    abort
}

#[test, expected_failure(abort_code = submission::EBadCost)]
fun public_cost_that_is_kept_secret() {
    let mut w = world::seated(1);
    w.open_secretly(0, vector[]);
    abort
}

#[test]
fun private_costs_stay_secret() {
    let mut w = world::seated_secretly();
    w.open(0);
    assert_eq!(w.state(0), 3);
    w.finish()
}

#[test, expected_failure(abort_code = submission::EBadCost)]
fun private_cost_that_is_opened() {
    let mut w = world::seated_secretly();
    w.open_costing(0, 14, world::digest());
    abort
}

#[test, expected_failure(abort_code = submission::EBadCost)]
fun blinding_of_a_private_cost() {
    let mut w = world::seated_secretly();
    w.open_secretly(0, world::digest());
    abort
}

#[test, expected_failure(abort_code = submission::ENotContributor)]
fun open_by_another() {
    let mut w = world::seated(1);
    w.open_with(0, @0x1, world::digest(), vector[b"a", b"b"], world::digest());
    abort
}

#[test, expected_failure(abort_code = submission::EWrongState)]
fun open_before_seats() {
    let mut w = world::drawn(1);
    w.open(0);
    abort
}

#[test, expected_failure(abort_code = submission::EWrongState)]
fun open_twice() {
    let mut w = world::opened(1);
    w.open(0);
    abort
}

#[test, expected_failure(abort_code = submission::EBadDigest)]
fun short_opening_digest() {
    let mut w = world::seated(1);
    w.open_with(0, world::contributor(0), b"", vector[b"a", b"b"], world::digest());
    abort
}

#[test, expected_failure(abort_code = submission::EBadEnvelopes)]
fun one_envelope_for_two() {
    let mut w = world::seated(1);
    w.open_with(0, world::contributor(0), world::digest(), vector[b"a"], world::digest());
    abort
}

#[test, expected_failure(abort_code = submission::EBadEnvelopes)]
fun empty_envelope() {
    let mut w = world::seated(1);
    w.open_with(0, world::contributor(0), world::digest(), vector[b"a", b""], world::digest());
    abort
}

#[test, expected_failure(abort_code = pedersen::EBadPoint)]
fun short_blinding() {
    let mut w = world::seated(1);
    w.open_with(0, world::contributor(0), world::digest(), vector[b"a", b"b"], b"short");
    abort
}

#[test, expected_failure(abort_code = pedersen::EBadOpening)]
fun opening_of_another_commitment() {
    let mut w = world::training(1);
    let leaves = w.leaves(0);
    let root = walrusd::merkle::compute_root(&leaves);
    let path = world::compute_path(&leaves, 0);
    // Whatever the stub of the group computes, it is not the generator.
    let point = *sui::bls12381::g1_generator().bytes();
    w.commit_with(0, world::contributor(0), root, 1, path, point);
    w.draw();
    w.seat(0);
    w.open(0);
    abort
}

#[test, expected_failure(abort_code = submission::EWrongState)]
fun reseal_before_opening() {
    let mut w = world::seated(1);
    w.reseal(0, world::contributor(0), b"sealed");
    abort
}

#[test, expected_failure(abort_code = submission::ENotParty)]
fun reseal_by_a_stranger() {
    let mut w = world::opened(1);
    w.reseal(0, @0x1, b"sealed");
    abort
}

#[test, expected_failure(abort_code = submission::EBadEnvelopes)]
fun reseal_of_nothing() {
    let mut w = world::opened(1);
    w.reseal(0, world::contributor(0), b"");
    abort
}
