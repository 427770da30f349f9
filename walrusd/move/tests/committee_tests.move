/// What seating and attesting refuse.
#[test_only]
module walrusd::committee_tests;

use walrusd::{attestation, committee, submission, world};

#[test, expected_failure(abort_code = committee::ENotDrawn)]
fun seat_before_the_draw() {
    let mut w = world::committed(1);
    w.seat(0);
    abort
}

#[test, expected_failure(abort_code = submission::EWrongState)]
fun seat_twice() {
    let mut w = world::seated(1);
    w.seat(0);
    abort
}

#[test, expected_failure(abort_code = submission::EWrongState)]
fun seat_what_never_committed() {
    let mut w = world::training(1);
    w.pass(1_000);
    w.draw();
    w.seat(0);
    abort
}

#[test, expected_failure(abort_code = submission::EWrongState)]
fun replace_before_opening() {
    let mut w = world::seated(1);
    w.pass(10_000);
    w.replace(0);
    abort
}

#[test, expected_failure(abort_code = submission::EWrongState)]
fun replace_whom_nothing_is_to_blame() {
    let mut w = world::opened(1);
    w.attest_all(0);
    w.pass(10_000);
    w.replace(0);
    abort
}

#[test, expected_failure(abort_code = committee::ETooEarly)]
fun replace_one_moment_early() {
    let mut w = world::opened(1);
    w.pass(999);
    w.replace(0);
    abort
}

#[test, expected_failure(abort_code = committee::EAlreadyReplaced)]
fun replace_twice() {
    let mut w = world::replaced();
    w.pass(10_000);
    w.replace(0);
    abort
}

#[test, expected_failure(abort_code = submission::EWrongState)]
fun report_before_opening() {
    let mut w = world::seated(1);
    w.report(0, 0);
    abort
}

#[test, expected_failure(abort_code = attestation::ENotSeated)]
fun report_for_another_seat() {
    let mut w = world::opened(1);
    let other = w.seat_verifier(0, 1);
    w.report_as(0, other, 0);
    abort
}

#[test, expected_failure(abort_code = attestation::ENotSeated)]
fun report_beyond_the_committee() {
    let mut w = world::opened(1);
    let who = w.seat_verifier(0, 0);
    w.report_as(0, who, 2);
    abort
}

#[test, expected_failure(abort_code = attestation::EAlreadyAttested)]
fun report_what_was_attested() {
    let mut w = world::opened(1);
    w.attest(0, 0, 0);
    w.attest(0, 0, 1);
    w.report(0, 0);
    abort
}

#[test, expected_failure(abort_code = attestation::EAlreadyReported)]
fun report_twice() {
    let mut w = world::reopened();
    w.report(0, 1);
    abort
}

#[test, expected_failure(abort_code = submission::EWrongState)]
fun attest_before_opening() {
    let mut w = world::seated(1);
    w.attest(0, 0, 0);
    abort
}

#[test, expected_failure(abort_code = attestation::ENotSeated)]
fun attest_for_another_seat() {
    let mut w = world::opened(1);
    let other = w.seat_verifier(0, 1);
    w.attest_as(0, other, 0, 0, 0);
    abort
}

#[test, expected_failure(abort_code = attestation::ENotSeated)]
fun attest_beyond_the_committee() {
    let mut w = world::opened(1);
    let who = w.seat_verifier(0, 0);
    w.attest_as(0, who, 2, 0, 0);
    abort
}

#[test, expected_failure(abort_code = attestation::EBadPosition)]
fun attest_beyond_the_deal() {
    let mut w = world::opened(1);
    w.attest(0, 0, 2);
    abort
}

#[test, expected_failure(abort_code = attestation::EAlreadyAttested)]
fun attest_twice() {
    let mut w = world::opened(1);
    w.attest(0, 0, 1);
    w.attest(0, 0, 1);
    abort
}

#[test, expected_failure(abort_code = attestation::EWrongDigest)]
fun digest_of_another_slot() {
    let mut w = world::opened(1);
    let who = w.seat_verifier(0, 0);
    w.attest_as(0, who, 0, 0, 1);
    abort
}

#[test, expected_failure(abort_code = attestation::EWrongDigest)]
fun substitute_with_the_digest_of_the_silent() {
    let mut w = world::replaced();
    let who = w.seat_verifier(0, 1);
    w.attest_as(0, who, 1, 0, 1);
    abort
}

#[test, expected_failure(abort_code = attestation::EWrongDigest)]
fun guessed_digest() {
    let mut w = world::opened(1);
    let who = w.seat_verifier(0, 0);
    let zeros = vector[world::digest(), world::digest()];
    w.attest_with(0, who, 0, 0, world::digest(), zeros, world::state_root(1), zeros);
    abort
}
