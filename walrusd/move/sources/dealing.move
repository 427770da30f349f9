/// Which segment a seat replays: the swap-or-not shuffle of the Ethereum consensus specification
/// (`compute_shuffled_index`) with 24 rounds, computable for one index without the rest.
module walrusd::dealing;

use std::hash::sha2_256;

// === Constants ===

const ROUNDS: u8 = 24;

// === Package Functions ===

/// The segment, 1 to `segments`, at a dealing `position`, 0 to `segments - 1`. Position 0 always
/// holds the last segment: the shuffle is composed with one transposition.
public(package) fun compute_dealt_segment(seed: &vector<u8>, segments: u64, position: u64): u64 {
    if (position == 0) return segments;
    let dealt = 1 + compute_shuffled_index(position, segments, seed);
    if (dealt == segments) 1 + compute_shuffled_index(0, segments, seed) else dealt
}

/// Where `index` of `count` lands under `seed`. No tag, as in the specification.
public(package) fun compute_shuffled_index(mut index: u64, count: u64, seed: &vector<u8>): u64 {
    let mut round = 0;
    while (round < ROUNDS) {
        let mut bytes = *seed;
        bytes.push_back(round);
        let pivot = first_u64(&sha2_256(bytes)) % count;
        let flip = (pivot + count - index) % count;
        let position = if (index > flip) index else flip;
        let block = position / 256;
        bytes.push_back((block & 0xff) as u8);
        bytes.push_back(((block >> 8) & 0xff) as u8);
        bytes.push_back(((block >> 16) & 0xff) as u8);
        bytes.push_back(((block >> 24) & 0xff) as u8);
        let source = sha2_256(bytes);
        let byte = source[(position % 256) / 8];
        if ((byte >> ((position % 8) as u8)) & 1 == 1) index = flip;
        round = round + 1;
    };
    index
}

/// The first 8 bytes, little-endian.
public(package) fun first_u64(bytes: &vector<u8>): u64 { u64_at(bytes, 0) }

/// The 8 bytes from `start` on, little-endian.
public(package) fun u64_at(bytes: &vector<u8>, start: u64): u64 {
    let mut value = 0;
    let mut i = 8;
    while (i > 0) {
        i = i - 1;
        value = (value << 8) | (bytes[start + i] as u64);
    };
    value
}
