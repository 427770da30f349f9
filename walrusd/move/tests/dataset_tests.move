/// What listings and key requests refuse.
#[test_only]
module walrusd::dataset_tests;

use walrusd::{dataset, world};

#[test, expected_failure(abort_code = dataset::EBadTitle)]
fun title_of_nothing() {
    let mut w = world::new();
    w.list_dataset(world::digest(), 0, 1);
    abort
}

#[test, expected_failure(abort_code = dataset::EBadTitle)]
fun title_of_129_bytes() {
    let mut w = world::new();
    w.list_dataset(world::digest(), 129, 1);
    abort
}

#[test, expected_failure(abort_code = dataset::EBadDigest)]
fun short_row_root() {
    let mut w = world::new();
    w.list_dataset(b"short", 1, 1);
    abort
}

#[test, expected_failure(abort_code = dataset::EEmpty)]
fun no_rows() {
    let mut w = world::new();
    w.list_dataset(world::digest(), 1, 0);
    abort
}

#[test, expected_failure(abort_code = dataset::ENotOwner)]
fun version_by_a_stranger() {
    let mut w = world::new();
    w.add_version(world::crank());
    abort
}

#[test, expected_failure(abort_code = dataset::ETooManyVersions)]
fun version_65() {
    let mut w = world::new();
    let mut i = 0;
    while (i < 64) {
    w.add_version(world::owner());
    i = i + 1;
    };
    abort
}

#[test, expected_failure(abort_code = dataset::ENoVersion)]
fun key_of_version_0() {
    let mut w = world::new();
    w.request_key(@0x1, 0, 2, 60_000);
    abort
}

#[test, expected_failure(abort_code = dataset::ENoVersion)]
fun key_of_version_2() {
    let mut w = world::new();
    w.request_key(@0x1, 2, 2, 60_000);
    abort
}

#[test, expected_failure(abort_code = dataset::EBadScope)]
fun scope_3() {
    let mut w = world::new();
    w.request_key(@0x1, 1, 3, 60_000);
    abort
}

#[test, expected_failure(abort_code = dataset::EBadLifetime)]
fun lifetime_below_a_minute() {
    let mut w = world::new();
    w.request_key(@0x1, 1, 1, 59_999);
    abort
}

#[test, expected_failure(abort_code = dataset::EBadLifetime)]
fun lifetime_above_thirty_days() {
    let mut w = world::new();
    w.request_key(@0x1, 1, 1, 2_592_000_001);
    abort
}

#[test, expected_failure(abort_code = dataset::ENotOwner)]
fun grant_by_a_stranger() {
    let mut w = world::new();
    w.request_key(@0x1, 1, 1, 60_000);
    w.grant_key(@0x1, b"sealed");
    abort
}

#[test, expected_failure(abort_code = dataset::EExpired)]
fun grant_when_expired() {
    let mut w = world::new();
    w.request_key(@0x1, 1, 1, 60_000);
    w.pass(60_000);
    w.grant_key(world::owner(), b"sealed");
    abort
}

#[test, expected_failure(abort_code = dataset::EBadEnvelope)]
fun grant_of_nothing() {
    let mut w = world::new();
    w.request_key(@0x1, 1, 1, 60_000);
    w.grant_key(world::owner(), b"");
    abort
}

#[test, expected_failure(abort_code = dataset::ENotOwner)]
fun deny_by_a_stranger() {
    let mut w = world::new();
    w.request_key(@0x1, 1, 1, 60_000);
    w.deny_key(@0x1, b"no");
    abort
}

#[test, expected_failure(abort_code = dataset::EWrongState)]
fun deny_after_grant() {
    let mut w = world::new();
    w.request_key(@0x1, 1, 1, 60_000);
    w.grant_key(world::owner(), b"sealed");
    w.deny_key(world::owner(), b"no");
    abort
}

#[test, expected_failure(abort_code = dataset::EWrongState)]
fun grant_after_deny() {
    let mut w = world::new();
    w.request_key(@0x1, 1, 1, 60_000);
    w.deny_key(world::owner(), b"no");
    w.grant_key(world::owner(), b"sealed");
    abort
}

#[test, expected_failure(abort_code = dataset::ENotExpired)]
fun expire_one_moment_early() {
    let mut w = world::new();
    w.request_key(@0x1, 1, 1, 60_000);
    w.pass(59_999);
    w.expire_key();
    abort
}

#[test, expected_failure(abort_code = dataset::EWrongState)]
fun expire_after_grant() {
    let mut w = world::new();
    w.request_key(@0x1, 1, 1, 60_000);
    w.grant_key(world::owner(), b"sealed");
    w.pass(60_000);
    w.expire_key();
    abort
}

#[test, expected_failure(abort_code = dataset::EBadKey)]
fun request_with_a_short_key() {
    let mut w = world::new();
    w.request_key_with(@0x1, 1, b"short", 1, 60_000);
    abort
}
