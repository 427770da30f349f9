"""The salted row root of a dataset: single rows can be proved while the others stay hidden.

A row's salt comes from the dataset key, so rows cannot be guessed from a root; revealing one row
with its salt reveals nothing about another. A row above 64 KiB, which no transaction can carry, is
a tree of 4 KiB leaves inside its salted leaf.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from walrusd.crypto import merkle
from walrusd.crypto.kdf import KEY_BYTES, KeyDeriver
from walrusd.crypto.number_tree import compute_byte_root
from walrusd.crypto.tags import Tag, hash_tagged, u64
from walrusd.errors import MalformedData, VerificationFailed

SALT_BYTES = 32

LONGEST_FLAT_ROW = 1 << 16
"""Bytes of the longest row that is hashed as a whole."""


def _derive_salt(salts: KeyDeriver, index: int) -> bytes:
    return salts.derive(Tag.ROW_SALT.text + u64(index))


def _salts_of(dek: bytes) -> KeyDeriver:
    if len(dek) != KEY_BYTES:
        raise ValueError(f"a dataset key has {KEY_BYTES} bytes, not {len(dek)}")
    return KeyDeriver(dek)


def compute_row_leaf(index: int, salt: bytes, row: bytes | memoryview) -> bytes:
    """Return the leaf data of a row, 32 bytes.

    ``H(ROW ‖ salt ‖ u64 index ‖ uleb(length) ‖ row)``, or for a row above 64 KiB
    ``H(ROW-TREE ‖ salt ‖ u64 index ‖ u64 length ‖ root of the row's bytes)``.
    """
    length = len(row)
    if length > LONGEST_FLAT_ROW:
        return hash_tagged(Tag.ROW_TREE, salt, u64(index), u64(length), compute_byte_root(row))
    return hash_tagged(Tag.ROW, salt, u64(index), merkle.encode_count(length), row)


@dataclass(frozen=True)
class RowProof:
    """What anybody needs to check one row: its number, its salt, and the path to the root."""

    index: int
    salt: bytes
    path: tuple[bytes, ...]


def compute_row_root(dek: bytes, rows: Iterable[bytes | memoryview]) -> bytes:
    """Return the salted row root, 32 bytes, over ``rows``, which are read once and not kept.

    Raises:
        ValueError: if there is no row, or the key does not have 32 bytes.
    """
    return prove_rows(dek, rows, ())[0]


def prove_rows(
    dek: bytes, rows: Iterable[bytes | memoryview], indices: Collection[int]
) -> tuple[bytes, list[RowProof]]:
    """Return the salted row root and the proofs of some rows; all are read once and not kept.

    Raises:
        ValueError: if there is no row, or the key does not have 32 bytes.
        IndexError: if there is no such row.
    """
    salts, builder = _salts_of(dek), merkle.PathBuilder(indices)
    for index, row in enumerate(rows):
        builder.append(compute_row_leaf(index, _derive_salt(salts, index), row))
    root, paths = builder.finish()
    return root, [
        RowProof(index, _derive_salt(salts, index), tuple(paths[index])) for index in indices
    ]


def verify_row(root: bytes, count: int, proof: RowProof, row: bytes) -> None:
    """Check that ``row`` is row ``proof.index`` of the dataset of ``count`` rows with this root.

    Raises:
        MalformedData: if the salt does not have 32 bytes.
        VerificationFailed: if there is no such row or the path leads to another root.
    """
    if not 0 <= proof.index < count:
        raise VerificationFailed(f"row {proof.index} is outside a dataset of {count} rows")
    if len(proof.salt) != SALT_BYTES:
        raise MalformedData(f"a row salt has {SALT_BYTES} bytes, not {len(proof.salt)}")
    leaf = compute_row_leaf(proof.index, proof.salt, row)
    merkle.verify_path(root, leaf, proof.index, count, proof.path)
