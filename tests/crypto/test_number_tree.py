import hashlib
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.crypto.test_merkle import reference_root
from tests.support.refusals import refused
from walrusd.crypto import merkle
from walrusd.crypto.number_tree import (
    LEAF_BYTES,
    PIECE_BYTES,
    LeafKind,
    TreeHasher,
    compute_byte_root,
    compute_number_root,
    compute_update_root,
    hash_leaf_of,
    prove_leaf,
    verify_leaf,
    verify_piece,
)

LONG = np.random.default_rng(1).bytes(2 * PIECE_BYTES + 3 * LEAF_BYTES + 8)
SIZES = [0, 4, 4 * 127, 4 * 128, LEAF_BYTES - 4, LEAF_BYTES, LEAF_BYTES + 4, PIECE_BYTES, len(LONG)]


def uleb(number):
    low, rest = number % 128, number // 128
    return bytes([low | 128]) + uleb(rest) if rest else bytes([low])


def by_hand(data, width=4):
    leaves = [data[i : i + LEAF_BYTES] for i in range(0, len(data), LEAF_BYTES)]
    return reference_root([uleb(len(leaf) // width) + leaf for leaf in leaves])


@pytest.mark.parametrize("size", SIZES)
def test_leaves_hold_1024_words_behind_their_number(size):
    data = LONG[:size]
    assert compute_number_root(data) == by_hand(data)
    assert compute_number_root(memoryview(data)) == by_hand(data)
    words = np.frombuffer(data, "<u4")
    assert compute_number_root(words.data) == by_hand(data)


@pytest.mark.parametrize("size", [*SIZES, 1, 127, 128, LEAF_BYTES + 1, len(LONG) - 3])
def test_leaves_of_bytes_hold_4096_behind_their_number(size):
    assert compute_byte_root(LONG[:size]) == by_hand(LONG[:size], 1)


def test_nothing_has_the_root_of_no_leaves():
    assert compute_number_root(b"") == compute_byte_root(b"") == hashlib.sha256().digest()
    assert compute_update_root(np.zeros(0, np.int32)) == hashlib.sha256().digest()


def test_known_leaves():
    # What bcs::to_bytes of { prefix: 0u8, words: vector[1u32, 2u32] } gives.
    move = bytes.fromhex("00020100000002000000")
    assert hash_leaf_of(LeafKind.WORDS, move[2:]) == hashlib.sha256(move).digest()
    full = bytes.fromhex("008008") + bytes(4096)
    assert compute_number_root(bytes(4096)) == hashlib.sha256(full).digest()
    assert compute_byte_root(bytes(4096)) == hashlib.sha256(b"\x00\x80\x20" + full[3:]).digest()


def test_parts_of_words_are_refused():
    for data in (bytes(3), bytes(LEAF_BYTES + 2)):
        with pytest.raises(ValueError, match="no leaf of words"):
            compute_number_root(data)
    with pytest.raises(ValueError, match="no leaf"):
        hash_leaf_of(LeafKind.BYTES, bytes(LEAF_BYTES + 1))


@settings(max_examples=15)
@given(st.lists(st.integers(0, len(LONG)), max_size=5), st.sampled_from(LeafKind))
def test_pieces_of_any_size_give_one_root(cuts, kind):
    hasher, bounds = TreeHasher(kind), [0, *sorted(cuts), len(LONG)]
    for start, end in pairwise(bounds):
        hasher.update(LONG[start:end])
    assert hasher.root() == hasher.root() == by_hand(LONG, kind)


def test_update_root_is_over_little_endian_int32():
    update = np.array([1, -1, 2**31 - 1], np.int32)
    raw = b"\x01\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\x7f"
    assert compute_update_root(update) == hashlib.sha256(b"\x00\x03" + raw).digest()
    assert compute_update_root(np.stack([update, update], 1)[:, 0]) == compute_update_root(update)
    for bad in (update.astype(np.int64), update.reshape(1, 3)):
        with pytest.raises(ValueError, match="int32 vector"):
            compute_update_root(bad)


@pytest.mark.parametrize("size", [4, LEAF_BYTES, 5 * LEAF_BYTES + 12])
def test_a_leaf_is_proved_and_no_other(size):
    data, words = LONG[:size], size // 4
    root = compute_number_root(data)
    leaves = [data[i : i + LEAF_BYTES] for i in range(0, size, LEAF_BYTES)]
    for index, leaf in enumerate(leaves):
        path = prove_leaf(data, index)
        found = verify_leaf(root, words, index, leaf, path)
        assert found.first == 1024 * index
        assert found.words.tobytes() == leaf
        changed = bytes([leaf[0] ^ 1]) + leaf[1:]
        for bad in (
            (bytes(32), words, index, leaf, path),
            (root, words, index, changed, path),
            (root, words, index, leaf[:-4], path),
            (root, words, index, leaf + bytes(4), path),
            (root, words, index, leaf, [*path, bytes(32)]),
            (root, words, index, leaf, [bytes(32), *path[1:]]),
            (root, words, len(leaves), leaf, path),
            (root, words, -1, leaf, path),
            (root, words + 1, len(leaves) - 1, leaf, path),
            (root, 0, index, leaf, path),
        ):
            with refused("proof.invalid"):
                verify_leaf(*bad)
    with pytest.raises(IndexError):
        prove_leaf(data, len(leaves))


def test_a_leaf_does_not_stand_for_one_of_another_place():
    data = bytes(LEAF_BYTES) + LONG[: 2 * LEAF_BYTES]
    root, words = compute_number_root(data), len(data) // 4
    with refused("proof.invalid"):
        verify_leaf(root, words, 1, data[:LEAF_BYTES], prove_leaf(data, 0))
    # A node's preimage is 65 bytes: a leaf that claims to be one has another prefix and length.
    left, right = (merkle.hash_leaf(b"\x80\x08" + data[i : i + 4096]) for i in (0, 4096))
    with refused("proof.invalid"):
        verify_leaf(root, 16 + 1024, 0, left + right, prove_leaf(data, 2))


def test_a_piece_is_a_node_of_256_leaves():
    hasher, words = TreeHasher(), len(LONG) // 4
    hasher.update(LONG)
    tree = merkle.Tree(hasher.piece_hashes(), hashed=True)
    assert tree.root == hasher.root() == by_hand(LONG)
    assert tree.size == 3
    for index in range(3):
        piece = LONG[index * PIECE_BYTES : (index + 1) * PIECE_BYTES]
        path = tree.path(index)
        verify_piece(tree.root, words, index, piece, path)
        for bad in (
            (bytes(32), words, index, piece, path),
            (tree.root, words, (index + 1) % 3, piece, path),
            (tree.root, words, index, piece[:-4], path),
            (tree.root, words, index, piece, path[:-1]),
            (tree.root, words, 3, piece, path),
        ):
            with refused("proof.invalid"):
                verify_piece(*bad)
