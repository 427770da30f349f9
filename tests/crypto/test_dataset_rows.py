import hashlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.row_tree import RowTree, derive_row_salt
from walrusd.crypto.dataset_rows import (
    RowProof,
    compute_row_root,
    prove_rows,
    verify_row,
)
from walrusd.crypto.kdf import derive_key
from walrusd.errors import MalformedData, VerificationFailed

DEK = bytes(range(32))
ROWS = [b"", b"one", b"two", b"two", b"four"]
GOLDEN = "28a6ebaf6133728bdd58c51300e2270ec8902064af4f1ce5f0bf7c304eaff9b8"


@given(st.lists(st.binary(max_size=20), min_size=1, max_size=20), st.data())
def test_every_row_proves_itself(rows, data):
    tree = RowTree(DEK, rows)
    assert tree.count == len(rows)
    assert tree.root == compute_row_root(DEK, rows)
    index = data.draw(st.integers(0, len(rows) - 1))
    verify_row(tree.root, tree.count, tree.proof(index), rows[index])
    assert prove_rows(DEK, iter(rows), [index, 0]) == (
        tree.root,
        [tree.proof(index), tree.proof(0)],
    )


def test_nothing_else_is_proved():
    tree = RowTree(DEK, ROWS)
    proof = tree.proof(2)
    wrong = [
        (replace(proof, index=3), ROWS[2]),
        (replace(proof, index=5), ROWS[2]),
        (replace(proof, index=-1), ROWS[2]),
        (replace(proof, index=1 << 70), ROWS[2]),
        (replace(proof, salt=bytes(32)), ROWS[2]),
        (replace(proof, path=proof.path[:-1]), ROWS[2]),
        (replace(proof, path=(bytes(32), *proof.path[1:])), ROWS[2]),
        (proof, b"tw"),
        (tree.proof(3), b"one"),
    ]
    for other, row in wrong:
        with pytest.raises(VerificationFailed):
            verify_row(tree.root, tree.count, other, row)
    with pytest.raises(VerificationFailed):
        verify_row(tree.root, tree.count + 4, proof, ROWS[2])
    # A shorter salt must not let bytes move between salt and index.
    with pytest.raises(MalformedData):
        verify_row(tree.root, tree.count, RowProof(2, proof.salt[:31], proof.path), ROWS[2])


def test_leaf_is_its_definition():
    salt = derive_key(DEK, b"", b"WALRUSD-V01-ROW-SALT" + bytes(8))
    assert derive_row_salt(DEK, 0) == salt
    leaf = hashlib.sha256(b"\x0fWALRUSD-V01-ROW" + salt + bytes(8) + b"row").digest()
    assert compute_row_root(DEK, [b"row"]) == hashlib.sha256(b"\x00" + leaf).digest()


def test_root_hides_behind_the_key():
    assert compute_row_root(DEK, ROWS) != compute_row_root(bytes(32), ROWS)
    assert RowTree(DEK, ROWS).proof(2).salt != RowTree(DEK, ROWS).proof(3).salt


def test_known_root():
    assert compute_row_root(DEK, ROWS).hex() == GOLDEN


def test_bad_input():
    with pytest.raises(ValueError, match="at least one"):
        RowTree(DEK, [])
    with pytest.raises(ValueError, match="at least one"):
        compute_row_root(DEK, [])
    for function in (RowTree, compute_row_root):
        with pytest.raises(ValueError, match="32 bytes"):
            function(DEK[:16], ROWS)
    for index in (5, -1):
        with pytest.raises(IndexError):
            RowTree(DEK, ROWS).proof(index)
        with pytest.raises(IndexError):
            prove_rows(DEK, ROWS, [index])
