"""Canonical state bytes, their root, and the work chain that a trace commits to."""

import hashlib
import json
import math

import numpy as np

from .arithmetic import F32
from .stream import tagged, u64


def tagged_hash(tag, *fields, form=1):
    return hashlib.sha256(tagged(tag, form) + b"".join(fields)).digest()


def canonical_json(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def plan_digest(document):
    return tagged_hash(b"PLAN", canonical_json(document))


def canonical(array):
    """Return little-endian float32, a negative zero made positive."""
    assert array.dtype == F32
    assert np.isfinite(array).all()
    return (array + F32(0)).astype("<f4").tobytes()


def hash_arrays(arrays):
    return hashlib.sha256(b"".join(canonical(array) for array in arrays)).hexdigest()


def merkle_root(leaves):
    """Return the root by the recursive definition of RFC 6962."""
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    split = 1
    while 2 * split < len(leaves):
        split *= 2
    left, right = merkle_root(leaves[:split]), merkle_root(leaves[split:])
    return hashlib.sha256(b"\1" + left + right).digest()


def leb128(count):
    """Return how a vector's length is written; a leaf has at most 4,096 of anything."""
    assert 0 < count < 1 << 14
    return bytes([count]) if count < 128 else bytes([count & 127 | 128, count >> 7])


def number_root(data):
    """Return the root over 32-bit numbers, 1,024 a leaf, each leaf behind its length."""
    leaves = [data[i : i + 4096] for i in range(0, len(data), 4096)]
    return merkle_root([leb128(len(leaf) // 4) + leaf for leaf in leaves])


def state_root(manifest, data):
    """Return the root over tensors and counters, each a tree of its own."""
    sizes = [4 * math.prod(shape) for _, _, shape in manifest["tensors"]]
    sizes += [8 for _ in manifest["counters"]]
    if len(data) != sum(sizes):
        raise ValueError(f"{len(data)} bytes are no state and have no root")
    roots = []
    for size in sizes:
        roots.append(number_root(data[:size]))
        data = data[size:]
    text = tagged_hash(b"STATE-MANIFEST", canonical_json(manifest))
    return tagged_hash(b"STATE", text, merkle_root(roots), form=2)


def chain_start(context, segment, start_root):
    return tagged_hash(b"CHAIN", context, u64(segment), start_root)


def chain_step(chain, step, losses, folds):
    roots = [number_root(canonical(np.array(side, F32))) for side in (losses, folds)]
    return tagged_hash(b"STEP", chain, u64(step), *roots, form=2)


def chain_abort(chain, context, segment, step, code):
    return tagged_hash(b"ABORT", context, u64(segment), u64(step), u64(code), chain)


def vector(data):
    """Return bytes behind their number, as the forms that a contract hashes have digests."""
    return bytes([len(data)]) + data


def work_digest(context, segment, slot, chain):
    fields = vector(context), u64(segment), u64(slot), vector(chain)
    return tagged_hash(b"DIGEST", *fields, form=2)


def slot_root(context, segment, slots, chain):
    """Return the root over the digests that the seats and their substitutes reveal."""
    digests = [work_digest(context, segment, slot, chain) for slot in range(slots)]
    return merkle_root([tagged_hash(b"SLOT", vector(digest), form=2) for digest in digests])


def leaf(segment, root, slots):
    """Return a leaf of the trace; no segment led to leaf 0, whose ``slots`` are no bytes."""
    return tagged_hash(b"LEAF", u64(segment), vector(root), vector(slots), form=2)
