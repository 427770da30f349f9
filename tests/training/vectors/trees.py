"""Trees of numbers (SPEC chapters 1 and 10): roots, the words of every type, and proofs."""

import struct

from . import forms

COUNTS = (0, 1, 127, 128, 1023, 1024, 1025, 2049, 3 * 1024)
BYTES = (0, 1, 127, 128, 4095, 4096, 4097)
PROVED = (1, 1024, 5 * 1024 + 3)

PATTERNS = {
    "f32": ("80000000", "00000000", "3f800000", "bf800000", "00000001", "80000001", "7f800000"),
    "f64": ("8000000000000000", "3ff0000000000000", "c008000000000000", "fff0000000000000"),
    "i32": ("ffffffff", "00000005"),
    "i64": ("fffffffffffffffe", "0000010000000000"),
    "u64": ("fffffffffffffffe", "0000000000000003"),
    "u8": ("00", "ff"),
    "bool": ("00", "01"),
}
"""Numbers by type, as the hexadecimal digits of their bits, the highest first."""

NANS = {
    "f32": ("7fc00000", "ffc00000", "7f800001", "ffffffff"),
    "f64": ("7ff8000000000000", "fff8000000000000", "7ff0000000000001"),
}
"""What is not a number, of which one is left."""


def spell_words(kind, bits):
    """Return the words that stand for one number."""
    number, width = int(bits, 16), 4 * len(bits)
    if kind in ("f32", "f64"):
        magnitude = number % (1 << (width - 1))
        if magnitude == 0:
            number = 0
        if magnitude > {32: 0x7F800000, 64: 0x7FF0000000000000}[width]:
            number = {32: 0x7FC00000, 64: 0x7FF8000000000000}[width]
    return [number % 2**32, number >> 32] if width == 64 else [number]


def make_numbers(count):
    """Return words that differ: of ``k`` from 0, the low half of ``(k + 1)·2654435761``."""
    return struct.pack(f"<{count}I", *((k + 1) * 2654435761 % 2**32 for k in range(count)))


def find_path(hashes, index):
    """Return the path of a leaf, of the nodes that the recursion of RFC 6962 splits into."""
    if len(hashes) == 1:
        return []
    split = 1
    while 2 * split < len(hashes):
        split *= 2
    near, far = hashes[:split], hashes[split:]
    if index >= split:
        return [*find_path(far, index - split), join(near)]
    return [*find_path(near, index), join(far)]


def join(hashes):
    """Return the node over the hashes of some leaves."""
    if len(hashes) == 1:
        return hashes[0]
    split = 1
    while 2 * split < len(hashes):
        split *= 2
    return forms.sha256(b"\x01", join(hashes[:split]), join(hashes[split:]))


def prove(data, index):
    """Return one leaf of a tree of words, with its path."""
    leaves = [data[i : i + forms.LEAF] for i in range(0, len(data), forms.LEAF)]
    hashes = [forms.sha256(b"\x00", forms.leaf_data(leaf)) for leaf in leaves]
    return {
        "words": len(data) // 4,
        "leaf": index,
        "hash": hashes[index],
        "path": find_path(hashes, index),
        "root": forms.number_root(data),
    }


def make_trees():
    """Words of numbers, roots, leaves with paths."""
    types = [
        {"type": kind, "bits": bits, "words": spell_words(kind, bits)}
        for table in (PATTERNS, NANS)
        for kind, patterns in table.items()
        for bits in patterns
    ]
    small = make_numbers(2)
    return {
        "types": types,
        "leaf": {"preimage": b"\x00" + forms.leaf_data(small), "hash": forms.number_root(small)},
        "numbers": [
            {"words": count, "root": forms.number_root(make_numbers(count))} for count in COUNTS
        ],
        "bytes": [
            {"bytes": count, "root": forms.number_root(bytes(k % 251 for k in range(count)), 1)}
            for count in BYTES
        ],
        "proofs": [
            prove(make_numbers(count), index)
            for count in PROVED
            for index in sorted({0, (count - 1) // 1024})
        ],
    }
