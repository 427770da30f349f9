/// Merkle trees of RFC 6962, section 2.1: SHA-256, leaves and nodes separated by one byte.
///
/// A hash of 32 bytes is an address here: BCS writes it without a length, so that a struct of two is
/// what the RFC hashes, made by one native call.
module walrusd::merkle;

use std::{bcs, hash::sha2_256};
use sui::address;

// === Errors ===

/// The Merkle path leads to another root.
const EBadPath: u64 = 0;
/// The leaf index is outside the tree.
const EBadIndex: u64 = 1;

// === Structs ===

/// What is hashed for a leaf of 32 bytes: a zero before it.
public struct Leaf has drop {
    prefix: u8,
    data: address,
}

/// What is hashed for a node: a one before what stands below it.
public struct Node has drop {
    prefix: u8,
    left: address,
    right: address,
}

// === Public Functions ===

/// Checks that `leaf`, of 32 bytes, is leaf `index` of the tree of `size` leaves with this `root`.
public fun verify_path(
    root: &vector<u8>,
    leaf: vector<u8>,
    index: u64,
    size: u64,
    path: &vector<vector<u8>>,
) {
    assert!(index < size, EBadIndex);
    assert!(leads_to(root, leaf, index, size, path), EBadPath);
}

// === Package Functions ===

/// Whether `path` leads from leaf data `leaf` at `index` of `size` to `root`.
public(package) fun leads_to(
    root: &vector<u8>,
    leaf: vector<u8>,
    index: u64,
    size: u64,
    path: &vector<vector<u8>>,
): bool {
    let found = compute_root_from_path(leaf, index, size, path);
    found.is_some() && found.borrow() == root
}

/// The root that `path` leads to; none if the path does not fit the place, or not all of it and the
/// leaf have 32 bytes.
public(package) fun compute_root_from_path(
    leaf: vector<u8>,
    mut index: u64,
    size: u64,
    path: &vector<vector<u8>>,
): Option<vector<u8>> {
    if (index >= size || leaf.length() != 32) return option::none();
    let mut node = hash_leaf(leaf);
    let mut last = size - 1;
    let mut used = 0;
    while (last > 0) {
        if (index % 2 == 1 || index < last) {
            if (used == path.length() || path[used].length() != 32) return option::none();
            let sibling = address::from_bytes(path[used]);
            node = if (index % 2 == 1) hash_node(sibling, node) else hash_node(node, sibling);
            used = used + 1;
        };
        index = index / 2;
        last = last / 2;
    };
    if (used == path.length()) option::some(bcs::to_bytes(&node)) else option::none()
}

/// The root over `leaves` of 32 bytes, of which there is at least one. An odd last node moves up
/// unchanged.
public(package) fun compute_root(leaves: &vector<vector<u8>>): vector<u8> {
    let mut level = vector[];
    let mut i = 0;
    while (i < leaves.length()) {
        level.push_back(hash_leaf(leaves[i]));
        i = i + 1;
    };
    while (level.length() > 1) {
        let mut above = vector[];
        let mut left = 0;
        while (left + 1 < level.length()) {
            above.push_back(hash_node(level[left], level[left + 1]));
            left = left + 2;
        };
        if (left < level.length()) above.push_back(level[left]);
        level = above;
    };
    bcs::to_bytes(&level[0])
}

// === Private Functions ===

fun hash_leaf(data: vector<u8>): address {
    let data = address::from_bytes(data);
    address::from_bytes(sha2_256(bcs::to_bytes(&Leaf { prefix: 0, data })))
}

fun hash_node(left: address, right: address): address {
    address::from_bytes(sha2_256(bcs::to_bytes(&Node { prefix: 1, left, right })))
}
