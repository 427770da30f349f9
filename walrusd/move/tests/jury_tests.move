/// What challenges and juries refuse.
#[test_only]
module walrusd::jury_tests;

use walrusd::{jury, submission, world};

#[test, expected_failure(abort_code = submission::EWrongState)]
fun challenge_before_opening() {
    let mut w = world::seated(1);
    w.challenge(0, 3);
    abort
}

#[test, expected_failure(abort_code = submission::EWrongState)]
fun challenge_twice() {
    let mut w = world::opened(1);
    w.challenge(0, 3);
    w.challenge(0, 3);
    abort
}

#[test, expected_failure(abort_code = jury::EUnsupportedKind)]
fun challenge_of_kind_0() {
    let mut w = world::opened(1);
    w.challenge_kind(0, world::accuser(), 0, 0);
    abort
}

#[test, expected_failure(abort_code = jury::EUnsupportedKind)]
fun challenge_of_kind_7() {
    let mut w = world::opened(1);
    w.challenge_kind(0, world::accuser(), 7, 0);
    abort
}

#[test, expected_failure(abort_code = jury::EUnsupportedKind)]
fun challenge_of_an_update_that_an_abort_does_not_have() {
    let mut w = world::opened_abort(2);
    w.challenge_kind(0, world::accuser(), 2, 0);
    abort
}

#[test, expected_failure(abort_code = jury::EBadIndex)]
fun challenge_of_segment_0() {
    let mut w = world::opened(1);
    w.challenge_with(0, world::accuser(), 1, 0, 0, 20);
    abort
}

#[test, expected_failure(abort_code = jury::EBadIndex)]
fun challenge_beyond_the_trace() {
    let mut w = world::opened(1);
    w.challenge_with(0, world::accuser(), 1, 5, 3, 20);
    abort
}

#[test, expected_failure(abort_code = jury::EBadIndex)]
fun challenge_beyond_the_end_of_the_plan() {
    let mut w = world::opened_abort(2);
    w.challenge_with(0, world::accuser(), 1, 3, 2, 20);
    abort
}

#[test, expected_failure(abort_code = jury::EBadIndex)]
fun challenge_at_the_place_of_another_segment() {
    let mut w = world::opened(1);
    let place = w.place_of(0, 2).destroy_some();
    w.challenge_at(0, world::accuser(), 1, 3, place, world::digest(), vector[], 20);
    abort
}

#[test, expected_failure(abort_code = jury::EBadIndex)]
fun challenge_at_a_place_beyond_the_deal() {
    let mut w = world::opened(1);
    // As if the deal went on: the place is that of the same segment.
    let place = 4 + w.place_of(0, 3).destroy_some();
    w.challenge_at(0, world::accuser(), 1, 3, place, world::digest(), vector[], 20);
    abort
}

#[test, expected_failure(abort_code = jury::EBadIndex)]
fun challenge_of_a_segment_that_nobody_was_dealt() {
    let mut w = world::opened_with(world::terms_with(15, 5));
    let mut segment = 1;
    while (w.place_of(0, segment).is_some()) segment = segment + 1;
    w.challenge(0, segment);
    abort
}

#[test, expected_failure(abort_code = jury::EBadIndex)]
fun challenge_of_a_row_too_far() {
    let mut w = world::opened(1);
    w.challenge_kind(0, world::accuser(), 3, 9);
    abort
}

#[test, expected_failure(abort_code = jury::EBadIndex)]
fun challenge_of_a_row_at_a_place() {
    let mut w = world::opened(1);
    w.challenge_at(0, world::accuser(), 3, 0, 1, vector[], vector[], 20);
    abort
}

#[test, expected_failure(abort_code = jury::EBadIndex)]
fun challenge_of_a_second_update() {
    let mut w = world::opened(1);
    w.challenge_kind(0, world::accuser(), 2, 1);
    abort
}

#[test, expected_failure(abort_code = jury::EBadIndex)]
fun challenge_of_a_file_at_a_place() {
    let mut w = world::opened(1);
    w.challenge_at(0, world::accuser(), 5, 0, 1, vector[], vector[], 20);
    abort
}

#[test, expected_failure(abort_code = jury::EAlreadyJudged)]
fun challenge_after_a_verdict() {
    let mut w = world::revealing(false);
    w.accuser_reveal(0);
    w.jury_reveal_all(0);
    w.resolve(0);
    w.challenge(0, 3);
    abort
}

#[test, expected_failure(abort_code = jury::EAlreadyJudged)]
fun challenge_of_a_judged_row() {
    let mut w = world::opened(1);
    w.challenge_kind(0, world::accuser(), 3, 8);
    w.judge(0, world::sound());
    w.challenge_kind(0, world::accuser(), 3, 8);
    abort
}

#[test, expected_failure(abort_code = jury::ETooManyVerdicts)]
fun challenge_after_1024_verdicts() {
    let mut w = world::opened(1);
    w.add_verdicts(0, 1_024);
    w.challenge(0, 3);
    abort
}

#[test]
fun challenge_after_1023_verdicts() {
    let mut w = world::opened(1);
    w.add_verdicts(0, 1_023);
    w.challenge(0, 3);
    assert!(w.state(0) == 6);
    w.finish()
}

#[test, expected_failure(abort_code = jury::ENotReported)]
fun stranger_cannot_read() {
    let mut w = world::reopened();
    w.challenge_kind(0, world::accuser(), 6, 0);
    abort
}

#[test, expected_failure(abort_code = jury::ENotReported)]
fun seat_cannot_read_what_nobody_reported() {
    let mut w = world::opened(1);
    let seat = w.seat_verifier(0, 0);
    w.challenge_kind(0, seat, 6, 0);
    abort
}

#[test, expected_failure(abort_code = jury::ENotReported)]
fun seat_cannot_read_what_it_attested() {
    let mut w = world::reopened();
    w.attest(0, 0, 0);
    w.attest(0, 0, 1);
    let seat = w.seat_verifier(0, 0);
    w.challenge_kind(0, seat, 6, 0);
    abort
}

#[test, expected_failure(abort_code = jury::EBadDigest)]
fun short_accusation() {
    let mut w = world::opened(1);
    let (who, nothing) = (world::accuser(), vector[]);
    w.challenge_committing(0, who, 2, 0, 0, nothing, vector[], b"short", 20);
    abort
}

#[test, expected_failure(abort_code = jury::EConflict)]
fun contributor_challenges_itself() {
    let mut w = world::opened(1);
    w.challenge_with(0, world::contributor(0), 1, 3, 3, 20);
    abort
}

#[test, expected_failure(abort_code = jury::EWrongLeaf)]
fun challenge_with_another_leaf() {
    let mut w = world::opened(1);
    w.challenge_with(0, world::accuser(), 1, 3, 4, 20);
    abort
}

#[test, expected_failure(abort_code = jury::EWrongLeaf)]
fun challenge_of_an_update_with_a_leaf() {
    let mut w = world::opened(1);
    w.challenge_at(0, world::accuser(), 2, 0, 0, world::digest(), vector[], 20);
    abort
}

#[test, expected_failure(abort_code = jury::EWrongLeaf)]
fun challenge_of_a_row_with_a_path() {
    let mut w = world::opened(1);
    w.challenge_at(0, world::accuser(), 3, 0, 0, vector[], vector[world::digest()], 20);
    abort
}

#[test, expected_failure(abort_code = jury::EWrongBond)]
fun challenge_with_a_small_bond() {
    let mut w = world::opened(1);
    w.challenge_with(0, world::accuser(), 1, 3, 3, 19);
    abort
}

#[test, expected_failure(abort_code = jury::ENoDispute)]
fun draw_without_a_dispute() {
    let mut w = world::opened(1);
    w.draw_jury(0);
    abort
}

#[test, expected_failure(abort_code = jury::ENoDispute)]
fun draw_the_jury_twice() {
    let mut w = world::opened(1);
    w.challenge(0, 3);
    w.draw_jury(0);
    w.draw_jury(0);
    abort
}

#[test, expected_failure(abort_code = jury::ENoDispute)]
fun seat_before_the_beacon() {
    let mut w = world::opened(1);
    w.challenge(0, 3);
    w.seat_jury(0);
    abort
}

#[test, expected_failure(abort_code = jury::ENoDispute)]
fun seat_after_the_end() {
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
    w.seat_jury(0);
    abort
}

#[test, expected_failure(abort_code = jury::ENotJuror)]
fun commit_for_another_juror() {
    let mut w = world::judging(true);
    let other = w.juror(0, 1);
    w.jury_commit_with(0, other, 0, world::digest());
    abort
}

#[test, expected_failure(abort_code = jury::ENotJuror)]
fun commit_beyond_the_jury() {
    let mut w = world::judging(true);
    let who = w.juror(0, 1);
    w.jury_commit_with(0, who, 3, world::digest());
    abort
}

#[test, expected_failure(abort_code = jury::EAlreadyCommitted)]
fun juror_commits_twice() {
    let mut w = world::judging(true);
    w.jury_commit(0, 0, world::chain(3));
    w.jury_commit(0, 0, world::chain(3));
    abort
}

#[test, expected_failure(abort_code = jury::EBadDigest)]
fun short_jury_commitment() {
    let mut w = world::judging(true);
    let who = w.juror(0, 0);
    w.jury_commit_with(0, who, 0, b"short");
    abort
}

#[test, expected_failure(abort_code = jury::ETooLate)]
fun commit_when_over() {
    let mut w = world::judging(true);
    w.pass(1_000);
    w.jury_commit(0, 0, world::chain(3));
    abort
}

#[test, expected_failure(abort_code = jury::ENoDispute)]
fun commit_when_revealing() {
    let mut w = world::revealing(true);
    w.jury_commit(0, 0, world::chain(3));
    abort
}

#[test, expected_failure(abort_code = jury::ENoDispute)]
fun reveal_one_moment_early() {
    let mut w = world::judging(true);
    w.jury_commit(0, 0, world::chain(3));
    w.pass(999);
    w.jury_reveal(0, 0, world::chain(3));
    abort
}

#[test, expected_failure(abort_code = jury::EAlreadyRevealed)]
fun reveal_twice() {
    let mut w = world::revealing(true);
    w.jury_reveal(0, 0, world::chain(3));
    w.jury_reveal(0, 0, world::chain(3));
    abort
}

#[test, expected_failure(abort_code = jury::EBadReveal)]
fun reveal_without_commitment() {
    let mut w = world::judging(true);
    w.pass(1_000);
    w.jury_reveal(0, 0, world::chain(3));
    abort
}

#[test, expected_failure(abort_code = jury::EBadReveal)]
fun reveal_another_value() {
    let mut w = world::revealing(true);
    w.jury_reveal(0, 0, world::chain(4));
    abort
}

#[test, expected_failure(abort_code = jury::ENotJuror)]
fun reveal_for_another_juror() {
    let mut w = world::revealing(true);
    let other = w.juror(0, 1);
    w.jury_reveal_as(0, other, 0, world::chain(3), world::salt());
    abort
}

#[test, expected_failure(abort_code = jury::EBadDigest)]
fun reveal_with_a_short_salt() {
    let mut w = world::revealing(true);
    let who = w.juror(0, 0);
    w.jury_reveal_as(0, who, 0, world::chain(3), b"short");
    abort
}

#[test, expected_failure(abort_code = jury::ENotAccuser)]
fun stranger_reveals_for_the_accuser() {
    let mut w = world::revealing(true);
    w.accuser_reveal_as(0, @0x1, world::chain(3));
    abort
}

#[test, expected_failure(abort_code = jury::ENotAccuser)]
fun nobody_reveals_for_an_audit() {
    let mut w = world::selected(true);
    w.audit(0, 3);
    w.draw_jury(0);
    w.seat_jury(0);
    w.jury_commit_all(0);
    w.accuser_reveal_as(0, @0x0, world::chain(3));
    abort
}

#[test, expected_failure(abort_code = jury::EAlreadyRevealed)]
fun accuser_reveals_twice() {
    let mut w = world::revealing(true);
    w.accuser_reveal(0);
    w.accuser_reveal(0);
    abort
}

#[test, expected_failure(abort_code = jury::EBadReveal)]
fun accuser_reveals_another_value() {
    let mut w = world::revealing(true);
    w.accuser_reveal_as(0, world::accuser(), world::chain(4));
    abort
}

#[test, expected_failure(abort_code = jury::ETooEarly)]
fun resolve_one_moment_early() {
    let mut w = world::revealing(true);
    w.jury_reveal_all(0);
    w.pass(999);
    w.resolve(0);
    abort
}

#[test, expected_failure(abort_code = jury::ETooEarly)]
fun resolve_before_both_windows() {
    let mut w = world::judging(true);
    w.pass(1_999);
    w.resolve(0);
    abort
}

#[test, expected_failure(abort_code = jury::ENoDispute)]
fun resolve_without_a_jury() {
    let mut w = world::opened(1);
    w.challenge(0, 3);
    w.resolve(0);
    abort
}

#[test, expected_failure(abort_code = jury::ENoDispute)]
fun resolve_twice() {
    let mut w = world::revealing(true);
    w.accuser_reveal(0);
    w.jury_reveal_all(0);
    w.resolve(0);
    w.resolve(0);
    abort
}
