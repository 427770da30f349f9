/// Stands in for `sui::group_ops` in sui-sandbox: the same interface and layout, but the natives
/// take their vectors by value, which is how that VM implements them.
module shim::group_ops;

const EInvalidInput: u64 = 1;

public struct Element<phantom T> has copy, drop, store { bytes: vector<u8> }

public fun bytes<G>(e: &Element<G>): &vector<u8> { &e.bytes }

public fun equal<G>(a: &Element<G>, b: &Element<G>): bool { &a.bytes == &b.bytes }

public fun from_bytes<G>(kind: u8, bytes: vector<u8>, is_trusted: bool): Element<G> {
    assert!(is_trusted || internal_validate(kind, bytes), EInvalidInput);
    Element { bytes }
}

public fun add<G>(kind: u8, a: &Element<G>, b: &Element<G>): Element<G> {
    Element { bytes: internal_add(kind, a.bytes, b.bytes) }
}

public fun sub<G>(kind: u8, a: &Element<G>, b: &Element<G>): Element<G> {
    Element { bytes: internal_sub(kind, a.bytes, b.bytes) }
}

public fun mul<S, G>(kind: u8, scalar: &Element<S>, e: &Element<G>): Element<G> {
    Element { bytes: internal_mul(kind, scalar.bytes, e.bytes) }
}

public fun div<S, G>(kind: u8, scalar: &Element<S>, e: &Element<G>): Element<G> {
    Element { bytes: internal_div(kind, scalar.bytes, e.bytes) }
}

public fun hash_to<G>(kind: u8, m: &vector<u8>): Element<G> {
    Element { bytes: internal_hash_to(kind, *m) }
}

public fun multi_scalar_multiplication<S, G>(
    kind: u8,
    scalars: &vector<Element<S>>,
    elements: &vector<Element<G>>,
): Element<G> {
    assert!(!scalars.is_empty() && scalars.length() == elements.length(), EInvalidInput);
    let (mut all_scalars, mut all_elements) = (vector[], vector[]);
    let mut i = 0;
    while (i < scalars.length()) {
        all_scalars.append(scalars[i].bytes);
        all_elements.append(elements[i].bytes);
        i = i + 1;
    };
    Element { bytes: internal_multi_scalar_mul(kind, all_scalars, all_elements) }
}

public fun pairing<G1, G2, G3>(kind: u8, a: &Element<G1>, b: &Element<G2>): Element<G3> {
    Element { bytes: internal_pairing(kind, a.bytes, b.bytes) }
}

public fun convert<From, To>(from: u8, to: u8, e: &Element<From>): Element<To> {
    Element { bytes: internal_convert(from, to, e.bytes) }
}

public fun sum<G>(kind: u8, terms: &vector<Element<G>>): Element<G> {
    let mut all = vector[];
    let mut i = 0;
    while (i < terms.length()) {
        all.push_back(terms[i].bytes);
        i = i + 1;
    };
    Element { bytes: internal_sum(kind, all) }
}

/// Writes `x` over one end of `buffer`.
public fun set_as_prefix(x: u64, is_big_endian: bool, buffer: &mut vector<u8>) {
    let length = buffer.length();
    let mut i = 0;
    while (i < 8) {
        let at = if (is_big_endian) length - i - 1 else i;
        *(&mut buffer[at]) = ((x >> ((8 * i) as u8)) & 0xff) as u8;
        i = i + 1;
    };
}

native fun internal_validate(kind: u8, bytes: vector<u8>): bool;
native fun internal_add(kind: u8, a: vector<u8>, b: vector<u8>): vector<u8>;
native fun internal_sub(kind: u8, a: vector<u8>, b: vector<u8>): vector<u8>;
native fun internal_mul(kind: u8, scalar: vector<u8>, e: vector<u8>): vector<u8>;
native fun internal_div(kind: u8, scalar: vector<u8>, e: vector<u8>): vector<u8>;
native fun internal_hash_to(kind: u8, m: vector<u8>): vector<u8>;
native fun internal_multi_scalar_mul(
    kind: u8,
    scalars: vector<u8>,
    elements: vector<u8>,
): vector<u8>;
native fun internal_pairing(kind: u8, a: vector<u8>, b: vector<u8>): vector<u8>;
native fun internal_convert(from: u8, to: u8, e: vector<u8>): vector<u8>;
native fun internal_sum(kind: u8, terms: vector<vector<u8>>): vector<u8>;
