/// The checks of envelopes, as far as the stub of the group lets them fail: `tests/move/groups` has
/// the equations.
#[test_only]
module walrusd::envelope_tests;

use walrusd::envelope;

const SENDER: address = @0x5e;
const CONTEXT: vector<u8> = b"an opening";
const PLACE: vector<u8> = b"a seat";
const WORK: u8 = 1;
const UPDATE: u8 = 2;

fun bytes(first: u8, length: u64): vector<u8> {
    let mut bytes = vector[first];
    while (bytes.length() < length) bytes.push_back(0);
    bytes
}

fun no_g1(): vector<u8> { bytes(0xc0, 48) }

fun no_g2(): vector<u8> { bytes(0xc0, 96) }

fun g1(): vector<u8> { bytes(1, 48) }

fun g2(): vector<u8> { bytes(2, 96) }

fun answer(): vector<u8> { bytes(3, 32) }

fun register(context: vector<u8>, pk1: vector<u8>, pk2: vector<u8>) {
    let challenge = envelope::recipient_challenge_for_testing(PLACE, g1(), g2());
    envelope::verify_recipient(context, pk1, pk2, challenge, answer())
}

fun open(context: vector<u8>, p2: vector<u8>) {
    let challenge = envelope::opening_challenge_for_testing(CONTEXT, g2());
    envelope::verify_opening(context, p2, challenge, answer())
}

fun post(label: u8, pk2: vector<u8>, sender: address, r: vector<u8>, c: vector<u8>) {
    let sealed = envelope::open_label(CONTEXT, WORK, g2());
    let challenge = sealed.envelope_challenge_for_testing(g1(), g2(), PLACE, SENDER, g1(), g1());
    let opened = envelope::open_label(CONTEXT, label, g2());
    opened.verify_envelope(g1(), pk2, PLACE, sender, r, c, challenge, answer())
}

#[test]
fun what_holds() {
    register(PLACE, g1(), g2());
    open(CONTEXT, g2());
    post(WORK, g2(), SENDER, g1(), g1());
    envelope::open_label(CONTEXT, UPDATE, g2()).verify_value(g1());
}

#[test, expected_failure(abort_code = envelope::EIdentity)]
fun no_pk1() { register(PLACE, no_g1(), g2()) }

#[test, expected_failure(abort_code = envelope::EIdentity)]
fun no_pk2() { register(PLACE, g1(), no_g2()) }

#[test, expected_failure(abort_code = envelope::EIdentity)]
fun no_p2() { open(CONTEXT, no_g2()) }

#[test, expected_failure(abort_code = envelope::EIdentity)]
fun no_p2_of_a_label() { envelope::open_label(CONTEXT, WORK, no_g2()); }

#[test, expected_failure(abort_code = envelope::EIdentity)]
fun no_r() { post(WORK, g2(), SENDER, no_g1(), g1()) }

#[test, expected_failure(abort_code = envelope::EIdentity)]
fun no_c() { post(WORK, g2(), SENDER, g1(), no_g1()) }

#[test, expected_failure(abort_code = envelope::EIdentity)]
fun no_pk2_of_a_recipient() { post(WORK, no_g2(), SENDER, g1(), g1()) }

#[test, expected_failure(abort_code = envelope::EIdentity)]
fun no_value() { envelope::open_label(CONTEXT, WORK, g2()).verify_value(no_g1()) }

#[test, expected_failure(abort_code = envelope::EBadKeyProof)]
fun keys_of_another_place() { register(CONTEXT, g1(), g2()) }

#[test, expected_failure(abort_code = envelope::EBadOpeningProof)]
fun another_opening() { open(PLACE, g2()) }

#[test, expected_failure(abort_code = envelope::EBadEnvelopeProof)]
fun another_sender() { post(WORK, g2(), @0xbad, g1(), g1()) }

#[test, expected_failure(abort_code = envelope::EBadEnvelopeProof)]
fun another_label() { post(UPDATE, g2(), SENDER, g1(), g1()) }

#[test, expected_failure(abort_code = envelope::EBadLabel)]
fun label_0() { envelope::open_label(CONTEXT, 0, g2()); }

#[test, expected_failure(abort_code = envelope::EBadLabel)]
fun label_3() { envelope::open_label(CONTEXT, 3, g2()); }
