"""Canonical state bytes, their root, and the work chain that a trace commits to."""

import hashlib
import json

import numpy as np

from .arithmetic import F32
from .stream import tagged, u64


def tagged_hash(tag, *fields):
    return hashlib.sha256(tagged(tag) + b"".join(fields)).digest()


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


def chunk_root(data):
    return merkle_root([data[i : i + 2**20] for i in range(0, len(data), 2**20)])


def state_root(manifest, data):
    text = canonical_json(manifest)
    return tagged_hash(b"STATE", u64(len(text)), text, chunk_root(data))


def chain_start(context, segment, start_root):
    return tagged_hash(b"CHAIN", context, u64(segment), start_root)


def chain_step(chain, step, losses, folds):
    values = np.array([*losses, *folds], F32)
    return tagged_hash(b"STEP", chain, u64(step), canonical(values))


def chain_abort(chain, context, segment, step, code):
    return tagged_hash(b"ABORT", context, u64(segment), u64(step), u64(code), chain)


def leaf_zero(root):
    return tagged_hash(b"LEAF", u64(0), root)


def slot_root(context, segment, committee, chain):
    """Return the root over the digests that the seats and their substitutes reveal."""
    return merkle_root(
        [
            tagged_hash(b"SLOT", tagged_hash(b"DIGEST", context, u64(segment), u64(slot), chain))
            for slot in range(2 * committee)
        ]
    )


def leaf(segment, root, slots):
    return tagged_hash(b"LEAF", u64(segment), root, slots)
