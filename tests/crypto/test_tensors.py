import hashlib
import tracemalloc

import numpy as np
import pytest

from walrusd.crypto.number_tree import compute_number_root
from walrusd.crypto.tensors import (
    WORDS_PER_NUMBER,
    compute_tensor_root,
    count_words,
    encode_floats,
    iterate_words,
    name_number_type,
)


def to_bytes(array):
    """Return all canonical words as bytes."""
    return b"".join(words.tobytes() for words in iterate_words(array))


# By type: values, and the words that stand for them, as a person writes them down.
WORDS = {
    "f32": (
        np.array([0x80000000, 0, 0x3F800000, 0x7F800000, 0xFF800000, 1], np.uint32).view("f4"),
        [0, 0, 0x3F800000, 0x7F800000, 0xFF800000, 1],
    ),
    "f64": (np.array([-0.0, 1.0, -2.0]), [0, 0, 0, 0x3FF00000, 0, 0xC0000000]),
    "i32": (np.array([-1, 5], np.int32), [0xFFFFFFFF, 5]),
    "i64": (np.array([-2, 1 << 40]), [0xFFFFFFFE, 0xFFFFFFFF, 0, 1 << 8]),
    "u64": (np.array([(1 << 64) - 2], np.uint64), [0xFFFFFFFE, 0xFFFFFFFF]),
    "u8": (np.array([[0, 255]], np.uint8), [0, 255]),
    "bool": (np.array([True, False]), [1, 0]),
}


@pytest.mark.parametrize("kind", WORDS)
def test_numbers_are_words(kind):
    array, words = WORDS[kind]
    assert name_number_type(array) == kind
    raw = np.array(words, "<u4").tobytes()
    assert to_bytes(array) == raw
    assert compute_tensor_root(array) == compute_number_root(raw)
    assert count_words(kind, array.shape) == len(words)
    assert to_bytes(array.astype(array.dtype.newbyteorder(">"))) == raw


def test_every_type_is_tried():
    assert WORDS.keys() == WORDS_PER_NUMBER.keys()


@pytest.mark.parametrize("bits", [0x7FC00000, 0xFFC00000, 0x7F800001, 0xFFFFFFFF, 0x7FC12345])
def test_there_is_one_nan(bits):
    assert to_bytes(np.array([bits], np.uint32).view("f4")).hex() == "0000c07f"


@pytest.mark.parametrize("bits", [0x7FF8000000000000, 0xFFF8000000000000, 0x7FF0000000000001])
def test_there_is_one_nan_of_64_bits(bits):
    array = np.array([bits], np.uint64).view("f8")
    assert to_bytes(array).hex() == "000000000000f87f"


def test_making_numbers_canonical_leaves_the_array_alone():
    array = np.array([-0.0, 1.0], np.float32)
    compute_tensor_root(array)
    assert np.signbit(array[0])


def test_order_is_that_of_c_whatever_the_strides():
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    assert compute_tensor_root(array.T) == compute_tensor_root(array.T.copy())
    assert compute_tensor_root(array.T) != compute_tensor_root(array)


def test_a_number_and_no_number():
    assert compute_tensor_root(np.float32(1.5).reshape(())) == compute_number_root(
        bytes.fromhex("0000c03f")
    )
    assert count_words("f64", ()) == 2
    assert compute_tensor_root(np.zeros((0, 4), np.float32)) == hashlib.sha256().digest()


def test_other_types_are_refused():
    with pytest.raises(ValueError, match="complex64"):
        compute_tensor_root(np.zeros(1, np.complex64))


def test_memory_does_not_grow_with_the_tensor():
    array = np.zeros(1 << 23, np.float32)
    tracemalloc.start()
    compute_tensor_root(array)
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 << 20


def test_a_few_numbers_are_encoded_as_an_array_of_them():
    values = [0.0, -0.0, 1.5, -1e-40, float("inf"), float("-inf"), float("nan"), -float("nan")]
    values = np.array(values, np.float32).tolist()
    assert encode_floats(values) == to_bytes(np.array(values, np.float32))
    assert encode_floats([]) == b""
