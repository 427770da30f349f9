import hashlib
import struct
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.crypto.test_merkle import reference_root
from tests.support.row_tree import RowTree, derive_row_salt
from walrusd.crypto.dataset_rows import (
    RowProof,
    compute_row_leaf,
    compute_row_root,
    prove_rows,
    verify_row,
)
from walrusd.crypto.kdf import derive_key
from walrusd.errors import MalformedData, VerificationFailed

DEK = bytes(range(32))
ROWS = [b"", b"one", b"two", b"two", b"four"]
GOLDEN = "9080264b9d5bf42854ecaca13d38086f8d5546a13fbffdc8ec54522fc8989406"


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
    leaf = hashlib.sha256(b"\x0fWALRUSD-V02-ROW" + salt + bytes(8) + b"\x03row").digest()
    assert compute_row_root(DEK, [b"row"]) == hashlib.sha256(b"\x00" + leaf).digest()


def test_a_row_above_64_kib_is_a_tree_in_its_leaf():
    salt, longest = bytes(range(32)), bytes(k % 251 for k in range(1 << 16))
    flat = b"\x0fWALRUSD-V02-ROW" + salt + struct.pack("<Q", 7) + b"\x80\x80\x04" + longest
    assert compute_row_leaf(7, salt, longest) == hashlib.sha256(flat).digest()
    longer = longest + b"x"
    pieces = [longer[i : i + 4096] for i in range(0, len(longer), 4096)]
    root = reference_root([*(b"\x80\x20" + piece for piece in pieces[:-1]), b"\x01x"])
    tree = b"\x14WALRUSD-V01-ROW-TREE" + salt + struct.pack("<QQ", 7, len(longer)) + root
    assert compute_row_leaf(7, salt, longer) == hashlib.sha256(tree).digest()
    rows = [longer, longest + b"y"]
    top, (proof,) = prove_rows(DEK, rows, [1])
    verify_row(top, 2, proof, rows[1])
    for bad in (rows[0], rows[1][:-1], rows[1] + b"\0", root):
        with pytest.raises(VerificationFailed):
            verify_row(top, 2, proof, bad)


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
