import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.refusals import refused
from walrusd.crypto import merkle
from walrusd.errors import VerificationFailed

# The reference inputs and roots of the Certificate Transparency project's Merkle tree tests.
CT_LEAVES = [
    bytes.fromhex(text)
    for text in (
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]  # fmt: skip
CT_ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def reference_root(leaves):
    """RFC 6962, section 2.1, word for word: split at the largest power of two below n."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    left, right = reference_root(leaves[:split]), reference_root(leaves[split:])
    return hashlib.sha256(b"\x01" + left + right).digest()


@pytest.mark.parametrize("count", range(1, 9))
def test_certificate_transparency_vectors(count):
    assert merkle.compute_root(CT_LEAVES[:count]).hex() == CT_ROOTS[count - 1]


def test_empty_tree():
    assert merkle.compute_root([]) == hashlib.sha256().digest()
    with pytest.raises(ValueError, match="at least one leaf"):
        merkle.Tree([])


@given(st.lists(st.binary(max_size=40), max_size=40))
def test_root_is_the_rfc_recursion(leaves):
    assert merkle.compute_root(leaves) == reference_root(leaves)
    assert merkle.compute_root_of_hashes([merkle.hash_leaf(x) for x in leaves]) == reference_root(
        leaves
    )


@given(st.integers(1, 40), st.data())
def test_every_path_proves_its_leaf_and_no_other(size, data):
    leaves = [bytes([i]) for i in range(size)]
    tree = merkle.Tree(leaves)
    hashed = merkle.Tree([merkle.hash_leaf(leaf) for leaf in leaves], hashed=True)
    assert hashed.root == tree.root
    index = data.draw(st.integers(0, size - 1))
    path = tree.path(index)
    merkle.verify_path(tree.root, leaves[index], index, size, path)
    other = data.draw(
        st.integers(0, size - 1).filter(lambda i: i != index) if size > 1 else st.none()
    )
    if other is not None:
        with pytest.raises(VerificationFailed):
            merkle.verify_path(tree.root, leaves[other], index, size, path)
        with pytest.raises(VerificationFailed):
            merkle.verify_path(tree.root, leaves[index], other, size, path)


def test_bad_paths_are_refused():
    tree = merkle.Tree([bytes([i]) for i in range(5)])
    path = tree.path(2)
    for bad in (path[:-1], [*path, bytes(32)], [path[0][:31], *path[1:]]):
        with pytest.raises(VerificationFailed):
            merkle.verify_path(tree.root, b"\x02", 2, 5, bad)
    for index, size in ((5, 5), (-1, 5), (0, 0)):
        with refused("proof.invalid", "outside"):
            merkle.compute_root_from_path(b"", index, size, [])
    with pytest.raises(IndexError):
        tree.path(5)


@given(st.lists(st.binary(max_size=4), min_size=1, max_size=70), st.data())
def test_paths_grow_leaf_by_leaf(leaves, data):
    indices = data.draw(st.lists(st.integers(0, len(leaves) - 1)))
    tree, builder = merkle.Tree(leaves), merkle.PathBuilder(indices)
    for leaf in leaves:
        builder.append(leaf)
    assert builder.finish() == (tree.root, {index: tree.path(index) for index in indices})


@pytest.mark.parametrize("count", range(1, 35))
def test_every_path_of_every_shape_leads_to_the_root(count):
    builder = merkle.PathBuilder(range(count))
    for index in range(count):
        builder.append(bytes([index]))
    root, paths = builder.finish()
    for index in range(count):
        merkle.verify_path(root, bytes([index]), index, count, paths[index])


@pytest.mark.parametrize("index", [-1, 3, 1 << 70])
def test_there_is_no_path_of_a_leaf_that_is_not_there(index):
    builder = merkle.PathBuilder([1, index])
    with pytest.raises(ValueError, match="at least one leaf"):
        builder.finish()
    for leaf in (b"a", b"b", b"c"):
        builder.append(leaf)
    with pytest.raises(IndexError):
        builder.finish()
