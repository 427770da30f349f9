// Interface subset of the published framework, for compiling and testing without a network.
// Public signatures, struct layouts and natives are the framework's (a test compares them with its
// bytecode); the bodies are ours.

module sui::group_ops {
    const EInvalidInput: u64 = 1;
    public struct Element<phantom T> has copy, drop, store { bytes: vector<u8> }
    public fun bytes<G>(e: &Element<G>): &vector<u8> { &e.bytes }
    public fun equal<G>(e1: &Element<G>, e2: &Element<G>): bool { &e1.bytes == &e2.bytes }
    public(package) fun from_bytes<G>(type_: u8, bytes: vector<u8>, is_trusted: bool): Element<G> { assert!(is_trusted || internal_validate(type_, &bytes), EInvalidInput); Element { bytes } }
    public(package) fun add<G>(t: u8, a: &Element<G>, b: &Element<G>): Element<G> { Element { bytes: internal_add(t, &a.bytes, &b.bytes) } }
    public(package) fun sub<G>(t: u8, a: &Element<G>, b: &Element<G>): Element<G> { Element { bytes: internal_sub(t, &a.bytes, &b.bytes) } }
    public(package) fun mul<S, G>(t: u8, s: &Element<S>, e: &Element<G>): Element<G> { Element { bytes: internal_mul(t, &s.bytes, &e.bytes) } }
    public(package) fun hash_to<G>(t: u8, m: &vector<u8>): Element<G> { Element { bytes: internal_hash_to(t, m) } }
    public(package) fun pairing<G1, G2, G3>(t: u8, a: &Element<G1>, b: &Element<G2>): Element<G3> { Element { bytes: internal_pairing(t, &a.bytes, &b.bytes) } }
    native fun internal_validate(type_: u8, bytes: &vector<u8>): bool;
    native fun internal_add(type_: u8, e1: &vector<u8>, e2: &vector<u8>): vector<u8>;
    native fun internal_sub(type_: u8, e1: &vector<u8>, e2: &vector<u8>): vector<u8>;
    native fun internal_mul(type_: u8, e1: &vector<u8>, e2: &vector<u8>): vector<u8>;
    native fun internal_hash_to(type_: u8, m: &vector<u8>): vector<u8>;
    native fun internal_pairing(type_: u8, e1: &vector<u8>, e2: &vector<u8>): vector<u8>;
}

module sui::bls12381 {
    use sui::group_ops::{Self, Element};
    public struct Scalar {}
    public struct G1 {}
    public struct G2 {}
    public struct GT {}
    public fun scalar_from_bytes(bytes: &vector<u8>): Element<Scalar> { group_ops::from_bytes(0, *bytes, false) }
    public fun scalar_from_u64(x: u64): Element<Scalar> { let mut b = std::bcs::to_bytes(&x); while (b.length() < 32) b.push_back(0); b.reverse(); group_ops::from_bytes(0, b, true) }
    public fun g1_from_bytes(bytes: &vector<u8>): Element<G1> { group_ops::from_bytes(1, *bytes, false) }
    public fun g1_identity(): Element<G1> { group_ops::from_bytes(1, x"c00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000", true) }
    public fun g1_generator(): Element<G1> { group_ops::from_bytes(1, x"97f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb", true) }
    public fun g1_add(e1: &Element<G1>, e2: &Element<G1>): Element<G1> { group_ops::add(1, e1, e2) }
    public fun g1_sub(e1: &Element<G1>, e2: &Element<G1>): Element<G1> { group_ops::sub(1, e1, e2) }
    public fun g1_mul(e1: &Element<Scalar>, e2: &Element<G1>): Element<G1> { group_ops::mul(1, e1, e2) }
    public fun hash_to_g1(m: &vector<u8>): Element<G1> { group_ops::hash_to(1, m) }
    public fun g2_from_bytes(bytes: &vector<u8>): Element<G2> { group_ops::from_bytes(2, *bytes, false) }
    public fun g2_identity(): Element<G2> { group_ops::from_bytes(2, x"c00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000", true) }
    public fun g2_generator(): Element<G2> { group_ops::from_bytes(2, x"93e02b6052719f607dacd3a088274f65596bd0d09920b61ab5da61bbdc7f5049334cf11213945d57e5ac7d055d042b7e024aa2b2f08f0a91260805272dc51051c6e47ad4fa403b02b4510b647ae3d1770bac0326a805bbefd48056c8c121bdb8", true) }
    public fun g2_sub(e1: &Element<G2>, e2: &Element<G2>): Element<G2> { group_ops::sub(2, e1, e2) }
    public fun g2_mul(e1: &Element<Scalar>, e2: &Element<G2>): Element<G2> { group_ops::mul(2, e1, e2) }
    public fun gt_add(e1: &Element<GT>, e2: &Element<GT>): Element<GT> { group_ops::add(3, e1, e2) }
    public fun pairing(e1: &Element<G1>, e2: &Element<G2>): Element<GT> { group_ops::pairing(1, e1, e2) }
}
