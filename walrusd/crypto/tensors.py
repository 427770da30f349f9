"""Tensors as words of 32 bits in one canonical form, and their roots.

A number becomes little-endian bytes, and these are read as words: ``f32``, ``i32``, ``u8`` and
``bool`` numbers one word each, ``f64``, ``i64`` and ``u64`` numbers two, the lower half first. A
zero has no sign and a NaN no payload, because machines differ in both: every zero is written as +0
and every NaN as ``0x7fc00000`` (``f64``: ``0x7ff8000000000000``).
"""

import math
import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from walrusd.crypto.number_tree import TreeHasher, Words

Array = npt.NDArray[Any]

WORDS_PER_NUMBER = {"f32": 1, "i32": 1, "u8": 1, "bool": 1, "f64": 2, "i64": 2, "u64": 2}
"""The types of numbers, and the words that one takes."""

_NAMES = {
    "float32": "f32",
    "float64": "f64",
    "int32": "i32",
    "int64": "i64",
    "uint64": "u64",
    "uint8": "u8",
    "bool": "bool",
}

_FLOATS: dict[str, tuple[np.dtype[Any], int, int]] = {
    "f32": (np.dtype("<u4"), 0x7F800000, 0x7FC00000),
    "f64": (np.dtype("<u8"), 0x7FF0000000000000, 0x7FF8000000000000),
}
"""By type: integers of its size, the bits of infinity, and those of the one NaN."""

_BLOCK = 1 << 18
"""Numbers that are made canonical at once."""


def name_number_type(array: Array) -> str:
    """Return the name of the type of an array's numbers, a key of ``WORDS_PER_NUMBER``.

    Raises:
        ValueError: if tensors have no numbers of that type.
    """
    if array.dtype.name not in _NAMES:
        raise ValueError(f"tensors have no numbers of type {array.dtype}")
    return _NAMES[array.dtype.name]


def count_words(kind: str, shape: Sequence[int]) -> int:
    """Return the words of a tensor of numbers of type ``kind``; the shape ``()`` is one number."""
    return WORDS_PER_NUMBER[kind] * math.prod(shape)


def iterate_words(array: Array) -> Iterator[Words]:
    """Yield a tensor's canonical words, uint32 ``(n,)`` in C order, a block at a time.

    Raises:
        ValueError: as ``name_number_type``.
    """
    kind = name_number_type(array)
    flat = array.reshape(-1)
    for start in range(0, flat.size, _BLOCK):
        block = flat[start : start + _BLOCK]
        if kind in _FLOATS:
            yield _canonicalize(block, *_FLOATS[kind])
        elif kind in ("u8", "bool"):
            yield block.astype("<u4")
        else:
            yield np.ascontiguousarray(block, block.dtype.newbyteorder("<")).view("<u4")


def encode_floats(values: Iterable[float]) -> bytes:
    """Return float32 values as their canonical words, 4 bytes each, little-endian.

    It is ``iterate_words`` for a few Python numbers, which it packs ten times faster.
    """
    canonical = [value + 0.0 if value == value else math.nan for value in values]  # noqa: PLR0124 - a NaN is not itself
    return struct.pack(f"<{len(canonical)}f", *canonical)


def _canonicalize(block: Array, integers: np.dtype[Any], infinity: int, nan: int) -> Words:
    little_endian = np.ascontiguousarray(block, block.dtype.newbyteorder("<"))
    bits = little_endian.view(integers).copy()
    magnitude = bits & np.array((1 << (8 * integers.itemsize - 1)) - 1, integers)
    bits[magnitude == 0] = 0
    bits[magnitude > np.array(infinity, integers)] = nan
    return bits.view("<u4")


def compute_tensor_root(array: Array) -> bytes:
    """Return the root, 32 bytes, over a tensor's canonical words, 1,024 a leaf.

    It binds neither type nor shape. Memory is bounded by a block, whatever the tensor's size.

    Raises:
        ValueError: as ``name_number_type``.
    """
    hasher = TreeHasher()
    for words in iterate_words(array):
        hasher.update(words.data)
    return hasher.root()
