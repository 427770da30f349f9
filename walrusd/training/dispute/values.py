"""Values that operations put out, as canonical bytes and leaf hashes, a block at a time."""

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from walrusd.crypto.merkle import encode_count
from walrusd.crypto.number_tree import LEAF_BYTES, LEAF_WORDS, LeafKind, hash_leaf_of
from walrusd.crypto.tensors import iterate_words, name_number_type
from walrusd.training.dispute.forms import Form

Array = npt.NDArray[Any]
Given = Tensor | Array | float | tuple[float, ...]
"""A value that is recorded. Floats count as float32."""

_FULL = hashlib.sha256(b"\x00" + encode_count(LEAF_WORDS))
"""The beginning of every full leaf. One copy a leaf makes small leaves nearly as fast as a hash
over everything."""

_NUMBERS = {"f32": "<f4", "f64": "<f8", "i64": "<i8"}


def read_array(value: Given) -> Array:
    """Return a value as an array, which shares the memory of a tensor on the CPU."""
    if isinstance(value, Tensor):
        found: Array = value.detach().cpu().numpy()
        return found
    return value if isinstance(value, np.ndarray) else np.array(value, np.float32)


def read_form(array: Array) -> Form:
    """Return the form of an array.

    Raises:
        ValueError: if values have no numbers of its type.
    """
    return Form(name_number_type(array), tuple(array.shape))


def iterate_blocks(array: Array) -> Iterator[bytes]:
    """Yield the canonical bytes of an array, whole leaves at a time but for the end."""
    for words in iterate_words(array):
        yield words.tobytes()


def hash_leaves(block: bytes) -> bytes:
    """Return the hashes of the leaves in ``block``, 32 bytes each; only the last may be short."""
    view, found = memoryview(block), []
    whole = len(view) - len(view) % LEAF_BYTES
    for start in range(0, whole, LEAF_BYTES):
        state = _FULL.copy()
        state.update(view[start : start + LEAF_BYTES])
        found.append(state.digest())
    if whole < len(view):
        found.append(hash_leaf_of(LeafKind.WORDS, view[whole:]))
    return b"".join(found)


def read_numbers(form: Form, data: bytes) -> Array:
    """Return the numbers ``(n,)`` in canonical bytes of a value of this form."""
    return np.frombuffer(data, _NUMBERS[form.type])
