import hashlib
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from walrusd.crypto import chunks, merkle
from walrusd.crypto.chunks import LEAF_BYTES, ChunkHasher, compute_chunk_root

LONG = np.random.default_rng(1).bytes(2 * LEAF_BYTES + 5)


def by_hand(data):
    return merkle.compute_root([data[i : i + LEAF_BYTES] for i in range(0, len(data), LEAF_BYTES)])


@pytest.mark.parametrize("size", [0, 1, LEAF_BYTES - 1, LEAF_BYTES, LEAF_BYTES + 1, len(LONG)])
def test_root_is_over_leaves_of_one_mebibyte(size):
    data = LONG[:size]
    assert compute_chunk_root(data) == by_hand(data)
    assert compute_chunk_root(memoryview(data)) == by_hand(data)


def test_nothing_has_the_empty_root():
    assert compute_chunk_root(b"") == hashlib.sha256().digest()
    assert chunks.compute_update_root(np.zeros(0, np.int32)) == hashlib.sha256().digest()


@settings(max_examples=15)
@given(st.lists(st.integers(0, len(LONG)), max_size=5))
def test_pieces_of_any_size_give_one_root(cuts):
    hasher, bounds = ChunkHasher(), [0, *sorted(cuts), len(LONG)]
    for start, end in pairwise(bounds):
        hasher.update(LONG[start:end])
    assert hasher.root() == by_hand(LONG)


def test_update_root_is_over_little_endian_int32():
    update = np.array([1, -1, 2**31 - 1], np.int32)
    raw = b"\x01\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\x7f"
    assert chunks.compute_update_root(update) == hashlib.sha256(b"\x00" + raw).digest()
    assert chunks.compute_update_root(np.stack([update, update], 1)[:, 0]) == (
        chunks.compute_update_root(update)
    )
    for bad in (update.astype(np.int64), update.reshape(1, 3)):
        with pytest.raises(ValueError, match="int32 vector"):
            chunks.compute_update_root(bad)
