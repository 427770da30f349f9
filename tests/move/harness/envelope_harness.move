/// Lets the sandbox call what is open to the package only. Compiled into the copy under test,
/// never published.
module walrusd::envelope_harness;

use walrusd::envelope;

public fun verify_recipient(
    context: vector<u8>,
    pk1: vector<u8>,
    pk2: vector<u8>,
    challenge: vector<u8>,
    answer: vector<u8>,
) {
    envelope::verify_recipient(context, pk1, pk2, challenge, answer)
}

public fun verify_opening(
    context: vector<u8>,
    p2: vector<u8>,
    challenge: vector<u8>,
    answer: vector<u8>,
) {
    envelope::verify_opening(context, p2, challenge, answer)
}

public fun verify_envelope(
    context: vector<u8>,
    label: u8,
    p2: vector<u8>,
    pk1: vector<u8>,
    pk2: vector<u8>,
    recipient: vector<u8>,
    sender: address,
    r: vector<u8>,
    c: vector<u8>,
    challenge: vector<u8>,
    answer: vector<u8>,
) {
    let opened = envelope::open_label(context, label, p2);
    envelope::verify_envelope(&opened, pk1, pk2, recipient, sender, r, c, challenge, answer)
}

public fun verify_value(context: vector<u8>, label: u8, p2: vector<u8>, value: vector<u8>) {
    envelope::verify_value(&envelope::open_label(context, label, p2), value)
}

const EOtherDigest: u64 = 0;

public fun match_seat(
    chain_id: vector<u8>,
    package: address,
    market: address,
    pool: address,
    index: u64,
    generation: u64,
    owner: address,
    digest: vector<u8>,
) {
    let own = envelope::compute_seat_context(
        chain_id,
        package,
        market,
        pool,
        index,
        generation,
        owner,
    );
    assert!(own == digest, EOtherDigest)
}

public fun match_publisher(
    chain_id: vector<u8>,
    package: address,
    market: address,
    owner: address,
    digest: vector<u8>,
) {
    let own = envelope::compute_publisher_context(chain_id, package, market, owner);
    assert!(own == digest, EOtherDigest)
}

public fun match_opening(
    chain_id: vector<u8>,
    package: address,
    market: address,
    pool: address,
    task: address,
    submission: address,
    contributor: address,
    attempt: u64,
    digest: vector<u8>,
) {
    let own = envelope::compute_opening_context(
        chain_id,
        package,
        market,
        pool,
        task,
        submission,
        contributor,
        attempt,
    );
    assert!(own == digest, EOtherDigest)
}
