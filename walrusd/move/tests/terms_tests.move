/// Terms that no task may have.
#[test_only]
module walrusd::terms_tests;

use walrusd::{terms, world};

#[test, expected_failure(abort_code = terms::EBadScheme)]
fun scheme_3() {
    let mut w = world::new();
    w.set_terms(world::terms_with(0, 3));
    w.open_task();
    abort
}

#[test, expected_failure(abort_code = terms::EBadScheme)]
fun weights_rule_2() {
    let mut w = world::new();
    w.set_terms(world::terms_with(1, 2));
    w.open_task();
    abort
}

#[test, expected_failure(abort_code = terms::EBadScheme)]
fun cost_rule_2() {
    let mut w = world::new();
    w.set_terms(world::terms_with(2, 2));
    w.open_task();
    abort
}

#[test, expected_failure(abort_code = terms::EBadAmount)]
fun no_reward() {
    let mut w = world::new();
    w.set_terms(world::terms_with(3, 0));
    w.open_task();
    abort
}

#[test, expected_failure(abort_code = terms::EBadAmount)]
fun no_verifier_fee() {
    let mut w = world::new();
    w.set_terms(world::terms_with(4, 0));
    w.open_task();
    abort
}

#[test, expected_failure(abort_code = terms::EBadAmount)]
fun no_juror_fee() {
    let mut w = world::new();
    w.set_terms(world::terms_with(5, 0));
    w.open_task();
    abort
}

#[test, expected_failure(abort_code = terms::EBadAmount)]
fun no_stake() {
    let mut w = world::new();
    w.set_terms(world::terms_with(6, 0));
    w.open_task();
    abort
}

#[test, expected_failure(abort_code = terms::EBadAmount)]
fun penalty_above_stake() {
    let mut w = world::new();
    w.set_terms(world::terms_with(7, 101));
    w.open_task();
    abort
}

#[test, expected_failure(abort_code = terms::EBadAmount)]
fun amount_above_the_limit() {
    let mut w = world::new();
    w.set_terms(world::terms_with(10, 10_000_000_000_000_001));
    w.open_task();
    abort
}

#[test, expected_failure(abort_code = terms::EBadCommittee)]
fun no_submissions() {
    let mut w = world::new();
    w.set_terms(world::terms_with(11, 0));
    w.open_task();
    abort
}

#[test, expected_failure(abort_code = terms::EBadCommittee)]
fun too_many_submissions() {
    let mut w = world::new();
    w.set_terms(world::terms_with(11, 65));
    w.open_task();
    abort
}

#[test, expected_failure(abort_code = terms::EBadCommittee)]
fun k_min_2() {
    let mut w = world::new();
    w.set_terms(world::terms_with(12, 2));
    w.open_task();
    abort
}

#[test, expected_failure(abort_code = terms::EBadCommittee)]
fun no_committee() {
    let mut w = world::new();
    w.set_terms(world::terms_with(13, 0));
    w.open_task();
    abort
}

#[test, expected_failure(abort_code = terms::EBadCommittee)]
fun committee_of_17() {
    let mut w = world::new();
    w.set_terms(world::terms_with(13, 17));
    w.open_task();
    abort
}

#[test, expected_failure(abort_code = terms::EBadCommittee)]
fun more_per_seat_than_segments() {
    let mut w = world::new();
    w.set_terms(world::terms_with(14, 6));
    w.open_task();
    abort
}

#[test, expected_failure(abort_code = terms::EBadCommittee)]
fun no_segments() {
    let mut w = world::new();
    w.set_terms(world::terms_with(15, 0));
    w.open_task();
    abort
}

#[test, expected_failure(abort_code = terms::EBadCommittee)]
fun too_many_segments() {
    let mut w = world::new();
    w.set_terms(world::terms_with(15, 1_048_577));
    w.open_task();
    abort
}

#[test, expected_failure(abort_code = terms::EBadCommittee)]
fun even_jury() {
    let mut w = world::new();
    w.set_terms(world::terms_with(16, 2));
    w.open_task();
    abort
}

#[test, expected_failure(abort_code = terms::EBadCommittee)]
fun jury_of_17() {
    let mut w = world::new();
    w.set_terms(world::terms_with(16, 17));
    w.open_task();
    abort
}

#[test, expected_failure(abort_code = terms::EBadCommittee)]
fun audit_above_certainty() {
    let mut w = world::new();
    w.set_terms(world::terms_with(17, 10_001));
    w.open_task();
    abort
}

#[test, expected_failure(abort_code = terms::EBadCommittee)]
fun no_state() {
    let mut w = world::new();
    w.set_terms(world::terms_with(18, 0));
    w.open_task();
    abort
}

#[test, expected_failure(abort_code = terms::EBadCommittee)]
fun no_work() {
    let mut w = world::new();
    w.set_terms(world::terms_with(19, 0));
    w.open_task();
    abort
}

#[test, expected_failure(abort_code = terms::EBadWindow)]
fun short_window() {
    let mut w = world::new();
    w.set_terms(world::terms_with(20, 9));
    w.open_task();
    abort
}

#[test, expected_failure(abort_code = terms::EBadWindow)]
fun long_window() {
    let mut w = world::new();
    w.set_terms(world::terms_with(26, 100_001));
    w.open_task();
    abort
}

#[test, expected_failure(abort_code = terms::EStakeBelowJuryCost)]
fun stake_below_jury_cost() {
    let mut w = world::new();
    w.set_terms(world::terms_with(6, 34));
    w.open_task();
    abort
}

#[test, expected_failure(abort_code = terms::EStakeBelowJuryCost)]
fun bond_below_jury_cost() {
    let mut w = world::new();
    w.set_terms(world::terms_with(9, 14));
    w.open_task();
    abort
}

#[test, expected_failure(abort_code = terms::EAuditTooWeak)]
fun audit_exactly_balanced() {
    let mut w = world::new();
    w.set_terms(world::terms_with(17, 200));
    w.open_task();
    abort
}

#[test, expected_failure(abort_code = terms::EAuditTooWeak)]
fun seat_that_cannot_pay_for_its_silence() {
    let mut w = world::new();
    // Ten fees of 10 are more than 99; with one segment a seat the audit is strong enough.
    let mut numbers = world::numbers_with(8, 99);
    *(&mut numbers[14]) = 1;
    *(&mut numbers[17]) = 10_000;
    w.set_terms(world::terms_of(numbers));
    w.open_task();
    abort
}

#[test, expected_failure(abort_code = terms::EAuditTooWeak)]
fun juror_that_cannot_pay_for_its_silence() {
    let mut w = world::new();
    let mut numbers = world::numbers_with(5, 101);
    *(&mut numbers[6]) = 323;
    *(&mut numbers[9]) = 303;
    w.set_terms(world::terms_of(numbers));
    w.open_task();
    abort
}

#[test]
fun stake_of_exactly_ten_fees() {
    let mut w = world::new();
    let mut numbers = world::numbers_with(5, 100);
    *(&mut numbers[6]) = 320;
    *(&mut numbers[9]) = 300;
    w.set_terms(world::terms_of(numbers));
    w.open_task();
    // Four times (reward 1000 + 2 fees of 10 + two juries of 3 times 100 + 4 tips of 3).
    assert!(w.task_holdings() == vector[4 * 1_632, 50, 6, 0]);
    w.finish()
}
