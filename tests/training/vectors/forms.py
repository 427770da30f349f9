"""What is hashed, and how (SPEC chapters 0, 6, 7 and 10). Another protocol changes this file alone.

Each form is a tag and the names of its fields, in order; the fields' values are bytes.
"""

import hashlib
import json

PREFIX = "WALRUSD-V01-"
FORMS = {
    "PLAN": ("canonical bytes",),
    "STATE": ("length", "manifest", "chunk_root"),
    "CTX": ("chain_id", "package", "task", "contributor", "seed", "plan_digest", "dataset_root"),
    "CHAIN": ("ctx", "segment", "state_root"),
    "STEP": ("chain", "step", "losses", "folds"),
    "ABORT": ("ctx", "segment", "step", "code", "chain"),
    "DIGEST": ("ctx", "segment", "slot", "chain"),
    "SLOT": ("digest",),
    "LEAF": ("segment", "state_root", "slot_root"),
}
CHUNK = 1 << 20
ABORTED_ROOT = bytes(32)


def prefix(tag):
    """Return what every hashed form of a tag begins with."""
    text = (PREFIX + tag).encode()
    return bytes([len(text)]) + text


def u64(number):
    return number.to_bytes(8, "little")


def preimage(tag, *fields):
    """Return the bytes that are hashed. Leaf 0 has no slot root, so its form is one field short."""
    wanted = len(FORMS[tag])
    assert len(fields) == wanted or (tag == "LEAF" and len(fields) == wanted - 1), tag
    return prefix(tag) + b"".join(fields)


def digest(tag, *fields):
    return hashlib.sha256(preimage(tag, *fields)).digest()


def canonical_json(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode("ascii")


def merkle_root(leaves):
    """Return the root of RFC 6962 by its recursive definition; the leaves are data, not hashes."""
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    split = 1
    while 2 * split < len(leaves):
        split *= 2
    both = merkle_root(leaves[:split]) + merkle_root(leaves[split:])
    return hashlib.sha256(b"\x01" + both).digest()


def chunk_root(data):
    return merkle_root([data[i : i + CHUNK] for i in range(0, len(data), CHUNK)])


def state_root(manifest, data):
    text = canonical_json(manifest)
    return digest("STATE", u64(len(text)), text, chunk_root(data))


def slot_fields(ctx, segment, slot, chain):
    return ctx, u64(segment), u64(slot), chain


def slot_root(ctx, segment, committee, chain):
    slots = range(2 * committee)
    digests = [digest("DIGEST", *slot_fields(ctx, segment, slot, chain)) for slot in slots]
    return merkle_root([digest("SLOT", value) for value in digests])
