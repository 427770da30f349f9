"""What is hashed, and how (SPEC chapters 0, 6, 7 and 10). Another protocol changes this file alone.

Each form is a tag and the names of its fields, in order; the fields' values are bytes.
"""

import hashlib
import itertools
import json
import math

PREFIX, SECOND_PREFIX = "WALRUSD-V01-", "WALRUSD-V02-"
SECOND = {"STATE", "STEP", "CTX", "DIGEST", "SLOT", "LEAF"}
"""The tags that have their second form, and so the second prefix."""

FORMS = {
    "PLAN": ("canonical bytes",),
    "STATE-MANIFEST": ("manifest",),
    "STATE": ("manifest_digest", "entries_root"),
    "CTX": ("chain_id", "package", "task", "contributor", "seed", "plan_digest", "dataset_root"),
    "CHAIN": ("ctx", "segment", "state_root"),
    "STEP": ("chain", "step", "losses_root", "folds_root"),
    "ABORT": ("ctx", "segment", "step", "code", "chain"),
    "DIGEST": ("ctx", "segment", "slot", "chain"),
    "SLOT": ("digest",),
    "LEAF": ("segment", "state_root", "slot_root"),
}
VECTORS = {
    "CTX": ("chain_id", "seed", "plan_digest", "dataset_root"),
    "DIGEST": ("ctx", "chain"),
    "SLOT": ("digest",),
    "LEAF": ("state_root", "slot_root"),
}
"""By tag, the fields that stand behind their length."""
LEAF = 4096
WORDS = {"f32": 1, "u64": 2, "f64": 2}
ABORTED_ROOT = bytes(32)
NO_SLOTS = b""
"""The slot root of leaf 0, to which no segment led."""


def prefix(tag):
    """Return what every hashed form of a tag begins with."""
    text = ((SECOND_PREFIX if tag in SECOND else PREFIX) + tag).encode()
    return bytes([len(text)]) + text


def u64(number):
    return number.to_bytes(8, "little")


def uleb(number):
    """Return a number in groups of seven bits, the lowest first, all but the last marked."""
    groups = []
    while number >= 128:
        groups.append(128 + number % 128)
        number //= 128
    return bytes([*groups, number])


def vec(data):
    """Return bytes behind their number."""
    return uleb(len(data)) + data


def written(tag, *fields):
    """Return the fields of a form, by name in order, as they are hashed."""
    named = zip(FORMS[tag], fields, strict=True)
    vectors = VECTORS.get(tag, ())
    return {name: vec(field) if name in vectors else field for name, field in named}


def preimage(tag, *fields):
    """Return the bytes that are hashed."""
    return prefix(tag) + b"".join(written(tag, *fields).values())


def digest(tag, *fields):
    return hashlib.sha256(preimage(tag, *fields)).digest()


def canonical_json(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode("ascii")


def merkle_root(leaves):
    """Return the root of RFC 6962 by its recursive definition; the leaves are data, not hashes."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    split = 1
    while 2 * split < len(leaves):
        split *= 2
    both = merkle_root(leaves[:split]) + merkle_root(leaves[split:])
    return hashlib.sha256(b"\x01" + both).digest()


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def leaf_data(data, width=4):
    """Return the data of one leaf: the number of its words, or of its bytes, and these."""
    assert len(data) % width == 0
    return uleb(len(data) // width) + data


def number_root(data, width=4):
    """Return the root over the words of ``data``; with a width of 1, over its bytes."""
    pieces = [data[i : i + LEAF] for i in range(0, len(data), LEAF)]
    return merkle_root([leaf_data(piece, width) for piece in pieces])


def entry_roots(manifest, data):
    """Return the root of each tensor and counter of a state."""
    sizes = [WORDS[kind] * math.prod(shape) for _, kind, shape in manifest["tensors"]]
    sizes += [WORDS[kind] for _, kind in manifest["counters"]]
    assert 4 * sum(sizes) == len(data)
    ends = itertools.accumulate(sizes)
    return [number_root(data[4 * (end - n) : 4 * end]) for end, n in zip(ends, sizes, strict=True)]


def state_fields(manifest, data):
    manifest_digest = digest("STATE-MANIFEST", canonical_json(manifest))
    return manifest_digest, merkle_root(entry_roots(manifest, data))


def state_root(manifest, data):
    return digest("STATE", *state_fields(manifest, data))


def slot_fields(ctx, segment, slot, chain):
    return ctx, u64(segment), u64(slot), chain


def slot_root(ctx, segment, slots, chain):
    """Return the root over the slots of a segment, ``slots`` in number."""
    fields = [slot_fields(ctx, segment, slot, chain) for slot in range(slots)]
    digests = [digest("DIGEST", *each) for each in fields]
    return merkle_root([digest("SLOT", value) for value in digests])
